"""What an environment is asked to have: match specs of conda's and pip's requirements, some said on top of others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence


def requirement_name(requirement: str) -> str:
    """The project that a pip requirement is about, as PyPI compares names; of an address alone, the address."""
    text = requirement.strip()
    return text if re.match(r"[a-z+]+://", text) else canonical(re.split(r"[\s\[<>=!~;@(]", text, maxsplit=1)[0])


def canonical(name: str) -> str:
    """A project's name in the one spelling that stands for all of them (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements_with(requirements: Sequence[str], added: Sequence[str]) -> tuple[str, ...]:
    """Requirements with others on top: of a project that both name, what is said later counts."""
    return layered((requirements, added), requirement_name, canonical)


def without(locked: str, released: Iterable[str]) -> str:
    """A list that pip can be given, hashes below each line, without what it has of some projects."""
    gone = {canonical(name) for name in released}
    kept, keeps = [], True
    for line in locked.splitlines(keepends=True):
        if not line[:1].isspace():
            keeps = requirement_name(line) not in gone
        if keeps:
            kept.append(line)
    return "".join(kept)


def layered(
    layers: Iterable[Sequence[str]], name_of: Callable[[str], str], plain: Callable[[str], str] = str.strip
) -> tuple[str, ...]:
    """What is left of layers of wishes: of each package the latest that says more than its name; within one, all.

    name_of: what a wish is about. plain: what a wish is that says no more than a name.
    """
    wishes: dict[str, tuple[str, ...]] = {}
    for layer in layers:
        said: dict[str, list[str]] = {}
        for wish in dict.fromkeys(layer):
            said.setdefault(name_of(wish), []).append(wish)
        for name, all_of_it in said.items():
            telling = [wish for wish in all_of_it if plain(wish.strip()) != name]
            if telling or name not in wishes:
                wishes[name] = tuple(telling or all_of_it[:1])
    return tuple(wish for of_one in wishes.values() for wish in of_one)
