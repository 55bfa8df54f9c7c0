"""Keeps the site's certificate fresh: what jupyterhub-certificate.timer starts, as root, in the server environment.

usage: python -I -m installer.pki.keep HOST
           [--certificate FILE --key FILE --for NAME [NAME ...] --source WORD [--account ACCOUNT]]

HOST is the name that the site is asked for by. Where files are named, somebody else puts a certificate there, which has
to be for the names; an account without rights, if one is named, which may not have any yet.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from installer.host import paths
from installer.host.errors import Problem
from installer.pki.issuing import new_site
from installer.pki.pair import Pair, has_expired, is_due, is_signed_by, names_of, read_certificate, read_key
from installer.pki.shown import have_shown
from installer.pki.taking import is_in_place, put_in_place, read_pair, read_settled


def main(argv: Sequence[str]) -> int:
    """Look, renew or take what is new, have nginx show it; returns the exit code."""
    arguments = _arguments(argv)
    trouble: Problem | None = None
    changed = False
    try:
        changed = _taken(arguments)
    except Problem as problem:
        trouble = problem
    try:
        # Also where somebody else's can't be had: ours is what nginx has for as long.
        changed = _renewed() or changed
        if have_shown(arguments.host, paths.SITE_CERTIFICATE, changed=changed):
            _say("nginx shows it")
    except Problem as problem:
        trouble = trouble or problem
    if trouble is not None:
        sys.stderr.write("\n".join([f"error: {trouble.what}", trouble.detail, f"hint: {trouble.hint}", ""]))
        return 1
    return 0


def _taken(arguments: argparse.Namespace) -> bool:
    """Take what somebody else keeps, where it is new. Returns whether it was. Raises Problem."""
    if arguments.certificate is None:
        return False
    if arguments.account is None:
        pair = read_settled(arguments.certificate, arguments.key, arguments.names)
    else:
        try:
            pair = read_pair(arguments.certificate, arguments.key, arguments.names, arguments.account)
        except Problem as problem:
            # Whoever fetches it says why there is none.
            _say(f"nothing to take: {problem.what}")
            return False
    if is_in_place(pair):
        return False
    put_in_place(pair, arguments.source)
    _tell(pair)
    return True


def _renewed() -> bool:
    """Renew the one by our own authority, where that is in place, and it is time. Returns whether it was.

    Where somebody else's is in place and has expired, ours stands in for it again.
    """
    authority, key = read_certificate(paths.CA_CERTIFICATE), read_key(paths.CA_KEY)
    present = read_certificate(paths.SITE_CERTIFICATE)
    if authority is None or key is None or present is None:
        return False
    if not (is_due(present) if is_signed_by(present, authority) else has_expired(present)):
        return False
    pair = new_site(Pair((authority,), key), names_of(present))
    pair.write(paths.SITE_CERTIFICATE, paths.SITE_KEY)
    _tell(pair)
    return True


def _tell(pair: Pair) -> None:
    leaf = pair.leaf
    _say(f"new certificate: serial {leaf.serial_number:x}, good until {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")


def _say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="installer.pki.keep")
    parser.add_argument("host")
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--for", dest="names", nargs="+", default=[])
    parser.add_argument("--source", default="")
    parser.add_argument("--account")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
