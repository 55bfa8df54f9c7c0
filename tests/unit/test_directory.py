"""What a directory is asked, as far as that needs none; the rest is tried with a real one."""

from __future__ import annotations

import socket
import threading
import uuid
from typing import Any

import pytest

from installer.hub.directory import LONGEST_NAME, Away, Directory, NotThem, _identity

SETTINGS: dict[str, Any] = {
    "url": "ldap://127.0.0.1:1",
    "plain": True,
    "base": "ou=people,dc=example",
    "filter": "(uid={name})",
    "user_dn": None,
    "bind_dn": None,
    "name_attribute": "uid",
    "groups_base": None,
}


def directory(**settings: Any) -> Directory:
    return Directory({**SETTINGS, **settings}, None, "secret")


@pytest.mark.parametrize("password", ["", "\0", "x\0"])
def test_no_password_is_asked_about_nobody(password: str) -> None:
    with pytest.raises(NotThem, match="an empty password"):
        directory().log_in("ada", password)


@pytest.mark.parametrize("name", ["", " ada", "ada\n", "a" * (LONGEST_NAME + 1), "\u202eada"])
def test_a_name_that_nobody_has(name: str) -> None:
    with pytest.raises(NotThem, match="not a possible name"):
        directory(user_dn="uid={name},dc=example", base=None).log_in(name, "x")


def test_nobody_answers() -> None:
    with pytest.raises(Away, match="doesn't answer"):
        directory().look("ada")


def test_something_else_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            line, _ = server.accept()
            with line:
                line.recv(100)
                line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Away):
            directory(url=f"ldap://127.0.0.1:{server.getsockname()[1]}").look("ada")
        thread.join()


def test_ids() -> None:
    one = uuid.uuid4()
    assert _identity("objectguid", one.bytes_le) == str(one)
    assert _identity("entryuuid", str(one).encode()) == str(one)
    assert _identity("nsuniqueid", b"a-\xff") == "a-\\xff"


@pytest.mark.parametrize(
    ("settings", "later"),
    [
        ({}, True),
        ({"base": None, "user_dn": "uid={name},dc=x"}, False),
        ({"base": None, "user_dn": "uid={name},dc=x", "bind_dn": "cn=hub,dc=x"}, True),
    ],
)
def test_whether_it_can_be_asked_later(settings: dict[str, Any], later: bool) -> None:
    assert directory(**settings).answers_later is later
