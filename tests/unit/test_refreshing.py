"""Tokens of a provider's that are good for one use: asked for by many requests at once, and used by one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from oauthenticator.oauth2 import OAuthenticator

from installer.hub.helper import HelperUnreachable
from installer.hub.names import NoAccount
from installer.hub.oauth_authenticator import HELD, ProviderAuthenticator
from installer.hub.rules import Decision, Person
from installer.hub.sign_in import SignIn
from tests.unit.test_providers import SETTINGS

MINE = {"name": "ada", "groups": [], "organizations": [], "emails": [], "workspace": "", "at": 0.0}


class User:
    """What of JupyterHub's is used."""

    name = "ada"

    def __init__(self) -> None:
        self.state: dict[str, Any] = {"refresh_token": "1", HELD: MINE}

    async def get_auth_state(self) -> dict[str, Any]:
        await asyncio.sleep(0)
        return dict(self.state)

    async def save_auth_state(self, state: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        self.state = state


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The refresh tokens that the provider has taken: each once."""
    taken: list[str] = []

    async def refresh(_: object, user: User, __: object = None) -> Any:
        token = (await user.get_auth_state())["refresh_token"]
        if token in taken:
            return False
        taken.append(token)
        await asyncio.sleep(0.01)
        return {"name": "ada", "auth_state": {"refresh_token": f"{int(token) + 1}"}}

    monkeypatch.setattr(OAuthenticator, "refresh_user", refresh)
    return taken


def authenticator(monkeypatch: pytest.MonkeyPatch, admitted: Decision | Exception) -> ProviderAuthenticator:
    settings = {**SETTINGS, "selftest": "x", "callback_url": "https://h.test", "service": "S", "ca_file": None}

    async def nothing(*_: object) -> None: ...

    async def person(*_: object) -> Person:
        return Person("ada", "ada")

    async def admit(*_: object) -> tuple[Person, Decision]:
        if isinstance(admitted, Exception):
            raise admitted
        return Person("ada", "ada"), admitted

    monkeypatch.setattr(ProviderAuthenticator, "sign_in", SignIn(settings), raising=False)
    monkeypatch.setattr(ProviderAuthenticator, "find_provider", nothing)
    monkeypatch.setattr(ProviderAuthenticator, "_person", person)
    monkeypatch.setattr(ProviderAuthenticator, "_admit", admit)
    return ProviderAuthenticator()


def ten(asked: ProviderAuthenticator, user: User) -> list[Any]:
    async def all_of_them() -> list[Any]:
        user.db = None  # type: ignore[attr-defined]
        return list(await asyncio.gather(*(asked.refresh_user(user) for _ in range(10))))

    return asyncio.run(all_of_them())


def test_ten_at_once_use_one(monkeypatch: pytest.MonkeyPatch, used: list[str]) -> None:
    asked, user = authenticator(monkeypatch, Decision(allowed=True, why="")), User()
    first, *others = ten(asked, user)
    assert first["auth_state"]["refresh_token"] == "2"
    assert others == [True] * 9
    assert used == ["1"]


@pytest.mark.parametrize(
    ("admitted", "still"),
    [(Decision(allowed=False, why="no"), False), (NoAccount("no"), False), (HelperUnreachable("x"), True)],
)
def test_whatever_comes_of_it_the_new_ones_are_kept(
    admitted: Decision | Exception, still: bool, monkeypatch: pytest.MonkeyPatch, used: list[str]
) -> None:
    asked, user = authenticator(monkeypatch, admitted), User()
    assert ten(asked, user) == [still] * 10
    assert user.state == {"refresh_token": "2", HELD: MINE}
    assert used == ["1"]
