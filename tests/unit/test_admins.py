"""The role of the hub's admins, and whoever else JupyterHub would let be one, in a database of JupyterHub's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jupyterhub import orm, roles, scopes

from installer.hub import admins


@pytest.fixture
def session() -> Iterator[Any]:
    """A hub's database with its default roles, and three people."""
    database = orm.new_session_factory("sqlite:///:memory:")()
    for role in roles.get_default_roles():
        roles.create_role(database, role)
    for name in ("ada", "grace", "edsger"):
        person = orm.User(name=name, admin=name != "edsger")
        database.add(person)
        database.commit()
        roles.assign_default_roles(database, entity=person)
    yield database
    database.close()


def may(session: Any, name: str) -> set[str]:
    """What somebody may do, of all that there is."""
    return set(scopes.get_scopes_for(orm.User.find(session, name)))


@pytest.mark.parametrize("reach", [False, True])
def test_an_admin_becomes_nobody_else(session: Any, *, reach: bool) -> None:
    admins.set_scopes(session, reach=reach)
    held = may(session, "ada")
    assert {"admin-ui", "list:users", "servers", "delete:servers", "read:hub"} <= held
    never = {"tokens", "admin:users", "admin:auth_state", "shares", "admin:services", "proxy", "admin:server_state"}
    assert not never & held
    assert ("access:servers" in held) is reach
    assert "access:servers!user=ada" in held or reach, "their own, as everybody"


def test_every_scope_is_one_that_jupyterhub_knows(session: Any) -> None:
    everything = {scope for role in roles.get_default_roles() for scope in role["scopes"]}
    assert {*admins.MAY, admins.REACH} <= {*everything, *scopes.scope_definitions}
    assert session is not None


def test_the_role_is_as_jupyterhub_wants_it_while_that_looks(session: Any) -> None:
    """Otherwise it would warn of extra permissions at each start."""
    before = orm.Role.find(session, "admin").scopes
    admins.set_scopes(session, reach=False)
    assert orm.Role.find(session, "admin").scopes != before
    admins.reset_scopes(session)
    assert orm.Role.find(session, "admin").scopes == before


def test_who_is_named_no_more_is_none_any_more(session: Any) -> None:
    assert admins.dismiss_others(session, {"ada"}) == ["grace"]
    assert [user.name for user in session.query(orm.User).filter(orm.User.admin)] == ["ada"]
    assert [role.name for role in orm.User.find(session, "grace").roles] == ["user"]
    assert admins.dismiss_others(session, {"ada"}) == []
