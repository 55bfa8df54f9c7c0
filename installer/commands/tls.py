"""The certificate from an admin's side: what of theirs can't be used, and what they are to know of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from installer.features.site import Site
from installer.features.tls import own_certificate
from installer.host import paths, systemd
from installer.pki.pair import read_certificate

_SOON = timedelta(days=14)
_OTHER_TIMERS = ("certbot.timer", "snap.certbot.renew.timer")
_RENEWALS = Path("/etc/letsencrypt/renewal")


def refuse_unfit(site: Site) -> None:
    """Raises Problem where the admin's own certificate can't be used; nothing has been changed then."""
    own = own_certificate(site)
    if own is not None:
        own.read()


def expiring(site: Site) -> list[str]:
    """That the admin's own certificate will not last long, in a line; nothing where it will."""
    own = own_certificate(site)
    leaf = read_certificate(own.certificate) if own is not None else None
    if own is None or leaf is None or leaf.not_valid_after_utc - datetime.now(timezone.utc) >= _SOON:
        return []
    return [
        f"{own.certificate} expires on {leaf.not_valid_after_utc:%Y-%m-%d}: put a newer one there in time; it is taken "
        "up by itself"
    ]


def notes(site: Site) -> list[str]:
    """What an admin should know of other certificates on this machine, a line each."""
    return _others(site.config.certificate_names) if site.config.tls.mode == "letsencrypt" else []


def _others(names: tuple[str, ...]) -> list[str]:
    """Whoever else renews certificates on this machine: they have their own, and are left alone."""
    timers = [state.name for state in systemd.states(_OTHER_TIMERS) if state.active == "active"]
    if not timers:
        return []
    files = sorted(_RENEWALS.glob("*.conf")) if _RENEWALS.is_dir() else []
    same = [file.stem for file in files if file.stem in names]
    if same:
        return [
            f"{timers[0]} renews a certificate for {same[0]}, too, which the hub doesn't use; unless others do: "
            f"sudo certbot delete --cert-name {same[0]}"
        ]
    return [f"{timers[0]} is active: it renews what is in /etc/letsencrypt; the hub's certificate is in {paths.ACME}"]
