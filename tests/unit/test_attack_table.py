"""The table of attacks says enough, and nothing twice."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.system.attack_table import ATTACKS, EVERYBODY, HUBS, KINDS, USERS, Attack, tried

ENOUGH = 40


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("whose", [USERS, HUBS], ids=["users", "hubs"])
def test_enough_is_tried(kind: str, whose: tuple[str, ...]) -> None:
    assert all(len(tried(kind, who)) >= ENOUGH for who in whose)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_there_twice(kind: str) -> None:
    there = [attack for attack in ATTACKS if kind in attack.kinds]
    assert [what for what, times in Counter(attack.what for attack in there).items() if times > 1] == []
    assert [words for words, times in Counter(attack.words for attack in there).items() if times > 1] == []


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.what)
def test_who_may_do_it_does_not_try_it(attack: Attack) -> None:
    assert attack.counterpart or attack.allowed not in attack.by
    assert set(attack.by) <= set(EVERYBODY)
