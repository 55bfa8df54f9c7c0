"""sudo: its rules can be read, and let the hub's account do the one thing that it should, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from installer.commands.doctor.finding import APPLY, Finding, ok, problem
from installer.commands.doctor.server import Server
from installer.host import paths
from installer.host.process import run

AREA = "sudo"
_SUDO = Path("/usr/bin/sudo")
_MAIN, _MORE = Path("/etc/sudoers"), Path("/etc/sudoers.d")
_SECURE_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""As sudoers.d/jupyterhub.j2 has it."""
_SPAWNER = paths.MEDIATOR


@dataclass(frozen=True)
class Rules:
    """What sudo is and allows.

    kind: as `sudo --version` begins. invalid: what visudo says of the rules, "" where it takes them.
    listed: what `sudo -l -U` says of the hub's account. spawner: the file that the link to the mediator leads to.
    setuid: whether sudo can become root at all.
    """

    kind: str
    invalid: str
    listed: str
    spawner: Path
    setuid: bool


def look(server: Server) -> list[Finding]:
    """Ask visudo and sudo, where servers are started by sudo."""
    if not server.known.site.config.spawner.by_sudo:
        return [ok(AREA, "not used: systemd starts members' servers")]
    checked = run(["visudo", "--check"], check=False, timeout=5)
    said = (checked.stderr + checked.stdout).strip().splitlines()
    version = run(["sudo", "--version"], check=False, timeout=5)
    return judge(
        Rules(
            kind=(version.stdout + version.stderr).partition("\n")[0].strip(),
            invalid="" if checked.ok else (said[0] if said else "visudo --check fails"),
            listed=run(["sudo", "-l", "-U", paths.HUB_USER], check=False, timeout=5).stdout,
            spawner=_SPAWNER.resolve(),
            setuid=_SUDO.exists() and bool(_SUDO.stat().st_mode & 0o4000) and _SUDO.stat().st_uid == 0,
        )
    )


def judge(rules: Rules) -> list[Finding]:
    """Judge the rules."""
    found = []
    if not rules.setuid:
        what = f"{_SUDO.resolve()} is not root's with the setuid bit, and can't become anybody"
        found.append(
            problem(AREA, what, f"as root, by su or at the console: chown root:root {_SUDO} && chmod 4755 {_SUDO}")
        )
    if rules.invalid:
        file = re.search(r"(/[^\s:]+)", rules.invalid)
        what = f"sudo's rules can't be read: {rules.invalid}"
        found.append(
            problem(
                AREA, what, f"mend the line (visudo --check names it): visudo -f {file[1] if file else '/etc/sudoers'}"
            )
        )
    elif rules.setuid:
        found += _allowed(rules.listed, rules.spawner)
    return found or [ok(AREA, f"{paths.HUB_USER} may start members' servers, and nothing else ({rules.kind})")]


def _allowed(listed: str, spawner: Path) -> Sequence[Finding]:
    commands = allowed_commands(listed)
    # sudo-rs shows where links lead.
    ours = [command for command in commands if _is_ours(command, {str(_SPAWNER), str(spawner)})]
    found = []
    if not ours:
        what = f"sudo does not let {paths.HUB_USER} start members' servers"
        found.append(problem(AREA, what, f"see that /etc/sudoers reads /etc/sudoers.d (@includedir), then: {APPLY}"))
    for command in commands:
        if command not in ours:
            what = f"sudo lets {paths.HUB_USER} do more than it should: {command}"
            mend = f"take that rule out: sudo visudo --file={_file_with(paths.HUB_USER)}"
            found.append(problem(AREA, what, mend))
    path = re.findall(r"secure_path=([^,\s]+)", listed)
    if ours and path and path[-1].replace("\\", "") != _SECURE_PATH:
        what = f"another rule gives {paths.HUB_USER} a secure_path of its own: {path[-1]}"
        mend = f"take it out, or set it for others alone: sudo visudo --file={_file_with('secure_path')}"
        found.append(problem(AREA, what, mend))
    return found


def allowed_commands(listed: str) -> list[str]:
    """The rules in what `sudo -l -U` says: the lines below the one that ends in a colon, each with who to be.

    sudo folds what is longer than a terminal is wide; what goes on is further in.
    """
    _, _, below = listed.partition("may run the following commands on")
    rules: list[str] = []
    for line in (line.strip() for line in below.splitlines()[1:]):
        if line.startswith("("):
            rules.append(line)
        elif line and rules:
            rules[-1] += f" {line}"
    return rules


def _is_ours(command: str, spawners: Set[str]) -> bool:
    who, _, what = command.partition(")")
    groups = re.sub(r"[\s(]", "", who)
    return groups == f"%{paths.MEMBERS_GROUP},!#0" and what.split() in (["NOPASSWD:", each] for each in spawners)


def _file_with(word: str) -> Path:
    """The file of sudo's rules that a rule is most likely in: the last one that has a word in it and isn't ours."""
    files = [_MAIN, *sorted(file for file in _MORE.glob("*") if file != paths.SUDOERS)]
    return next((file for file in reversed(files) if file.is_file() and word.encode() in file.read_bytes()), _MAIN)
