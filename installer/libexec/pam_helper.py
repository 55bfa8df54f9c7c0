"""Check one account's password with PAM, as root, for a hub that may not read /etc/shadow.

Started by jupyterhub-pam.socket once for each question, with the connection as standard input.
In:  {"username": ..., "password": ..., "address": ...}      (one JSON line; the address it came from, for PAM's log)
     {"username": ..., "password": null}                     (only: may the account still be used?)
Out: {"ok": true, "name": ...} or {"ok": false, "reason": ..., "tell": ...}
"tell" is a sentence for the person logging in; it is only there when the password was right. The hub writes the reason
down, beside the address; here only what went wrong with asking is.

usage: jupyterhub-pam HUB_ACCOUNT MEMBERS_GROUP PAM_SERVICE
"""

from __future__ import annotations

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

import pamela

LONGEST_QUESTION = 8192
READ_SECONDS = 5
TOTAL_SECONDS = 30
FAILURE_SECONDS = 3.0
"""Every refusal takes this long: longer than PAM's own (random) delay, so that time tells nothing about the cause."""

FIRST_PERSON = 1000
"""Lower uids are root and the accounts of services (UID_MIN of login.defs)."""

NEW_AUTHTOK_REQD = 12
"""PAM's code for a password that has expired (security/_pam_types.h)."""

DISALLOW_NULL_AUTHTOK = 1
"""PAM's flag, as sshd sets it: Debian's pam_unix (nullok) takes any password for an account that has none."""

ADDRESS = re.compile(r"[0-9A-Fa-f.:]{0,64}")
SAFE_NAME = re.compile(r"[^\W_][\w.@+-]{0,63}|_[\w.@+-]{1,63}")


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """The answer is no."""

    def __init__(self, reason: str, tell: str = "") -> None:
        super().__init__(reason)
        self.tell = tell


class Misasked(Refused):
    """So it is not asked: worth a line in the journal."""


def peer_uid(connection: socket.socket) -> int:
    """The account at the other end, as the kernel knows it."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def read_question(connection: socket.socket) -> tuple[str, str | None, str]:
    """Name, password and address out of one bounded line; no password where only the account is asked about."""
    connection.settimeout(READ_SECONDS)
    line = b""
    while not line.endswith(b"\n"):
        if len(line) > LONGEST_QUESTION:
            raise Misasked("the question is too long")
        chunk = connection.recv(LONGEST_QUESTION)
        if not chunk:
            raise Misasked("the question ended early")
        line += chunk
    question = json.loads(line)
    username, password = question["username"], question["password"]
    address = question.get("address", "")
    if not isinstance(username, str) or not isinstance(password, (str, type(None))) or not ADDRESS.fullmatch(address):
        raise Misasked("the question is malformed")
    if password is not None and (not password or "\0" in password):
        raise Refused("an empty password, or one with a NUL in it")
    return username, password, address


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
        if address:
            handle.set_item(pamela.PAM_RHOST, address)
        if password is not None:
            code = pamela.PAM_AUTHENTICATE(handle, DISALLOW_NULL_AUTHTOK)
            if code:
                raise Refused(pamela.pam_strerror(handle, code))
        code = pamela.PAM_ACCT_MGMT(handle, DISALLOW_NULL_AUTHTOK)
        if code:
            tell = "Your account is locked or has expired."
            if code == NEW_AUTHTOK_REQD:
                tell = "Your password has expired: log in to the machine itself (ssh) to set a new one."
            raise Refused(f"{pamela.pam_strerror(handle, code)} (account phase)", tell)
    finally:
        pamela.PAM_END(handle, code)


def answer(connection: socket.socket, hub_account: str, group: str, service: str) -> dict[str, object]:
    """Ask everything there is to ask; what goes wrong on the way is a refusal as well."""
    username = ""
    try:
        if peer_uid(connection) != pwd.getpwnam(hub_account).pw_uid:
            raise Misasked(f"only {hub_account} may ask")
        username, password, address = read_question(connection)
        name = member(username, group)
        check_with_pam(name, password, address, service)
    except Misasked as refusal:
        reason, tell = str(refusal), ""
    except Refused as refusal:
        return {"ok": False, "reason": str(refusal), "tell": refusal.tell}
    except (ValueError, KeyError, TypeError, OSError, RecursionError, pamela.PAMError) as error:
        # The message of these could quote the question, password included.
        reason, tell = f"the question could not be handled ({type(error).__name__})", ""
    else:
        return {"ok": True, "name": name}
    print(f"refused {username[:64]!r}: {reason}", file=sys.stderr)  # noqa: T201 - the journal
    return {"ok": False, "reason": reason, "tell": tell}


def main() -> None:
    """Answer the one question on standard input."""
    # PAM modules are C and may hang: the alarm's default action ends the process even there.
    signal.alarm(TOTAL_SECONDS)
    started = time.monotonic()
    with socket.socket(fileno=0) as connection:
        reply = answer(connection, *sys.argv[1:4])
        if not reply["ok"]:
            time.sleep(max(0.0, started + FAILURE_SECONDS - time.monotonic()))
        connection.sendall(json.dumps(reply).encode() + b"\n")


if __name__ == "__main__":
    main()
