"""`shared`: directories that people share, and data that they read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, model_serializer

from installer.config.app_values import GroupName
from installer.config.kinds import Kind, Unfit, first_wrong, items, some_text
from installer.config.section import Section, setting
from installer.config.tls_values import Switch
from installer.host import paths

# --- where ---------------------------------------------------------------------------------------
_SHARED_PATH = r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.+@-]+){2,}"
_LONGEST_PATH = 200
_HOMES = ("/home", "/root")
_SYSTEMS = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/tmp", "/var/tmp",  # noqa: S108 - to refuse them
            str(paths.OPT), str(paths.HUB_STATE), str(paths.INSTALLER_STATE), str(paths.CACHE), str(paths.WEB_STATE),
            str(paths.ACME), str(paths.BACKUPS))  # fmt: skip


def shared_path(value: object) -> str:
    """Read the path of a directory that is nobody's home, nor the system's, nor one of our own."""
    text = some_text(value)
    wrong = first_wrong(
        (not text.startswith("/"), "not an absolute path"),
        (text.endswith("/") and text != "/", "ends with /"),
        (re.fullmatch("/[^/]*", text), "at the top of the file system"),
        (_is_in(text, _HOMES), "in a home, which is its owner's"),
        (_is_in(text, _SYSTEMS), "the system's, or one of the hub's own"),
        (len(text) > _LONGEST_PATH, f"longer than {_LONGEST_PATH} characters"),
        (not re.fullmatch(_SHARED_PATH, text), "has an empty segment, . or .., or characters that need quoting"),
    )
    if wrong is not None:
        meant = re.sub("/+", "/", text).rstrip("/")
        usable = re.fullmatch(_SHARED_PATH, meant) and not _is_in(meant, (*_HOMES, *_SYSTEMS))
        raise Unfit(wrong, meant if usable and meant != text else None)
    return text


def _is_in(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


SharedPath = Annotated[
    str,
    Kind(
        "a shared directory's path such as /srv/shared",
        "Starts with `/`, has two parts at least, and doesn't end with one; letters, digits, `_`, `.`, `+`, `@` and "
        f"`-` between slashes, no `.` or `..` alone, at most {_LONGEST_PATH} characters. Not in `/home`, nor in a "
        "place of the system's or the hub's own. It and all above it have to be root's alone to change, and no links.",
    ),
    BeforeValidator(shared_path),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST_PATH, "pattern": f"^{_SHARED_PATH}$"}),
]
"""A directory that is shared."""

# --- how people find it --------------------------------------------------------------------------
_LINK = r"[A-Za-z0-9_][A-Za-z0-9_.+@-]{0,63}"


def link_name(value: object) -> str:
    """Read the name of a link in homes."""
    text = some_text(value)
    if not re.fullmatch(_LINK, text):
        raise Unfit("begins with a dot" if text.startswith(".") else "not a link's name")
    return text


LinkName = Annotated[
    str,
    Kind(
        "a name such as shared",
        "Letters, digits, `_`, `.`, `+`, `@` and `-`, at most 64; not starting with `.`, `+`, `@` or `-`.",
    ),
    BeforeValidator(link_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_LINK}$"}),
]
"""What the link in homes is called."""

_VARIABLE = "[A-Z][A-Z0-9_]{0,63}"
_NOT_FOR_DATA = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "LANG", "LC_", "LD_", "PYTHON", "JUPYTER", "JPY_",
                 "TMP", "TEMP", "XDG_", "BASH", "ENV", "IFS")  # fmt: skip
"""What decides how programs work, or is the hub's own; names that begin so are meant, too."""


def variable_name(value: object) -> str:
    """Read the name of an environment variable that says where data is."""
    text = some_text(value)
    if not re.fullmatch(_VARIABLE, text):
        meant = re.sub("[^A-Z0-9_]", "_", text.upper())
        raise Unfit("not a variable's name", meant if re.fullmatch(_VARIABLE, meant) else None)
    if text.startswith(_NOT_FOR_DATA):
        raise Unfit("a variable that programs themselves need")
    return text


VariableName = Annotated[
    str,
    Kind(
        "a variable's name such as NLTK_DATA",
        "Capital letters, digits and `_`, at most 64, a letter first. Not beginning with "
        f"{', '.join(f'`{name}`' for name in _NOT_FOR_DATA)}.",
    ),
    BeforeValidator(variable_name),
    WithJsonSchema({"type": "string", "pattern": f"^(?!{'|'.join(_NOT_FOR_DATA)}){_VARIABLE}$"}),
]
"""An environment variable that leads to data."""


# --- the entries ---------------------------------------------------------------------------------
class SharedDirectory(Section):
    """An entry of `shared`: a directory that members of a group have together."""

    path: SharedPath = setting(
        ..., "Where it is; made where it isn't there.", example="/srv/shared", unset="none: every entry has a path"
    )
    group: GroupName = setting(
        paths.MEMBERS_GROUP, "The Linux group whose members share it; nobody else gets in.", example="physics"
    )
    read_only: Switch = setting(False, "Whether only root can write there, as for data that people load.", example=True)
    link: LinkName | None = setting(
        None, "The name of the link to it in everybody's home.", example="physics", unset="the last part of the path"
    )
    variable: VariableName | None = setting(
        None,
        "An environment variable that leads to it, in all kernels and terminals.",
        example="NLTK_DATA",
        unset="none",
    )
    existing: Literal["refuse", "keep", "take"] = setting(
        "refuse",
        "What to do with a directory that is there already. `refuse`: nothing, the apply stops and says so. `keep`: "
        "leave its owner, group and mode as they are, and link it. `take`: have it, though not what is in it, belong "
        "to the group.",
        example="keep",
    )

    @property
    def name(self) -> str:
        """What it is called in homes."""
        return self.link or self.path.rpartition("/")[2]

    @model_serializer(mode="wrap")
    def _as_written(self, standard: object) -> dict[str, object]:
        """Without what is as it would be anyway."""
        assert callable(standard)  # noqa: S101 - pydantic's own
        written: dict[str, object] = standard(self)
        return {name: value for name, value in written.items() if name in self.model_fields_set}


def _a_directory(value: object) -> object:
    if not isinstance(value, (SharedDirectory, Mapping)):
        raise Unfit("wrong type")
    return value


def _apart(directories: tuple[SharedDirectory, ...]) -> tuple[SharedDirectory, ...]:
    for place, entry in enumerate(directories):
        for other in directories[:place]:
            if entry.path == other.path:
                raise Unfit("named twice", expected="each directory once", below=(place, "path"))
            if entry.path.startswith(f"{other.path}/") or other.path.startswith(f"{entry.path}/"):
                raise Unfit(f"overlaps {other.path}", expected="a path not below another's", below=(place, "path"))
            if entry.name == other.name:
                raise Unfit(
                    f"linked as {entry.name}, as {other.path} is", expected="a link of another name beside it",
                    below=(place, "path" if entry.link is None else "link"),
                )  # fmt: skip
            if entry.variable is not None and entry.variable == other.variable:
                raise Unfit("named twice", expected="each variable once", below=(place, "variable"))
    return directories


_DIRECTORY = Kind("a shared directory such as {path: /srv/shared}", "A mapping with a `path`; see `shared[]`.")
SharedDirectories = Annotated[
    tuple[Annotated[SharedDirectory, _DIRECTORY, BeforeValidator(_a_directory)], ...],
    Kind(
        "a list of shared directories",
        "Shared directories, none below another, one a line after `- `.",
        items=_DIRECTORY,
    ),
    BeforeValidator(items(lambda _: False)),
    AfterValidator(_apart),
]
"""Several directories, each with a path, a link and perhaps a variable of its own."""
