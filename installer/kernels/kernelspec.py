"""kernel.json: what a Jupyter server reads to start a kernel of a revision.

Source: jupyter_client's documentation, "Kernel specs". Values of env may hold ${VARIABLE}s of the starting server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from installer.kernels.request import KernelRequest

_MAKE_DIRECTORIES = 'for directory in {directories}; do mkdir -p "$directory"; done 2>/dev/null; exec "$@"'
"""Before the kernel is there, since languages look for them as they start; where that fails, it starts all the same."""
_ON_PORTS = {"provisioner_name": "local-provisioner"}
"""Jupyter's own, in place of the one that servers take for all others (installer.hub.kernel_sockets)."""
_KERNELS_OWN_WAY = ("PATH", "CONDA_PREFIX")


def kernel_json(request: KernelRequest, prefix: Path, version: str | None, activation: Mapping[str, str]) -> str:
    """The text of kernel.json for a kernel whose environment is at `prefix`.

    version: of the package that the recipe shows. activation: the variables that activating the environment sets.
    Everything is absolute and in this revision: a kernel that runs goes on in it whatever is switched.
    """
    recipe = request.recipe
    values = {"prefix": str(prefix), "name": request.name, "version": short(version or "")}
    wanted = {name: filled(value, values) for name, value in recipe.env.items()}
    path = ":".join([str(prefix / "bin"), *(filled(part, values) for part in recipe.path), "${PATH}"])
    environment = {
        # A $ that activation came to is one that is meant.
        **{name: value for name, value in activation.items() if name not in _KERNELS_OWN_WAY},
        **wanted,
        "CONDA_PREFIX": str(prefix),
        "PATH": path,
    }
    argv = [filled(word, values) for word in recipe.argv]
    if recipe.directories:
        quoted = " ".join(f'"{_for_shell(filled(directory, values))}"' for directory in recipe.directories)
        argv = ["/bin/sh", "-c", _MAKE_DIRECTORIES.format(directories=quoted), recipe.name, *argv]
    return (
        json.dumps(
            {
                "argv": argv,
                "display_name": filled(request.display_name, values),
                "language": recipe.language,
                "interrupt_mode": recipe.interrupt_mode,
                "env": {name: value for name, value in environment.items() if value},
                "metadata": {
                    "debugger": recipe.debugger,
                    "installer": {"name": request.name, "revision": prefix.name},
                    **({"kernel_provisioner": _ON_PORTS} if recipe.transport == "tcp" else {}),
                },
            },
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
    )


def filled(text: str, values: Mapping[str, str]) -> str:
    """A recipe's text with {prefix} and the like replaced; ${…} stays for the starting server."""
    return re.sub(r"(?<!\$)\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)


def short(version: str) -> str:
    """The first two numbers of a version: what people tell kernels apart by."""
    return ".".join(version.split(".")[:2])


def _for_shell(path: str) -> str:
    """A path for use in double quotes: ${HOME} is the shell's to fill in, and nothing else is."""
    return re.sub(r'(["`\\]|\$(?!\{\w+\}))', r"\\\1", path)
