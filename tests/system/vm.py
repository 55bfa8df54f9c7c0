"""A machine with a kernel of its own, where limits are limits: containers of a development host have no controllers.

Made of a machine of the other kind: that gets a kernel and an ssh server, and its file system becomes a disk. The
processor is emulated (accelerating it takes rights on the host that few have), so all is some ten times slower.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.system.machine import Machine
from tests.system.machine_process import MachineProblem, Result, run

BOOT_SECONDS = 400
DISK_GB = 6
_IN_GUEST = ("linux-image-cloud-amd64", "initramfs-tools", "openssh-server")
_NETWORK = "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n"


class Vm:
    """A running one. Use it in a with block; `address` and `run` are those of a machine."""

    def __init__(self, directory: Path, *, memory: int = 2048) -> None:
        """Boot the disk that `make_disk` has put into the directory. memory: MB."""
        self._directory = directory
        # A loopback address of this process's own: ports are those that they are inside.
        number = os.getpid() % 60_000
        self.address = f"127.77.{number // 250}.{number % 250 + 1}"
        forwarded = ",".join(f"hostfwd=tcp:{self.address}:{port}-:{port}" for port in (22, 443))
        with (directory / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "qemu-system-x86_64", "-machine", "pc", "-cpu", "max", "-accel", "tcg,thread=multi", "-smp", "2",
                    "-m", str(memory), "-nographic", "-nodefaults", "-no-reboot",
                    "-serial", f"file:{directory / 'console.log'}",
                    "-kernel", str(directory / "vmlinuz"), "-initrd", str(directory / "initrd"),
                    "-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet",
                    "-drive", f"file={directory / 'disk'},if=virtio,format=raw,cache=unsafe",
                    "-netdev", f"user,id=net,{forwarded}", "-device", "virtio-net-pci,netdev=net,romfile=",
                    "-device", "virtio-rng-pci",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def __enter__(self) -> Vm:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def wait(self) -> None:
        """Return once it can be logged in to."""
        deadline = time.monotonic() + BOOT_SECONDS
        while not self.run("true", check=False, timeout=60).ok:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise MachineProblem(f"the VM did not boot; its console said:\n{self.console()[-3000:]}")
            time.sleep(1)

    def console(self) -> str:
        """What it wrote to its console."""
        return (self._directory / "console.log").read_text(errors="replace")

    def command(self, argv: str | Sequence[str], *, anew: bool = False) -> list[str]:
        """The command line for this host that runs a command (or shell text) in it, as root.

        anew: with a login of its own; otherwise one connection is shared.
        """
        shared = ["-oControlMaster=auto", f"-oControlPath={self._directory / 'ssh'}", "-oControlPersist=600"]
        return [
            "ssh", "-q", "-i", str(self._directory / "key"), "-oBatchMode=yes", "-oStrictHostKeyChecking=no",
            "-oUserKnownHostsFile=/dev/null", "-oConnectTimeout=20", *([] if anew else shared), f"root@{self.address}",
            argv if isinstance(argv, str) else shlex.join(argv),
        ]  # fmt: skip

    def run(self, argv: str | Sequence[str], *, anew: bool = False, check: bool = True, timeout: float = 120) -> Result:
        """Run a command, or shell text, to its end; raises CommandFailed with all it printed unless it exits with 0."""
        return run(self.command(argv, anew=anew), check=check, timeout=timeout, shown=["VM:", str(argv)])

    def read(self, path: str) -> str:
        """The text of a file."""
        return self.run(["cat", path]).stdout


def make_disk(machine: Machine, directory: Path) -> None:
    """Make a disk of a machine's file system, with a kernel to boot it; the machine is off then.

    What the machine got from Debian is there for the next one.
    """
    # Not all drivers there are, but those of this very VM: what isn't there needn't be unpacked by slow processors.
    machine.put("/etc/initramfs-tools/initramfs.conf", "MODULES=list\nBUSYBOX=no\nCOMPRESS=gzip\nRUNSIZE=10%\n")
    machine.put("/etc/initramfs-tools/modules", "virtio_pci\nvirtio_blk\next4\n")
    apt = ["apt-get", "--quiet", "--option=DPkg::Options::=--force-confold"]
    machine.run([*apt, "update"], timeout=300)
    machine.run(
        [*apt, "install", "--yes", "--no-install-recommends", *_IN_GUEST],
        env={"DEBIAN_FRONTEND": "noninteractive"},
        timeout=900,
    )
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / "key"])
    machine.run(["install", "-d", "-m", "700", "/root/.ssh"])
    machine.put("/root/.ssh/authorized_keys", (directory / "key.pub").read_text(), mode="0600")
    machine.put("/etc/systemd/network/eth0.network", _NETWORK)
    machine.run(["systemctl", "enable", "systemd-networkd"])
    machine.run(["systemctl", "disable", "systemd-networkd-wait-online"])
    # Nothing is built in there any more: what isn't on the disk needn't be written.
    machine.run("rm -rf /var/cache/jupyterhub-installer/uv /var/cache/jupyterhub-installer/npm")
    machine.stop()
    boot = machine.root / "boot"
    for name in ("vmlinuz", "initrd"):
        shutil.copyfile(next(boot.glob(f"{name}*-cloud-amd64")), directory / name)
    disk = directory / "disk"
    with disk.open("wb") as file:
        file.truncate(DISK_GB << 30)
    run(["mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=1", "-d", machine.root, disk], timeout=600)
