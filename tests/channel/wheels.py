"""PyPI's wheels become conda packages."""

from __future__ import annotations

import email.parser
import re
import sys
import zipfile
from collections.abc import Iterable, Mapping
from configparser import RawConfigParser
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.channel.pack import PLACEHOLDER, Content, pack
from tests.system.machine_process import run

_HERE = Path(__file__).parent

PYTHONS: Mapping[str, frozenset[str] | None] = {
    "3.11": None,
    "3.13": frozenset({"charset-normalizer", "debugpy", "psutil", "pyzmq", "tornado", "wcwidth"}),
}
"""For each Python of the channel, which of the wheels are converted for it alone where they hold machine code.

None are all. The others are what ipykernel and requests need: enough for an environment to move to that Python.
"""

_PURE = "-none-any.whl"
# Where conda-forge's name isn't PyPI's.
_NAMES = {
    name.replace("_", "-"): name
    for name in (
        "ipython_pygments_lexers", "jupyter_client", "jupyter_core", "jupyterlab_widgets", "octave_kernel", "pure_eval",
        "stack_data", "typing_extensions",
    )
} | {"matplotlib": "matplotlib-base", "tzdata": "python-tzdata"}  # fmt: skip


@dataclass(frozen=True)
class _Wheel:
    file: Path
    metadata: Message
    files: dict[str, tuple[bytes, int]]

    @property
    def is_pure(self) -> bool:
        return self.file.name.endswith(_PURE)

    @property
    def dist_info(self) -> str:
        return next(name.split("/")[0] for name in self.files if name.endswith(".dist-info/METADATA"))


def convert(channel: Path, cache: Path) -> None:
    """Write a package for each wheel of the locked lists, downloaded into `cache`, into the channel."""
    locked = requirements(_HERE / "wheels.txt")
    done: set[Path] = set()
    for python, only in PYTHONS.items():
        these = [text for name, text in locked.items() if only is None or name in only]
        lists = [these] if only is not None else [these, [*requirements(_HERE / "older.txt").values()]]
        for wanted in lists:
            # One for all Pythons is one package.
            for file in _download(wanted, python, cache) - done:
                pack_wheel(channel, file, python)
                if file.name.endswith(_PURE):
                    done.add(file)


def requirements(file: Path) -> dict[str, str]:
    """The requirements of a locked list with their hashes, by name."""
    blocks = re.split(r"^(?=[a-z0-9])", file.read_text(), flags=re.MULTILINE)
    return {block.split("==")[0]: block for block in blocks if "==" in block}


def _download(wanted: Iterable[str], python: str, cache: Path) -> set[Path]:
    cache.mkdir(parents=True, exist_ok=True)
    short = f"cp{python.replace('.', '')}"
    platforms = [f"--platform=manylinux_2_{glibc}_x86_64" for glibc in (28, 27, 26, 24, 17, 12, 5)]
    listed = cache / f"requirements-{short}.txt"
    listed.write_text("".join(wanted))
    told = run(
        [
            sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--require-hashes",
            "--only-binary=:all:", f"--python-version={python}", "--implementation=cp", f"--abi={short}", "--abi=abi3",
            "--abi=none", *platforms, "--platform=manylinux2014_x86_64", f"--dest={cache}", f"--requirement={listed}",
        ],
        timeout=900,
    ).stdout  # fmt: skip
    names = re.findall(r"(?:Saved|File was already downloaded) (\S+\.whl)", told)
    return {cache / Path(name).name for name in names}


def _read(file: Path) -> _Wheel:
    with zipfile.ZipFile(file) as archive:
        files = {
            info.filename: (archive.read(info), 0o755 if info.external_attr >> 16 & 0o111 else 0o644)
            for info in archive.infolist()
            if not info.is_dir()
        }
    metadata = next(data for name, (data, _) in files.items() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
    return _Wheel(file, email.parser.BytesHeaderParser().parsebytes(metadata), files)


def pack_wheel(channel: Path, file: Path, python: str) -> None:
    """Write a wheel's package, for one Python where it holds machine code."""
    wheel = _read(file)
    major, minor = map(int, python.split("."))
    packages = "site-packages" if wheel.is_pure else f"lib/python{python}/site-packages"
    files: dict[str, Content] = {}
    for name, (data, mode) in wheel.files.items():
        path, content = _placed(name, data, packages, wheel.is_pure)
        files[path] = (content, 0o755 if path.startswith(("bin/", "python-scripts/")) else mode)
    files[f"{packages}/{wheel.dist_info}/INSTALLER"] = b"conda\n"
    programs = _programs(wheel)
    depends = [*_depends(wheel.metadata, python)]
    if wheel.is_pure:
        least = re.search(r">=\s*(3[\d.]*)", wheel.metadata.get("Requires-Python", ""))
        depends.append(f"python >={least[1] if least else 3}")
    else:
        depends += [f"python >={python},<{major}.{minor + 1}.0a0", "__glibc >=2.28"]
        files |= {f"bin/{name}": (_program(target), 0o755) for name, target in programs.items()}
    pack(
        channel,
        name=_conda_name(wheel.metadata["Name"]),
        version=wheel.metadata["Version"],
        build="pyhd_0" if wheel.is_pure else f"py{python.replace('.', '')}_0",
        depends=sorted(depends),
        subdir="noarch" if wheel.is_pure else "linux-64",
        files=files,
        entry_points=[f"{name} = {target}" for name, target in programs.items()] if wheel.is_pure else (),
    )


def _placed(name: str, data: bytes, packages: str, is_pure: bool) -> tuple[str, bytes]:
    """Where a file of a wheel comes in the prefix, and with what in it."""
    if ".data/" not in f"{name.partition('/')[0]}/":
        return f"{packages}/{name}", data
    _, kind, rest = name.split("/", 2)
    if kind in {"purelib", "platlib"}:
        return f"{packages}/{rest}", data
    if kind == "scripts":
        shebang = f"#!{PLACEHOLDER}/bin/python".encode()
        return f"{'python-scripts' if is_pure else 'bin'}/{rest}", re.sub(rb"^#!python", shebang, data)
    if kind == "headers":
        return f"include/{rest}", data
    return rest, data


def _programs(wheel: _Wheel) -> dict[str, str]:
    """The console scripts, as `module:function` by name."""
    text, _ = wheel.files.get(f"{wheel.dist_info}/entry_points.txt", (b"", 0))
    parser = RawConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text.decode())
    return dict(parser["console_scripts"]) if parser.has_section("console_scripts") else {}


def _program(target: str) -> bytes:
    module, function = target.split(":")
    name = function.split(".")[0].strip()
    lines = (
        f"#!{PLACEHOLDER}/bin/python",
        "import sys",
        f"from {module.strip()} import {name}",
        f"sys.exit({function}())",
    )
    return "\n".join(lines).encode() + b"\n"


def _depends(metadata: Message, python: str) -> Iterable[str]:
    here = {**default_environment(), "python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    for line in metadata.get_all("Requires-Dist") or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({key: str(value) for key, value in here.items()}):
            version = str(requirement.specifier).replace("===", "==")
            yield f"{_conda_name(requirement.name)} {version}".strip()


def _conda_name(name: str) -> str:
    plain = canonicalize_name(name)
    return _NAMES.get(plain, plain)
