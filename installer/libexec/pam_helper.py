"""Check one account's password with PAM, or change it, as root, for a hub that may not read /etc/shadow.

Started by jupyterhub-pam.socket once for each question, with the connection as standard input.
In:  {"username": ..., "password": ..., "address": ...}      (one JSON line; the address it came from, for PAM's log)
     {"username": ..., "password": null}                     (only: may the account still be used?)
Out: {"ok": true, "name": ...} or {"ok": false, "reason": ..., "tell": ..., "expired": ...}
"tell" is a sentence for the person logging in; it is only there when the password was right. "expired": whether it is
right, and has to be changed first. The hub writes the reason down, beside the address; here only what went wrong with
asking is.

With FAILURES, started by jupyterhub-password.socket, it changes passwords, and answers no other question:
In:  {"username": ..., "password": ..., "new": ...}
FAILURES is a directory of root's alone, where it counts who was wrong about their own password.

usage: jupyterhub-pam HUB_ACCOUNT MEMBERS_GROUP PAM_SERVICE [FAILURES]
"""

from __future__ import annotations

import fcntl
import grp
import json
import os
import pwd
import re
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_uint, c_void_p, cast, sizeof
from pathlib import Path
from typing import Any

import pamela

LONGEST_QUESTION = 8192
READ_SECONDS = 5
TOTAL_SECONDS = 30
FAILURE_SECONDS = 3.0
"""So long takes it to refuse a change. Of logins the hub makes that wait, which can do other things meanwhile."""

FIRST_PERSON = 1000
"""Lower uids are root and the accounts of services (UID_MIN of login.defs)."""

NEW_AUTHTOK_REQD = 12
"""PAM's code for a password that has expired (security/_pam_types.h)."""

FAIL_DELAY = 10
"""PAM's item for what is called in place of its own wait after a failure."""
_NO_DELAY = CFUNCTYPE(None, c_int, c_uint, c_void_p)(lambda *_: None)

DISALLOW_NULL_AUTHTOK = 1
"""PAM's flag, as sshd sets it: Debian's pam_unix (nullok) takes any password for an account that has none."""

MOST_WRONG, WRONG_SECONDS = 5, 600
"""How often somebody may be wrong about their password in how long a time, before they have to wait."""
MOST_PROMPTS = 8
LONGEST_TELL = 300

ADDRESS = re.compile(r"[0-9A-Fa-f.:]{0,64}")
SAFE_NAME = re.compile(r"[^\W_][\w.@+-]{0,63}|_[\w.@+-]{1,63}")


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """The answer is no."""

    def __init__(self, reason: str, tell: str = "", *, expired: bool = False) -> None:
        super().__init__(reason)
        self.tell = tell
        self.expired = expired


class Misasked(Refused):
    """So it is not asked: worth a line in the journal."""


def peer_uid(connection: socket.socket) -> int:
    """The account at the other end, as the kernel knows it."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def read_question(connection: socket.socket) -> dict[str, Any]:
    """What one bounded line asks."""
    connection.settimeout(READ_SECONDS)
    line = b""
    while not line.endswith(b"\n"):
        if len(line) > LONGEST_QUESTION:
            raise Misasked("the question is too long")
        chunk = connection.recv(LONGEST_QUESTION)
        if not chunk:
            raise Misasked("the question ended early")
        line += chunk
    question: dict[str, Any] = json.loads(line)
    if not isinstance(question["username"], str) or not ADDRESS.fullmatch(question.get("address", "")):
        raise Misasked("the question is malformed")
    return question


def password_of(question: dict[str, Any], key: str) -> str:
    """A password out of a question."""
    password = question[key]
    if not isinstance(password, str):
        raise Misasked("the question is malformed")
    if not password or "\0" in password:
        raise Refused("an empty password, or one with a NUL in it")
    return password


def member(username: str, group: str) -> str:
    """The account's own name, if it is a person's and in the group."""
    if not SAFE_NAME.fullmatch(username):
        raise Refused("not a possible account name")
    try:
        account = pwd.getpwnam(username)
        owner = pwd.getpwuid(account.pw_uid).pw_name
    except KeyError:
        raise Refused("no such account") from None
    # Two names for one uid, or a directory service that ignores case, would be two hub users in one home.
    if not username == account.pw_name == owner:
        raise Refused(f"the account's own name is {owner}")
    if account.pw_uid < FIRST_PERSON:
        raise Refused("root and system accounts may not log in")
    if grp.getgrnam(group).gr_gid not in os.getgrouplist(username, account.pw_gid):
        raise Refused(f"not a member of {group}")
    return account.pw_name


def check_with_pam(name: str, password: str | None, address: str, service: str) -> None:
    """Both phases of PAM: is it the password, and may the account be used (locked, expired, closed hours)."""
    conversation = pamela.new_simple_password_conv((password or "",), "utf-8")
    handle = pamela.pam_start(service, name, conv_func=conversation)
    code = 0
    try:
        # It would wait where there is such an account alone, two seconds and a bit.
        pamela.PAM_SET_ITEM(handle, FAIL_DELAY, cast(_NO_DELAY, c_char_p))
        if address:
            handle.set_item(pamela.PAM_RHOST, address)
        if password is not None:
            code = pamela.PAM_AUTHENTICATE(handle, DISALLOW_NULL_AUTHTOK)
            if code:
                raise Refused(pamela.pam_strerror(handle, code))
        code = pamela.PAM_ACCT_MGMT(handle, DISALLOW_NULL_AUTHTOK)
        if code:
            why = f"{pamela.pam_strerror(handle, code)} (account phase)"
            if code == NEW_AUTHTOK_REQD:
                raise Refused(why, "Your password has expired: you have to choose a new one.", expired=True)
            raise Refused(why, "Your account is locked or has expired.")
    finally:
        pamela.PAM_END(handle, code)


# --- changing a password ---------------------------------------------------------------------------
class Conversation:
    """What PAM modules are told that want to change a password, and what they say of it."""

    def __init__(self, current: str, new: str) -> None:
        self.said: list[str] = []
        # Whatever module asks: the old one first, then the new one as often as it likes. A stack that doesn't ask for
        # the old one gets two words that differ, and changes nothing.
        self._answers = [current.encode(), *[new.encode()] * (MOST_PROMPTS - 1)]
        self.function = pamela.CONV_FUNC(self._answer)

    def _answer(self, count: int, messages: Any, replies: Any, _: object) -> int:  # noqa: ANN401 - ctypes'
        address = pamela.CALLOC(count, sizeof(pamela.PamResponse))
        replies[0] = cast(address, POINTER(pamela.PamResponse))
        for number in range(count):
            message = messages[number].contents
            if message.msg_style == pamela.PAM_PROMPT_ECHO_OFF:
                if not self._answers:
                    return 1
                replies[0][number].resp = pamela.STRDUP(self._answers.pop(0))
            elif message.msg_style == pamela.PAM_ERROR_MSG:
                text = (cast(message.msg, c_char_p).value or b"").decode("utf-8", "replace")
                self.said.append("".join(letter for letter in text if letter.isprintable()))
        return 0

    def tell(self) -> str:
        """What the modules had against the new password, on one line."""
        said = " ".join(dict.fromkeys(filter(None, self.said)))
        return f"The new password is not taken: {said or 'the rules of this machine are against it'}"[:LONGEST_TELL]


def change_with_pam(name: str, current: str, new: str, address: str, service: str) -> None:
    """Change a password by the rules of this machine, as `passwd` does when the person runs it."""
    try:
        check_with_pam(name, current, address, service)
    except Refused as refusal:
        if not refusal.expired:
            raise
    # What root may do, PAM modules let root do: set any password. So this is no longer root for them, but the person
    # with root's rights, as passwd is (setuid): they ask for the old password, and hold the new one against rules.
    os.setresuid(pwd.getpwnam(name).pw_uid, 0, 0)
    conversation = Conversation(current, new)
    handle = pamela.pam_start(service, name, conv_func=conversation.function)
    code = 0
    try:
        code = pamela.PAM_CHAUTHTOK(handle, 0)
        if code:
            raise Refused(f"{pamela.pam_strerror(handle, code)} (password phase)", conversation.tell())
    finally:
        pamela.PAM_END(handle, code)


@contextmanager
def counted(name: str, failures: Path) -> Iterator[None]:
    """Refuse whoever was wrong too often; count whoever is wrong in the block. One at a time for each account."""
    descriptor = os.open(failures / str(pwd.getpwnam(name).pw_uid), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        recent = [word for word in file.read().split() if now - WRONG_SECONDS < float(word) <= now]
        if len(recent) >= MOST_WRONG:
            raise Refused("too many wrong passwords", "Too many wrong passwords. Try again in ten minutes.")
        try:
            yield
        except Refused as refusal:
            if not refusal.tell:
                file.seek(0)
                file.truncate()
                file.write(" ".join([*recent, str(int(now))]))
            raise
        file.truncate(0)


# --- answering -------------------------------------------------------------------------------------
def answer(
    connection: socket.socket, hub_account: str, group: str, service: str, failures: str = ""
) -> dict[str, object]:
    """Ask everything there is to ask; what goes wrong on the way is a refusal as well."""
    username = ""
    try:
        if peer_uid(connection) != pwd.getpwnam(hub_account).pw_uid:
            raise Misasked(f"only {hub_account} may ask")
        question = read_question(connection)
        username, address = question["username"], question.get("address", "")
        name = member(username, group)
        if failures:
            current, new = password_of(question, "password"), password_of(question, "new")
            with counted(name, Path(failures)):
                change_with_pam(name, current, new, address, service)
            print(f"changed the password of {name}", file=sys.stderr)  # noqa: T201 - the journal
        else:
            password = None if question["password"] is None else password_of(question, "password")
            check_with_pam(name, password, address, service)
    except Misasked as refusal:
        reason, tell = str(refusal), ""
    except Refused as refusal:
        return {"ok": False, "reason": str(refusal), "tell": refusal.tell, "expired": refusal.expired}
    except (ValueError, KeyError, TypeError, OSError, RecursionError, pamela.PAMError) as error:
        # The message of these could quote the question, password included.
        reason, tell = f"the question could not be handled ({type(error).__name__})", ""
    else:
        return {"ok": True, "name": name}
    print(f"refused {username[:64]!r}: {reason}", file=sys.stderr)  # noqa: T201 - the journal
    return {"ok": False, "reason": reason, "tell": tell, "expired": False}


def main() -> None:
    """Answer the one question on standard input."""
    # PAM modules are C and may hang: the alarm's default action ends the process even there.
    signal.alarm(TOTAL_SECONDS)
    started = time.monotonic()
    with socket.socket(fileno=0) as connection:
        reply = answer(connection, *sys.argv[1:5])
        if not reply["ok"] and sys.argv[4:]:
            time.sleep(max(0.0, started + FAILURE_SECONDS - time.monotonic()))
        connection.sendall(json.dumps(reply).encode() + b"\n")


if __name__ == "__main__":
    main()
