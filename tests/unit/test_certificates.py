from __future__ import annotations

import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest

from installer.resources import certificate as certificates
from installer.resources.certificate import CertificateAuthority, SiteCertificate


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


def test_what_expires_soon_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority(tmp_path).realize(None)
    monkeypatch.setattr(certificates, "SITE_DAYS", certificates.RENEW_DAYS - 1)
    site(tmp_path, "a").realize(None)
    state = str((site(tmp_path, "a").probe() or {})["state"])
    assert state.startswith("expires on ")
    assert datetime.strptime(state[11:], "%Y-%m-%d").replace(tzinfo=timezone.utc) > datetime.now(timezone.utc)
