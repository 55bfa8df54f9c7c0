"""`activation`: the script that activates an environment in bash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rattler.shell import ActivationVariables, Shell, activate


def run(request: dict[str, Any]) -> object:
    """{prefix, path} -> {script}."""
    variables = ActivationVariables(None, request["path"].split(":"))
    return {"script": activate(Path(request["prefix"]), variables, Shell.bash).script}
