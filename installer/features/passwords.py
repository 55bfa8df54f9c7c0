"""The password check: the hub asks a root helper behind a socket, and never reads /etc/shadow itself."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.programs import helper, unit_file
from installer.features.site import Site
from installer.features.templates import render
from installer.host import paths
from installer.resources.directory import Directory
from installer.resources.file import File
from installer.resources.unit import Service

FEATURE = "passwords"


def resources(site: Site) -> tuple[Resource, ...]:
    """The PAM service and what it counts, the helper, and its socket, which the hub alone may connect to."""
    if not site.checks_passwords:
        return ()
    rules = render("units/jupyterhub.pam.j2")
    program = helper(FEATURE, "jupyterhub-pam", "pam_helper.py")
    service = unit_file(FEATURE, paths.PAM_SOCKET_UNIT.replace(".socket", "@.service"), site, (program,))
    socket = unit_file(FEATURE, paths.PAM_SOCKET_UNIT, site, (service,))
    return (
        File(feature=FEATURE, path=paths.PAM_SERVICE, text=rules),
        Directory(feature=FEATURE, path=paths.FAILLOCK, mode=0o700),
        program,
        service,
        socket,
        Service(
            feature=FEATURE,
            unit=paths.PAM_SOCKET_UNIT,
            files=(socket.path,),
            needs=(f"account:{paths.HUB_USER}", f"directory:{paths.FAILLOCK}"),
        ),
    )
