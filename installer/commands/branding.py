"""The files that the config's `branding` names: read, and refused in plain words before anything is changed."""

from __future__ import annotations

import os
import re
import shlex
import stat
from pathlib import Path

import jinja2

from installer.config.branding import Branding
from installer.features.site import BrandFiles
from installer.host import paths
from installer.host.errors import ConfigProblem
from installer.host.images import NotAnImage, kind_of
from installer.host.trusted import changeable_below, not_roots_alone

LARGEST = 256 << 10
"""Bytes of one file; a generation keeps them."""
MOST_TEMPLATES = 50


def read_files(settings: Branding) -> BrandFiles:
    """Read what it names. Raises ConfigProblem."""
    logo, suffix = _logo(Path(settings.logo)) if settings.logo is not None else (b"", "")
    directory = Path(settings.templates) if settings.templates is not None else None
    return BrandFiles(logo, suffix, _templates(directory) if directory is not None else ())


def named_files(settings: Branding) -> list[Path]:
    """All of them, as far as they are there."""
    logo = [Path(settings.logo)] if settings.logo is not None else []
    return logo + (_below(Path(settings.templates)) if settings.templates is not None else [])


def _logo(path: Path) -> tuple[bytes, str]:
    data = _bytes("branding.logo", path)
    try:
        return data, kind_of(data)
    except NotAnImage as error:
        raise _unfit(
            "branding.logo", path, str(error), "give a file that browsers show, as they are made for web pages"
        ) from None


def _templates(directory: Path) -> tuple[tuple[str, str], ...]:
    key = "branding.templates"
    if not directory.is_dir():
        raise _unfit(key, directory, "there is no such directory", f"sudo install -d {shlex.quote(str(directory))}")
    _refuse_others(key, directory, changeable_below([directory]) if os.geteuid() == 0 else None)
    found = _below(directory)
    if len(found) > MOST_TEMPLATES:
        raise _unfit(
            key, directory, f"it has {len(found)} templates, and {MOST_TEMPLATES} is the most", "take some away"
        )
    if not found:
        raise _unfit(key, directory, "there is no *.html in it", "put templates there, or take the key out")
    names = [str(path.relative_to(directory)) for path in found]
    odd = next((name for name in names if not re.fullmatch(r"[A-Za-z0-9_./+-]+", name)), None)
    if odd is not None:
        raise _unfit(key, directory, f"it has a template called {odd!a}", "letters, digits, _, ., + and - will do")
    return tuple((name, _template(key, path)) for name, path in zip(names, found, strict=True))


def _template(key: str, path: Path) -> str:
    """Its text, which has to be one that can be parsed; what it asks for, the hub sees before it uses it."""
    try:
        text = _bytes(key, path).decode()
        jinja2.Environment().parse(text)  # noqa: S701 - nothing is rendered here
    except UnicodeDecodeError as error:
        raise _unfit(
            key, path, f"it is not in UTF-8 ({error.reason} at byte {error.start})", "save it in UTF-8"
        ) from None
    except jinja2.TemplateSyntaxError as error:
        raise ConfigProblem(
            f"{path}:{error.lineno}: this template can't be parsed: {' '.join(str(error.message).split())}",
            "mend that line, then run this again; what templates can say: https://jinja.palletsprojects.com/templates/",
        ) from None
    # A file of ours ends with a line's end, whatever an editor made of it.
    return text if text.endswith("\n") else f"{text}\n"


def _below(directory: Path) -> list[Path]:
    """The templates in a directory, without what is hidden."""
    found = {path.relative_to(directory): path for path in directory.rglob("*.html")}
    return sorted(path for name, path in found.items() if not any(part.startswith(".") for part in name.parts))


def _bytes(key: str, path: Path) -> bytes:
    """What is in a file that nobody but root can change."""
    try:
        if os.geteuid() == 0 and (found := not_roots_alone(path)) is not None:
            _refuse_others(key, path, found[0])
        # A fifo would block at open.
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as stream:  # noqa: PTH123 - of a descriptor
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise _unfit(key, path, "it is not a file", "name a file")
            data = stream.read(LARGEST + 1)
    except OSError as error:
        why = "there is no such file" if isinstance(error, FileNotFoundError) else str(error.strerror).lower()
        raise _unfit(key, path, why, "put it there, or take the key out") from None
    if len(data) > LARGEST:
        raise _unfit(key, path, f"it has more than {LARGEST >> 10} KiB", "make it smaller: every visitor loads it")
    return data


def _refuse_others(key: str, path: Path, open_to_others: Path | None) -> None:
    if open_to_others is not None:
        quoted = shlex.quote(str(open_to_others))
        raise _unfit(
            key, path, f"others than root can change {open_to_others}",
            f"look through it, then: sudo chown root:root {quoted} && sudo chmod go-w {quoted}",
        )  # fmt: skip


def _unfit(key: str, path: Path, why: str, hint: str) -> ConfigProblem:
    return ConfigProblem(f"{key} in {paths.CONFIG_FILE}: {path} can't be used: {why}", hint)
