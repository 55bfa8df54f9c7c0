"""ACLs of directories (acl(5)): who else may use one, and what a new file in there may be done with whatever the umask.

Read and written as the kernel has them, through a descriptor: no program is run, and no link is followed. As text they
are as getfacl has them, with commas, and with ids in place of names.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from pathlib import Path

_ACCESS = "system.posix_acl_access"
_DEFAULT = "system.posix_acl_default"
_VERSION = 2
_HEADER = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
_TAGS = {0x01: "user", 0x02: "user", 0x04: "group", 0x08: "group", 0x10: "mask", 0x20: "other"}
"""linux/posix_acl.h; those of 0x02 and 0x08 are for somebody named."""
_NAMED = {"user": 0x02, "group": 0x08}
_UNNAMED = {"user": 0x01, "group": 0x04, "mask": 0x10, "other": 0x20}
_NOBODY_NAMED = 0xFFFFFFFF
ALL_BUT_OWNER = stat.S_IRWXG | stat.S_IRWXO


def default_acl(path: Path) -> str:
    """A directory's default ACL; empty where there is none. Raises OSError."""
    return _read(path, _DEFAULT)


def set_default_acl(path: Path, text: str) -> None:
    """Give a directory a default ACL; none, if the text is empty. Raises OSError."""
    descriptor = _opened(path)
    try:
        if text:
            os.setxattr(descriptor, _DEFAULT, _bytes(text))
        elif default_acl(path):
            os.removexattr(descriptor, _DEFAULT)
    finally:
        os.close(descriptor)


def access_acl(path: Path) -> str:
    """A directory's own ACL; empty where that says no more than its mode. Raises OSError."""
    text = _read(path, _ACCESS)
    # Some file systems make one of three entries up from the mode.
    return text if "mask:" in text else ""


def set_access_acl(path: Path, text: str) -> None:
    """Give a directory an ACL of its own, which then decides on its mode; or take it away. Raises OSError.

    Without it, the directory is its owner's alone until it is given a mode: the group would have what the named had.
    """
    descriptor = _opened(path)
    try:
        if text:
            os.setxattr(descriptor, _ACCESS, _bytes(text))
            os.fsync(descriptor)
        elif access_acl(path):
            os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) & ~ALL_BUT_OWNER)
            os.removexattr(descriptor, _ACCESS)
    finally:
        os.close(descriptor)


def _read(path: Path, name: str) -> str:
    descriptor = _opened(path)
    try:
        return _text(os.getxattr(descriptor, name))
    except OSError as error:
        if error.errno in {errno.ENODATA, errno.ENOTSUP}:
            return ""
        raise
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _text(data: bytes) -> str:
    entries = []
    for tag, permissions, number in _ENTRY.iter_unpack(data[_HEADER.size :]):
        whose = "" if number == _NOBODY_NAMED else str(number)
        bits = "".join(letter if permissions & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))
        entries.append(f"{_TAGS[tag]}:{whose}:{bits}")
    return ",".join(entries)


def _bytes(text: str) -> bytes:
    data = _HEADER.pack(_VERSION)
    for entry in text.split(","):
        kind, whose, bits = entry.split(":")
        permissions = sum(bit for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if letter in bits)
        tag = _NAMED[kind] if whose else _UNNAMED[kind]
        data += _ENTRY.pack(tag, permissions, int(whose) if whose else _NOBODY_NAMED)
    return data
