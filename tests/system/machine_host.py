"""What the machine library needs of the host it runs on, and what guests need to know of it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.system.machine_process import MachineProblem, run

PACKAGES: Mapping[str, str] = {
    "debian-archive-keyring": "/usr/share/keyrings/debian-archive-keyring.gpg",
    "iproute2": "ip",
    "mmdebstrap": "mmdebstrap",
    "nftables": "nft",
    "systemd-container": "systemd-nspawn",
    "util-linux": "nsenter",
}
"""Debian's packages that machines need, each with the program or file that shows it is there."""

BROWSER_PACKAGES: Mapping[str, str] = {"chromium": "chromium", "libnss3-tools": "certutil"}
"""And those that a browser needs."""

VM_PACKAGES: Mapping[str, str] = {"e2fsprogs": "mke2fs", "openssh-client": "ssh", "user-mode-linux": "linux.uml"}
"""And those that a machine with a kernel of its own needs."""

CLAIMS = Path("/run/jupyterhub-installer-tests")
"""Which machines exist on this host, whoever started them (see machine_claim)."""

SYSTEM_CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
CA_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
NETWORK_VARIABLES = (
    "http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "NPM_CONFIG_REGISTRY", "GOPROXY", "GOSUMDB",
)  # fmt: skip


def missing_packages(packages: Mapping[str, str]) -> list[str]:
    """Those packages of which the program or file isn't there."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return [
        name
        for name, sign in packages.items()
        if not (Path(sign).exists() if sign.startswith("/") else shutil.which(sign, path=path))
    ]


def install_packages(packages: Mapping[str, str]) -> None:
    """Install by apt what is missing; needs root only where something is."""
    missing = missing_packages(packages)
    if not missing:
        return
    if os.geteuid() != 0:
        raise MachineProblem(f"missing here: {' '.join(missing)}\nrun: sudo apt-get install {' '.join(missing)}")
    if not shutil.which("apt-get"):
        raise MachineProblem(f"missing here, and there is no apt-get to install them with: {' '.join(missing)}")
    print(f"installing {' '.join(missing)}", flush=True)
    apt = ["apt-get", "--quiet", "--option=DPkg::Lock::Timeout=300"]
    # An unreachable third-party repository fails the update, but needn't keep Debian's own packages from us.
    update = run([*apt, "update"], check=False, timeout=600)
    install = run(
        [*apt, "install", "--yes", "--no-install-recommends", *missing],
        check=False,
        timeout=1800,
        env={"DEBIAN_FRONTEND": "noninteractive"},
    )
    still = missing_packages({name: packages[name] for name in missing})
    if still:
        raise MachineProblem(f"apt-get could not install {' '.join(still)}\n{update}\n{install}")


def require() -> None:
    """Say in plain words why machines can't be booted here, if so, and put in place what can be."""
    if os.geteuid() != 0:
        raise MachineProblem("booting test machines needs root (containers, mounts, network): run it with sudo")
    missing = missing_packages(PACKAGES)
    if missing:
        raise MachineProblem(f"missing here: {' '.join(missing)}\nscripts/test and scripts/try install them")
    if "\toverlay\n" not in Path("/proc/filesystems").read_text():
        run(["modprobe", "overlay"], check=False)
        if "\toverlay\n" not in Path("/proc/filesystems").read_text():
            raise MachineProblem("this kernel has no overlayfs, which test machines are made of; use a plain VM")
    forwarding = Path("/proc/sys/net/ipv4/ip_forward")
    if forwarding.read_text().strip() != "1":
        forwarding.write_text("1")
    with locked("nspawn"):
        # systemd-nspawn refuses to work in a /run that is on disk, as it is in many containers.
        runtime = Path("/run/systemd/nspawn")
        runtime.mkdir(parents=True, exist_ok=True)
        if run(["stat", "--file-system", "--format=%T", runtime]).stdout.strip() != "tmpfs":
            run(["mount", "-t", "tmpfs", "tmpfs", runtime])


def has_systemd() -> bool:
    """Whether process 1 of this host is systemd (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def cache_dir() -> Path:
    """Where root file systems, downloads and running machines are kept between runs."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = base / "jupyterhub-installer-tests"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Keep other processes of this library on this host out for a moment."""
    CLAIMS.mkdir(parents=True, exist_ok=True)
    with (CLAIMS / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def local_certificates() -> list[Path]:
    """The CAs that this host's admin added: guests behind the same proxy need them too."""
    return sorted(Path("/usr/local/share/ca-certificates").glob("**/*.crt"))


def guest_environment() -> dict[str, str]:
    """Variables that let a guest reach the outside as this host does; empty on a host with a plain connection."""
    environment = {name: os.environ[name] for name in NETWORK_VARIABLES if os.environ.get(name)}
    if local_certificates():
        environment |= dict.fromkeys(CA_VARIABLES, SYSTEM_CA_BUNDLE)
    return environment


def guest_settings() -> list[Path]:
    """Settings files of pip and npm that say where to download from; others are none of the guest's business."""
    says_where = re.compile(r"^\s*(index-url|extra-index-url|registry|proxy|https-proxy)\s*=", re.MULTILINE)
    files = (Path("/etc/pip.conf"), Path("/etc/npmrc"))
    return [file for file in files if file.is_file() and says_where.search(file.read_text())]


def resolv_conf() -> str:
    """Name servers a guest can reach: not a stub on this host's loopback, but those that the stub asks."""
    files = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
    texts = [file.read_text() for file in files if file.is_file()]
    reachable = [text for text in texts if not re.search(r"^nameserver\s+127\.", text, re.MULTILINE)]
    if not reachable:
        raise MachineProblem("/etc/resolv.conf names only this host itself, which guests can't ask; name a real server")
    return reachable[0]


def digest(parts: Sequence[bytes]) -> str:
    """A short name for what the parts say."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]
