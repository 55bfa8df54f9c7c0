"""The admin's own settings of the hub: it would still start with them."""

from __future__ import annotations

from installer.commands.doctor.finding import Finding, ok, problem
from installer.commands.doctor.server import Server
from installer.host import paths
from installer.host.process import run

AREA = "settings"


def look(server: Server) -> list[Finding]:
    """Have them loaded as the hub's account, the way an apply does, where there are any."""
    own = server.known.site.facts.hub_fragments
    if not own:
        return judge(0, "")
    python = paths.VENV.resolve() / "bin" / "python"
    words = [str(python), "-I", "-m", "installer.hub.check_config", str(paths.HUB_CONFIG)]
    done = run(words, user=paths.HUB_USER, check=False, timeout=30)
    said = (done.stderr.strip() or done.stdout.strip() or "it can't be loaded").splitlines()
    return judge(len(own), "" if done.ok else said[-1])


def judge(files: int, refused: str) -> list[Finding]:
    """Judge what came of it."""
    if refused:
        what = f"the hub will not start again with its settings: {refused}"
        return [problem(AREA, what, f"edit the file that is named there, below {paths.CONF_D}")]
    return [
        ok(
            AREA,
            f"the hub takes the {files} files in {paths.CONF_D}" if files else f"none of your own in {paths.CONF_D}",
        )
    ]
