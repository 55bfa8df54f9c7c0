"""From a fresh server to a running hub, against the same installs by hand: with nothing in any cache, and with all."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.system.machine import Machine
from tests.system.machine_person import ADMIN, apply
from tests.system.machine_process import Result
from tests.system.measuring import by_hand
from tests.system.measuring.stage import Stage
from tests.system.measuring.table import Row, load

_CACHES = ("root/.cache", "root/.npm", "var/cache/apt/archives", "var/cache/jupyterhub-installer", "var/lib/apt/lists")
_BUILDER = "jupyterhub-build"


def measure(stage: Stage, runs: int, loads: list[float]) -> list[Row]:
    """Both ways in turn, each time in a fresh machine."""
    ways: dict[str, Callable[[Machine], Result]] = {
        "apply": lambda machine: apply(machine, ADMIN),
        "by hand": by_hand.install,
    }
    seconds: dict[tuple[str, str], list[float]] = {}
    with TemporaryDirectory(dir="/var/tmp", prefix="bench-") as directory:
        caches = {way: Path(directory) / f"{way}.tar" for way in ways}
        for cache in ("cold", "warm"):
            for _ in range(runs):
                for way, install in ways.items():
                    with Machine(stage.fresh, cold=True) as machine:
                        if cache == "warm":
                            _fill_caches(machine, caches[way])
                        loads.append(load())
                        took = install(machine).seconds
                        print(f"{way}, caches {cache}: {took:.1f} s", flush=True)
                        seconds.setdefault((way, cache), []).append(took)
                        if not caches[way].exists():
                            _keep_caches(machine, caches[way])
    names = {"apply": "`installer apply`", "by hand": "venv + pip + npm + nginx by hand"}
    return [Row(f"{names[way]}, caches {cache}", seconds[way, cache]) for cache in ("cold", "warm") for way in names]


def _keep_caches(machine: Machine, file: Path) -> None:
    """Save what a next installation needn't download."""
    there = [path for path in _CACHES if machine.run(["test", "-e", f"/{path}"], check=False).ok]
    with file.open("wb") as archive:
        _run(machine, ["tar", "--create", "--numeric-owner", "--directory=/", *there], stdout=archive)
    # Its cache belongs to the account that builds: on the next machine that one needs the same number.
    account = machine.run(["getent", "passwd", _BUILDER], check=False).stdout
    file.with_suffix(".account").write_text(account)


def _fill_caches(machine: Machine, file: Path) -> None:
    with file.open("rb") as archive:
        _run(machine, ["tar", "--extract", "--numeric-owner", "--directory=/"], stdin=archive)
    account = file.with_suffix(".account").read_text().strip()
    if account:
        name, _, uid, _, comment, home, shell = account.split(":")
        fields = [f"--uid={uid}", f"--comment={comment}", f"--home-dir={home}", f"--shell={shell}"]
        machine.run(["useradd", "--system", "--no-create-home", "--user-group", *fields, name])


def _run(machine: Machine, argv: Sequence[str], **streams: object) -> None:
    subprocess.run(machine.command(argv), check=True, timeout=600, **streams)  # type: ignore[call-overload]
