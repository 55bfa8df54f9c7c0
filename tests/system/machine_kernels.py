"""The kernels that machines of the tests have, and where they are made from.

All of the product's recipes are used as they are, but for Julia's: IJulia is to be had from Julia's package server
alone, which tests can't reach. In its place the same recipe installs `KernelStandin` (see tests/channel), a small
kernel of our own, from a registry on the machine; everything else of it (the depots, what starts the kernel, what
people install beside it) is what IJulia gets. So of IJulia's own code nothing is tested here.
"""

from __future__ import annotations

from tests.channel.build import JULIA_REGISTRY, SERVED
from tests.channel.julia_registry import NAME as STANDIN
from tests.system.machine import Machine
from tests.system.machine_person import CONFIG, REPOSITORY

KERNELS = {"python": "python3", "r": "ir", "octave": "octave", "julia": "julia", "go": "gonb"}
"""The kernels of `kernels_applied` machines, each with the name by which notebooks know it."""
KERNELS_CONFIG = f"channels: ['{SERVED.as_uri()}']\nkernels: [{', '.join(KERNELS)}]\n"

_RECIPES = REPOSITORY / "kernels"
_OWN_RECIPES = "/etc/jupyterhub/kernels"


def put_kernels_config(machine: Machine) -> None:
    """Have the next apply build KERNELS from the tests' channel."""
    machine.put(CONFIG, KERNELS_CONFIG)
    for file in sorted((_RECIPES / "julia").iterdir()):
        machine.put(f"{_OWN_RECIPES}/julia/{file.name}", file.read_text())
    machine.put(f"{_OWN_RECIPES}/julia/recipe.yaml", standin_recipe())


def standin_recipe() -> str:
    """kernels/julia/recipe.yaml with the stand-in in the place of IJulia, and not a word else changed."""
    text = (_RECIPES / "julia/recipe.yaml").read_text()
    registry = f'Pkg.Registry.add(Pkg.RegistrySpec(path="{JULIA_REGISTRY}"))'
    for old, new in (
        ('Pkg.add(Pkg.PackageSpec(name="IJulia", version="1.34.4"))',
         f'{registry}; Pkg.add(Pkg.PackageSpec(name="{STANDIN}"))'),
        ("import IJulia; IJulia.run_kernel()", f"import {STANDIN}; {STANDIN}.run_kernel()"),
    ):  # fmt: skip
        assert text.count(old) == 1, f"kernels/julia/recipe.yaml no longer says {old}"
        text = text.replace(old, new)
    return text
