"""A real login, nearly: a throw-away member's server is started, and a cell run in it through nginx."""

from __future__ import annotations

import json

from installer.commands import selftest
from installer.commands.alone import alone
from installer.commands.doctor.finding import Finding, ok, problem
from installer.commands.doctor.server import Server
from installer.features.site import Site
from installer.host import paths
from installer.host.errors import Problem
from installer.host.process import run

AREA = "login"
_SECONDS = 120
_CODE, _EXPECT = "print(6 * 7)", "42"


def look(server: Server) -> list[Finding]:
    """Do it."""
    site = server.known.site
    told: list[str] = []
    try:
        # An apply tests with the same account.
        with alone("doctor --deep"):
            seconds = selftest.run_selftest(site, lambda token: told.append(_cell(site, token)))
    except Problem as trouble:
        tail = trouble.detail.strip().splitlines()
        return [problem(AREA, f"{trouble.what}{': ' + tail[-1][:300] if tail else ''}", trouble.hint)]
    return judge(seconds, told[0])


def judge(seconds: float, trouble: str) -> list[Finding]:
    """Judge what came of it. trouble: of the cell, "" where it gave what it should."""
    if trouble:
        what = f"a member's server started, and a cell in it did not work: {trouble}"
        return [
            problem(AREA, what, f"see what the server said: sudo journalctl --identifier=jupyter-{paths.SELFTEST_USER}")
        ]
    return [ok(AREA, f"a throw-away member's server started in {seconds:.1f} s, and ran a cell")]


def _cell(site: Site, token: str) -> str:
    """Run a cell in the server by the way that a browser takes, as the member. Returns what is wrong, or nothing."""
    smoke = _smoke_of_default(site)
    question = {
        "host": site.host,
        "plain_at": site.config.web.reached_at if site.behind else "",
        "base_url": f"{site.config.hub.base_url}user/{paths.SELFTEST_USER}/",
        "authority": str(paths.SITE_CERTIFICATE),
        "token": token,
        "kernelspec": smoke[0],
        "code": smoke[1],
        "expect": smoke[2],
    }
    words = [str(paths.VENV.resolve() / "bin" / "python"), "-I", "-m", "installer.hub.cell_through_server"]
    done = run(words, stdin=json.dumps(question), user=paths.SELFTEST_USER, timeout=_SECONDS, check=False)
    try:
        return str(json.loads(done.stdout)["trouble"])
    except (ValueError, KeyError, TypeError):
        return (done.stderr.strip().splitlines() or ["it gave no answer"])[-1]


def _smoke_of_default(site: Site) -> tuple[str, str, str]:
    """Kernelspec, code and what should come of it: the first kernel's of the config, else the server's own Python's."""
    name = site.config.default_kernel or (site.config.kernels[0].name if site.config.kernels else None)
    for request in site.kernels:
        if request.name == name:
            return request.kernelspec, request.recipe.smoke.code, request.recipe.smoke.expect
    return "python3", _CODE, _EXPECT
