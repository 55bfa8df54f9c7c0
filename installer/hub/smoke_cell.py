"""Run one cell in a kernel, as any user would, and say what was wrong with that.

Reads {"kernelspec", "code", "expect"} from standard input; writes {"trouble": "…"} ("" where the output has `expect` in
it). It is started as an account that exists only for this (see installer.commands.kernel_check).
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

START_SECONDS = 120
CELL_SECONDS = 120


def main() -> None:
    """Read what to run, run it, tell, and end without the interpreter's shutdown, which whoever asks would wait for."""
    wished = json.load(sys.stdin)
    # As people's servers start it (jupyter_config.json, which only Jupyter's applications read).
    os.environ["JUPYTER_DEFAULT_PROVISIONER_NAME"] = "own-sockets"
    Path(os.environ["HOME"]).mkdir(mode=0o700, exist_ok=True)
    # The kernel gets our standard output, and what it prints there is no answer of ours.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answer:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        json.dump({"trouble": trouble_with(wished)}, answer)
    os._exit(0)


def trouble_with(wished: dict[str, str]) -> str:
    """What is wrong with a kernel, or nothing."""
    manager = KernelManager(kernel_name=wished["kernelspec"])
    try:
        manager.start_kernel()
        client = manager.blocking_client()
        client.start_channels()
        _wait_for(client)
    except Exception as error:  # noqa: BLE001 - whatever keeps it from starting is what is asked for
        if manager.has_kernel:
            manager.shutdown_kernel(now=True)
        return f"it doesn't start: {' '.join(f'{type(error).__name__}: {error}'.split())}"
    said: list[str] = []

    def take(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            said.append(content["text"])
        elif message["msg_type"] in {"execute_result", "display_data"}:
            said.append(str(content["data"].get("text/plain", "")))
        elif message["msg_type"] == "error":
            said.append("\n".join([f"{content['ename']}: {content['evalue']}"]))

    try:
        reply = client.execute_interactive(wished["code"], timeout=CELL_SECONDS, output_hook=take)
    except (TimeoutError, Empty):
        return f"the cell did not end within {CELL_SECONDS} s"
    except RuntimeError as error:
        return f"it died while the cell ran: {error}"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    output = "".join(said).strip()
    if reply["content"]["status"] != "ok":
        return f"the cell failed: {output[:500]}"
    return "" if wished["expect"] in output else f"the cell gave {output[:200]!r}, where {wished['expect']!r} should be"


def _wait_for(client: BlockingKernelClient) -> None:
    """Wait until the kernel answers, and until what it publishes is heard. Raises RuntimeError.

    The client's own way sees to the first alone, and then hears the kernel out until nothing came for 0.2 s.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        client.kernel_info()
        with suppress(Empty):
            client.get_shell_msg(timeout=1)
            client.get_iopub_msg(timeout=0.2)
            return
        if not client.is_alive():
            raise RuntimeError("the kernel died before it answered")
    raise RuntimeError(f"the kernel did not answer within {START_SECONDS} s")


if __name__ == "__main__":
    main()
