"""Users' servers: started as the user by sudospawner, each moved into a scope in the user's own slice."""

from __future__ import annotations

from installer.config.limit_values import UNLIMITED
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
"""What the helper runs that moves a server into its slice."""


def resources(site: Site) -> tuple[Resource, ...]:
    """The sudo rule, the two helpers behind their sockets, and the slice that holds all users' servers."""
    rule = File(
        feature=FEATURE,
        path=paths.SUDOERS,
        text=render("sudoers.d/jupyterhub.j2"),
        # Classic sudo wants no other mode (sudoers(5)); sudo-rs accepts it.
        mode=0o440,
        check=("visudo", "--check", "--quiet", "--file={}"),
    )
    return (
        rule,
        _users_slice(site),
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


def _behind_socket(name: str, source: str, unit: str, site: Site, *needs: str) -> tuple[Resource, ...]:
    program = helper(FEATURE, name, source)
    service = unit_file(FEATURE, unit.replace(".socket", "@.service"), site, (program,))
    socket = unit_file(FEATURE, unit, site, (service,))
    running = Service(
        feature=FEATURE,
        unit=unit,
        files=(socket.path,),
        needs=(f"group:{paths.MEMBERS_GROUP}", *needs),
    )
    return program, service, socket, running
