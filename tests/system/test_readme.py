"""What the README tells an admin to type does what it says, from the first command to the last."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.channel.build import build, layer_of
from tests.system.conftest import Boot
from tests.system.machine import Machine
from tests.system.machine_host import cache_dir
from tests.system.machine_image import Layer
from tests.system.machine_person import ADMIN, APPLY_SECONDS, CHECKOUT, REPOSITORY, password_line
from tests.system.machine_process import Result

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")

INSTALL_KILOBYTES = 1_500_000
"""What a server with 2 GB has to spare; scripts/bench has what it really takes."""

VOLATILE = (
    "/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/log", "/var/cache", "/var/backups", "/home", "/srv",
    "/var/lib/apt", "/var/lib/dpkg", "/var/lib/systemd", "/var/lib/sudo", "/var/lib/logrotate",
)  # fmt: skip
"""Where a machine or a person writes (dpkg is asked for packages); only for our name is it looked there."""

LEFT_BY_OTHERS = re.compile(
    r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)- "  # copies from before the last change
    r"|\w+  /etc/(ld\.so\.cache|subuid|subgid)"
    r"|/root/\.ipython\b"  # IPython's, wherever it runs
)


# conda-forge may be out of reach where tests run, and is large: the kernels come from a channel beside the machine.
CHANNEL = "channels: [file:///srv/channel]\nkernels: []\n"


def test_from_top_to_bottom(server: Layer, boot: Boot) -> None:
    """Install, operate, add a kernel, take it all off: nothing of ours is left, and nothing else is missing."""
    top, *below = server.directories
    fresh = boot(Layer(server.suite, (top, layer_of(build(cache_dir())), *below)))
    fresh.run(["rm", "-r", "/etc/jupyterhub"])
    before = _state(fresh)
    fresh.put("/etc/jupyterhub/installer.yaml", CHANNEL)
    install, _ = _blocks("Install")
    with _watched_memory(fresh) as memory:
        assert "The hub is up:" in _type(fresh, install).stdout
    assert max(memory) < INSTALL_KILOBYTES

    add_member, plan_and_apply, look, go_back, upgrade = _blocks("Operate")
    (config,) = _blocks("Operate", "yaml")
    _type(fresh, add_member)
    fresh.put("/etc/jupyterhub/installer.yaml", config + CHANNEL)
    assert "The hub is up: https://hub.example.org/" in _type(fresh, plan_and_apply).stdout
    _answers(fresh, "hub.example.org")
    assert "Nothing was changed by hand" in _type(fresh, look).stdout
    assert "Nothing to do: " in _type(fresh, upgrade).stdout
    fresh.run("echo 127.0.0.1 hub.example.org >> /etc/hosts")  # as DNS would have it
    assert "back to generation 1" in _type(fresh, go_back).stdout
    assert fresh.read("/etc/jupyterhub/installer.yaml") == CHANNEL
    fresh.run("sed -i /hub.example.org/d /etc/hosts")

    (add_kernel,) = _blocks("Add a kernel")
    assert "physics" in _type(fresh, add_kernel).stdout.splitlines()[-1]
    assert _prefix_in_kernel(fresh, "physics", user="grace").startswith("/opt/jupyter/kernels/physics/")

    show, remove = _blocks("Take it off again")
    assert "python3-venv" in _type(fresh, show).stdout
    assert "off this server" in _type(fresh, remove).stdout
    fresh.run(["userdel", "--remove", "grace"], check=False)
    after = _state(fresh)
    assert "\n".join(sorted(after - before)) == "", "left behind"
    assert "\n".join(sorted(before - after)) == "", "gone as well"
    sudo_noted = ["-not", "-path", "/run/sudo/*"]  # when it was last asked, by account; until the next boot
    assert fresh.run(["find", "/etc", "/opt", "/run", "/tmp", "/var", "-iname", "*jupyter*", *sudo_noted]).stdout == ""
    assert fresh.run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "*jupyter*"]).stdout == ""
    assert fresh.run(["systemctl", "--failed", "--plain", "--no-legend"]).stdout == ""


def test_tests_are_run_as_the_readme_says() -> None:
    """By the command that CI runs as well."""
    assert "\nsudo scripts/test " in _blocks("Install")[1]
    assert "exec scripts/test" in (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")


def _blocks(heading: str, language: str = "sh") -> list[str]:
    """The code blocks of one section."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    return re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


def _type(machine: Machine, commands: str) -> Result:
    """What the admin's shell does with the commands; sudo is told the password each time."""
    script = f"""\
sudo() {{ printf %s "$TYPED" | command sudo --reset-timestamp --stdin --prompt= "$@"; }}
set -ex
{commands}"""
    typed = {"TYPED": password_line(ADMIN)}
    return machine.run(["bash", "-c", script], user=ADMIN.name, cwd=CHECKOUT, env=typed, timeout=APPLY_SECONDS)


@contextmanager
def _watched_memory(machine: Machine) -> Iterator[list[int]]:
    """Kilobytes that all processes together hold, shared pages counted once, looked at again and again."""
    seen: list[int] = []
    end = threading.Event()

    def watch() -> None:
        while not end.wait(1):
            all_of_them = "cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '/^Pss:/ {sum += $2} END {print sum}'"
            seen.append(int(machine.run(all_of_them).stdout))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        end.set()
        watcher.join()


def _answers(machine: Machine, name: str) -> None:
    trusting = ["--cacert", "/etc/jupyterhub/tls/ca.crt", "--resolve", f"{name}:443:127.0.0.1"]
    machine.run(["curl", "--silent", "--fail", "--noproxy", "*", *trusting, f"https://{name}/hub/login"])


def _prefix_in_kernel(machine: Machine, kernel: str, user: str) -> str:
    """Where the Python of a kernel is, by its own word, with the search path that users' servers have."""
    found = re.search(r'"JUPYTER_PATH": "(.*)"', machine.read("/etc/jupyterhub/jupyterhub_config.py"))
    assert found
    machine.put("/tmp/cell.py", "import sys; print(sys.prefix)")
    words = ["/opt/jupyter/.venv/bin/jupyter", "run", f"--kernel={kernel}", "/tmp/cell.py"]
    return machine.run(words, user=user, env={"JUPYTER_PATH": found[1]}).stdout.strip()


def _state(machine: Machine) -> set[str]:
    """Files with owner and mode, the content of those in /etc, the packages: whatever might be left behind."""
    pruned = " -o ".join(f"-path {path}" for path in VOLATILE)
    files = machine.run(rf"find / \( {pruned} \) -prune -o -name __pycache__ -prune -o -printf '%p %M %u %g %l\n'")
    contents = machine.run("find /etc -type f -not -name '*-' -exec sha256sum {} +")
    packages = machine.run(["dpkg-query", "--show", "--showformat=${Package} ${Version} ${db:Status-Abbrev}\n"])
    lines = [*files.stdout.splitlines(), *contents.stdout.splitlines(), *packages.stdout.splitlines()]
    return {line for line in lines if not LEFT_BY_OTHERS.match(line)}
