"""Which packages of the cache need no second look: they were checked, and nobody could change them since.

The files of a package are checked when it is fetched, and once more whenever an environment is made of it: what
packages bring runs in a build as the account that the cache belongs to, and could write into a file that both have.
That second look reads every byte. So root keeps a list of packages that need none: it is taken away before anything of
theirs can run, and comes back when the build is complete and has left every file as it was linked. A build that is
killed, that fails or that others may run beside leaves no list behind.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from installer.host import files, paths


def take() -> frozenset[str]:
    """The packages on the list, by their sha256; there is none from here on, until `put_back`. Raises OSError."""
    try:
        listed = json.loads(paths.KERNELS_CHECKED.read_bytes())
    except (FileNotFoundError, ValueError):
        listed = []
    forget()
    return frozenset(listed)


def put_back(packages: Collection[str]) -> None:
    """Write the list. Only for the one who has taken it, with nobody building meanwhile."""
    files.write(paths.KERNELS_CHECKED, json.dumps(sorted(packages)).encode(), mode=0o644)


def forget() -> None:
    """Remove the list, for good also where the power goes."""
    if paths.KERNELS_CHECKED.exists():
        paths.KERNELS_CHECKED.unlink()
        files.fsync_directory(paths.KERNELS_CHECKED.parent)
