"""The directory that people log in with, asked from here: what an admin is to know of it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from installer.features.site import Site
from installer.host import paths
from installer.host.process import run

_PATIENCE = 60.0
_PROGRAM = "installer.hub.ask_directory"


@dataclass(frozen=True)
class Told:
    """What came of asking. trouble: why nobody can log in just now (one line). lacks: groups that nobody is in."""

    trouble: str | None = None
    lacks: tuple[str, ...] = ()


def ask_directory(site: Site) -> Told:
    """Whether people can log in, and the groups of auth.allow have anybody; nothing where there is no hub yet to ask.

    Asked by the hub's own code, as its account: what a server answers is nothing for root to read.
    """
    python = paths.VENV.resolve() / "bin" / "python"
    if not _has_program():
        return Told()
    auth = site.config.auth
    password = paths.LDAP_PASSWORD.read_text(encoding="utf-8").strip() if auth.ldap.bind_dn else ""
    groups = list(dict.fromkeys((*auth.allow.groups, *auth.allow.admin_groups)))
    question = {"ldap": auth.ldap.model_dump(), "ca_file": auth.ca_file, "password": password, "groups": groups}
    words = [str(python), "-I", "-m", _PROGRAM]
    done = run(words, user=paths.HUB_USER, stdin=json.dumps(question), check=False, timeout=_PATIENCE)
    try:
        told = json.loads(done.stdout)
        return Told(told["trouble"], tuple(told["lacks"]))
    except (ValueError, TypeError, KeyError):
        # It failed; or the hub that is there is of an older version, which answers with the line itself.
        said = (done.stdout if done.ok else done.stderr).strip().splitlines()
        return Told(said[-1] if said else None)


def _has_program() -> bool:
    """Whether the server environment is one that knows of directories."""
    return any(paths.VENV.glob(f"lib/python3*/site-packages/{_PROGRAM.replace('.', '/')}.py"))
