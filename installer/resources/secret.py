"""A generated secret: made once, root's alone, never shown."""

from __future__ import annotations

import secrets
import string
from typing import ClassVar, Literal

from installer.engine.resource import Attributes
from installer.host import files
from installer.resources.at_path import AtPath

_PRONOUNCEABLE = "".join(sorted(set(string.ascii_lowercase + string.digits) - set("0o1li")))


def new_password() -> str:
    """A password that can be typed: 20 characters, about 98 bits."""
    word = "".join(secrets.choice(_PRONOUNCEABLE) for _ in range(20))
    return "-".join(word[start : start + 5] for start in range(0, 20, 5))


class Secret(AtPath):
    """A random secret in a file, 0600.

    form: hex (64 hexadecimal digits, for tokens and keys) or password (20 characters that can be typed, about 98 bits).
    """

    kind: ClassVar[str] = "secret"

    form: Literal["hex", "password"] = "hex"

    def wanted(self) -> Attributes:
        """Something in it; root's alone."""
        return {"content": "(secret)", "mode": "0600", "owner": "root", "group": "root"}

    def probe(self) -> Attributes | None:
        """Whether there is something in it, mode and owner."""
        try:
            owned = files.ownership(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        usable = self.path.is_file() and not self.path.is_symlink() and self.path.stat().st_size > 0
        content = "(secret)" if usable else "unusable"
        return {"content": content, "mode": f"{owned.mode:04o}", "owner": owned.owner, "group": owned.group}

    def realize(self, before: Attributes | None) -> None:
        """Make it; or, where only mode or owner are wrong, write what is there anew with the right ones."""
        if before is not None and before["content"] == "(secret)":
            data = self.path.read_bytes()
        else:
            data = f"{self._random()}\n".encode()
        files.write(self.path, data, mode=0o600)

    def remove(self) -> None:
        """Remove it."""
        files.remove(self.path)

    def _random(self) -> str:
        if self.form == "hex":
            return secrets.token_hex(32)
        return new_password()
