"""`installer kernel` in a machine: run to its end, what it left, and people at work in kernels meanwhile."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from installer.host import paths
from tests.channel.build import SERVED
from tests.system import tiny_channel
from tests.system.machine import Machine
from tests.system.machine_installer import BY_ADMIN, pending
from tests.system.machine_person import ADMIN, CHECKOUT, CONFIG
from tests.system.machine_process import Result

COMMENTS = ("# The campus's hub.", "# on our own disk", "# what people compute in")
EMPTY_CONFIG = f"""\
{COMMENTS[0]}
channels:
  - {SERVED.as_uri()}  {COMMENTS[1]}
  - {tiny_channel.ADDRESS}
kernels: []  {COMMENTS[2]}
"""
SMALL = "small"
SMALL_PACKAGES = ("requests==2.31.0",)
"""With what every Python kernel needs, all that is in the kernel `small`."""

_COMPUTING = """
import json, sys
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name=sys.argv[1])
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    said = []
    def take(message):
        content = message["content"]
        said.append(content.get("text") or content.get("data", {}).get("text/plain") or content.get("evalue") or "")
    client.execute_interactive(json.loads(line), timeout=60, output_hook=take)
    print(json.dumps("".join(said).strip()), flush=True)
manager.shutdown_kernel(now=True)
"""

# What pip or a compiler writes has times in it; all else follows from packages and the directory's name alone.
_TREE = r"""
import hashlib, json, os, pathlib, sys
prefix = pathlib.Path(sys.argv[1])
found = {}
for path in prefix.rglob("*"):
    name = str(path.relative_to(prefix))
    if name.startswith(("conda-meta/", "kernelspec/", ".", "kernel.lock")) or "__pycache__" in name:
        continue
    if path.is_symlink():
        found[name] = os.readlink(path)
    elif path.is_file():
        content = path.read_bytes().replace(str(prefix).encode(), b"PREFIX")
        found[name] = f"{path.stat().st_mode:o} {hashlib.sha256(content).hexdigest()}"
print(json.dumps(found))
"""


def kernel(
    machine: Machine, *words: str, code: int = 0, timeout: float = 180, env: Mapping[str, str] | None = None
) -> Result:
    """Run `installer kernel …` as root, whom the admin has become by sudo; it has to exit with `code`."""
    result = machine.run(
        kernel_words(*words), cwd=CHECKOUT, env={**BY_ADMIN, **(env or {})}, check=False, timeout=timeout
    )
    assert result.code == code, result
    assert "Traceback" not in result.output, result
    return result


def kernel_words(*words: str) -> list[str]:
    """The command as an admin types it after `sudo`."""
    return ["python3", "-m", "installer", "kernel", *words]


def asked(machine: Machine, *words: str) -> Any:
    """What a command prints with --json."""
    return json.loads(kernel(machine, *words, "--json").stdout)


def refused(machine: Machine, *words: str, code: int = 1, timeout: float = 180) -> str:
    """Run a command that has to fail in good order. Returns what it said: the error, details, the hint."""
    return complaint(kernel(machine, *words, code=code, timeout=timeout))


def complaint(result: Result) -> str:
    """The error of a command that failed in good order: what and where, details, what to do."""
    lines = result.stderr.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("error: "))
    assert lines[-1].startswith("hint: "), result
    assert all(line.startswith("  ") for line in lines[start + 1 : -1]), result
    return "\n".join(lines[start:])


def current(machine: Machine, name: str = SMALL) -> str:
    """The directory of the revision that Jupyter is pointed at under a name."""
    target = machine.run(["readlink", f"{paths.KERNELSPECS}/{name}"]).stdout.strip()
    assert target.startswith(f"{paths.KERNELS}/"), target
    assert target.endswith("/kernelspec"), target
    return str(Path(target).parent)


def revision(machine: Machine, name: str = SMALL) -> str:
    """The id of that revision."""
    return Path(current(machine, name)).name


def revisions(machine: Machine, name: str = SMALL) -> set[str]:
    """The revisions of a kernel that are on disk, whole or not."""
    listed = machine.run(["ls", f"{paths.KERNELS}/{name}"], check=False).stdout.split()
    return set(listed) - {"history"}


def versions(machine: Machine, prefix: str) -> dict[str, str]:
    """What an environment has, read by an account without rights as conda does: name and version of each package."""
    read = (
        "import json, pathlib, sys\n"
        "records = [json.loads(file.read_text()) for file in pathlib.Path(sys.argv[1], 'conda-meta').glob('*.json')]\n"
        "print(json.dumps({record['name']: record['version'] for record in records}))"
    )
    found: dict[str, str] = json.loads(machine.run(["python3", "-c", read, prefix], user=ADMIN.name).stdout)
    return found


def tree(machine: Machine, prefix: str) -> dict[str, str]:
    """Every file of an environment with its mode and content, apart from where the environment is."""
    found: dict[str, str] = json.loads(machine.run(["python3", "-c", _TREE, prefix]).stdout)
    return found


def python(machine: Machine, code: str, *, name: str = SMALL) -> str:
    """What a kernel's Python says, run by an account without rights."""
    return machine.run([f"{current(machine, name)}/bin/python", "-c", code], user=ADMIN.name).stdout.strip()


def config(machine: Machine) -> str:
    """The config's text, in which the admin's comments have to be still."""
    text = machine.read(CONFIG)
    for comment in COMMENTS:
        assert comment in text, text
    return text


def settled(machine: Machine) -> None:
    """Config and machine agree, nothing is half done, and nothing of a build is left."""
    left = {
        "changes": pending(machine),
        "files": machine.run(
            f"ls -d {paths.KERNELS_SCRATCH}/* {paths.INSTALLER_RUN}/*-kernel-* {paths.INSTALLER_RUN}/*-check-*",
            check=False,
        ).stdout,
        "units": machine.run("systemctl list-units --all --no-legend 'jupyterhub-kernel*'").stdout,
        "processes": machine.run(["pgrep", "--list-full", "--euid", paths.KERNELS_USER], check=False).stdout,
    }
    assert not any(left.values()), left
    for directory in machine.run(f"ls -d {paths.KERNELS}/*/*/", check=False).stdout.split():
        assert machine.run(["test", "-e", f"{directory}.complete"], check=False).ok, f"{directory} is half built"


class Computing:
    """Somebody who works in a kernel that was started from what Jupyter was pointed at then."""

    def __init__(self, machine: Machine, name: str) -> None:
        words = [f"{paths.VENV}/bin/python", "-c", _COMPUTING, name]
        self._process = subprocess.Popen(
            machine.command(words, user=ADMIN.name, env={"JUPYTER_PATH": str(paths.SHARE)}),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._answer() == "ready"

    def run(self, code: str) -> str:
        """What a cell prints, and the value of its last line."""
        assert self._process.stdin is not None
        print(json.dumps(code), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer: str = json.loads(self._process.stdout.readline())
        return answer

    def end(self) -> None:
        """Shut the kernel down."""
        self._process.communicate(timeout=60)


@contextmanager
def computing(machine: Machine, name: str = SMALL) -> Iterator[Computing]:
    """Somebody at work in a kernel."""
    person = Computing(machine, name)
    try:
        yield person
    finally:
        person.end()
