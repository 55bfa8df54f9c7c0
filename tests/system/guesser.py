"""Somebody who guesses at a password, from one address or from many: run in a machine, by its own Python.

Prints, as JSON, what came of the guesses, each with how often, and how many seconds it took.

usage: python3 guesser.py NAME GUESSES ADDRESSES LINES
LINES: how many guesses are under way at a time, each on a line of its own, from the addresses in turn.
"""

from __future__ import annotations

import json
import re
import ssl
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPSConnection
from urllib.parse import urlencode

HOST = "campus.example.org"
PATIENCE = 15
"""Seconds that a guess may take, before the line is given up."""


class Line:
    """A line to the site, from one address."""

    def __init__(self, number: int) -> None:
        context = ssl.create_default_context(cafile="/etc/jupyterhub/tls/ca.crt")
        context.check_hostname = False
        self._site = HTTPSConnection(
            "127.0.0.1",
            context=context,
            timeout=60,
            source_address=(f"127.0.{1 + number // 250}.{1 + number % 250}", 0),
        )
        self._site.request("GET", "/hub/login", headers={"Host": HOST})
        answer = self._site.getresponse()
        page = answer.read().decode()
        field = re.search(r'name="_xsrf"\s+value="([^"]+)"', page)
        assert field, page
        self._token = field[1]
        self._cookies = "; ".join(value.partition(";")[0] for value in answer.headers.get_all("Set-Cookie", []))

    def guess(self, name: str, password: str) -> str:
        """Try a password. Returns what came of it."""
        form = urlencode({"username": name, "password": password, "_xsrf": self._token})
        headers = {"Host": HOST, "Cookie": self._cookies, "Content-Type": "application/x-www-form-urlencoded"}
        self._site.request("POST", "/hub/login", form, headers)
        assert self._site.sock is not None
        self._site.sock.settimeout(PATIENCE)
        try:
            answer = self._site.getresponse()
        except TimeoutError:
            return "waits"
        page = answer.read().decode()
        if answer.status == 429:
            return "told by the hub to wait" if "Too many wrong passwords were tried" in page else "stopped by nginx"
        return str(answer.status)


def main() -> None:
    """Guess."""
    name = sys.argv[1]
    guesses, addresses, lines = map(int, sys.argv[2:])
    begun = time.monotonic()
    left = iter(range(guesses))

    def work(number: int) -> Counter[str]:
        line = Line(number % addresses)
        counted: Counter[str] = Counter()
        while not counted["waits"] and (guess := next(left, None)) is not None:
            counted[line.guess(name, f"guess {guess}")] += 1
        return counted

    with ThreadPoolExecutor(lines) as pool:
        counted = sum(pool.map(work, range(lines)), Counter[str]())
    print(json.dumps({"seconds": time.monotonic() - begun, **counted}))


if __name__ == "__main__":
    main()
