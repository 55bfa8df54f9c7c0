"""A machine with a kernel of its own, which has the controllers that containers of a development host lack.

The kernel is User Mode Linux: one that runs as a process of this host's. It needs no support of the processor's, and
what runs in it computes as fast as anywhere; system calls are slow, though, and there is one CPU.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.system.machine import Machine
from tests.system.machine_network import NEIGHBOURS, TAP
from tests.system.machine_process import Result, run

MEMORY_MB = 1536
_DISK_GB = 6
_MODULES = Path("/usr/lib/uml/modules")
_NEEDED = ("ipv6", "crc-ccitt", "overlay", "loop", "quota_tree", "quota_v2")
"""The parts of the kernel that aren't built in, and that a server has or its boot needs."""
_NOT_WANTED = ("e2scrub_reap.service", "apt-daily.timer", "apt-daily-upgrade.timer")
"""Units that are of no use in there, and would take their time."""
_INIT = "sbin/init-over-root"
_LAY_DISK_OVER_ROOT = """\
#!/bin/sh -e
# The first process: lays the disk over the host's directory, which is only read, and goes on from there.
insmod /usr/lib/modules/*/kernel/fs/overlayfs/overlay.ko
mount -t ext4 /dev/ubda /mnt
mkdir -p /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
exec switch_root /mnt/root /sbin/init
"""


def add_ssh(machine: Machine) -> None:
    """Install what a machine of the other kind needs to have before its layer is booted here."""
    apt = ["apt-get", "--quiet"]
    machine.run([*apt, "update"], timeout=300)
    install = [*apt, "install", "--yes", "--no-install-recommends", "openssh-server"]
    machine.run(install, env={"DEBIAN_FRONTEND": "noninteractive"}, timeout=900)


class VirtualMachine(Machine):
    """One with a kernel of its own, commands in which are run by ssh.

    What it writes is on a disk of its own: `root` is what lies below that.
    """

    def log_in(self, words: Sequence[str]) -> Result:
        """Run a command as an admin does from elsewhere: over a new connection, with a login of its own."""
        return run([*self._ssh(), shlex.join(words)], timeout=60)

    def stop(self) -> None:
        """Shut down in good order."""
        self.run(["systemctl", "poweroff"], check=False)
        self._wait_for_end()

    def remove(self) -> None:
        """Take the machine away; safe to call twice."""
        if self._line.exists():
            run([*self._ssh(), f"-oControlPath={self._line}", "-Oexit"], check=False)
        super().remove()

    # --- how -------------------------------------------------------------------------------------

    @property
    def _disk_file(self) -> Path:
        return self._claim.data / "ext4"

    @property
    def _key(self) -> Path:
        return self._claim.data / "key"

    @property
    def _line(self) -> Path:
        """The connection that is shared by what this process runs in there."""
        return self._claim.data / "ssh"

    def _boot_words(self) -> list[str]:
        if not self._disk_file.exists():
            self._claim.network.hand_over()
            self._prepare()
            self._make_disk()
        # It keeps its memory in a file, which is to be in memory, and gone with it.
        private = 'mount -t tmpfs -o "size=$1" tmpfs /dev/shm; shift; exec "$@"'
        return [
            "nsenter", f"--net={self._claim.network.path}",
            "unshare", "--mount", "--propagation=private", "sh", "-ec", private, "sh", f"{MEMORY_MB + 64}m",
            "env", "TMPDIR=/dev/shm",
            "linux.uml", f"umid={self.name}", "uml_dir=/dev/shm/", f"mem={MEMORY_MB}M", "noreboot",
            "rootfstype=hostfs", f"rootflags={self.root}", "ro", f"init=/{_INIT}", f"ubd0={self._disk_file}",
            f"vec0:transport=tap,ifname={TAP}",
            "con=null", "con0=null,fd:1", "ssl=null", *(f"systemd.mask={unit}" for unit in _NOT_WANTED),
        ]  # fmt: skip

    def _until_reachable(self) -> None:
        self._until("ssh to answer", lambda: self.run(["true"], check=False).ok or None)

    def _inside(self, words: Sequence[str]) -> list[str]:
        shared = ["-oControlMaster=auto", f"-oControlPath={self._line}", "-oControlPersist=600"]
        return [*self._ssh(*shared), shlex.join(words)]

    def _ssh(self, *options: str) -> list[str]:
        settings = ("BatchMode=yes", "ConnectTimeout=20", "ServerAliveInterval=30", "StrictHostKeyChecking=no",
                    "UserKnownHostsFile=/dev/null")  # fmt: skip
        named = [f"-o{setting}" for setting in settings]
        return ["ssh", "-q", "-F", "none", f"-i{self._key}", *named, *options, f"root@{self.address}"]

    def _prepare(self) -> None:
        root = self.root
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self._key])
        (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
        (root / "root/.ssh/authorized_keys").write_text(self._key.with_suffix(".pub").read_text())
        (root / "etc/systemd/network/vm.network").write_text(
            f"[Match]\nType=ether\n"
            f"[Network]\nAddress={self.address}/30\nGateway={self.host_address}\nAddress={NEIGHBOURS[1]}\n"
        )
        wants = root / "etc/systemd/system/multi-user.target.wants"
        (wants / "systemd-networkd.service").symlink_to("/lib/systemd/system/systemd-networkd.service")
        self._copy_modules()
        (root / _INIT).write_text(_LAY_DISK_OVER_ROOT)
        (root / _INIT).chmod(0o755)

    def _make_disk(self) -> None:
        with self._disk_file.open("wb") as file:
            file.truncate(_DISK_GB << 30)
        run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-E", "lazy_itable_init=1", self._disk_file])

    def _copy_modules(self) -> None:
        (source,) = _MODULES.iterdir()
        target = self.root / "usr/lib/modules" / source.name
        wanted = [file for file in source.rglob("*.ko") if file.stem in _NEEDED]
        for file in (*source.glob("modules.*"), *wanted):
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        (self.root / "etc/modules-load.d/vm.conf").write_text("ipv6\n")
