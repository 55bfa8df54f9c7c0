"""What draws lines in colours, as the installer has them drawn."""

from __future__ import annotations

import errno
from typing import Any

import rich.console

from installer.cli.harmless import harmless


class Console(rich.console.Console):
    """Standard output or standard error.

    A long line is the terminal's to fold (folded by us it couldn't be searched, or copied when piped), and ":x:" in a
    file's diff is what it says.
    """

    def __init__(self, *, stderr: bool) -> None:
        super().__init__(highlight=False, soft_wrap=True, emoji=False, stderr=stderr)

    def print(self, *objects: object, **options: Any) -> None:  # noqa: ANN401 - rich's own are of all types
        """Print texts without what a terminal would act on."""
        super().print(*(harmless(each) if isinstance(each, str) else each for each in objects), **options)

    def on_broken_pipe(self) -> None:
        """Leave to the caller what is to happen when nobody reads on (rich would end the process)."""
        raise BrokenPipeError(errno.EPIPE, "nobody reads on")
