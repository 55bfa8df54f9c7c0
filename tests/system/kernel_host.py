"""A server that kernels' environments can be built on, without a hub: the account, its directories and the builder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from installer.host import paths
from installer.kernels.worker import program_files
from tests.channel.pack import Content, index, pack
from tests.system.machine import Machine
from tests.system.machine_person import CHECKOUT

CHANNEL = "/srv/channel"

_PRELUDE = """\
import json, os, sys, time
from pathlib import Path
sys.path.insert(0, "{checkout}")
from installer.host.errors import Problem
from installer.kernels import activation, engine, environment, pip_layer, sandbox
from installer.kernels.scratch import scratch
"""


def prepare(machine: Machine) -> None:
    """Make the account and directories that apply would make, and the installer's own environment."""
    machine.run(["python3", "-m", "installer", "config", "check"], cwd=CHECKOUT, timeout=300)
    machine.run(["useradd", "--system", "--user-group", "--shell=/usr/sbin/nologin", paths.KERNELS_USER])
    machine.run(["mkdir", "-p", str(paths.KERNELS), str(paths.SECRETS)])
    machine.run(["chmod", "700", str(paths.SECRETS)])
    own = [f"--owner={paths.KERNELS_USER}", f"--group={paths.KERNELS_USER}", "--mode=0700", "--directory"]
    machine.run(["install", *own, str(paths.KERNELS_CACHE)])
    for name, content in program_files().items():
        machine.put(f"{paths.KERNEL_BUILDER}/{name}", content)


def as_installer(machine: Machine, code: str, *, timeout: float = 300, env: dict[str, str] | None = None) -> Any:
    """Run code as the installer would, in its environment; returns what it assigns to `answer`.

    A Problem becomes {"what": …, "hint": …, "detail": …}.
    """
    body = "".join(f"    {line}\n" for line in code.strip().splitlines())
    program = (
        f"{_PRELUDE.format(checkout=CHECKOUT)}try:\n{body}except Problem as problem:\n"
        "    answer = {'what': problem.what, 'hint': problem.hint, 'detail': problem.detail}\n"
        "print(json.dumps(answer, default=str))\n"
    )
    python = machine.run("ls -d /var/lib/jupyterhub-installer/env/*/bin/python").stdout.strip()
    said = machine.run([python, "-I", "-B", "-c", program], timeout=timeout, env=env)
    return json.loads(said.stdout.splitlines()[-1])


def put_channel(machine: Machine, directory: Path) -> None:
    """Copy a channel to where the machine's builds find it."""
    machine.run(["rm", "-rf", CHANNEL])
    machine.put_tree(
        directory, [file.relative_to(directory) for file in directory.rglob("*") if file.is_file()], CHANNEL
    )
    machine.run(["chmod", "-R", "a+rX", CHANNEL])


def python_package(channel: Path, machine: Machine) -> str:
    """A `python` for the channel that is no more than the machine's own, as a virtual environment has it.

    Returns its version, which is 3.N.99: nobody else's.
    """
    minor = machine.run(["python3", "-c", "import sys; print(sys.version_info.minor)"]).stdout.strip()
    link = channel.parent / "python"
    link.symlink_to("/usr/bin/python3")
    files: dict[str, Content] = {
        "bin/python": link,
        "bin/python3": link,
        "pyvenv.cfg": b"home = /usr/bin\ninclude-system-site-packages = false\n",
        f"lib/python3.{minor}/site-packages/README.txt": b"packages go here\n",
    }
    pack(channel, name="python", version=f"3.{minor}.99", subdir="linux-64", files=files)
    link.unlink()
    index(channel)
    return f"3.{minor}"
