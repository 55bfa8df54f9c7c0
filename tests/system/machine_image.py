"""Root file systems as a fresh server has them, built once per suite and kept in the cache."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.system import machine_host as host
from tests.system.machine_process import run

SUITES = ("bookworm", "trixie", "sid")
HOSTNAME = "campus"
DOMAIN = "example.org"

# No python3-venv, node, nginx or git: the installer has to cope with a server that has none.
_PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "passwd",
    "python3", "ca-certificates", "iproute2", "procps", "curl",
)  # fmt: skip
# sid stands in for an Ubuntu where sudo-rs is the only sudo.
_SUDO = {"bookworm": "sudo", "trixie": "sudo", "sid": "sudo-rs"}
# A mirror may lag behind sid's short validity.
_APT_OPTIONS = {"sid": ('Acquire::Check-Valid-Until "false"',)}

_SUDOERS = """\
Defaults env_reset
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"
Defaults use_pty
root ALL=(ALL:ALL) ALL
%admin ALL=(ALL) ALL
%sudo ALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
"""

_SUDO_PAM = """\
#%PAM-1.0

session    required   pam_limits.so
session    required   pam_env.so readenv=1 user_readenv=0
session    required   pam_env.so readenv=1 envfile=/etc/default/locale user_readenv=0

@include common-auth
@include common-account
@include {session}
"""


@dataclass(frozen=True)
class Layer:
    """A file system to boot machines from: directories laid over each other, the topmost first."""

    suite: str
    directories: tuple[Path, ...]


def image(suite: str) -> Layer:
    """The layer of a fresh server; built where it isn't in the cache yet (about 20 s)."""
    if suite not in SUITES:
        raise ValueError(f"no such suite: {suite}; there are {', '.join(SUITES)}")
    directory = host.cache_dir() / "images" / f"{suite}-{_recipe_digest()}"
    with host.locked(f"image-{suite}"):
        if not directory.exists():
            print(f"building the {suite} root file system in {directory}", flush=True)
            building = directory.with_suffix(".building")
            shutil.rmtree(building, ignore_errors=True)
            building.parent.mkdir(exist_ok=True)
            _build(suite, building)
            building.rename(directory)
    return Layer(suite, (directory,))


def _recipe_digest() -> str:
    """What images are made of: this file, and what they are told of the host."""
    environment = "\n".join(f"{name}={value}" for name, value in sorted(host.guest_environment().items()))
    files = [Path(__file__), *host.local_certificates(), *host.guest_settings()]
    return host.digest([environment.encode(), *(file.read_bytes() for file in files)])


def _build(suite: str, root: Path) -> None:
    packages = ",".join((*_PACKAGES, _SUDO[suite]))
    options = [f"--aptopt={option}" for option in _APT_OPTIONS.get(suite, ())]
    run(
        ["mmdebstrap", "--quiet", "--variant=important", f"--include={packages}", *options, suite, root],
        timeout=900,
    )
    (root / "etc/hostname").write_text(f"{HOSTNAME}\n")
    (root / "etc/hosts").write_text(
        f"127.0.0.1 localhost\n127.0.1.1 {HOSTNAME}.{DOMAIN} {HOSTNAME}\n::1 localhost ip6-localhost ip6-loopback\n"
    )
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    # A container may not mount it, and a server with a failed unit would hide the ones that matter.
    (root / "etc/systemd/system/dev-hugepages.mount").symlink_to("/dev/null")
    if _SUDO[suite] == "sudo-rs":
        _make_sudo_rs_the_only_sudo(root)
    _tell_how_to_reach_the_outside(root)


def _make_sudo_rs_the_only_sudo(root: Path) -> None:
    """What Ubuntu's alternatives and packaging do, and Debian's package leaves out."""
    for link, program in (("usr/bin/sudo", "sudo"), ("usr/sbin/visudo", "visudo")):
        (root / link).symlink_to(f"/usr/lib/cargo/bin/{program}")
    sudoers = root / "etc/sudoers"
    sudoers.write_text(_SUDOERS)
    sudoers.chmod(0o440)
    (root / "etc/sudoers.d").mkdir(mode=0o750, exist_ok=True)
    for service, session in (("sudo", "common-session-noninteractive"), ("sudo-i", "common-session")):
        (root / "etc/pam.d" / service).write_text(_SUDO_PAM.format(session=session))


def _tell_how_to_reach_the_outside(root: Path) -> None:
    """Give the guest the host's CAs, proxies and indexes, as an admin behind a proxy would have done."""
    certificates = host.local_certificates()
    for certificate in certificates:
        shutil.copy(certificate, root / "usr/local/share/ca-certificates" / certificate.name)
    if certificates:
        run(["chroot", root, "update-ca-certificates"])
    for settings in host.guest_settings():
        shutil.copy(settings, root / settings.relative_to("/"))
    environment = host.guest_environment()
    if environment:
        lines = "".join(f"{name}={value}\n" for name, value in environment.items())
        with (root / "etc/environment").open("a") as file:
            file.write(lines)
        keep = root / "etc/sudoers.d/local-network"
        keep.write_text(f'Defaults:%sudo env_keep += "{" ".join(environment)}"\n')
        keep.chmod(0o440)
