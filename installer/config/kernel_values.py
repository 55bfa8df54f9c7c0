"""The kinds of value that keys about kernels have: names, conda's package specs, pip's requirements, files.

What passes here names directories and units, and is handed to solvers and pip that run as the kernels' account. The
solver has the last word on a spec; here is refused what is no spec at all, and what would be an option to a program.
Nobody's credentials belong here: everybody on the machine can read the config.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from installer.config.channel_values import ANY_CHANNEL, is_channel
from installer.config.credentials import BEFORE_A_HOST, BEHIND_A_HOST, credentials_in, has_credentials
from installer.config.kinds import Kind, Unfit, each_once, first_wrong, items, some_text

# --- names ---------------------------------------------------------------------------------------
_LONGEST_NAME = 32
_NAME = r"[a-z0-9](?:(?:[a-z0-9_-]|\.(?!\.))*[a-z0-9])?"


def kernel_name(value: object) -> str:
    """Read the name of a kernel or of a recipe: a directory, a part of a unit's name and of a URL."""
    name = some_text(value)
    wrong = first_wrong(
        (len(name) > _LONGEST_NAME, f"longer than {_LONGEST_NAME} characters"),
        ("/" in name, "a path, not a name"),
        (".." in name, "has two dots in a row"),
        (name != name.lower() and re.fullmatch(_NAME, name.lower()), "not in lower case"),
        (not re.fullmatch(_NAME, name), "not a kernel's name"),
    )
    if wrong is not None:
        raise Unfit(wrong, re.sub(r"[^a-z0-9]+", "-", name.lower()[:_LONGEST_NAME]).strip("-") or None)
    return name


_NAME_SCHEMA = {"type": "string", "maxLength": _LONGEST_NAME, "pattern": f"^{_NAME}$"}

KernelName = Annotated[
    str,
    Kind(
        "a kernel's name such as science",
        f"Lower-case letters, digits, `-`, `_` and `.`, the first and the last a letter or digit, at most "
        f"{_LONGEST_NAME} characters, no two dots in a row.",
    ),
    BeforeValidator(kernel_name),
    WithJsonSchema(_NAME_SCHEMA),
]
"""The name of a kernel, or of a recipe."""

# --- what goes into an environment ---------------------------------------------------------------
_LONGEST_LINE = 200
_SPEC = r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:[ =<>!~\[].*)?"


def match_spec(value: object) -> str:
    """Read what conda calls a match spec: a package, and which versions of it will do."""
    text = some_text(value)
    channel_part, separator, spec = text.rpartition("::")
    if has_credentials(text):
        raise credentials_in(text, _wrong_with_spec, meant=spec)
    wrong = _wrong_with_line(text) or _wrong_with_spec(spec)
    if wrong is None and separator and not is_channel(channel_part):
        wrong = "no channel before the ::"
    if wrong is not None:
        meant = spec.strip()
        raise Unfit(wrong, meant if _wrong_with_spec(meant) is None else None)
    return text


def _wrong_with_line(text: str) -> str | None:
    return first_wrong(
        (len(text) > _LONGEST_LINE, f"longer than {_LONGEST_LINE} characters"),
        (text.lstrip().startswith("-"), "an option, not a package"),
        (not text.isprintable(), "more than one line, or characters that can't be seen"),
        (text != text.strip(), "has blanks around it"),
    )


def _wrong_with_spec(spec: str) -> str | None:
    return _wrong_with_line(spec) or first_wrong(
        ("://" in spec, "the URL of a package"),
        (not re.fullmatch(_SPEC, spec), "doesn't start with a package's name"),
    )


_MATCH_SPEC = Kind(
    "a conda package such as numpy or numpy<2",
    "What conda calls a match spec: a package's name, then the versions that will do (`python=3.12`, "
    '`"pandas>=2,<3"`), with a channel before it where only that one will do (`"bioconda::samtools"`).',
)
_MATCH_SPEC_SCHEMA = {
    "type": "string",
    "maxLength": _LONGEST_LINE,
    "pattern": rf"^(?!.*({BEFORE_A_HOST}|{BEHIND_A_HOST}))({ANY_CHANNEL}::)?(?!.*(::|://|\s$)){_SPEC}$",
}
MatchSpec = Annotated[str, _MATCH_SPEC, BeforeValidator(match_spec), WithJsonSchema(_MATCH_SPEC_SCHEMA)]
"""A conda package, and which versions of it will do."""

MatchSpecs = Annotated[
    tuple[MatchSpec, ...],
    Kind(
        "a list of conda packages such as [python=3.12, ipykernel]",
        "Packages, each line once, in brackets or one a line after `- `; quotes around what has `<`, `>`, `*` or a "
        "comma in it are never wrong.",
        items=_MATCH_SPEC,
    ),
    BeforeValidator(items(lambda text: _wrong_with_spec(text) is None)),
    AfterValidator(each_once),
    WithJsonSchema({"type": "array", "items": _MATCH_SPEC_SCHEMA, "uniqueItems": True}),
]
"""Conda packages."""

_PROJECT = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_EXTRAS = r"(?: ?\[[A-Za-z0-9., _-]*\])?"
_CLAUSE = r"(?:===?|~=|!=|<=?|>=?) ?[A-Za-z0-9.*+!_-]+"
_CLAUSES = rf"{_CLAUSE}(?: ?, ?{_CLAUSE})*"
_MARKER = r"(?: ?; ?[A-Za-z0-9_.'\"<>=!~() *+-]+)?"
_REQUIREMENT = rf"{_PROJECT}{_EXTRAS}(?: ?(?:{_CLAUSES}|\({_CLAUSES}\))| ?@ ?[a-z+]+://\S+)?{_MARKER}"


def requirement(value: object) -> str:
    """Read what pip calls a requirement (PEP 508): a project, and which versions of it will do, or its URL."""
    text = some_text(value)
    if has_credentials(text):
        raise credentials_in(text, _wrong_with_requirement)
    wrong = _wrong_with_requirement(text)
    if wrong is not None:
        meant = text.strip()
        raise Unfit(wrong, meant if _wrong_with_requirement(meant) is None else None)
    return text


def _wrong_with_requirement(text: str) -> str | None:
    return _wrong_with_line(text) or first_wrong(
        (re.search(r"\s-", text), "has an option of pip's"),
        (re.match(r"[./~]|[a-z+]+://", text), "a file or a URL without a name"),
        (not re.fullmatch(_REQUIREMENT, text), "not a requirement"),
    )


_PIP_LINE = Kind(
    "a requirement for pip such as requests>=2",
    "What PEP 508 calls a requirement: a project's name, then the versions that will do, or `@` and a URL "
    '(`"thing @ https://example.org/thing-1.0.tar.gz"`). No options (`-r`, `-e`, `--index-url`).',
)
_PIP_LINE_SCHEMA = {
    "type": "string",
    "maxLength": _LONGEST_LINE,
    "pattern": rf"^(?!.*({BEFORE_A_HOST}|{BEHIND_A_HOST}|\s-)){_REQUIREMENT}$",
}
Requirement = Annotated[str, _PIP_LINE, BeforeValidator(requirement), WithJsonSchema(_PIP_LINE_SCHEMA)]
"""What pip is to install."""

Requirements = Annotated[
    tuple[Requirement, ...],
    Kind(
        'a list of requirements for pip such as ["requests>=2"]',
        "Requirements, each line once, in brackets or one a line after `- `.",
        items=_PIP_LINE,
    ),
    BeforeValidator(items(lambda text: _wrong_with_requirement(text) is None)),
    AfterValidator(each_once),
    WithJsonSchema({"type": "array", "items": _PIP_LINE_SCHEMA, "uniqueItems": True}),
]
"""Requirements for pip."""

# --- files, titles, revisions --------------------------------------------------------------------
_LONGEST_PATH = 1000
_PATH = r"(?:/(?!\.{1,2}(?:/|$))[^/\x00-\x1f\x7f]+)+"


def absolute_path(value: object) -> str:
    """Read the path of a file, from the root down and without detours."""
    text = some_text(value)
    wrong = first_wrong(
        (len(text) > _LONGEST_PATH, f"longer than {_LONGEST_PATH} characters"),
        (not text.startswith("/"), "not an absolute path"),
        (not text.isprintable(), "has characters that can't be seen"),
        (not re.fullmatch(_PATH, text), "has an empty segment, . or .."),
    )
    if wrong is not None:
        raise Unfit(wrong)
    return text


FilePath = Annotated[
    str,
    Kind(
        "an absolute path such as /srv/kernels/science.yml",
        f"Starts with `/`, has no `.` or `..` in it, at most {_LONGEST_PATH} characters.",
    ),
    BeforeValidator(absolute_path),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST_PATH, "pattern": f"^{_PATH}$"}),
]
"""The absolute path of a file."""

_LONGEST_TITLE = 80


def title(value: object) -> str:
    """Read what people see instead of a name: one line."""
    text = some_text(value)
    wrong = first_wrong(
        (len(text) > _LONGEST_TITLE, f"longer than {_LONGEST_TITLE} characters"),
        (not text.isprintable(), "more than one line, or characters that can't be seen"),
        (text != text.strip(), "has blanks around it"),
    )
    if wrong is not None:
        meant = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST_TITLE].strip()
        raise Unfit(wrong, meant or None)
    return text


Title = Annotated[
    str,
    Kind("a title such as Python 3 (science)", f"One line of at most {_LONGEST_TITLE} characters."),
    BeforeValidator(title),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": _LONGEST_TITLE,
            "pattern": r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$",
        }
    ),
]
"""What people see instead of a name."""

_REVISION = "[0-9a-f]{12}"


def revision(value: object) -> str:
    """Read the id of a kernel's revision, as `installer kernel history` prints it."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise Unfit("a number for want of quotes")
    text = some_text(value)
    if not re.fullmatch(_REVISION, text):
        raise Unfit("not a revision", text.lower() if re.fullmatch(_REVISION, text.lower()) else None)
    return text


Revision = Annotated[
    str,
    Kind(
        "a revision such as 3f9c0a7b51de",
        "Twelve digits and letters from a to f, as `installer kernel history` prints them; in quotes, since some "
        "are numbers without them.",
    ),
    BeforeValidator(revision),
    WithJsonSchema({"type": "string", "pattern": f"^{_REVISION}$"}),
]
"""The id of a kernel's revision."""
