"""Run one cell in a kernel, as any user would, and say what was wrong with that.

Reads {"kernelspec", "code", "expect"} from standard input; writes {"trouble": "…"} ("" where the output has `expect` in
it). It is started as an account that exists only for this (see installer.commands.kernel_check).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.manager import start_new_kernel

START_SECONDS = 120
CELL_SECONDS = 120


def main() -> None:
    """Read what to run, run it, tell."""
    wished = json.load(sys.stdin)
    Path(os.environ["HOME"]).mkdir(mode=0o700, exist_ok=True)
    # The kernel gets our standard output, and what it prints there is no answer of ours.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answer:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        json.dump({"trouble": trouble_with(wished)}, answer)


def trouble_with(wished: dict[str, str]) -> str:
    """What is wrong with a kernel, or nothing."""
    try:
        manager, client = start_new_kernel(kernel_name=wished["kernelspec"], startup_timeout=START_SECONDS)
    except Exception as error:  # noqa: BLE001 - whatever keeps it from starting is what is asked for
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


if __name__ == "__main__":
    main()
