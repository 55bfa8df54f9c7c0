"""Throw-away machines: a Debian server with systemd as process 1, booted in about two seconds.

    with Machine(image("trixie")) as machine:
        machine.run("systemctl --failed")

A machine is a systemd-nspawn container on an overlay over a cached root file system, in a cgroup and a network of its
own, reachable from the host at `machine.address`. No other machine and nothing on the host is touched by what it does.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from tests.system import machine_host as host
from tests.system.machine_cgroup import cgroup_of
from tests.system.machine_claim import claim
from tests.system.machine_image import HOSTNAME, Layer
from tests.system.machine_process import MachineProblem, Result, run

GUEST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BOOT_SECONDS = 180
STOP_SECONDS = 120
_APT_ARCHIVES = "var/cache/apt/archives"
_KEPT_DAYS = 14

Found = TypeVar("Found")

running: list[Machine] = []
"""The machines of this process that weren't removed yet, for those who collect logs."""


class Machine:
    """One machine. It boots when made; `remove`, or the end of a `with`, leaves no trace of it."""

    def __init__(self, layer: Layer, *, cold: bool = False, disk: Path | None = None) -> None:
        """Boot a machine from a layer.

        cold: without the Debian packages that earlier machines downloaded.
        disk: a directory of the machine's that is not on the overlay, but on the file system below it as a server's is.
        """
        host.require()
        self._disk = disk
        self.suite = layer.suite
        self._lower = layer.directories
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self._claim = claim()
        try:
            self._mount()
            if not cold:
                self._seed_downloads()
            self._claim.network.create()
            self.start()
        except BaseException:
            self._claim.release()
            raise
        running.append(self)

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<Machine {self.name}: {self.suite} at {self.address}>"

    @property
    def name(self) -> str:
        """What the machine is called on the host; inside, all have the same host name."""
        return self._claim.name

    @property
    def address(self) -> str:
        """Its IPv4 address, reachable from the host."""
        return self._claim.network.address

    @property
    def host_address(self) -> str:
        """The host's address as the machine sees it, for servers that a test runs beside it."""
        return self._claim.network.host_address

    @property
    def root(self) -> Path:
        """Its file system as this host sees it, also while it is off."""
        return self._claim.root

    # --- power -----------------------------------------------------------------------------------

    def start(self, *, degraded: bool = False) -> None:
        """Boot, and wait until every unit has started; one that failed is a problem unless `degraded` is fine."""
        with self._console.open("ab") as console:
            self._process = subprocess.Popen(
                [*self._claim.cgroup.launcher(), *self._boot_words()],
                # Without a stdin a container can stall.
                stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                start_new_session=True,
            )  # fmt: skip
        self._until_reachable()
        state = self._until("units to start", self._settled_state)
        if state != "running" and not degraded:
            failed = self.run(["systemctl", "list-units", "--failed", "--no-legend", "--plain"]).stdout
            self._fail(f"booted, but is {state}:\n{failed}\n{self.journal('--priority=warning', '--lines=50')}")

    def stop(self) -> None:
        """Shut down in good order."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._wait_for_end()

    def reboot(self, *, degraded: bool = False) -> None:
        """Reboot in good order, and wait as `start` does."""
        self.run(["systemctl", "reboot"], check=False)
        self._wait_for_end()
        self.start(degraded=degraded)

    def crash(self) -> None:
        """Take the power away: nothing inside gets to say goodbye. `start` boots it again."""
        self._claim.cgroup.kill()
        self._wait_for_end()

    def freeze(self, keep: Path | None = None) -> Layer:
        """Shut down for good and return what is on disk as a layer to boot others from.

        keep: where to move the layer to; otherwise it goes when this machine is removed.
        """
        self.stop()
        self._keep_downloads()
        self._claim.shut()
        running.remove(self)
        layer = self._upper
        if keep is not None:
            keep.parent.mkdir(parents=True, exist_ok=True)
            layer = self._upper.rename(keep)
        return Layer(self.suite, (layer, *self._lower))

    def remove(self) -> None:
        """Take the machine away; safe to call twice."""
        if os.path.ismount(self._claim.root):
            self._keep_downloads()
        self._claim.release()
        if self._process is not None:
            self._process.wait(STOP_SECONDS)
        if self in running:
            running.remove(self)

    # --- network ---------------------------------------------------------------------------------

    def offline(self) -> None:
        """Cut it off from everything but this host: new connections fail at once, those under way stall."""
        self._claim.network.offline()

    def online(self) -> None:
        """Connect it again."""
        self._claim.network.online()

    # --- inside ----------------------------------------------------------------------------------

    def command(
        self,
        argv: str | Sequence[str],
        *,
        user: str = "root",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> list[str]:
        """The command line for this host that runs a command (or shell text) in the machine, for `run` and Popen."""
        words = ["/bin/bash", "-c", argv] if isinstance(argv, str) else list(argv)
        home = self._home(user)
        variables = {
            "PATH": GUEST_PATH, "LANG": "C.UTF-8", "HOME": home, "USER": user, "LOGNAME": user, "SHELL": "/bin/bash",
            "TERM": "dumb", **host.guest_environment(), **(env or {}),
        }  # fmt: skip
        become = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        # Signals too as a login has them: what those who run the tests ignore would be ignored in there.
        clean = ["env", "--ignore-environment", "--default-signal", f"--chdir={cwd or home}"]
        return self._inside([*become, *clean, *(f"{name}={value}" for name, value in variables.items()), *words])

    def run(
        self,
        argv: str | Sequence[str],
        *,
        user: str = "root",
        stdin: str | bytes | None = None,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        timeout: float = 60,
    ) -> Result:
        """Run a command, or shell text, to its end; raises CommandFailed with all it printed unless it exits with 0."""
        command = self.command(argv, user=user, cwd=cwd, env=env)
        shown = [f"{user}@{self.name}:", *([argv] if isinstance(argv, str) else argv)]
        return run(command, stdin=stdin, check=check, timeout=timeout, shown=shown)

    def host_pid(self, pid: int) -> int:
        """The number that a process of the machine has on the host."""
        space = Path(f"/proc/{self._leader}/ns/pid").readlink()
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                numbers = re.search(r"^NSpid:(.*)$", (entry / "status").read_text(), re.MULTILINE)
                if numbers and int(numbers[1].split()[-1]) == pid and (entry / "ns/pid").readlink() == space:
                    return int(entry.name)
            except (FileNotFoundError, ProcessLookupError):
                continue
        raise MachineProblem(f"{self.name} has no process {pid}")

    def read(self, path: str) -> str:
        """The text of a file."""
        return self.run(["cat", path]).stdout

    def put(self, path: str, content: str | bytes, *, mode: str = "0644", owner: str = "root") -> None:
        """Write a file, making the directories above it."""
        ownership = [f"--mode={mode}", f"--owner={owner}", f"--group={owner}"]
        self.run(["install", "-D", *ownership, "/dev/stdin", path], stdin=content)

    def put_tree(self, source: Path, files: Iterable[Path], path: str) -> None:
        """Copy files (given relative to `source`) into a directory, owned by root, modes as they are."""

        def owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            return member

        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for file in files:
                tar.add(source / file, arcname=str(file), recursive=False, filter=owned_by_root)
        words = f"mkdir -p {shlex.quote(path)} && tar -x -C {shlex.quote(path)}"
        self.run(words, stdin=archive.getvalue())

    # --- logs ------------------------------------------------------------------------------------

    def journal(self, *options: str) -> str:
        """The journal since boot, or what journalctl's options choose of it."""
        return self.run(["journalctl", "--boot", "--no-pager", "--output=short-precise", *options]).stdout

    def console(self) -> str:
        """What was written to the console since the machine was made."""
        return self._console.read_text(errors="replace")

    def collect_logs(self, directory: Path) -> None:
        """Write console and journal into a directory of the host, as far as they can be had."""
        directory.mkdir(parents=True, exist_ok=True)
        if self._console.exists():
            (directory / f"{self.name}-{self.suite}.console").write_text(self.console())
        if self._process is not None and self._process.poll() is None:
            journal = self.run(["journalctl", "--no-pager", "--output=short-precise"], check=False)
            (directory / f"{self.name}-{self.suite}.journal").write_text(journal.output)

    # --- how -------------------------------------------------------------------------------------

    @property
    def _upper(self) -> Path:
        return self._claim.data / "upper"

    @property
    def _console(self) -> Path:
        return self._claim.data / "console.log"

    def _mount(self) -> None:
        work = self._claim.data / "work"
        for directory in (self._upper, work, self._claim.root):
            directory.mkdir()
        # The topmost directory is the machine's own root directory, so it has to look like one.
        shutil.copystat(self._lower[0], self._upper)
        lower = ":".join(str(directory) for directory in self._lower)
        options = f"lowerdir={lower},upperdir={self._upper},workdir={work}"
        mount = run(["mount", "-t", "overlay", "overlay", "-o", options, self._claim.root], check=False)
        if not mount.ok:
            raise MachineProblem(
                f"can't lay an overlay in {self._claim.data}: {mount.stderr.strip()}\n"
                "set XDG_CACHE_HOME to a directory on a plain file system (ext4, xfs, btrfs, tmpfs)"
            )
        (self._claim.root / "etc/resolv.conf").write_text(host.resolv_conf())

    def _home(self, user: str) -> str:
        for line in (self._claim.root / "etc/passwd").read_text().splitlines():
            name, *_, home, _ = line.split(":")
            if name == user:
                return home
        raise MachineProblem(f"{self.name} has no account {user}")

    def _boot_words(self) -> list[str]:
        """The command line for this host that is the machine as long as it runs."""
        disk = self._claim.data / "disk"
        if self._disk is not None:
            disk.mkdir(exist_ok=True)
        return [
            # Without cgroup v2, systemd 258 and later refuse to boot.
            "env", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
            "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--settings=no",
            "--link-journal=no", "--resolv-conf=off", f"--directory={self._claim.root}",
            f"--machine={self.name}", f"--hostname={HOSTNAME}",
            # Units with a network of their own (PrivateNetwork=) need the capability, as on any server.
            f"--network-namespace-path={self._claim.network.path}", "--capability=CAP_NET_ADMIN",
            *([f"--bind={disk}:{self._disk}"] if self._disk is not None else []),
        ]  # fmt: skip

    def _until_reachable(self) -> None:
        """Return once commands can be run in it."""
        self._leader = self._until("process 1 to appear", self._find_leader)

    def _inside(self, words: Sequence[str]) -> list[str]:
        """The command line for this host that runs a program in the machine, as its root."""
        # nsenter joins the namespaces but not the cgroup: there logind and the like would not know the process.
        cgroup = str(cgroup_of(self._leader) / "cgroup.procs")
        join = ["/bin/sh", "-ec", 'echo $$ > "$1"; shift; exec "$@"', "sh", cgroup]
        enter = ["nsenter", f"--target={self._leader}", "-m", "-p", "-u", "-i", "-n", "-C"]
        return [*join, *enter, *words]

    def _find_leader(self) -> int | None:
        """Process 1 of the machine, as numbered on the host: the child of systemd-nspawn that has two numbers."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in map(int, children):
            try:
                status = Path(f"/proc/{child}/status").read_text()
                in_scope = cgroup_of(child).name == "init.scope"
            except (FileNotFoundError, ProcessLookupError):
                continue
            if in_scope and f"NSpid:\t{child}\t1\n" in status:
                return child
        return None

    def _settled_state(self) -> str | None:
        """How the boot ended, once it has."""
        asked = self.run(["systemctl", "is-system-running", "--wait"], check=False, timeout=BOOT_SECONDS)
        state = asked.stdout.strip()
        return state if state in {"running", "degraded", "maintenance"} else None

    def _until(self, what: str, look: Callable[[], Found | None]) -> Found:
        deadline = time.monotonic() + BOOT_SECONDS
        while (found := look()) is None:
            assert self._process is not None
            if self._process.poll() is not None:
                self._fail(f"ended with exit code {self._process.returncode} while waiting for {what}")
            if time.monotonic() > deadline:
                self._fail(f"waited {BOOT_SECONDS} s for {what}")
            time.sleep(0.05)
        return found

    def _wait_for_end(self) -> None:
        assert self._process is not None
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._fail(f"did not shut down within {STOP_SECONDS} s")
        self._claim.cgroup.remove()

    def _fail(self, why: str) -> NoReturn:
        raise MachineProblem(f"{self.name} ({self.suite}) {why}\nits console said:\n{self.console()[-3000:]}")

    # --- downloads -------------------------------------------------------------------------------

    @property
    def _downloads(self) -> Path:
        return host.cache_dir() / "apt" / self.suite

    def _seed_downloads(self) -> None:
        """Give it the Debian packages that earlier machines of the suite downloaded, where apt keeps its own."""
        oldest = time.time() - _KEPT_DAYS * 86400
        for package in self._downloads.glob("*.deb"):
            if package.stat().st_mtime < oldest:
                package.unlink(missing_ok=True)
            else:
                shutil.copyfile(package, self._claim.root / _APT_ARCHIVES / package.name)

    def _keep_downloads(self) -> None:
        self._downloads.mkdir(parents=True, exist_ok=True)
        for package in (self._upper / _APT_ARCHIVES).glob("*.deb"):
            kept = self._downloads / package.name
            if not kept.exists():
                temporary = kept.with_suffix(f".{os.getpid()}")
                shutil.copyfile(package, temporary)
                temporary.rename(kept)
