"""Kernels on Unix sockets that nobody but their person can reach, in place of ports, which all on the machine can.

What a kernel publishes, each output of a notebook, is given to whoever connects. Jupyter finds this provisioner by the
entry point beside it (entry_points.txt), and takes it for every kernel whose kernelspec names no other
(jupyter_config.json). Source: jupyter_client's documentation, "Kernel provisioning".
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import LocalProvisioner

# A socket's path may have 107 bytes: a home's, with a kernel's long name in it, is often longer (unix(7)).
PLACE = "/tmp"  # noqa: S108 - each kernel has a directory of its own there, that is made for nobody else
PREFIX = "jupyter-kernel-"


class SocketProvisioner(LocalProvisioner):  # type: ignore[misc]
    """Starts kernels as Jupyter does, but for where they listen."""

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - jupyter_client's own
        """Have the kernel listen in a directory of its own, with mode 0700; at a restart in the same again."""
        manager = self.parent
        if manager is not None and self._directory is None:
            manager.transport = "ipc"
            manager.ip = f"{tempfile.mkdtemp(prefix=PREFIX, dir=PLACE)}/kernel"
        prepared: dict[str, Any] = await super().pre_launch(**kwargs)
        if manager is not None:
            for port in manager.ports:
                _expect_socket(f"{manager.ip}-{port}", f"{manager.ip}:{port}")
        return prepared

    async def cleanup(self, restart: bool = False) -> None:
        """Take the directory away when the kernel doesn't come back."""
        await super().cleanup(restart=restart)
        if self._directory is not None and not restart:
            shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def _directory(self) -> Path | None:
        """The directory, once there is one."""
        if self.parent is None or self.parent.transport != "ipc":
            return None
        directory = Path(self.parent.ip).parent
        return directory if directory.name.startswith(PREFIX) else None


def _expect_socket(connected: str, other: str) -> None:
    """Have who connects find the socket, whichever of two names the kernel gives it.

    Jupyter's is the one with a dash. Kernels that write addresses as they do with ports (Julia's, Go's) give the other
    one; all others put their socket in the place of the link. What a kernel that was killed has left is in the way.
    """
    for path in (connected, other):
        Path(path).unlink(missing_ok=True)
    Path(connected).symlink_to(other)
