"""Who gets in, and why: asked of the very code that decides at a login, as the hub's account."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from installer.host import paths
from installer.host.errors import Problem, UsageProblem
from installer.host.process import run


@dataclass(frozen=True)
class Answer:
    """What a login of somebody's would come to.

    account: None where there can be none. owner: the name that its owner came with; "" without one.
    """

    name: str
    account: str | None
    allowed: bool
    admin: bool
    why: str
    owner: str


def ask(name: str, groups: Sequence[str], organizations: Sequence[str], emails: Sequence[str]) -> Answer:
    """Ask. groups, organizations, emails: what the provider would tell of them. Raises Problem."""
    if not paths.AUTH_RULES.exists():
        raise UsageProblem("there is no hub on this machine yet", "run: sudo python3 -m installer apply")
    told = (("--group", groups), ("--organization", organizations), ("--email", emails))
    words = [str(paths.VENV.resolve() / "bin" / "python"), "-I", "-m", "installer.hub.allowed"]
    # With "=", since a name may begin with a hyphen.
    words += [f"{option}={value}" for option, values in told for value in values]
    done = run([*words, "--", str(paths.AUTH_RULES), str(paths.HUB_DATABASE), name], user=paths.HUB_USER, check=False)
    if not done.ok:
        said = (done.stderr.strip() or "the rules can't be read").splitlines()[-1]
        raise Problem(f"nobody can log in: {said}", "edit the file that is named there")
    return Answer(**json.loads(done.stdout))


def owners() -> dict[str, str]:
    """What those are called at the login provider who have accounts by it, for each account. Raises Problem."""
    found: dict[str, str] = json.loads(_owners() or "{}")
    return found


def hand_over(account: str, new: str) -> None:
    """Note that whose an account was, that one's is the new one. Raises Problem."""
    _owners("--moved", account, new)


def disown(account: str) -> None:
    """Forget whose an account was. Raises Problem."""
    _owners("--gone", account)


def _owners(*words: str) -> str:
    """Ask the hub's database, as the hub's account: what that has put there, root doesn't open."""
    if not paths.AUTH_RULES.exists():
        return ""
    python = str(paths.VENV.resolve() / "bin" / "python")
    command = [python, "-I", "-m", "installer.hub.owners", *words, str(paths.HUB_DATABASE)]
    return run(command, user=paths.HUB_USER).stdout
