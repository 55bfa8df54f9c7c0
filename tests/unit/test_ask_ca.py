"""What is made of what certbot says, and what a person is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.libexec.ask_ca import ACCOUNT_IS_GONE, BAD_NONCE, main, why

REFUSED = """
Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:
  Domain: lab.example.org
  Type:   connection
  Detail: 203.0.113.9: Fetching http://lab.example.org/.well-known/acme-challenge/x: Connection refused

Hint: The Certificate Authority failed to download the temporary challenge files created by Certbot.
Some challenges have failed.
"""
NONCE = (
    "An unexpected error occurred:\nThe client sent an unacceptable anti-replay nonce :: "
    "JWS has an invalid anti-replay nonce: tEHB789Ajg4v2yGpSPSIwwrjp4viAWY7k4zjjJwQtGo\n"
)
GONE = "Account https://localhost:14000/my-account/3ee9339b836a8798 not found.\n"
DOWN = (
    "An unexpected error occurred:\n"
    "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='localhost', port=14000): Max retries exceeded with "
    "url: /dir (Caused by NewConnectionError(\"HTTPSConnection(host='localhost', port=14000): Failed to establish a "
    'new connection: [Errno 111] Connection refused"))\n'
)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (REFUSED, "203.0.113.9: Fetching http://lab.example.org/.well-known/acme-challenge/x: Connection refused"),
        (DOWN, "the CA's server localhost:14000 can't be reached: [Errno 111] Connection refused"),
        ("An unexpected error occurred:\nToo many certificates\nAsk for help\n", "Too many certificates"),
        ("usage:\ncertbot: error: unrecognized arguments: --x\n", "certbot: error: unrecognized arguments: --x"),
        ("", "certbot has said nothing"),
        ("x" * 900, "x" * 500),
    ],
)
def test_the_reason_is_one_line(said: str, told: str) -> None:
    assert why(said) == told


@pytest.mark.parametrize(
    "said",
    [
        "acme.messages.Error: urn:ietf:params:acme:error:accountDoesNotExist :: The request specified an account that",
        GONE,
        'urn:ietf:params:acme:error:unauthorized :: Account is not valid, has status "deactivated"',
        "unable to find account for key",
    ],
)
def test_an_account_that_is_gone_is_known(said: str) -> None:
    assert ACCOUNT_IS_GONE.search(said)


@pytest.mark.parametrize("said", [REFUSED, DOWN, "Certificate not yet due for renewal", "Account registered."])
def test_and_nothing_else_is_taken_for_that(said: str) -> None:
    assert not ACCOUNT_IS_GONE.search(said)
    assert not BAD_NONCE.search(said)


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([""], 0),
        ([NONCE, NONCE, NONCE, ""], 0),
        ([NONCE, GONE, NONCE, NONCE, NONCE, ""], 0),
        ([NONCE] * 4, 1),
        ([GONE, GONE], 1),
        ([DOWN], 1),
    ],
)
def test_nonces_are_refused_at_any_moment(
    answers: list[str], code: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A stand-in for certbot, as no server refuses nonces in an order that a test could choose. "" is success."""
    for number, answer in enumerate(answers):
        (tmp_path / f"answer{number}").write_text(answer)
    certbot = tmp_path / "certbot"
    certbot.write_text(
        f"""#!/bin/sh
cd {tmp_path}
number=$(cat asked 2>/dev/null || echo 0)
echo $((number + 1)) > asked
cat answer$number
! [ -s answer$number ]
"""
    )
    certbot.chmod(0o755)
    accounts = tmp_path / "config/accounts/ca.example.org"
    accounts.mkdir(parents=True)
    words = [
        str(certbot),
        str(tmp_path),
        "--server",
        "https://ca.example.org/dir",
        "--lineage",
        "hub",
        "hub.example.org",
    ]
    assert main(words) == code
    assert int((tmp_path / "asked").read_text()) == len(answers)
    assert accounts.exists() == (GONE not in answers)
    assert ("error: " in capfd.readouterr().out) == (code != 0)
