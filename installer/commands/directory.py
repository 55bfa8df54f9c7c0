"""The directory that people log in with, asked from here: what an admin is to know of it."""

from __future__ import annotations

import json

from installer.features.site import Site
from installer.host import paths
from installer.host.process import run

_PATIENCE = 60.0
_PROGRAM = "installer.hub.ask_directory"


def ask_directory(site: Site) -> str | None:
    """Why nobody can log in just now (one line); None where they can, or where there is no hub yet to ask.

    Asked by the hub's own code, as its account: what a server answers is nothing for root to read.
    """
    python = paths.VENV.resolve() / "bin" / "python"
    if not _has_program():
        return None
    auth = site.config.auth
    password = paths.LDAP_PASSWORD.read_text(encoding="utf-8").strip() if auth.ldap.bind_dn else ""
    question = {"ldap": auth.ldap.model_dump(), "ca_file": auth.ca_file, "password": password}
    words = [str(python), "-I", "-m", _PROGRAM]
    done = run(words, user=paths.HUB_USER, stdin=json.dumps(question), check=False, timeout=_PATIENCE)
    said = (done.stdout if done.ok else done.stderr).strip().splitlines()
    return said[-1] if said else None


def _has_program() -> bool:
    """Whether the server environment is one that knows of directories."""
    return any(paths.VENV.glob(f"lib/python3*/site-packages/{_PROGRAM.replace('.', '/')}.py"))
