"""Signing in: whether the login provider answers and is the one that is meant; where it sends people back to."""

from __future__ import annotations

from installer.commands import login_provider, native_people, sign_in
from installer.commands.doctor.finding import Finding, ok, problem, warning
from installer.commands.doctor.server import Server
from installer.host import paths
from installer.host.errors import Problem
from installer.host.process import run

AREA = "sign-in"


def look(server: Server) -> list[Finding]:
    """Ask the provider, and have the hub read its lists of people."""
    site = server.known.site
    found = []
    try:
        sign_in.refuse_unfit(site)
        told = login_provider.ask_provider(site)
    except Problem as wrong:
        return [problem(AREA, wrong.what, wrong.hint)]
    if told.trouble is not None:
        reach = f"see that this machine reaches it; else mend auth in {paths.CONFIG_FILE}"
        found.append(problem(AREA, told.trouble, reach))
    for group in told.lacks:
        what = login_provider.no_group(group, login_provider.nobody_in_it(site))
        found.append(
            warning(AREA, what, f"mend the name in {paths.CONFIG_FILE}, to the letter as the directory has it")
        )
    python = paths.VENV.resolve() / "bin" / "python"
    words = [str(python), "-I", "-m", "installer.hub.allowed", "--check", str(paths.AUTH_RULES)]
    done = run(words, user=paths.HUB_USER, check=False, timeout=30)
    if not done.ok:
        said = (done.stderr.strip() or "the lists of people can't be read").splitlines()[-1]
        found.append(problem(AREA, f"nobody can log in: {said}", "edit the file that is named there"))
    auth = site.config.auth
    if auth.is_native and not found:
        return [judge_native(len([each for each in native_people.everybody() if not each.approved]))]
    return found or [judge(auth.service, site.callback_url if auth.is_oauth else "")]


def judge_native(waiting: int) -> Finding:
    """Say how people log in, and whether some wait to be let in."""
    ask = f"; {waiting} wait to be let in (installer user list)" if waiting else ""
    return ok(AREA, f"people log in with names and passwords of the hub's own{ask}")


def judge(service: str, callback_url: str) -> Finding:
    """Say how people log in. service: "" for this machine's own accounts."""
    if not service:
        return ok(AREA, "people log in with their accounts on this machine")
    if not callback_url:
        return ok(AREA, f"people log in with the password that {service} has")
    return ok(AREA, f"people log in with {service}, which sends them back to {callback_url}")
