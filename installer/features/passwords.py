"""Passwords of Linux accounts: root helpers behind sockets check and change them; the hub never reads /etc/shadow."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.programs import helper, unit_file
from installer.features.site import Site
from installer.features.templates import CHECKOUT
from installer.host import paths
from installer.resources.file import File
from installer.resources.unit import Service

FEATURE = "passwords"


def resources(site: Site) -> tuple[Resource, ...]:
    """The PAM service, the helper, and its sockets, which the hub alone may connect to; one for each thing it does."""
    rules = (CHECKOUT / "units" / "jupyterhub.pam").read_text(encoding="utf-8")
    program = helper(FEATURE, "jupyterhub-pam", "pam_helper.py")
    checks = _behind(paths.PAM_SOCKET_UNIT, site, program)
    # Where people are known by other means, nobody can have passwords of this machine changed.
    changes = _behind(paths.CHANGE_SOCKET_UNIT, site, program) if site.changes_passwords else ()
    return (File(feature=FEATURE, path=paths.PAM_SERVICE, text=rules), program, *checks, *changes)


def _behind(unit: str, site: Site, program: File) -> tuple[Resource, ...]:
    """A socket of the hub's, and what is started for each connection."""
    service = unit_file(FEATURE, unit.replace(".socket", "@.service"), site, (program,))
    socket = unit_file(FEATURE, unit, site, (service,))
    running = Service(feature=FEATURE, unit=unit, files=(socket.path,), needs=(f"account:{paths.HUB_USER}",))
    return (service, socket, running)
