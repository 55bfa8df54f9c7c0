#!/usr/bin/python3 -IS
"""Ask an ACME server for the site's certificate with certbot, or for a new one where that is due.

usage: jupyterhub-acme CERTBOT STATE --server URL --lineage NAME [--email ADDRESS] [--profile NAME] NAME [NAME ...]

Run as an account without rights: STATE/config, /work and /logs are its own, and the answers to the server's challenges
go to STATE/webroot, which nginx serves on port 80. Certbot renews by what the server suggests, else in the last third
of the certificate's life; until then it changes nothing.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

SYSTEM_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
ACCOUNT_IS_GONE = re.compile(
    r"accountDoesNotExist|account (?:is |has been )?(?:deactivated|revoked|expired)|deactivated account"
    r"|account is not valid"
    r"|unable to find (?:an )?account|no account (?:exists|found)|account .{0,80}(?:not found|does not exist)",
    re.IGNORECASE,
)
BAD_NONCE = re.compile(r"badNonce|(?:unacceptable|invalid) anti-replay nonce")
"""What a server may say to any question (RFC 8555, 6.5); certbot itself asks again once."""
UNEXPECTED = "An unexpected error occurred:"
SECONDS = 900
_TRIES = 3


def main(argv: list[str]) -> int:
    """Ask; with a new account where the server knows ours no more. Returns the exit code."""
    wished = _arguments(argv)
    code, said = _ask_past_nonces(wished)
    accounts = _accounts(wished)
    if code != 0 and ACCOUNT_IS_GONE.search(said) and accounts.is_dir():
        _say(f"{wished.server} does not know our account any more: asking again with a new one")
        shutil.rmtree(accounts)
        code, said = _ask_past_nonces(wished)
    if code != 0:
        _say(f"error: {why(said)}")
        return 1
    return 0


def _ask_past_nonces(wished: argparse.Namespace) -> tuple[int, str]:
    """Ask again, a few times, where all that the server had against the question was its nonce."""
    code, said = _ask(wished)
    for _ in range(_TRIES):
        if code == 0 or not BAD_NONCE.search(said):
            break
        code, said = _ask(wished)
    return code, said


def _ask(wished: argparse.Namespace) -> tuple[int, str]:
    state: Path = wished.state
    words = [
        str(wished.certbot), "certonly", "--non-interactive", "--agree-tos", "--no-directory-hooks",
        "--config-dir", str(state / "config"), "--work-dir", str(state / "work"), "--logs-dir", str(state / "logs"),
        "--max-log-backups", "30", "--server", wished.server, "--cert-name", wished.lineage,
        "--webroot", "--webroot-path", str(state / "webroot"), "--keep-until-expiring", "--renew-with-new-domains",
        *(("--email", wished.email, "--no-eff-email") if wished.email else ("--register-unsafely-without-email",)),
        *(("--preferred-profile", wished.profile) if wished.profile else ()),
    ]  # fmt: skip
    for name in wished.names:
        words += ["--ip-address" if _is_address(name) else "--domain", name]
    try:
        asked = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", env=_environment(state), timeout=SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, str(error)
    _say(asked.stdout.strip())
    return asked.returncode, asked.stdout


def _environment(state: Path) -> dict[str, str]:
    """What certbot gets: the machine's own certificates or the CA's that the config names, and an admin's proxy."""
    given = {
        name: value for name, value in os.environ.items() if name.lower() in {"http_proxy", "https_proxy", "no_proxy"}
    }
    credential = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nowhere"), "acme_ca")
    trusted = str(credential) if credential.exists() else SYSTEM_CERTIFICATES
    bundle = {"REQUESTS_CA_BUNDLE": trusted} if Path(trusted).exists() else {}
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(state / "work"), **given, **bundle}


def _say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def _accounts(wished: argparse.Namespace) -> Path:
    """Where certbot keeps the accounts that it has with the server."""
    return Path(wished.state, "config", "accounts", urlsplit(wished.server).netloc)


def why(said: str) -> str:
    """The line that tells a person why: the CA's own words first, certbot's where there are none."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    details = [line.removeprefix("Detail: ") for line in lines if line.startswith("Detail: ")]
    unexpected = [following for line, following in zip(lines, lines[1:]) if line == UNEXPECTED]  # noqa: B905, RUF007
    chosen = [*details, *unexpected, *lines[-1:], "certbot has said nothing"][0]
    unreachable = re.search(
        r"host='([^']+)', port=(\d+)\): .*?(\[Errno -?\d+\] [^\"')]+|timed out|\(SSLError\(.*)", chosen
    )
    if unreachable:
        return f"the CA's server {unreachable[1]}:{unreachable[2]} can't be reached: {unreachable[3]}"[:500]
    return chosen[:500]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="jupyterhub-acme")
    parser.add_argument("certbot", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("--server", required=True)
    parser.add_argument("--lineage", required=True)
    parser.add_argument("--email")
    parser.add_argument("--profile")
    parser.add_argument("names", nargs="+")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
