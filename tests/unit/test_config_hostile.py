"""No string of the config ends up in a file of ours as anything but itself: each key is given what templates fear."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from installer.config.describe import Key, all_keys, entry_keys
from installer.config.models import Config
from installer.features.everything import desired
from installer.host.errors import ConfigProblem, Conflict
from installer.resources.file import File
from tests.unit.test_features import site

PROSE = {"branding.title", "branding.announcement", "branding.login_text"}
"""What people read, in any words: see test_branding for how it is quoted."""
KERNELS = {"kernels[].packages", "kernels[].pip", "kernels[].display_name"}
"""Names no file, and is in none of those that are rendered: it is for the solver, and for JSON."""
PEOPLE = {"auth.blocked", "auth.allow.users", "auth.allow.groups", "auth.allow.admin_groups"}
"""Names as a login provider has them, in any words on one line: compared with others, out of one file that is JSON."""
HOSTILE = (
    "\n", "\r\nx", "\0", "\x1b[2J", "/../", "; include /etc/shadow;", "}", "$host", "%n", '"', "'", "`id`", "\\",
    "{{ 7 }}", "<script>", " --option",
)  # fmt: skip


def keys_of_text() -> list[Key]:
    return [key for key in (*all_keys(), *entry_keys()) if any(isinstance(each, str) for each in _flat(key.example))]


def _flat(value: object) -> Iterator[object]:
    if isinstance(value, list):
        for each in value:
            yield from _flat(each)
    else:
        yield value


def values(example: object, hostile: str) -> Iterator[object]:
    """The example with that in front, behind, or within."""
    text = next(each for each in _flat(example) if isinstance(each, str))
    for changed in (hostile + text, text + hostile, text[:3] + hostile + text[3:]):
        yield [changed] if isinstance(example, list) else changed


def config_with(key: Key, value: object) -> object:
    """What a file says that sets the key, and what has to go with it."""
    *above, name = key.path
    said: object = {name: value} if key.beside is None else [{**key.beside, name: value}]
    for part in reversed(above):
        said = {part: said}
    return said


def texts(config: Config) -> list[str]:
    """All files that such a config asks for."""
    try:
        return [file.text for file in desired(site(config)) if isinstance(file, File)]
    except (ConfigProblem, Conflict):  # refused as late as that, and before anything is changed
        return []


@pytest.mark.parametrize("key", keys_of_text(), ids=lambda key: key.name)
def test_what_templates_fear_is_refused_or_reaches_none(key: Key) -> None:
    for hostile in HOSTILE:
        for value in values(key.example, hostile):
            try:
                config = Config.model_validate(config_with(key, value))
            except ValidationError:
                continue
            if key.name in PROSE:
                continue
            changed = next(each for each in _flat(value) if isinstance(each, str))
            assert "\n" not in changed, (key.name, value)
            if key.name in PEOPLE:
                continue
            assert ".." not in changed.split("/") or key.name in KERNELS, (key.name, value)
            assert not any(changed in text for text in texts(config)), (key.name, value)
