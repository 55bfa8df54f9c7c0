"""Read the hub's config, the admin's conf.d included, and say what is wrong with it as `file:line: what`."""

from __future__ import annotations

import ast
import difflib
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from traitlets import HasTraits, TraitError
from traitlets.config.loader import Config, LazyConfigValue, PyFileConfigLoader

CONF_D = Path("/etc/jupyterhub/conf.d")
"""The admin's own files."""


class BadConfig(Exception):  # noqa: N818 - told to a person
    """The config can't be used; the message is one line that names file and line."""


def read(path: Path) -> Config:
    """Execute the config file, and with it conf.d."""
    try:
        return PyFileConfigLoader(path.name, path=str(path.parent)).load_config()
    except SyntaxError as error:
        raise BadConfig(f"{error.filename}:{error.lineno}: {error.msg}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the admin's own program, anything may come
        raise BadConfig(f"{culprit(error, path)}: {one_line(error)}") from None


def one_line(error: BaseException) -> str:
    """Type and message of an exception, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def culprit(error: BaseException, path: Path) -> str:
    """`file:line` of the innermost frame that is in the config or in conf.d; else the files, as far as that helps."""
    places = (path.parent, CONF_D)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if any(map(Path(f.filename).is_relative_to, places))]
    if frames:
        return f"{frames[-1].filename}:{frames[-1].lineno}"
    own = ", ".join(f"conf.d/{file.name}" for file in additions(path))
    return f"{path} (with {own})" if own else str(path)


def additions(path: Path) -> list[Path]:
    """The admin's own files, in the order in which the config reads them."""
    # The config may be a copy that is looked at elsewhere first; the one conf.d is where it always is.
    directories = dict.fromkeys((path.parent / "conf.d", CONF_D))
    return [file for directory in directories for file in sorted(directory.glob("*.py"))]


def check(config: Config, classes: Iterable[type[HasTraits]], files: Iterable[Path]) -> None:
    """Refuse settings that nobody knows, of which JupyterHub only warns, and values it would fail over later."""
    known = list(classes)
    for section, values in config.items():
        candidates = [c for c in known if section in (base.__name__ for base in c.__mro__)]
        if not candidates or not isinstance(values, Config):
            continue
        for name, value in values.items():
            problem = misfit(candidates, name, value)
            if problem:
                raise BadConfig(f"{assigned_at(section, name, files)}: c.{section}.{name}: {problem}")


def misfit(candidates: list[type[HasTraits]], name: str, value: object) -> str:
    """What is wrong with one setting, or nothing."""
    owner = next((c for c in candidates if c.class_traits(config=True).get(name)), None)
    if owner is None:
        names = {trait for c in candidates for trait in c.class_trait_names(config=True)}
        near = difflib.get_close_matches(name, names, n=1)
        return "there is no such setting" + (f"; did you mean {near[0]}?" if near else "")
    # Made without __init__, which for a spawner or a service would want a whole hub around it.
    probe = owner.__new__(owner)
    try:
        if isinstance(value, LazyConfigValue):
            value = value.get_value(getattr(probe, name))
        setattr(probe, name, value)
    except TraitError as error:
        return " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - what else its observers need is there in a real hub only
        return ""
    return ""


def assigned_at(section: str, name: str, files: Iterable[Path]) -> str:
    """`file:line` of the last place that mentions `c.section.name`; the files in the order in which they are read."""
    places = [f"{file}:{line}" for file in files for line in mentions(file, section, name)]
    return places[-1] if places else "the hub's config"


def mentions(file: Path, section: str, name: str) -> Iterator[int]:
    """Lines that have `c.section.name` in them."""
    lines = []
    for node in ast.walk(ast.parse(file.read_bytes(), str(file))):
        match node:
            case ast.Attribute(attr=attr, value=ast.Attribute(attr=owner, value=ast.Name(id="c"))):
                if (owner, attr) == (section, name):
                    lines.append(node.lineno)
    yield from sorted(lines)
