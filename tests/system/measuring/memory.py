"""What the hub takes of a server's memory: proportional set sizes (PSS) of everything that runs for it."""

from __future__ import annotations

import json
import time

from tests.system.machine import Machine
from tests.system.machine_image import DOMAIN, HOSTNAME
from tests.system.machine_person import ADMIN
from tests.system.measuring import by_hand, starts
from tests.system.measuring.stage import Stage
from tests.system.measuring.table import Row, load

SETTLE_SECONDS = 5

# A page that processes share counts for each by its part, so that the sum is what the server really gives (proc(5)).
_PSS = r"""
import collections, json, pathlib, re
megabytes = collections.Counter()
for process in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        groups = (process / "cgroup").read_text()
        pss = re.search(r"^Pss:\s+(\d+)", (process / "smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        continue
    unit = re.search(r"^0::\S*?/(jupyterhub[^/\s]*\.service|nginx\.service|jupyterusers\.slice|by-hand\.service)",
                     groups, re.MULTILINE)
    if unit and pss:
        megabytes[unit[1]] += int(pss[1]) / 1024
print(json.dumps(megabytes))
"""

# What a browser does: the login form, then the start of the own server.
_START_SERVER = rf"""
ask() {{
    curl --silent --cacert /etc/jupyterhub/tls/ca.crt --resolve {HOSTNAME}.{DOMAIN}:443:127.0.0.1 \
        --cookie /root/cookies --cookie-jar /root/cookies "$@"
}}
site=https://{HOSTNAME}.{DOMAIN}
xsrf=$(ask $site/hub/login | sed -n 's/.*name="_xsrf" value="\([^"]*\)".*/\1/p' | head -1)
ask --output /dev/null --data-urlencode "_xsrf=$xsrf" --data-urlencode "username={ADMIN.name}" \
    --data-urlencode "password={ADMIN.password}" $site/hub/login
ask --output /dev/null --location $site/hub/spawn
until [ "$(ask --output /dev/null --write-out '%{{http_code}}' $site/hub/spawn-pending/{ADMIN.name})" = 302 ]; do
    sleep 0.2
done
"""


def measure(stage: Stage, runs: int, loads: list[float]) -> list[Row]:
    """Each time on a server that has just booted: idle, with one user's server, and the rival idle."""
    idle, busy, rival = [], [], []
    for _ in range(runs):
        loads.append(load())
        with Machine(stage.applied) as machine:
            starts.wait(machine)
            idle.append(_by_unit(machine))
            machine.run(_START_SERVER, timeout=180)
            busy.append(_by_unit(machine))
        with Machine(stage.by_hand) as machine:
            by_hand.start(machine)
            starts.seconds_until(machine, "true", by_hand.ANSWERS)
            rival.append(_by_unit(machine))
    rows = [Row("everything, idle", [sum(seen.values()) for seen in idle], "MB")]
    units = sorted({unit for seen in idle for unit in seen})
    rows += [Row(f"of that, {unit}", [seen.get(unit, 0) for seen in idle], "MB") for unit in units]
    rows.append(Row("everything, with one user's server", [sum(seen.values()) for seen in busy], "MB"))
    users = [seen.get("jupyterusers.slice", 0) for seen in busy]
    rows.append(Row("of that, in the user's slice", users, "MB"))
    rows.append(Row("plain `jupyterhub` (hub and proxy alone), idle", [sum(seen.values()) for seen in rival], "MB"))
    return rows


def _by_unit(machine: Machine) -> dict[str, float]:
    time.sleep(SETTLE_SECONDS)
    seen: dict[str, float] = json.loads(machine.run(["python3", "-c", _PSS]).stdout)
    return seen
