"""Who administers the hub: chosen at the first apply, and kept from then on whoever runs the next."""

from __future__ import annotations

from collections.abc import Mapping

from installer.features.site import Admin
from installer.host import paths
from installer.host.invoker import invoker


def choose(remembered: Mapping[str, str]) -> Admin:
    """The admin that an earlier apply chose; else the one who ran sudo, if fit; else an account of the hub's own."""
    if "admin" in remembered:
        return Admin(remembered["admin"], remembered["admin_own"] == "yes", remembered["admin_reason"])
    person = invoker()
    if person.name is not None and person.unfit is None:
        return Admin(person.name, own=False)
    return Admin(paths.OWN_ADMIN, own=True, reason=person.unfit or "")


def to_remember(admin: Admin) -> dict[str, str]:
    """What `choose` finds again."""
    return {"admin": admin.name, "admin_own": "yes" if admin.own else "no", "admin_reason": admin.reason}
