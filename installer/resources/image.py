"""A file of ours that isn't text: an image."""

from __future__ import annotations

import base64
from typing import ClassVar

from installer.resources.file import File


class Image(File):
    """An image; `text` is what is in it, in base64, so that a generation can bring it back."""

    kind: ClassVar[str] = "image"

    @property
    def data(self) -> bytes:
        """The image itself."""
        return base64.b64decode(self.text)

    def content(self) -> str | None:
        """Nothing that could be read."""
        return None

    def present_content(self) -> str | None:
        """Nothing that could be read."""
        return None
