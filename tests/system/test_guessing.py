"""A thousand guesses at one password, from one address and from many; what fail2ban makes of the journal."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from installer.host.paths import HUB_API_PORT
from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_person import REPOSITORY, add_person
from tests.system.visitor import Visitor, until

pytestmark = pytest.mark.only_on("trixie")

PASSWORD = "a fine password 4711"
GUESSES, LINES = 1000, 150
MEMBERS = ["jupyterhub-users"]
FORGED = "x\n[W 2026-01-01 JupyterHub a:1] Failed login from 198.51.100.66: 'ada': x"
FILTER = "/etc/fail2ban/filter.d/jupyterhub.conf"
PAM = "/etc/pam.d/jupyterhub"
FAILLOCK = ["faillock", "--dir", "/run/jupyterhub-faillock", "--user"]
ASK = """if True:
    import socket, sys
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("/run/jupyterhub-pam.sock")
        connection.sendall(sys.argv[1].encode() + b"\\n")
        print(connection.makefile().readline())
"""
PAGE = REPOSITORY / "docs" / "how-to" / "slow-guessing.md"


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as machine:
        for name in ("grace", "heidi", "ivan", "karl"):
            add_person(machine, name, PASSWORD, groups=MEMBERS)
        machine.put("/srv/guesser.py", Path(__file__).with_name("guesser.py").read_text())
        yield machine


def lines(machine: Machine, *options: str) -> list[str]:
    """Of the journal, a line each."""
    return machine.run(["journalctl", "--boot", "--no-pager", "--output=cat", *options]).stdout.splitlines()


def failures(machine: Machine, name: str) -> list[str]:
    """What the hub has written of failures with a name."""
    found = lines(machine, "--unit=jupyterhub.service")
    return [line for line in found if re.search(rf"Failed login from \S+: '{name}': ", line)]


def asked(machine: Machine, name: str) -> int:
    """How many passwords PAM has looked at for an account."""
    return sum(f"user={name}" in line for line in lines(machine, "--grep=authentication failure"))


def guess(machine: Machine, name: str, addresses: int) -> dict[str, Any]:
    """Guess at somebody's password a thousand times. Returns what came of it."""
    words = ["python3", "/srv/guesser.py", name, str(GUESSES), str(addresses), str(LINES)]
    return dict(json.loads(machine.run(words, timeout=300).stdout))


def seconds_to_get_in(machine: Machine, name: str) -> float:
    """How long it takes somebody whose password is right, and who comes again when they are told to."""
    begun = time.monotonic()
    with Visitor(machine) as visitor:
        while (answer := visitor.login(name, PASSWORD)).status_code == httpx.codes.TOO_MANY_REQUESTS:
            assert "Too many wrong passwords were tried for this account. Please try again in" in answer.text
            time.sleep(int(answer.headers["Retry-After"]))
        assert answer.status_code == httpx.codes.FOUND
    return time.monotonic() - begun


def test_a_thousand_from_one_address_and_from_many(campus: Machine) -> None:
    with ThreadPoolExecutor() as pool, Visitor(campus) as owner:
        assert owner.login("heidi", PASSWORD).status_code == httpx.codes.FOUND
        one, many = (pool.submit(guess, campus, *whom) for whom in (("grace", 1), ("heidi", LINES)))
        until("the guesser to be slowed", lambda: "too many wrong passwords" in "".join(failures(campus, "heidi")))
        # From the browser that was in before, while it lasts.
        owner.get("/hub/logout")
        assert owner.login("heidi", PASSWORD).status_code == httpx.codes.FOUND
        came_of_one, came_of_many = one.result(), many.result()
    # From elsewhere, when it is their turn.
    assert seconds_to_get_in(campus, "grace") < 35
    assert seconds_to_get_in(campus, "heidi") < 35
    assert 5 <= asked(campus, "grace") <= 12, came_of_one
    assert came_of_one["stopped by nginx"] > GUESSES / 2, came_of_one
    assert 10 <= asked(campus, "heidi") <= 20, came_of_many
    for name, came_of_it in (("grace", came_of_one), ("heidi", came_of_many)):
        assert sum(came_of_it.values()) - came_of_it["seconds"] == GUESSES
        assert len(failures(campus, name)) >= came_of_it["403"] + came_of_it["told by the hub to wait"]
    addresses = {line.partition(" from ")[2].partition(":")[0] for line in failures(campus, "heidi")}
    assert len(addresses) == LINES


def test_a_failure_is_one_line(campus: Machine) -> None:
    secret = "a password that somebody mistyped"
    with Visitor(campus) as visitor:
        assert visitor.get("/hub/login").status_code == httpx.codes.OK
        before = len(lines(campus, "--unit=jupyterhub.service"))
        assert visitor.login("ivan", secret).status_code == httpx.codes.FORBIDDEN
    # That the page with the form was asked for, and that it got a token, is said as well.
    of_page = ("GET /hub/login", "_xsrf_utils")
    written = lines(campus, "--unit=jupyterhub.service")[before:]
    written = [line for line in written if not any(words in line for words in of_page)]
    assert len(written) == 1, written
    assert re.fullmatch(r"\[W [^\]]+\] Failed login from \S+: 'ivan': Authentication failure", written[0])
    assert not [line for line in lines(campus, "--unit=jupyterhub-pam@*") if "refused" in line]
    assert secret not in "\n".join(lines(campus))


def test_the_way_of_programs_is_no_way_round(campus: Machine) -> None:
    """A token can be had for a password as well."""
    with Visitor(campus) as visitor:
        asks = json.dumps({"auth": {"username": "ivan", "password": "guess"}}).encode()
        with ThreadPoolExecutor(8) as pool:
            told = list(pool.map(lambda _: visitor.send("POST", "/hub/api/users/ivan/tokens", asks), range(8)))
    assert {answer.status_code for answer in told} == {httpx.codes.FORBIDDEN}
    assert "too many wrong passwords" in "".join(failures(campus, "ivan"))


FLOOD = """if True:
    import asyncio, json, secrets, sys, time
    ends = time.monotonic() + float(sys.argv[1])
    answers = []
    async def guess():
        while time.monotonic() < ends:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
            body = json.dumps({"auth": {"username": "x" + secrets.token_hex(4), "password": "guess"}})
            words = "POST /hub/api/users/x/tokens HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n"
            writer.write(f"{words}Content-Length: {len(body)}\\r\\n\\r\\n{body}".encode())
            answers.append((await reader.readline()).split()[1].decode())
            writer.close()
            await asyncio.sleep(1)
    async def all_of_them():
        await asyncio.gather(*(guess() for _ in range(200)))
        print(*answers)
    asyncio.run(all_of_them())
"""
"""Somebody on the machine goes straight to the hub, with names that nobody has, each of which is free."""


def test_names_that_nobody_has_keep_nobody_out(campus: Machine) -> None:
    with ThreadPoolExecutor() as pool, Visitor(campus) as owner:
        assert owner.login("heidi", PASSWORD).status_code == httpx.codes.FOUND
        flood = pool.submit(
            campus.run, ["python3", "-c", FLOOD, "25", str(HUB_API_PORT)], user="karl", cwd="/", timeout=90
        )
        until("a queue", lambda: "too many at once" in "\n".join(lines(campus, "--unit=jupyterhub.service")))
        owner.get("/hub/logout")
        begun = time.monotonic()
        assert owner.login("heidi", PASSWORD).status_code == httpx.codes.FOUND
        took = time.monotonic() - begun
        assert not flood.done(), "it was while that lasted"
        answers = flood.result().stdout.split()
    assert took < 10
    assert set(answers) == {"403"}, "JupyterHub says so whatever the reason"
    assert len(answers) > 400


def test_fail2ban_finds_failures_and_nothing_else(campus: Machine) -> None:
    """With the filter of the docs, on this very journal: also where a name says what a line of ours would."""
    with Visitor(campus) as visitor:
        assert visitor.login(FORGED, "x").status_code == httpx.codes.FORBIDDEN
        assert visitor.login("it's me", "x").status_code == httpx.codes.FORBIDDEN
    install = "apt-get -qq --yes --no-install-recommends install fail2ban python3-systemd"
    campus.run(
        f"{install} || (apt-get -qq update && {install})", env={"DEBIAN_FRONTEND": "noninteractive"}, timeout=300
    )
    wanted, jail = re.findall(r"```ini\n(.*?)```", PAGE.read_text(), re.DOTALL)
    campus.put(FILTER, wanted)
    campus.put("/etc/fail2ban/jail.d/jupyterhub.conf", jail)
    of_us = lines(campus, "--unit=jupyterhub.service")
    found = campus.run(["fail2ban-regex", "--print-all-matched", "systemd-journal", "jupyterhub"], timeout=120).stdout
    total = re.search(r"Lines: \d+ lines, \d+ ignored, (\d+) matched", found)
    assert total, found[-2000:]
    assert int(total[1]) == sum(" Failed login from " in line for line in of_us)
    out = campus.run(["fail2ban-regex", "--out", "ip", "systemd-journal", "jupyterhub"], timeout=120).stdout
    addresses = set(out.split())
    assert {"127.0.1.1", "127.0.1.150"} <= addresses
    assert "198.51.100.66" not in addresses
    assert "User logged in: grace" in "\n".join(of_us)
    campus.run(["systemctl", "restart", "fail2ban.service"])
    until("fail2ban's jail", lambda: campus.run(["fail2ban-client", "status", "jupyterhub"], check=False).ok)
    campus.run(["systemctl", "stop", "fail2ban.service"])  # whoever guesses on here would be shut out


def test_whoever_has_the_hub_is_slowed_too(campus: Machine) -> None:
    """The helper is asked directly; here after three wrong ones, in place of a hundred."""

    def ask(password: str) -> dict[str, Any]:
        question = json.dumps({"username": "karl", "password": password, "address": "192.0.2.1"})
        return dict(json.loads(campus.run(["python3", "-c", ASK, question], user="jupyter", cwd="/").stdout))

    rules = campus.read(PAM)
    campus.put(PAM, rules.replace("deny=100", "deny=3"))
    assert ask(PASSWORD)["ok"]
    for _ in range(3):
        assert not ask("guess")["ok"]
    assert not ask(PASSWORD)["ok"], "closed"
    assert "pam_faillock" in "\n".join(lines(campus, "--grep=temporarily locked", "--output=short"))
    assert "192.0.2.1" in campus.run([*FAILLOCK, "karl"]).stdout
    assert campus.run(["stat", "--format=%U %a", FAILLOCK[2]]).stdout == "root 700\n"
    assert "192.0.2.1" not in campus.run(["faillock", "--user", "karl"]).stdout, "closed for the hub alone"
    campus.run([*FAILLOCK, "karl", "--reset"])
    assert ask(PASSWORD)["ok"]
    campus.put(PAM, rules)


def test_nothing_failed(campus: Machine) -> None:
    assert campus.run(["systemctl", "--failed", "--no-legend", "--plain"]).stdout == ""
