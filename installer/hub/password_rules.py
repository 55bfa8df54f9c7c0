"""Which passwords of the hub's own are too easy to guess. Pure.

Few rules, of those that keep out what guessers try first: a length, and no word or row of keys that everybody takes.
What has to be in a password is nobody's business: people then write `Password1!`.
"""

from __future__ import annotations

import re

from installer.hub.passwords import LONGEST

SHORTEST = 10
_FEWEST_DIFFERENT = 5
_RUN = 4
"""Characters that follow one another, from which on they are a row."""
_LONGEST_LINE = 200

_WORDS = """
    password passwort passwd motdepasse contrasena senha kennwort geheim secret changeme default letmein welcome
    willkommen bienvenue iloveyou ichliebedich teamo loveme lovely princess admin administrator root user guest test
    tester testing temp temporary login access hello hallo hola world welt whatever nothing computer internet laptop
    master dragon monkey shadow sunshine sommer summer winter spring autumn herbst football fussball baseball
    basketball soccer hockey superman batman spiderman starwars pokemon minecraft fortnite matrix michael jennifer
    jessica charlie thomas andrea daniel george jordan hunter killer freedom flower cookie cheese chocolate banana
    liverpool chelsea arsenal barcelona madrid berlin london paris google facebook samsung iphone android windows
    microsoft linux ubuntu debian python jupyter jupyterhub jupyterlab notebook hub lab student students teacher
    lecturer professor university universitaet school schule class course campus monday friday january december
    abc qwerty qwertz azerty asdf zxcv love god sex money pass word one two three ninja mustang maverick trustno
"""
_WORST = frozenset(_WORDS.split())
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiop[]", "qwertzuiop", "azertyuiop", "asdfghjkl;'",
    "yxcvbnm,.-", "zxcvbnm,./", "qsdfghjklm", "wxcvbn", "!@#$%^&*()_+", '!"$%&/()=?', "1q2w3e4r5t6y7u8i9o0p",
    "1q2w3e4r5t6z7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp",
)  # fmt: skip
_INSTEAD = str.maketrans("0134578@$!|+", "oleastbasilt")


def too_easy(password: str, name: str) -> str | None:
    """What is wrong with a password that somebody wants, as a sentence; None where nothing is."""
    if not SHORTEST <= len(password) <= LONGEST:
        # Before anything that takes its time: strangers send what they like.
        return f"A password has {SHORTEST} characters or more, and {LONGEST} at most."
    plain = password.casefold()
    checks = (
        (not password.isprintable(), "There is a character in that password that nobody can see."),
        (name and name.casefold() in plain, "Your name is the first that others would try."),
        (len(set(plain)) < _FEWEST_DIFFERENT, "That is the same few characters over and over."),
        (_is_repeated(plain), "That is the same few characters over and over."),
        (_is_in_rows(plain), "That is a row of keys, or of the alphabet; others try these first."),
        (_is_of_worst(plain), "That is one of the passwords that others try first."),
    )
    return next((why for applies, why in checks if applies), None)


def _is_repeated(plain: str) -> bool:
    """Whether it is one short piece, again and again."""
    return any(plain == (plain[:size] * len(plain))[: len(plain)] for size in range(1, SHORTEST // 2 + 1))


def _is_in_rows(plain: str) -> bool:
    """Whether little is left without its rows."""
    rows = [part for row in _ROWS for part in (row, row[::-1])]
    left, at = 0, 0
    while at < len(plain):
        run = max(_run_at(plain, at, row) for row in rows)
        left += 0 if run >= _RUN else 1
        at += run if run >= _RUN else 1
    return left < _FEWEST_DIFFERENT


def _run_at(plain: str, at: int, row: str) -> int:
    """How many characters from there on are as in a row."""
    size = 0
    while at + size < len(plain) and plain[at : at + size + 1] in row:
        size += 1
    return size


def _is_of_worst(plain: str) -> bool:
    """Whether it is nothing but words that everybody takes, with what is put around and in the place of letters."""
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    words = "|".join(sorted(_WORST, key=len, reverse=True))
    return any(
        re.fullmatch(rf"(?:(?:{words})[\W\d_]*){{1,3}}", form) is not None
        for form in (core[:_LONGEST_LINE], core[:_LONGEST_LINE].translate(_INSTEAD))
    )
