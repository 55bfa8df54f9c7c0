"""Ending what somebody is logged in by, in a database of JupyterHub's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub import orm, roles
from jupyterhub.utils import utcnow

from installer.hub.logins import end_logins

OF_SERVER = ["access:servers!server=ada/", "users:activity!user=ada"]


@pytest.fixture
def session() -> Iterator[Any]:
    """A hub's database with two people."""
    database = orm.new_session_factory("sqlite:///:memory:")()
    for role in roles.get_default_roles():
        roles.create_role(database, role)
    for name in ("ada", "grace"):
        person = orm.User(name=name)
        database.add(person)
        database.commit()
        roles.assign_default_roles(database, entity=person)
    database.add(orm.OAuthClient(identifier="jupyterhub"))
    database.commit()
    yield database
    database.close()


def token(session: Any, name: str, note: str, scopes: list[str] | None = None, **more: Any) -> str:
    """A new token of somebody's; those of programs may do what their owner may."""
    user = orm.User.find(session, name)
    return str(orm.APIToken.new(user=user, note=note, scopes=scopes or ["inherit"], **more))


def works(session: Any, given: str) -> bool:
    return orm.APIToken.find(session, given) is not None


def spawner(session: Any, known: str = "", *, active: bool = True) -> Any:
    """ada's server, which has just been started. known: its token, where the hub has started it itself."""
    started = utcnow(with_tz=False)
    session.expire_all()
    return SimpleNamespace(name="", active=active, api_token=known, orm_spawner=SimpleNamespace(started=started))


def test_all_ends_but_what_a_server_needs_and_others_have(session: Any) -> None:
    ada = orm.User.find(session, "ada")
    before = ada.cookie_id
    of_server = token(session, "ada", "Server at /user/ada/", OF_SERVER)
    others = token(session, "grace", "a program's")
    ended = [token(session, "ada", "a program's"), token(session, "ada", "a page's", session_id="of the browser")]
    session.add(orm.OAuthCode(user_id=ada.id, client_id="jupyterhub", code="code", session_id="of the browser"))
    session.commit()
    end_logins(session, ada, [spawner(session, of_server)])
    assert ada.cookie_id != before
    assert not session.query(orm.OAuthCode).all(), "or a browser would make another token of it"
    assert works(session, of_server)
    assert works(session, others)
    assert not [each for each in ended if works(session, each)]


def test_without_a_server_no_token_stays(session: Any) -> None:
    of_server = token(session, "ada", "Server at /user/ada/", OF_SERVER)
    end_logins(session, orm.User.find(session, "ada"), [spawner(session, of_server, active=False)])
    assert not works(session, of_server)


def test_a_hub_that_has_not_started_the_server_knows_its_token(session: Any) -> None:
    """None that its owner has made to look like it, before or after, is taken for it."""
    wide = token(session, "ada", "Server at /user/ada/", [*OF_SERVER, "tokens!user=ada"])
    before = token(session, "ada", "Server at /user/ada/", OF_SERVER)
    of_server = token(session, "ada", "Server at /user/ada/", OF_SERVER)
    running = spawner(session)
    after = token(session, "ada", "Server at /user/ada/", OF_SERVER)
    orm.APIToken.find(session, after).created = utcnow(with_tz=False) + timedelta(seconds=1)
    session.commit()
    session.expire_all()
    end_logins(session, orm.User.find(session, "ada"), [running])
    assert works(session, of_server)
    assert not [each for each in (wide, before, after) if works(session, each)]
