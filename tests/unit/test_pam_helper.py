"""The helper that checks and changes passwords: what it counts, and what it tells PAM."""

from __future__ import annotations

import getpass
import os
import time
from ctypes import POINTER, c_char_p, cast, pointer
from pathlib import Path

import pamela
import pytest

from installer.libexec import pam_helper
from installer.libexec.pam_helper import MOST_WRONG, Conversation, Refused, counted, password_of

ME = getpass.getuser()


def be_wrong(directory: Path, tell: str = "") -> None:
    with pytest.raises(Refused, match="no"), counted(ME, directory):
        raise Refused("no", tell)


def test_whoever_is_wrong_too_often_has_to_wait(tmp_path: Path) -> None:
    for _ in range(MOST_WRONG):
        be_wrong(tmp_path)
    with pytest.raises(Refused, match="too many wrong passwords") as refused, counted(ME, tmp_path):
        pytest.fail("it was let through")
    assert refused.value.tell == "Too many wrong passwords. Try again in ten minutes."
    [file] = tmp_path.iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == (str(os.getuid()), 0o600)
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    file.write_text(" ".join(f"{now - 601:.0f}" for _ in range(9)))
    be_wrong(tmp_path)
    assert len(file.read_text().split()) == 1, "what is long past is forgotten"


def test_who_is_right_begins_anew(tmp_path: Path) -> None:
    for _ in range(MOST_WRONG - 1):
        be_wrong(tmp_path)
    for _ in range(MOST_WRONG):
        be_wrong(tmp_path, "a new password that the rules are against is no guess")
    with counted(ME, tmp_path):
        pass
    be_wrong(tmp_path)


def test_pam_itself_does_not_wait() -> None:
    """It would where there is the account, and the hub's queue with it."""
    begun = time.monotonic()
    with pytest.raises(Refused):
        pam_helper.check_with_pam("root", "no such password", "192.0.2.1", "other")
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize("word", [None, "", "a\0b", 7, ["x"], {}])
def test_what_is_no_password(word: object) -> None:
    with pytest.raises(Refused):
        password_of({"new": word}, "new")
    with pytest.raises(KeyError):
        password_of({}, "new")


def asked(conversation: Conversation, style: int, text: bytes = b"") -> tuple[int, bytes | None]:
    """What a module that asks, or says, something is answered."""
    message = pamela.PamMessage(style, pamela.STRDUP(text))
    messages = pointer(pointer(message))
    replies = POINTER(pamela.PamResponse)()
    code = conversation.function(1, messages, pointer(replies), None)
    answer = replies[0].resp
    return code, cast(answer, c_char_p).value if answer else None


def test_modules_are_told_the_old_one_once_and_then_the_new_one() -> None:
    conversation = Conversation("old", "new")
    answers = [asked(conversation, pamela.PAM_PROMPT_ECHO_OFF) for _ in range(pam_helper.MOST_PROMPTS)]
    assert answers == [(0, b"old"), *[(0, b"new")] * (pam_helper.MOST_PROMPTS - 1)]
    assert asked(conversation, pamela.PAM_PROMPT_ECHO_OFF)[0] != 0, "nobody asks for ever"
    assert asked(conversation, pamela.PAM_PROMPT_ECHO_ON) == (0, None)


def test_what_modules_say_is_told_on_one_line() -> None:
    conversation = Conversation("old", "new")
    for text in (b"BAD PASSWORD: too\nshort", b"BAD PASSWORD: too\nshort", b"\xff\x1b[31m"):
        asked(conversation, pamela.PAM_ERROR_MSG, text)
    asked(conversation, pamela.PAM_TEXT_INFO, b"Changing password for somebody.")
    assert conversation.tell() == "The new password is not taken: BAD PASSWORD: tooshort \ufffd[31m"
    asked(conversation, pamela.PAM_ERROR_MSG, b"x" * 5000)
    assert len(conversation.tell()) == pam_helper.LONGEST_TELL
    assert "the rules of this machine" in Conversation("old", "new").tell()
