"""The files that signing in needs: looked at before anything is changed."""

from __future__ import annotations

import stat
from pathlib import Path

from installer.features.site import Site
from installer.host import files, paths
from installer.host.errors import Problem
from installer.host.trusted import not_roots_alone

_LARGEST_SECRET = 4096


def refuse_unfit(site: Site) -> None:
    """Raises Problem where a file that signing in needs can't be used; nothing has been changed then."""
    auth = site.config.auth
    if auth.is_oauth:
        refuse_unfit_secret(paths.CLIENT_SECRET, "the secret that the login provider gave for this hub")
    elif auth.provider == "ldap" and auth.ldap.bind_dn:
        refuse_unfit_secret(paths.LDAP_PASSWORD, f"the password of {auth.ldap.bind_dn}")
    for key, file in (("allow.file", auth.allow.file), ("names.map", auth.names.map), ("ca_file", auth.ca_file)):
        if file is not None:
            _refuse_unfit_file(f"auth.{key}", Path(file))


def refuse_unfit_secret(file: Path, secret: str) -> None:
    """Raises Problem unless a secret is root's alone, and one line. secret: which one it is."""
    write = f"sudo install -m 600 /dev/stdin {file}, then paste the secret, Enter, Ctrl-D"
    try:
        owned = files.ownership(file)
        usable = stat.S_ISREG(file.lstat().st_mode) and file.stat().st_size <= _LARGEST_SECRET
        text = file.read_text(encoding="utf-8", errors="replace") if usable else ""
    except OSError as error:
        what = f"{file}, {secret}, can't be read: {error.strerror}"
        raise Problem(what, write) from None
    if not text.strip() or len(text.strip().splitlines()) > 1:
        raise Problem(f"{file} is not one line with {secret}", write)
    if owned.owner != "root" or owned.mode & 0o077:
        raise Problem(
            f"{file} can be read by others than root ({owned.owner}, {owned.mode:04o})",
            f"sudo chown root:root {file} && sudo chmod 600 {file} (and have a new one made)",
        )


def _refuse_unfit_file(key: str, file: Path) -> None:
    """A file that says who gets in: root alone writes it, and the hub reads it."""
    try:
        found = not_roots_alone(file)
        mode = file.stat().st_mode
    except OSError as error:
        raise Problem(
            f"{key} in {paths.CONFIG_FILE}: {file}: {error.strerror}", "write the file, or mend its path"
        ) from None
    if found is not None:
        raise Problem(
            f"{key} in {paths.CONFIG_FILE}: {found[0]} {found[1]}",
            f"sudo chown root:root {found[0]} && sudo chmod go-w {found[0]}",
        )
    if not stat.S_ISREG(mode) or not mode & stat.S_IROTH:
        raise Problem(f"{key} in {paths.CONFIG_FILE}: {file} can't be read by the hub", f"sudo chmod a+r {file}")
