"""Users' servers: in each user's own slice, started by sudospawner, or by systemd without any sudo."""

from __future__ import annotations

from installer.config.limit_values import UNLIMITED
from installer.config.models import Config
from installer.engine.resource import Resource
from installer.features.limits import cpu_quota, total_memory
from installer.features.programs import helper, unit_file
from installer.features.site import Site
from installer.features.templates import render
from installer.host import paths
from installer.resources.file import File
from installer.resources.unit import Service, UnitFile

FEATURE = "spawning"

_LIMITED_BY = (f"file:{paths.LIMITS_PROGRAM}", f"file:{paths.LIMITS}")
"""What the helper runs that puts a server into its slice."""


def sockets(config: Config) -> tuple[str, ...]:
    """The sockets that servers are started through."""
    if config.spawner.by_sudo:
        return paths.ADOPT_SOCKET_UNIT, paths.SUDO_SOCKET_UNIT
    return (paths.START_SOCKET_UNIT,)


def resources(site: Site) -> tuple[Resource, ...]:
    """The slice that holds all users' servers, and what starts them: a sudo rule and two helpers, or one helper."""
    return (
        _users_slice(site),
        *(_by_sudo(site) if site.config.spawner.by_sudo else _by_systemd(site)),
    )


def _by_sudo(site: Site) -> tuple[Resource, ...]:
    rule = File(
        feature=FEATURE,
        path=paths.SUDOERS,
        text=render("sudoers.d/jupyterhub.j2"),
        # Classic sudo wants no other mode (sudoers(5)); sudo-rs accepts it.
        mode=0o440,
        check=("visudo", "--check", "--quiet", "--file={}"),
        # It names a program that is behind it.
        needs=(f"link:{paths.VENV}",),
    )
    return (
        rule,
        *_behind_socket("jupyterhub-sudo", "sudo_helper.py", paths.SUDO_SOCKET_UNIT, site, f"account:{paths.HUB_USER}"),
        *_behind_socket("jupyterhub-adopt", "adopt_helper.py", paths.ADOPT_SOCKET_UNIT, site, *_LIMITED_BY),
    )


def _users_slice(site: Site) -> UnitFile:
    limits = site.config.limits
    memory = total_memory(limits, site.facts.memory)
    return unit_file(
        FEATURE,
        paths.USERS_SLICE,
        site,
        memory="infinity" if memory == UNLIMITED else memory,
        cpu=cpu_quota(limits.total.cpu),
        cpu_share=limits.total.cpu_share,
        io_share=limits.total.io_share,
    )


def _by_systemd(site: Site) -> tuple[Resource, ...]:
    spawner = site.config.spawner
    properties = [
        *(["PrivateTmp=yes"] if spawner.has_private_tmp else []),
        *(["NoNewPrivileges=yes"] if spawner.no_new_privileges else []),
    ]
    return _behind_socket(
        "jupyterhub-start",
        "start_helper.py",
        paths.START_SOCKET_UNIT,
        site,
        f"account:{paths.HUB_USER}",
        *_LIMITED_BY,
        environment=spawner.environment,
        properties=properties,
    )


def _behind_socket(
    name: str, source: str, unit: str, site: Site, *needs: str, **variables: object
) -> tuple[Resource, ...]:
    program = helper(FEATURE, name, source)
    service = unit_file(FEATURE, unit.replace(".socket", "@.service"), site, (program,), **variables)
    socket = unit_file(FEATURE, unit, site, (service,))
    running = Service(
        feature=FEATURE,
        unit=unit,
        files=(socket.path,),
        needs=(f"group:{paths.MEMBERS_GROUP}", *needs),
    )
    return program, service, socket, running
