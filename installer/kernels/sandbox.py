"""The one gate for what builds an environment: an account without rights, in a service that can reach little else.

Packages bring code of their own (link scripts, setup.py, activation), and this is where it runs.
"""

from __future__ import annotations

import glob
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from installer.host import files, paths
from installer.host.process import Completed, environment, follow
from installer.host.process import run as run_process

_CLOSED = (
    f"User={paths.KERNELS_USER}",
    f"Group={paths.KERNELS_USER}",
    "UMask=0022",
    # Users' servers come first, for the processor, the disk, and where memory runs out.
    "Nice=10",
    "CPUWeight=20",
    "IOWeight=20",
    "IOSchedulingClass=best-effort",
    "IOSchedulingPriority=7",
    "OOMScoreAdjust=500",
    "TasksMax=4096",
    # What a build leaves running ends with it, at once.
    "KillMode=control-group",
    "KillSignal=SIGKILL",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    f"InaccessiblePaths=-{paths.SECRETS}",
    f"InaccessiblePaths=-{paths.HUB_STATE}",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectProc=invisible",
    # A user namespace of its own: builds of the same account can't look into each other through /proc.
    "PrivateUsers=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RemoveIPC=yes",
    "LockPersonality=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber=EPERM",
    "KeyringMode=private",
    "LimitCORE=0",
)


_OFFERED = "offered-"
_CERTIFICATES = frozenset(["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "PIP_CERT"])


def unit_of(name: str) -> str:
    """What the services that build a kernel's environments are called; each run adds an ending of its own."""
    return f"jupyterhub-kernel-{name}"


def trying_unit_of(name: str) -> str:
    """What the services that try a kernel while it is built are called."""
    return f"jupyterhub-trial-{name}"


def checking_unit_of(name: str) -> str:
    """What the services that only look at a kernel are called: no build ends those."""
    return f"jupyterhub-check-{name}"


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    unit: str,
    writable: Sequence[Path] = (),
    stdin: str | int | None = None,
    env: Mapping[str, str] | None = None,
    network: bool = True,
    on_line: Callable[[str], None] | None = None,
    timeout: float = 3600,
    cwd: Path = Path("/"),
) -> Completed:
    """Run a program to its end as the kernels' account, and then end all that it has started. Its code is returned.

    unit: as `unit_of` names it.
    writable: what it may write to, beside a /tmp of its own. Hard links go within one of them, not between two.
    env: on top of the minimal environment (see `host.process.environment`); reaches it by a file of root's.
    network: whether it has any.
    on_line: is given each line of its standard output as it comes.
    timeout: seconds, after which it is killed.
    """
    service = f"{unit}:{secrets.token_hex(4)}"
    paths.INSTALLER_RUN.mkdir(mode=0o755, exist_ok=True)
    variables = paths.INSTALLER_RUN / f"{service}.env"
    properties = [
        *_CLOSED,
        f"PrivateNetwork={'no' if network else 'yes'}",
        f"RuntimeMaxSec={timeout:.0f}",
        f"WorkingDirectory={cwd}",
        f"EnvironmentFile={variables}",
        *(f"ReadWritePaths={path}" for path in writable),
    ]
    # systemd would put variables' values in place of $NAME.
    words = [os.fspath(word).replace("$", "$$") for word in argv]
    command = [
        "systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--service-type=exec", f"--unit={service}.service",
        *(f"--property={each}" for each in properties), "--", *words,
    ]  # fmt: skip
    told = environment(env, home="/tmp")  # noqa: S108 - a /tmp of its own
    try:
        files.write(variables, _environment_file(_with_certificates(told, service)), mode=0o600)
        done = follow(command, on_line or _unheard, stdin=stdin, timeout=timeout + 30)
    except BaseException:
        stop_service(service)
        raise
    finally:
        _clear(service)
    if done.code < 0:
        stop_service(service)  # systemd-run was killed, which the service takes no notice of
    return replace(done, argv=tuple(os.fspath(word) for word in argv))


def left_behind() -> bool:
    """Whether a run that built kernels was killed: what it had for its services is still there."""
    return any(paths.INSTALLER_RUN.glob(f"{unit_of('*')}:*"))


def offer_to(service: str) -> Path:
    """Where the service that tries a kernel finds the kernelspec."""
    return paths.INSTALLER_RUN / f"{_OFFERED}{service.replace(':', '-')}"  # a colon parts two paths


def offers_left_behind() -> list[Path]:
    """What builds that were killed while they tried a kernel have left."""
    return list(paths.INSTALLER_RUN.glob(f"{_OFFERED}{trying_unit_of('*')}"))


def stop_all() -> None:
    """End what runs for any kernel that is being built."""
    stop_service(unit_of("*:*"))
    stop_service(trying_unit_of("*:*"))
    _clear(f"{unit_of('*')}:")


def stop(unit: str) -> None:
    """End what runs for a kernel, be it of this installer or of one that was killed."""
    stop_service(f"{unit}:*")
    _clear(glob.escape(f"{unit}:"))


def stop_service(service: str) -> None:
    """End a single service, named without its suffix; a pattern is taken as systemctl takes it."""
    run_process(["systemctl", "stop", "--", f"{service}.service"], timeout=120, check=False)


def _clear(beginning: str) -> None:
    for left in paths.INSTALLER_RUN.glob(f"{beginning}*"):
        left.unlink(missing_ok=True)


def _with_certificates(variables: Mapping[str, str], service: str) -> dict[str, str]:
    """The variables, those that name an admin's own CA pointing to copies: homes can't be seen from in there."""
    copied = dict(variables)
    for name in _CERTIFICATES & variables.keys():
        source = Path(variables[name])
        if source.is_file() and not any(source.is_relative_to(place) for place in ("/etc/ssl", "/usr")):
            copy = paths.INSTALLER_RUN / f"{service}.{name}.crt"
            files.write(copy, source.read_bytes(), mode=0o644)
            copied[name] = str(copy)
    return copied


def _environment_file(variables: Mapping[str, str]) -> bytes:
    """As systemd reads it (systemd.exec(5), EnvironmentFile=): in double quotes, what is special there escaped."""
    special = str.maketrans({character: f"\\{character}" for character in '\\"`$'})
    return "".join(f'{name}="{value.translate(special)}"\n' for name, value in variables.items()).encode()


def _unheard(_line: str) -> None:
    """What nobody listens to."""
