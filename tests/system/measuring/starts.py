"""How soon the hub answers, against `jupyterhub` with no config at all."""

from __future__ import annotations

from tests.system.machine import Machine
from tests.system.machine_image import DOMAIN, HOSTNAME
from tests.system.measuring import by_hand
from tests.system.measuring.stage import Stage
from tests.system.measuring.table import Row, load

_NAME = f"{HOSTNAME}.{DOMAIN}"
OURS_ANSWERS = (
    f"curl --silent --fail --output /dev/null --cacert /etc/jupyterhub/tls/ca.crt --resolve {_NAME}:443:127.0.0.1 "
    f"https://{_NAME}/hub/login"
)
_OURS = ("jupyterhub.service", "jupyterhub-proxy.service")


def measure(stage: Stage, runs: int, loads: list[float]) -> list[Row]:
    """Both in turn; the first start of each, which makes a database, doesn't count."""
    start, restart, rival = [], [], []
    with Machine(stage.applied) as ours, Machine(stage.by_hand) as theirs:
        theirs.run("mkdir -p /srv/by-hand")
        for _ in range(runs + 1):
            loads.append(load())
            ours.run(["systemctl", "stop", *_OURS])
            start.append(seconds_until(ours, f"systemctl start {' '.join(_OURS)}", OURS_ANSWERS))
            rival.append(seconds_until(theirs, by_hand.START, by_hand.ANSWERS))
            theirs.run(by_hand.STOP)
            restart.append(seconds_until(ours, "systemctl restart jupyterhub.service", OURS_ANSWERS))
    return [
        Row("start hub and proxy, until the login page comes through nginx", start[1:]),
        Row("plain `jupyterhub` (hub and proxy), until its login page comes", rival[1:]),
        Row("`systemctl restart jupyterhub`, until the login page comes through nginx", restart[1:]),
    ]


def wait(machine: Machine) -> None:
    """Return when the hub answers through nginx."""
    seconds_until(machine, "true", OURS_ANSWERS)


def seconds_until(machine: Machine, doing: str, answers: str) -> float:
    """The seconds from the start of a command to the first answer, as the machine itself sees them."""
    script = f"begun=$EPOCHREALTIME; {doing} || exit; until {answers}; do sleep 0.02; done; echo $begun $EPOCHREALTIME"
    begun, ended = map(float, machine.run(script, timeout=120).stdout.split())
    return ended - begun
