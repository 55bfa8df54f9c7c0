"""PAM: every module that a login asks is there, and nobody is let in without being asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from installer.commands.doctor.finding import APPLY, Finding, ok, problem
from installer.commands.doctor.server import Server
from installer.host import paths

AREA = "PAM"
_RULES = Path("/etc/pam.d")
_MODULES = ("/lib/*/security", "/usr/lib/*/security", "/lib/security", "/usr/lib/security")
_RULE = re.compile(r"\s*(-?\w+)\s+(\[[^\]]*\]|\w+)\s+(\S+)")
_AGAIN = "sudo pam-auth-update --force"


def look(server: Server) -> list[Finding]:
    """Read the service's rules, and what they include."""
    if server.situation is not None and not server.situation.site.checks_passwords:
        return [ok(AREA, f"{paths.CONFIG_FILE} has nobody log in by it")]
    texts: dict[str, str | None] = {}
    _read(paths.PAM_SERVICE.name, texts)
    there = {module.name for place in _MODULES for module in Path("/").glob(f"{place.lstrip('/')}/*.so")}
    return judge(texts, there)


def judge(texts: Mapping[str, str | None], there: Iterable[str]) -> list[Finding]:
    """Judge the rules. texts: by file, None where it is missing. there: names of all modules on this machine."""
    modules = set(there)
    found = []
    asked = False
    for name, text in texts.items():
        if text is None:
            mend = APPLY if name == paths.PAM_SERVICE.name else _AGAIN
            found.append(problem(AREA, f"{_RULES / name} is missing: nobody can log in", mend))
            continue
        for kind, control, module in _lines(text):
            if module not in modules and not kind.startswith("-"):
                what = f"{_RULES / name} asks {module}, which is not there"
                mend = f"install the package that has it, or take the line out: sudoedit {_RULES / name}"
                found.append(problem(AREA, what, mend))
            if kind == "auth" and module == "pam_permit.so" and not asked:
                what = f"{_RULES / name} lets everybody in before anything is asked ({control} {module})"
                found.append(problem(AREA, what, f"take that line out: sudoedit {_RULES / name}"))
            asked = asked or (kind == "auth" and module not in {"pam_permit.so", "pam_env.so", "pam_faildelay.so"})
    return found or [ok(AREA, f"the modules that {paths.PAM_SERVICE} asks are there")]


def _lines(text: str) -> list[tuple[str, str, str]]:
    """Kind, control and module of each rule."""
    joined = text.replace("\\\n", " ").splitlines()
    found = (_RULE.match(line) for line in joined)
    return [(rule[1], rule[2], Path(rule[3]).name) for rule in found if rule]


def _read(name: str, texts: dict[str, str | None]) -> None:
    if name in texts:
        return
    try:
        texts[name] = text = (_RULES / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        texts[name] = None
        return
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["@include"] and len(words) > 1:
            _read(words[1], texts)
