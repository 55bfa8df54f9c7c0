"""Passwords of the hub's own: kept as what scrypt makes of them, and compared in constant time. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata

LONGEST = 256
"""Characters of a password; what is longer is not looked at."""

_COST, _BLOCK, _PARALLEL = 15, 8, 3
"""As OWASP has it for 32 MB: a quarter of a second, in which a graphics card gets no further than a processor."""

_MOST_MEMORY = 1 << 26
_SALT, _LENGTH = 16, 32


def hashed(password: str) -> str:
    """What is kept of a password: how it was made, the salt, and the hash."""
    salt = secrets.token_bytes(_SALT)
    return _written(salt, _scrypt(password, salt, _COST, _BLOCK, _PARALLEL))


def is_right(password: str, kept: str) -> bool:
    """Whether a password is the one that something was kept of."""
    try:
        kind, cost, block, parallel, salt, digest = kept.split("$")
        made = _scrypt(password, base64.b64decode(salt, validate=True), int(cost), int(block), int(parallel))
        return kind == "scrypt" and hmac.compare_digest(made, base64.b64decode(digest, validate=True))
    except (ValueError, OverflowError, MemoryError):
        return False


def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    # The same letter comes as one character from one keyboard, and as two from the next.
    word = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    if not 0 < cost <= _COST or not 0 < block <= _BLOCK or not 0 < parallel <= _PARALLEL:
        raise ValueError("nothing that was made here")
    return hashlib.scrypt(word, salt=salt, n=1 << cost, r=block, p=parallel, maxmem=_MOST_MEMORY, dklen=_LENGTH)


def _written(salt: bytes, digest: bytes) -> str:
    words = (base64.b64encode(part).decode() for part in (salt, digest))
    return "$".join(("scrypt", str(_COST), str(_BLOCK), str(_PARALLEL), *words))


NOBODYS = _written(secrets.token_bytes(_SALT), secrets.token_bytes(_LENGTH))
"""What takes as long to compare with as anybody's, and is right for no password."""
