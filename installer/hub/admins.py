"""The hub's admins: whom the config names, and what they may do, which is less than JupyterHub would let them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from jupyterhub import orm, roles

MAY = (
    "admin-ui",
    "list:users",
    "read:users",
    "read:roles",
    "delete:users",
    "servers",
    "admin:groups",
    "list:services",
    "read:services",
    "access:services",
    "read:hub",
    "read:metrics",
    "shutdown",
)
"""See who is there, start and stop servers, look after the hub.

Left out is what makes an admin somebody else, unseen: `tokens` (make one of another's), `admin:users` (take another's
name, read what the login provider gave the hub for them, name more admins than the config does), `shares` and
`admin:services` (let oneself, or a program, into a server), `proxy` (have the hub talk to another one).
"""

REACH = "access:servers"
"""Open anybody's server, and so read and change what is that person's."""


def set_scopes(session: Any, *, reach: bool) -> None:  # noqa: ANN401 - SQLAlchemy's, in whatever version the hub has
    """Have the role `admin` mean that, which JupyterHub lets no config do. reach: whether into servers as well."""
    _set(session, [*MAY, *([REACH] if reach else [])])


def reset_scopes(session: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
    """Have it mean what JupyterHub wants it to, or it would tell at each start that the role "obtained" something."""
    _set(session, next(role["scopes"] for role in roles.get_default_roles() if role["name"] == "admin"))


def _set(session: Any, scopes: list[str]) -> None:  # noqa: ANN401 - SQLAlchemy's
    role = orm.Role.find(session, "admin")
    if role is not None and role.scopes != scopes:
        role.scopes = scopes
        session.commit()


def dismiss_others(session: Any, admins: Collection[str]) -> list[str]:  # noqa: ANN401 - SQLAlchemy's
    """Make admins of nobody but these: JupyterHub keeps in its database whoever was one. Returns who was one."""
    others = [user for user in session.query(orm.User).filter(orm.User.admin) if user.name not in admins]
    for user in others:
        user.admin = False
        roles.assign_default_roles(session, entity=user)
    session.commit()
    return sorted(user.name for user in others)
