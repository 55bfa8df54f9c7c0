"""A channel of packages that are next to nothing, and recipes for kernels of them: a build takes seconds.

The kernel in them is the server environment's own; so what is tested is how they come to be, not what they can do.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from installer.host import paths
from tests.channel.pack import index, pack
from tests.system.machine import Machine

PLACE = "/srv/tiny"
ADDRESS = f"file://{PLACE}"
FILES = 6000
"""In the package `many`, for linking them to take a while."""

_RECIPE = """\
language: python
display_name: Tiny
version_of: tiny
kernelspec: {name}
requires: [tiny]
argv: [{python}, -m, ipykernel_launcher, -f, "{{connection_file}}"]
smoke: {{code: print(6 * 7), expect: "42"}}
"""


def recipe(machine: Machine, name: str, *more: str) -> None:
    """Put a recipe of the admin's own on a machine: the tiny kernel's, with more lines."""
    text = _RECIPE.format(name=name, python=f"{paths.VENV}/bin/python")
    machine.put(f"{paths.KERNEL_RECIPES}/{name}/recipe.yaml", text + "".join(f"{line}\n" for line in more))


def put(machine: Machine) -> None:
    """Put the channel on a machine, and the recipe `tiny`."""
    with tempfile.TemporaryDirectory() as directory:
        channel = Path(directory)
        write(channel)
        machine.put_tree(channel, [file.relative_to(channel) for file in channel.rglob("*") if file.is_file()], PLACE)
    machine.run(["chmod", "-R", "a+rX", PLACE])
    recipe(machine, "tiny")


def write(channel: Path) -> None:
    """Write the channel into a directory."""
    for version in ("1.0", "2.0"):
        pack(channel, name="tiny", version=version, files={"share/tiny/version": version.encode()})
    pack(channel, name="many", version="1.0", files={f"share/many/{n}": f"{n}\n".encode() for n in range(FILES)})
    pack(channel, name="old", version="1.0", depends=["tiny <2"], files={"share/old": b"old\n"})
    pack(channel, name="needy", version="1.0", depends=["tiny", "unheard-of >=3"], files={"share/needy": b"needy\n"})
    pack(channel, name="large", version="1.0", files={"share/large": bytes(range(256)) * 200_000}, level=-50)
    pack(
        channel,
        name="broken",
        version="1.0",
        files={"etc/conda/activate.d/broken.sh": b"echo no licence >&2; exit 3\n"},
    )
    for name, script in SCRIPTS.items():
        pack(channel, name=name, version="1.0", files={f"share/{name}": b""}, link_scripts={"post-link": script})
    index(channel)


SCRIPTS = {
    "vandal": f"""
for place in /etc {paths.OPT} {paths.KERNELS} {paths.KERNELS_CACHE}/packages {paths.KERNELSPECS} /var/lib /srv /home; do
    touch $place/by-the-vandal && echo $place >> $PREFIX/share/wrote
done
touch $PREFIX/share/by-the-vandal
cat {paths.SECRETS}/* /root/.bashrc >> $PREFIX/share/read
true
""",
    "daemon": 'setsid sleep 54321 > /dev/null 2>&1 < /dev/null & touch "$PREFIX/share/started"\n',
}
"""What packages of these names run when they are installed."""
