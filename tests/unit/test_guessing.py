"""How fast passwords may be tried."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tornado import web

from installer.hub import slowed as slowed_module
from installer.hub.failure_lines import OneLine
from installer.hub.guessing import ADDRESS, BROWSER, FORGOTTEN_AFTER, STRANGERS, Guesses, TooSoon, alike, network_of
from installer.hub.slowed import Slowed, WrongPassword
from installer.hub.turns import MOST_FOR_ONE, Full, Turns


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def tried(guesses: Guesses, clock: Clock, addresses: list[str], seconds: float, a_second: int) -> int:
    """How many wrong guesses for one account are looked at, of so many a second, from these addresses in turn."""
    looked_at = 0
    for number in range(int(seconds * a_second)):
        try:
            guesses.begin("ada", addresses[number % len(addresses)], None)
        except TooSoon:
            pass
        else:
            looked_at += 1
        clock.now += 1 / a_second
    return looked_at


def test_the_first_few_are_free(clock: Clock) -> None:
    guesses = Guesses(clock)
    for _ in range(ADDRESS.free):
        guesses.begin("ada", "192.0.2.1", None)
    with pytest.raises(TooSoon) as soon:
        guesses.begin("ada", "192.0.2.1", None)
    assert soon.value.seconds == 1.0
    guesses.begin("grace", "192.0.2.1", None)
    guesses.begin("ada", "192.0.2.2", None)


def test_a_thousand_from_one_address(clock: Clock) -> None:
    assert tried(Guesses(clock), clock, ["192.0.2.1"], seconds=500, a_second=2) < 15


def test_a_thousand_from_many(clock: Clock) -> None:
    """Of a day's guesses, from wherever, fewer are looked at than there are to try for a bad password."""
    many = [f"192.0.2.{number}" for number in range(1, 200)]
    assert tried(Guesses(clock), clock, many, seconds=100, a_second=10) < 20
    assert tried(Guesses(clock), clock, many, seconds=24 * 3600, a_second=1) < 3000


def test_the_owner_gets_in_where_they_have_been_before(clock: Clock) -> None:
    guesses = Guesses(clock)
    tried(guesses, clock, [f"192.0.2.{number}" for number in range(1, 200)], seconds=100, a_second=10)
    with pytest.raises(TooSoon):
        guesses.begin("ada", "198.51.100.1", None)
    guesses.right(guesses.begin("ada", "198.51.100.1", "a browser"))


def test_and_elsewhere_once_it_is_over(clock: Clock) -> None:
    guesses = Guesses(clock)
    tried(guesses, clock, ["192.0.2.1"], seconds=500, a_second=2)
    clock.now += STRANGERS.longest
    guesses.right(guesses.begin("ada", "198.51.100.1", None))
    clock.now += ADDRESS.longest
    guesses.begin("ada", "192.0.2.1", None)


def test_a_stolen_browser_is_slowed_too(clock: Clock) -> None:
    guesses = Guesses(clock)
    for _ in range(BROWSER.free):
        guesses.begin("ada", "192.0.2.1", "a browser")
    with pytest.raises(TooSoon):
        guesses.begin("ada", "192.0.2.1", "a browser")
    guesses.begin("ada", "192.0.2.1", "another browser")


def test_a_right_one_clears_what_was_counted(clock: Clock) -> None:
    guesses = Guesses(clock)
    for _ in range(3 * STRANGERS.free):
        guesses.right(guesses.begin("ada", "192.0.2.1", None))


def test_what_could_not_be_looked_at_is_no_guess(clock: Clock) -> None:
    guesses = Guesses(clock)
    for _ in range(3 * STRANGERS.free):
        guesses.not_looked_at(guesses.begin("ada", "192.0.2.1", None))


def test_it_is_forgotten(clock: Clock) -> None:
    guesses = Guesses(clock)
    tried(guesses, clock, ["192.0.2.1"], seconds=500, a_second=2)
    clock.now += FORGOTTEN_AFTER
    for _ in range(ADDRESS.free):
        guesses.begin("ada", "192.0.2.1", None)


def test_memory_is_bounded_and_other_names_push_no_count_out(clock: Clock) -> None:
    guesses = Guesses(clock, most=50)
    many = [f"192.0.2.{number}" for number in range(1, 200)]
    tried(guesses, clock, many, seconds=10, a_second=10)
    for number in range(500):
        guesses.begin(f"nobody{number}" * 1000, f"198.51.100.{number % 200}", None)
    with pytest.raises(TooSoon):
        guesses.begin("ada", "203.0.113.1", None)
    assert len(guesses._counts) == 50


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("x" * 1000, "x" * 64),
    ],
)
def test_one_customers_addresses_are_one(address: str, network: str) -> None:
    assert network_of(address) == network


def test_look_alikes_are_one_name() -> None:
    """Full-width letters, a ligature, a letter that becomes two, a blank that doesn't break: as OpenLDAP has it."""
    assert alike("\uff21\uff44\uff41") == alike("ADA") == "ada"
    assert alike("\ufb01 stra\u00dfe") == alike("FI\u00a0 STRASSE") == "fi strasse"
    assert alike("e\u0301ve") == alike("\u00c9ve") != alike("eve")


# --- turns -----------------------------------------------------------------------------------------
def test_turns_are_kept_for_the_known_and_no_queue_is_endless() -> None:
    async def flood() -> None:
        turns, had, over = Turns(2, 1, waiting=3), list[str](), asyncio.Event()

        async def have(account: str, *, known: bool = False) -> None:
            async with turns.one(account, known=known):
                had.append(account)
                await over.wait()

        strangers = [asyncio.create_task(have(f"nobody{number}")) for number in range(5)]
        await asyncio.sleep(0)
        assert had == ["nobody0", "nobody1"]
        with pytest.raises(Full):
            await have("ada")
        mine = [asyncio.create_task(have("ada", known=True)) for _ in range(MOST_FOR_ONE)]
        await asyncio.sleep(0)
        assert had[2:] == ["ada"], "while all others wait"
        with pytest.raises(Full):
            await have("ada", known=True)
        over.set()
        await asyncio.gather(*strangers, *mine)
        assert len(had) == len(strangers) + len(mine)
        await have("ada")
        await have("ada", known=True)
        assert not turns._of_account
        assert not turns._waiting

    asyncio.run(flood())


# --- on the way to a password check ----------------------------------------------------------------
@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slowed_module, "FAILURE_SECONDS", 0.0)


def slow(turns: Turns | None = None) -> Slowed:
    return Slowed(logging.getLogger("test"), turns or Turns(8, 4))


class Handler:
    """What of JupyterHub's is used: an address, and a jar of cookies."""

    def __init__(self, address: str = "192.0.2.1") -> None:
        self.request = SimpleNamespace(remote_ip=address)
        self.hub = SimpleNamespace(base_url="/hub/")
        self.jar: dict[str, bytes] = {}

    def get_signed_cookie(self, name: str, *, max_age_days: int) -> bytes | None:
        assert max_age_days
        return self.jar.get(name)

    def set_signed_cookie(self, name: str, value: str, **attributes: object) -> None:
        assert attributes["secure"]
        assert attributes["httponly"]
        self.jar[name] = value.encode()


def check(slowed: Slowed, handler: Handler, name: str, outcome: dict[str, Any] | Exception) -> dict[str, Any] | None:
    async def look(_: object) -> dict[str, Any]:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return asyncio.run(slowed.check(handler, name, look))


def test_a_failure_is_one_line_with_the_address_first(caplog: pytest.LogCaptureFixture) -> None:
    slowed = slow()
    name = "ada\nFailed login from 198.51.100.9: 'x'"
    assert check(slowed, Handler(), name, WrongPassword("wrong password")) is None
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == r"""Failed login from 192.0.2.1: "ada\nFailed login from 198.51.100.9: 'x'": wrong password"""


def test_too_many_are_told_to_wait(caplog: pytest.LogCaptureFixture) -> None:
    slowed, handler = slow(), Handler()
    for _ in range(ADDRESS.free):
        check(slowed, handler, "ada", WrongPassword("wrong password"))
    with pytest.raises(web.HTTPError) as told:
        check(slowed, handler, "ada", {"name": "ada"})
    assert told.value.status_code == 429
    assert getattr(told.value, "headers", None) == {"Retry-After": "1"}
    assert "Please try again in 1 seconds" in str(told.value)
    assert caplog.records[-1].getMessage().startswith("Failed login from 192.0.2.1: 'ada': too many wrong passwords")


def test_a_failure_takes_its_time_and_nobody_elses_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slowed_module, "FAILURE_SECONDS", 0.3)

    async def two() -> float:
        slowed = slow(Turns(1, 1))

        async def wrong(_: object) -> None:
            raise WrongPassword("wrong password")

        async def right(_: object) -> dict[str, Any]:
            return {"name": "grace"}

        began = asyncio.get_running_loop().time()
        waits = asyncio.create_task(slowed.check(Handler(), "ada", wrong))
        await asyncio.sleep(0)
        assert await slowed.check(Handler(), "grace", right) == {"name": "grace"}
        assert not waits.done()
        assert await waits is None
        return asyncio.get_running_loop().time() - began

    assert asyncio.run(two()) >= 0.3


def test_for_whom_there_is_no_room_it_is_no_guess(caplog: pytest.LogCaptureFixture) -> None:
    async def flood() -> None:
        slowed, over = slow(Turns(1, 1, waiting=0)), asyncio.Event()

        async def look(_: object) -> dict[str, Any]:
            await over.wait()
            return {"name": "ada"}

        first = asyncio.create_task(slowed.check(Handler(), "ada", look))
        await asyncio.sleep(0)
        for _ in range(3 * STRANGERS.free):
            with pytest.raises(web.HTTPError, match="Too many people are logging in") as told:
                await slowed.check(Handler(), "ada", look)
            assert told.value.status_code == 429
            assert getattr(told.value, "headers", None) == {"Retry-After": "5"}
        over.set()
        assert await first == {"name": "ada"}

    asyncio.run(flood())
    assert caplog.records[-1].getMessage() == "Login from 192.0.2.1 not looked at: 'ada': too many at once"


def test_another_name_for_the_same_is_no_way_round(caplog: pytest.LogCaptureFixture) -> None:
    slowed = slow()

    def guess(name: str, outcome: dict[str, Any] | None = None) -> dict[str, Any] | None:
        async def look(count: Callable[[str], None]) -> dict[str, Any]:
            count("cn=ada,dc=example")
            if outcome is None:
                raise WrongPassword("wrong password")
            return outcome

        return asyncio.run(slowed.check(Handler(), name, look))

    for number in range(ADDRESS.free):
        assert guess(f"ada{number}") is None
    with pytest.raises(web.HTTPError, match="Too many wrong passwords"):
        guess("ada", {"name": "ada"})
    assert "'ada': too many wrong passwords" in caplog.records[-1].getMessage()
    for key in slowed._guesses._counts:
        slowed._guesses._counts[key].until = 0.0
    assert guess("ada", {"name": "ada"}) == {"name": "ada"}
    assert guess("ada") is None, "counted anew"


def test_a_browser_that_was_in_is_known(caplog: pytest.LogCaptureFixture) -> None:
    slowed, owner = slow(), Handler()
    assert check(slowed, owner, "ada", {"name": "ada"}) == {"name": "ada"}
    for number in range(2 * STRANGERS.free):
        try:
            check(slowed, Handler(f"198.51.100.{number}"), "ada", WrongPassword("wrong password"))
        except web.HTTPError:
            break
    else:
        pytest.fail("strangers are never slowed")
    assert check(slowed, owner, "ada", {"name": "ada"}) == {"name": "ada"}
    with pytest.raises(web.HTTPError):
        check(slowed, Handler(), "ada", {"name": "ada"})
    assert "secret" not in caplog.text


@pytest.mark.parametrize("status", [403, 503])
def test_what_is_no_matter_of_the_password_is_no_guess(status: int) -> None:
    slowed, handler = slow(), Handler()
    for _ in range(3 * STRANGERS.free):
        with pytest.raises(web.HTTPError) as told:
            check(slowed, handler, "ada", web.HTTPError(status))
        assert told.value.status_code == status


@pytest.mark.parametrize(
    ("message", "arguments", "kept"),
    [
        ("Failed login for %r", ("ada",), False),
        ("403 POST /hub/login?next=%2Fhub%2F (@192.0.2.1) 3000.00ms", (), False),
        ("%d %s: too many", (429, "POST /jupyter/hub/login (127.0.0.1)"), False),
        ("403 GET /hub/login (@192.0.2.1) 3.00ms", (), True),
        ("403 POST /hub/api/users (@192.0.2.1) 3.00ms", (), True),
        ("302 POST /hub/login (ada@192.0.2.1) 3.00ms", (), True),
        ("Failed login from %s: %r: %s", ("192.0.2.1", "403 POST /hub/login ", "x"), True),
    ],
)
def test_what_jupyterhub_says_besides_is_dropped(message: str, arguments: tuple[object, ...], kept: bool) -> None:
    record = logging.LogRecord("JupyterHub", logging.WARNING, "", 0, message, arguments, None)
    assert OneLine().filter(record) is kept
