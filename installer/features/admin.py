"""The first admin: the one who ran sudo, as a member; or an account of the hub's own."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.site import Site
from installer.host import paths
from installer.resources.account import Membership, Person
from installer.resources.secret import Secret

FEATURE = "admin"


def resources(site: Site) -> tuple[Resource, ...]:
    """The admin's membership, and the account behind it where it had to be made."""
    membership = Membership(feature=FEATURE, account=site.admin.name, group=paths.MEMBERS_GROUP)
    if not site.admin.own:
        return (membership,)
    return (
        Secret(feature=FEATURE, path=paths.OWN_ADMIN_PASSWORD, form="password"),
        Person(
            feature=FEATURE,
            account=site.admin.name,
            comment="JupyterHub admin",
            password_file=paths.OWN_ADMIN_PASSWORD,
        ),
        membership,
    )
