from __future__ import annotations

import socket
from pathlib import Path

from installer.commands.uninstall_places import kernel_sockets


def test_sockets_of_kernels_go_and_nothing_else(tmp_path: Path) -> None:
    ended, used, elsewhere = (tmp_path / name for name in ("jupyter-kernel-a", "jupyter-kernel-b", "elsewhere"))
    for directory in (ended, used, elsewhere):
        directory.mkdir()
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(directory / "kernel-1"))
    (ended / "kernel-2").symlink_to("kernel:2")
    (used / "thesis").write_text("mine")
    (tmp_path / "jupyter-kernel-c").symlink_to(elsewhere)

    kernel_sockets(tmp_path)

    assert not ended.exists()
    assert [path.name for path in used.iterdir()] == ["thesis"]
    assert [path.name for path in elsewhere.iterdir()] == ["kernel-1"]
