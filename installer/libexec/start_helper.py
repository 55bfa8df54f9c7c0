#!/usr/bin/python3 -IS
"""Start, stop and ask after members' servers, each a transient service of systemd's, for a hub that may do nothing.

Started by jupyterhub-start.socket once for each request, with the connection as standard input.
In:  {"action": "start", "user": ..., "server": ..., "environment": {...}, "arguments": [...]}    (one JSON line)
     {"action": "stop" | "ended", "user": ..., "server": ..., "pid": ...}
Out: {"ok": true, ...}, or {"ok": false, "error": ...}                  (one JSON line; the error is a sentence;
     a server that ended at once has a "status" with it)

The hub names a person and one of their servers, and what that server finds in its environment, as far as the names in
there are known. Program, account, unit, slice and limits are decided here; a server of somebody who is no member, or
not of this hub, is never touched. `pid` is of a server that sudo has started, in a scope of its own (see adopt_helper).

usage: jupyterhub-start HUB_ACCOUNT MEMBERS_GROUP USERS_SLICE REVISION [--environment=NAME ...] [PROPERTY=VALUE ...]
REVISION is the server environment, NAME another variable that servers may be given, PROPERTY=VALUE what else their
units are given.
$RUNTIME_DIRECTORY is a directory of this very process's.
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import re
import socket
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FIRST_PERSON = 1000
LONGEST_REQUEST = 1 << 18
LONGEST_VALUE = 1 << 14
MOST_VARIABLES = 200
MOST_ARGUMENTS = 32
LONGEST_NAME = 255
LONGEST_UNIT = 200
READ_SECONDS = 5
STOP_SECONDS = 15
START_SECONDS = 60
ANSWER_SECONDS = 20
SOFT_FILES = 1024
"""Open files that programs may have unless they ask for more, as everywhere; select(2) takes no more."""
NO_RLIMIT, NO_LIMIT = (1 << 63) - 1, (1 << 64) - 1

CGROUPS = Path("/sys/fs/cgroup")
PROGRAM = "jupyterhub-singleuser-quick"
LIMITS = Path(__file__).with_name("jupyterhub-limits")
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"

KNOWN = re.compile(
    r"JUPYTERHUB_[A-Z0-9_]+|JPY_API_TOKEN|JUPYTER_(PATH|CONFIG_PATH|CONFIG_DIR|PREFER_ENV_PATH)|AUTH_[A-Z_]+"
    r"|(MEM|CPU)_(LIMIT|GUARANTEE)|LANG|LANGUAGE|LC_[A-Z]+|TZ"
)
"""What the hub says to a server, and what it is in any language. Not how programs are found or loaded (PATH, LD_*)."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """Nothing was done; the message is a sentence for the journal and the hub, `more` goes with it."""

    def __init__(self, message: str, **more: object) -> None:
        super().__init__(message)
        self.more = more


@dataclass(frozen=True)
class Rules:
    """What the unit file says: whose servers, in which slice, by which environment, and what else."""

    hub: str
    members: str
    users_slice: str
    revision: str
    variables: frozenset[str]
    properties: tuple[str, ...]


def read_rules(words: list[str]) -> Rules:
    """The command line."""
    hub, members, users_slice, revision, *more = words
    named = [word.removeprefix("--environment=") for word in more if word.startswith("--environment=")]
    properties = tuple(word for word in more if not word.startswith("--"))
    return Rules(hub, members, users_slice, revision, frozenset(named), properties)


def peer_uid(connection: socket.socket) -> int:
    """The account at the other end, as the kernel knows it."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def read_request(connection: socket.socket) -> dict[str, object]:
    """One bounded line, as an object."""
    connection.settimeout(READ_SECONDS)
    with connection.makefile("rb") as stream:
        line = stream.readline(LONGEST_REQUEST)
    if not line.endswith(b"\n"):
        raise Refused("the hub's request was cut short")
    request = json.loads(line)
    if not isinstance(request, dict):
        raise Refused("the hub's request is malformed")
    return request


def plain(value: object, longest: int, what: str) -> str:
    """A value that is text, of bounded length, and without control characters, which unit and file formats live on."""
    if not isinstance(value, str) or len(value) > longest or CONTROL.search(value):
        raise Refused(f"{what} is no text, or is too long, or has control characters in it")
    value.encode()  # a lone surrogate is no text either
    return value


def person(name: str) -> pwd.struct_passwd:
    """The account of somebody who isn't the system's."""
    try:
        account = pwd.getpwnam(name)
    except (KeyError, ValueError):
        raise Refused("there is no such account") from None
    # getpwnam may know an account by more than one name (directory services do); it has one here.
    if account.pw_name != name:
        raise Refused("the account has another name")
    if account.pw_uid < FIRST_PERSON:
        raise Refused(f"{name} is a system account")
    return account


def check_member(account: pwd.struct_passwd, group: str) -> None:
    """Refuse who isn't in the group."""
    if grp.getgrnam(group).gr_gid not in os.getgrouplist(account.pw_name, account.pw_gid):
        raise Refused(f"{account.pw_name} is not a member of {group}")


def slice_of(account: pwd.struct_passwd, rules: Rules) -> str:
    """The slice that all of somebody's servers are in."""
    return f"{rules.users_slice.removesuffix('.slice')}-{account.pw_uid}.slice"


def escaped(text: str) -> str:
    """Text as a part of a unit name: what units may not hold is written as systemd-escape would."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "".join(f"\\x{b:02x}" for b in c.encode())
                   for c in text)  # fmt: skip


def service_name(username: str, server: str) -> str:
    """A unit name in which a person recognises user and server; the colon, which neither can have, parts them."""
    name = f"jupyter-{escaped(username)}"
    if server:
        name += f":{escaped(server)}"
    if len(name) > LONGEST_UNIT:
        name = f"jupyter-{escaped(username)[:64]}:{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    return f"{name}.service"


def environment(account: pwd.struct_passwd, given: object, also: frozenset[str]) -> tuple[dict[str, str], list[str]]:
    """What the server finds in its environment, and the names that were left out."""
    own = {"HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name, "PATH": PATH}
    if not isinstance(given, dict) or len(given) > MOST_VARIABLES:
        raise Refused("the hub's environment for the server is malformed")
    taken, left_out = {}, []
    for name, value in given.items():
        if KNOWN.fullmatch(name) or (name in also and NAME.fullmatch(name)):
            taken[name] = plain(value, LONGEST_VALUE, name)
        elif name not in own:
            left_out.append(plain(name, LONGEST_NAME, "a variable's name"))
    return {"LANG": "C.UTF-8", "SHELL": account.pw_shell or "/bin/sh", **taken, **own}, left_out


def environment_file(variables: dict[str, str]) -> str:
    """As systemd reads it back (systemd.exec(5), EnvironmentFile=)."""
    quoted = {name: re.sub(r'([\\"$`])', r"\\\1", value) for name, value in variables.items()}
    return "".join(f'{name}="{value}"\n' for name, value in quoted.items())


def run(words: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Ask systemd; nothing of this process's own environment matters to it."""
    return subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL)


def set_limits(username: str) -> list[str]:
    """Have the person's slice limited as the admin wants it; returns what the unit must be given beside that."""
    done = run([str(LIMITS), username], ANSWER_SECONDS)
    if done.returncode:
        raise Refused(f"the limits of {username} can't be set: {done.stderr.strip()}")
    answer = json.loads(done.stdout)
    of_process = [
        f"Limit{name}={f'{min(SOFT_FILES, value)}:{value}' if name == 'NOFILE' else value}"
        for name, value in answer["rlimits"].items()
        if value < NO_RLIMIT
    ]
    # Of the unit: numbers, the times among them in microseconds.
    of_unit = [
        f"{name.removesuffix('USec')}Sec={value}us" if name.endswith("USec") else f"{name}={value}"
        for name, value in answer["scope"].items()
        if value < NO_LIMIT
    ]
    return [*of_process, *of_unit]


def start(rules: Rules, account: pwd.struct_passwd, unit: str, request: dict[str, object]) -> dict[str, object]:
    """Start the service; it is a process of the person's, running the program, when this returns."""
    arguments = request.get("arguments", [])
    if not isinstance(arguments, list) or len(arguments) > MOST_ARGUMENTS:
        raise Refused("the hub's arguments for the server are malformed")
    words = [plain(argument, LONGEST_VALUE, "an argument") for argument in arguments]
    variables, left_out = environment(account, request.get("environment"), rules.variables)
    # One that the hub has forgotten (its database is an older one, say) would keep its name from the new one.
    run(["/usr/bin/systemctl", "stop", "--", unit], STOP_SECONDS + ANSWER_SECONDS)
    run(["/usr/bin/systemctl", "reset-failed", "--", unit], ANSWER_SECONDS)
    person_slice = slice_of(account, rules)
    properties = [
        f"Description=Jupyter server of {account.pw_name}",
        f"Slice={person_slice}",
        # Numbers: systemd takes a name of digits alone for one.
        f"User={account.pw_uid}",
        f"Group={account.pw_gid}",
        # The server looks at its home itself, as the person, and ends with a status that says what is wrong with it.
        f"WorkingDirectory=-{account.pw_dir}",
        # By a file of root's, since `systemctl show` tells everybody what is in Environment=.
        f"EnvironmentFile={os.environ['RUNTIME_DIRECTORY']}/environment",
        f"SyslogIdentifier=jupyter-{account.pw_name}",
        # The server ends its kernels and terminals itself; what it leaves behind, systemd does.
        "KillMode=mixed",
        f"TimeoutStopSec={STOP_SECONDS}",
        # A kernel that ran out of memory is reported dead in its notebook; the rest goes on.
        "OOMPolicy=continue",
        # Where the whole machine is out of it, it is a user's before the hub's, or anybody's ssh.
        "OOMScoreAdjust=300",
        "UMask=0022",
        *set_limits(account.pw_name),
        *rules.properties,
    ]
    file = Path(os.environ["RUNTIME_DIRECTORY"], "environment")
    file.touch(0o600, exist_ok=False)
    file.write_text(environment_file(variables), encoding="utf-8")
    command = ["/usr/bin/systemd-run", "--service-type=exec", f"--unit={unit}"]
    command += [f"--property={word}" for word in properties]
    # systemd would read a "$" in there as a variable.
    # -X no_debug_ranges: columns within lines, for tracebacks, take memory. Kernels are processes of their own.
    program = [f"{rules.revision}/bin/python", "-I", "-X", "no_debug_ranges", f"{rules.revision}/bin/{PROGRAM}"]
    command += ["--", *program, *(word.replace("$", "$$") for word in words)]
    done = run(command, START_SECONDS)
    if done.returncode:
        run(["/usr/bin/systemctl", "reset-failed", "--", unit], ANSWER_SECONDS)
        raise Refused(f"systemd did not start {unit}: {done.stderr.strip()[:500]}")
    group = f"{rules.users_slice}/{person_slice}/{unit}"
    try:
        pid = int((CGROUPS / group / "cgroup.procs").read_text().split()[0])
        born = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError):
        told = f"the server ended at once; see: journalctl --unit={unit}"
        raise Refused(told, status=ended(unit)["status"]) from None
    return {"unit": unit, "group": group, "pid": pid, "born": born, "left_out": left_out}


def stop(unit: str) -> dict[str, object]:
    """Stop a unit; nothing is left of it when this returns, its failure included."""
    done = run(["/usr/bin/systemctl", "stop", "--", unit], STOP_SECONDS + ANSWER_SECONDS)
    known = "not loaded" not in done.stderr
    if done.returncode and known:
        raise Refused(f"systemd did not stop {unit}: {done.stderr.strip()[:500]}")
    run(["/usr/bin/systemctl", "reset-failed", "--", unit], ANSWER_SECONDS)
    return {}


def ended(unit: str) -> dict[str, object]:
    """How a unit ended, as systemd says it; asked for once, then forgotten."""
    shown = run(["/usr/bin/systemctl", "show", "--property=ActiveState,Result,ExecMainStatus", "--", unit],
                ANSWER_SECONDS)  # fmt: skip
    said = dict(line.partition("=")[::2] for line in shown.stdout.splitlines())
    run(["/usr/bin/systemctl", "reset-failed", "--", unit], ANSWER_SECONDS)
    status = said.get("ExecMainStatus", "")
    return {
        "result": said.get("Result", "") if said.get("ActiveState") == "failed" else "success",
        "status": int(status) if status.isdigit() else 0,
    }


def answer(rules: Rules, connection: socket.socket) -> dict[str, object]:
    """Do what is asked for, or refuse it."""
    if peer_uid(connection) not in (0, pwd.getpwnam(rules.hub).pw_uid):
        raise Refused("nobody but the hub may ask")
    request = read_request(connection)
    account = person(plain(request.get("user"), LONGEST_NAME, "the user's name"))
    unit = service_name(account.pw_name, plain(request.get("server", ""), LONGEST_NAME, "the server's name"))
    action = request.get("action")
    if action == "start":
        check_member(account, rules.members)
        return start(rules, account, unit, request)
    pid = request.get("pid")
    if pid is not None:
        if type(pid) is not int or not 1 < pid < 1 << 22:
            raise Refused("the process's number is none")
        unit = f"jupyter-{escaped(account.pw_name)}-{pid}.scope"
    # The server of somebody who was taken out of the group while it ran is stopped all the same.
    if not (CGROUPS / rules.users_slice / slice_of(account, rules) / unit).is_dir():
        check_member(account, rules.members)
    if action == "stop":
        return stop(unit)
    if action == "ended":
        return ended(unit)
    raise Refused("the hub asks for something else than start, stop and ended")


def main() -> None:
    """Serve the one request on standard input."""
    rules = read_rules(sys.argv[1:])
    with socket.socket(fileno=0) as connection:
        try:
            reply: dict[str, object] = {"ok": True, **answer(rules, connection)}
        except Refused as refusal:
            print(f"refused: {refusal}", file=sys.stderr)  # noqa: T201 - the journal
            reply = {"ok": False, "error": str(refusal), **refusal.more}
        except (ValueError, KeyError, TypeError, OSError, RecursionError, subprocess.TimeoutExpired) as error:
            reply = {"ok": False, "error": f"the hub's request could not be handled ({type(error).__name__})"}
            print(reply["error"], file=sys.stderr)  # noqa: T201
        try:
            connection.sendall(json.dumps(reply).encode() + b"\n")
        except OSError as error:
            print(f"the hub did not wait for the answer: {error}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
