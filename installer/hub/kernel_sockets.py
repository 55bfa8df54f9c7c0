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
            # Julia's kernel writes the addresses of sockets as those of ports.
            otherwise = self.kernel_spec is not None and self.kernel_spec.language == "julia"
            for port in manager.ports:
                _make_way(Path(f"{manager.ip}-{port}"), Path(f"{manager.ip}:{port}") if otherwise else None)
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


def _make_way(connected: Path, other: Path | None) -> None:
    """Remove the sockets of a kernel that was killed: not every one that comes after it would.

    connected: where Jupyter looks for it. other: where this kernel makes it in place of that.
    """
    for path in (connected, other):
        if path is not None:
            path.unlink(missing_ok=True)
    if other is not None:
        connected.symlink_to(other)
