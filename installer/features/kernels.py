"""The kernels that people compute in: conda environments apart from the server's, built by an account of no rights."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from installer.config.models import Config
from installer.engine.resource import Resource
from installer.features import in_servers
from installer.host import paths
from installer.kernels.request import KernelRequest, read_request
from installer.kernels.worker import program_files
from installer.resources.account import Account
from installer.resources.directory import Directory
from installer.resources.file import File
from installer.resources.kernel import Kernel

if TYPE_CHECKING:  # it brings all that looks at the host, which a command for one kernel needn't wait for
    from installer.features.site import Site

FEATURE = "kernels"

_SERVERS_OWN = "python3"
"""The kernelspec that is there without any of ours: the server environment's."""


def resources(site: Site) -> tuple[Resource, ...]:
    """The account, its places, the program it builds with, what servers are told of a default, and the kernels."""
    return (
        Account(
            feature=FEATURE,
            account=paths.KERNELS_USER,
            home=paths.KERNELS_CACHE,
            comment="Builds kernels for JupyterHub",
        ),
        Directory(feature=FEATURE, path=paths.KERNELS),
        Directory(
            feature=FEATURE,
            path=paths.KERNELS_CACHE,
            mode=0o700,
            owner=paths.KERNELS_USER,
            group=paths.KERNELS_USER,
        ),
        Directory(feature=FEATURE, path=paths.KERNELS_SCRATCH),
        Directory(feature=FEATURE, path=paths.KERNEL_RECIPES),
        *_builder(),
        Directory(feature=FEATURE, path=paths.JUPYTER_ETC.parent),
        Directory(feature=FEATURE, path=paths.JUPYTER_ETC),
        server_settings(site.config),
        # Last: people work while these are built.
        *(_kernel(request) for request in site.kernels),
    )


def _kernel(request: KernelRequest) -> Kernel:
    return Kernel(feature=FEATURE, request=request, revision=request.revision, needs=(f"service:{paths.HUB_UNIT}",))


def server_settings(config: Config) -> File:
    """What servers read at their start: which kernel a new notebook gets, and what the other features tell them."""
    name = config.default_kernel or (config.kernels[0].name if config.kernels else None)
    entry = next((entry for entry in config.kernels if entry.name == name), None)
    kernelspec = read_request(entry, config.channels).kernelspec if entry else _SERVERS_OWN
    settings = {"MultiKernelManager": {"default_kernel_name": kernelspec}, **in_servers.settings(config)}
    return File(feature=FEATURE, path=paths.SERVER_SETTINGS, text=json.dumps(settings, indent=1) + "\n")


def _builder() -> tuple[Resource, ...]:
    """The program that solves and unpacks, for an account that can't read the checkout."""
    program = {paths.KERNEL_BUILDER / name: data for name, data in program_files().items()}
    directories = sorted({parent for path in program for parent in path.parents if paths.LIBEXEC in parent.parents})
    return (
        *(Directory(feature=FEATURE, path=path) for path in directories),
        *(File(feature=FEATURE, path=path, text=data.decode()) for path, data in program.items()),
    )
