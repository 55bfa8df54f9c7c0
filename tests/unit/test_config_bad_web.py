"""Every way to get `web` and `tls.mode` wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.config.load import load
from tests.unit.config_mistakes import Bad, check, write

LISTEN = "an address and a port such as 127.0.0.1:8080"
NETWORK = "an address or a network such as 192.0.2.7"


def listen(value: str, wrong: str, found: str | None = None, example: str = "") -> Bad:
    return Bad(
        f"web:\n  listen: {value}\n", 2, "web.listen", wrong, LISTEN, found or f'"{value}"', f"web: {{listen: {example}"
    )


def trusted(value: str, wrong: str, found: str | None = None, example: str = "") -> Bad:
    text = f"web:\n  trusted_proxies: [{value}]\n"
    found = found or f'"{value}"'
    return Bad(text, 2, "web.trusted_proxies[0]", wrong, NETWORK, found, f"web: {{trusted_proxies: {example}")


CASES = {
    "port alone": listen("8080", "wrong type", "the number 8080"),
    "port in quotes": listen("'8080'", "not an address and a port", '"8080"', '"127.0.0.1:8080"'),
    "name": listen("localhost:80", "not an address and a port"),
    "no address": listen("127.0.0.256:80", "not an address"),
    "no port": listen("127.0.0.1", "not an address and a port"),
    "no such port": listen("127.0.0.1:70000", "a port that there isn't"),
    "bare IPv6": listen("'::1:80'", "not an address and a port", '"::1:80"'),
    "directive": listen("'127.0.0.1:80; x'", "not an address and a port", '"127.0.0.1:80; x"'),
    "socket": listen("unix:/run/x", "not an address and a port"),
    "host name": trusted("proxy", "not an address or a network"),
    "not its first address": trusted("10.0.0.1/8", "not an address or a network", example="[10.0.0.0/8]"),
    "new line": trusted(r'"10.0.0.1\n"', "not an address or a network", r'"10.0.0.1\n"'),
    "number": trusted("7", "wrong type", "the number 7"),
    "twice": Bad(
        "web: {trusted_proxies: [10.0.0.1, 10.0.0.1]}\n", 1, "web.trusted_proxies[1]", "named twice", "each name once",
        '"10.0.0.1"', "web: {trusted",
    ),
    "text for a list": Bad(
        "web: {trusted_proxies: 10.0.0.1}\n", 1, "web.trusted_proxies", "wrong type", "a list of addresses",
        '"10.0.0.1"', "web: {trusted_proxies: [10.0.0.1]",
    ),
    "server": Bad("web: {server: apache}\n", 1, "web.server", "not a choice", "nginx or none", '"apache"', "web: {s"),
    "unclear mode": Bad(
        "tls: {mode: on}\n", 1, "tls.mode", "not a choice", "self-signed or letsencrypt or files or off",
        '"on" (YAML 1.1 reads true', "tls: {",
    ),
    "apps without nginx": Bad(
        "web: {server: none}\napps: [{path: /x/, root: /srv/x}]\n", 2, "apps", "beside web.server: none",
        "nginx, which leads to them", "a list", "apps: [{path",
    ),
}  # fmt: skip


@pytest.mark.parametrize("bad", CASES.values(), ids=CASES.keys())
def test_every_mistake_is_told_with_line_key_expectation_and_example(bad: Bad, tmp_path: Path) -> None:
    check(bad, tmp_path)


@pytest.mark.parametrize("text", ["tls: {mode: off}\n", "tls:\n  mode: 'off'\n"])
def test_off_needs_no_quotes_where_it_is_a_choice(text: str, tmp_path: Path) -> None:
    assert load(write(tmp_path, text)).tls.mode == "off"


def test_addresses_are_taken_in_their_usual_form(tmp_path: Path) -> None:
    text = "web: {trusted_proxies: ['2001:DB8:0::1', 10.0.0.0/8]}\n"
    assert load(write(tmp_path, text)).web.trusted_proxies == ("2001:db8::1", "10.0.0.0/8")
