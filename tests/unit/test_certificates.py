from __future__ import annotations

import os
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from installer.commands import tls as tls_commands
from installer.config.models import Config
from installer.host import paths
from installer.host.errors import Problem
from installer.pki import issuing, keep, taking
from installer.pki.issuing import new_authority, new_site
from installer.pki.pair import is_due, is_for, is_overdue, parse, pem_of, refuse_unfit
from installer.resources.certificate import CertificateAuthority, SiteCertificate
from tests.unit.test_features import site as a_site


def authority(directory: Path) -> CertificateAuthority:
    return CertificateAuthority(
        feature="tls", certificate=directory / "ca.crt", key_file=directory / "ca.key", common_name="JupyterHub on x"
    )


def site(directory: Path, *names: str) -> SiteCertificate:
    return SiteCertificate(
        feature="tls",
        certificate=directory / "hub.crt",
        key_file=directory / "hub.key",
        ca_certificate=directory / "ca.crt",
        ca_key=directory / "ca.key",
        names=names,
    )


def test_openssl_accepts_the_chain_for_every_name_and_address(tmp_path: Path) -> None:
    authority(tmp_path).realize(None)
    made = site(tmp_path, "hub.example.org", "192.0.2.7", "2001:db8::7")
    made.realize(None)
    assert made.probe() == made.wanted()
    for name in ("-verify_hostname hub.example.org", "-verify_ip 192.0.2.7", "-verify_ip 2001:db8::7"):
        verify = ["openssl", "verify", "-x509_strict", "-CAfile", "ca.crt", *name.split(), "hub.crt"]
        subprocess.run(verify, cwd=tmp_path, check=True, capture_output=True)
    other = ["openssl", "verify", "-CAfile", "ca.crt", "-verify_hostname", "evil.example.org", "hub.crt"]
    assert subprocess.run(other, cwd=tmp_path, check=False, capture_output=True).returncode != 0


def test_keys_are_closed_to_others(tmp_path: Path) -> None:
    authority(tmp_path).realize(None)
    site(tmp_path, "a").realize(None)
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "hub.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "ca.key").chmod(0o644)
    before = authority(tmp_path).probe()
    assert before is not None
    assert before["key mode"] == "0644"
    text = (tmp_path / "ca.crt").read_bytes()
    authority(tmp_path).realize(before)
    assert authority(tmp_path).probe() == authority(tmp_path).wanted()
    assert (tmp_path / "ca.crt").read_bytes() == text, "a CA that clients trust is not made anew for a mode"


def test_other_names_a_new_ca_and_a_wrong_key_are_seen(tmp_path: Path) -> None:
    authority(tmp_path).realize(None)
    site(tmp_path, "a").realize(None)
    assert (site(tmp_path, "a", "b").probe() or {})["names"] == "a"
    authority(tmp_path).realize(None)
    assert (site(tmp_path, "a").probe() or {})["signed by"] == "another"
    (tmp_path / "hub.key").write_bytes((tmp_path / "ca.key").read_bytes())
    assert (site(tmp_path, "a").probe() or {})["state"] == "of another key"
    (tmp_path / "hub.crt").write_text("nonsense")
    assert (site(tmp_path, "a").probe() or {})["state"] == "incomplete"


def test_what_should_have_been_renewed_long_ago_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority(tmp_path).realize(None)
    monkeypatch.setattr(issuing, "_SKEW", timedelta(days=issuing.SITE_DAYS - 59))
    site(tmp_path, "a").realize(None)
    state = str((site(tmp_path, "a").probe() or {})["state"])
    assert state.startswith("expires on ")
    assert datetime.strptime(state[11:], "%Y-%m-%d").replace(tzinfo=timezone.utc) > datetime.now(timezone.utc)


def test_a_stand_in_leaves_what_somebody_else_has_signed(tmp_path: Path) -> None:
    authority(tmp_path).realize(None)
    own = site(tmp_path, "a").model_copy(update={"stand_in": True})
    assert own.probe() is None
    new_site(new_authority("another"), ["b"]).write(tmp_path / "hub.crt", tmp_path / "hub.key")
    assert own.probe() == own.wanted()
    assert (site(tmp_path, "a").probe() or {})["signed by"] == "another"
    (tmp_path / "hub.key").write_bytes((tmp_path / "ca.key").read_bytes())
    assert own.probe() != own.wanted()
    own.realize(own.probe())
    assert own.probe() == own.wanted()
    assert (site(tmp_path, "c").model_copy(update={"stand_in": True}).probe() or {})["names"] == "a"


# --- when --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "left", "due", "overdue"),
    [
        (397, 140, False, False),
        (397, 130, True, False),
        (397, 59, True, True),
        (90, 31, False, False),
        (90, 29, True, False),
        (90, 14, True, True),
        (6, 1.9, True, False),
        (6, 0.9, True, True),
    ],
)
def test_it_is_renewed_in_the_last_third_and_complained_of_in_the_last_sixth(
    monkeypatch: pytest.MonkeyPatch, days: int, left: float, *, due: bool, overdue: bool
) -> None:
    monkeypatch.setattr(issuing, "SITE_DAYS", days)
    leaf = new_site(new_authority("x"), ["a"]).leaf
    then = leaf.not_valid_after_utc - timedelta(days=left)
    assert (is_due(leaf, then), is_overdue(leaf, then)) == (due, overdue)


# --- somebody else's -----------------------------------------------------------------------------------


OURS = new_authority("authority")
GOOD = new_site(OURS, ["hub.example.org", "*.lab.example.org", "192.0.2.7"])
HERE, KEY_HERE = Path("/srv/hub.crt"), Path("/srv/hub.key")


def pem(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, password: bytes = b""
) -> bytes:
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)


def test_a_pair_is_read_as_it_is() -> None:
    read = parse((HERE, pem_of(GOOD.chain)), (KEY_HERE, pem(GOOD.key)))
    assert read.chain == GOOD.chain
    refuse_unfit(read, ["hub.example.org", "a.lab.example.org", "192.0.2.7"], HERE)


def test_a_star_is_one_label() -> None:
    assert is_for(GOOD.leaf, "A.lab.example.org")
    assert not is_for(GOOD.leaf, "lab.example.org")
    assert not is_for(GOOD.leaf, "a.b.lab.example.org")
    assert not is_for(GOOD.leaf, "2.0.2.7")


BAD_PAIRS = {
    "no certificate": (b"hello", pem(GOOD.key), "/srv/hub.crt is no certificate in PEM"),
    "the key in its place": (pem(GOOD.key), pem(GOOD.key), "/srv/hub.crt is no certificate in PEM"),
    "no key": (pem_of(GOOD.chain), pem_of(GOOD.chain), "/srv/hub.key is no private key in PEM"),
    "a locked key": (pem_of(GOOD.chain), pem(GOOD.key, b"secret"), "/srv/hub.key is locked with a passphrase"),
    "another key": (pem_of(GOOD.chain), pem(OURS.key), "the key /srv/hub.key does not belong to the certificate"),
    "a short key": (
        pem_of(GOOD.chain),
        pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - that is what is refused
        "the key /srv/hub.key has 1024 bits, and browsers want 2048",
    ),
    "an odd key": (
        pem_of(GOOD.chain),
        pem(ed25519.Ed25519PrivateKey.generate()),
        "the key /srv/hub.key is of a kind that browsers don't know",
    ),
    "the authority's first": (
        pem_of(GOOD.chain[::-1]),
        pem(OURS.key),
        "/srv/hub.crt is not in order: its certificate 2",
    ),
    "a stranger behind it": (
        pem_of((GOOD.leaf, new_authority("stranger").leaf)),
        pem(GOOD.key),
        "its certificate 2 (CN=stranger) has not signed the one before",
    ),
}


@pytest.mark.parametrize(("certificate", "key", "what"), BAD_PAIRS.values(), ids=BAD_PAIRS.keys())
def test_what_does_not_fit_is_told_in_one_line(certificate: bytes, key: bytes, what: str) -> None:
    with pytest.raises(Problem) as caught:
        parse((HERE, certificate), (KEY_HERE, key))
    assert what in caught.value.what
    assert "\n" not in caught.value.what + caught.value.hint


def test_another_name_and_another_time_are_refused() -> None:
    with pytest.raises(Problem, match=r"is not for jupyter\.example\.org, but for hub\.example\.org, "):
        refuse_unfit(GOOD, ["hub.example.org", "jupyter.example.org"], HERE)
    with pytest.raises(Problem, match="has expired on 20"):
        refuse_unfit(GOOD, [], HERE, datetime.now(timezone.utc) + timedelta(days=398))
    with pytest.raises(Problem, match="is not valid before"):
        refuse_unfit(GOOD, [], HERE, datetime.now(timezone.utc) - timedelta(days=1))


def test_one_that_will_not_last_is_told_of_by_every_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hub.crt").write_bytes(pem_of(GOOD.chain))
    settings = {"mode": "files", "certificate": str(tmp_path / "hub.crt"), "key": str(tmp_path / "hub.key")}
    asked = a_site(Config.model_validate({"tls": settings}))
    assert tls_commands.expiring(asked) == []
    assert tls_commands.expiring(a_site()) == []
    monkeypatch.setattr(tls_commands, "_SOON", timedelta(days=1000))
    (told,) = tls_commands.expiring(asked)
    assert told.startswith(f"{tmp_path}/hub.crt expires on 20")


# --- keeping it fresh ----------------------------------------------------------------------------------


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the keeper works on, in a directory of the test's own; nginx doesn't run."""
    for name, file in (("CA_CERTIFICATE", "ca.crt"), ("CA_KEY", "ca.key"), ("SITE_CERTIFICATE", "hub.crt"),
                       ("SITE_KEY", "hub.key"), ("CERTIFICATE_SOURCE", "hub.from")):  # fmt: skip
        monkeypatch.setattr(paths, name, tmp_path / file)
    monkeypatch.setattr(keep, "have_shown", lambda host, file, *, changed: False)
    monkeypatch.setattr(taking, "_SETTLING", 0.0)
    OURS.write(tmp_path / "ca.crt", tmp_path / "ca.key")
    return tmp_path


def test_our_own_is_renewed_when_it_is_time(tls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_site(OURS, ["a"]).write(tls / "hub.crt", tls / "hub.key")
    fresh = (tls / "hub.crt").read_bytes()
    assert keep.main(["a"]) == 0
    assert (tls / "hub.crt").read_bytes() == fresh
    monkeypatch.setattr(issuing, "_SKEW", timedelta(days=270))
    new_site(OURS, ["a", "192.0.2.9"]).write(tls / "hub.crt", tls / "hub.key")
    monkeypatch.setattr(issuing, "_SKEW", timedelta(hours=1))
    assert keep.main(["a"]) == 0
    renewed = site(tls, "a", "192.0.2.9")
    assert renewed.probe() == renewed.wanted()


def test_somebody_elses_is_taken_and_a_bad_one_is_not(tls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_site(OURS, ["a"]).write(tls / "hub.crt", tls / "hub.key")
    GOOD.write(tls / "theirs.crt", tls / "theirs.key")
    words = ["a", "--certificate", f"{tls}/theirs.crt", "--key", f"{tls}/theirs.key", "--source", "files"]
    assert keep.main([*words, "--for", "hub.example.org"]) == 0
    assert (tls / "hub.crt").read_bytes() == pem_of(GOOD.chain)
    assert (tls / "hub.key").read_bytes() == pem(GOOD.key)
    assert (tls / "hub.key").stat().st_mode & 0o777 == 0o600
    assert (tls / "hub.from").read_text() == "files\n"
    assert f"serial {GOOD.leaf.serial_number:x}" in capsys.readouterr().out
    (tls / "theirs.key").write_bytes(pem(OURS.key))
    assert keep.main([*words, "--for", "hub.example.org"]) == 1
    assert "does not belong to the certificate" in capsys.readouterr().err
    assert (tls / "hub.key").read_bytes() == pem(GOOD.key)


def test_a_fifo_and_a_large_file_are_not_read(tls: Path) -> None:
    os.mkfifo(tls / "fifo")
    with pytest.raises(Problem, match="no plain file"):
        taking.read_pair(tls / "fifo", tls / "hub.key", [])
    with pytest.raises(Problem, match="No such file"):
        taking.read_pair(tls / "nothing", tls / "hub.key", [])
