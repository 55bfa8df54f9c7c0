"""A registry of Julia packages, with the one that stands in for IJulia (which no source at hand has)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_HERE = Path(__file__).parent
NAME = "KernelStandin"
_UUID = "7a4c1d52-6f0b-4b7e-9d83-2f5a1c9e6b04"
_VERSION = "0.1.0"
# The package's own and the standard library's are all it needs.
_REGISTRY = f"""\
name = "Local"
uuid = "0d0bd0a5-5a57-4a5d-9b3c-6a1f6e6e2c11"
repo = ""

[packages]
{_UUID} = {{ name = "{NAME}", path = "{NAME}" }}
"""


def write(directory: Path, served: Path) -> None:
    """Write the registry (`registry/`) and the package's repository beside it, to be found at `served`."""
    repository = directory / f"{NAME}.git"
    tree = _commit(_HERE / NAME, repository)
    package = directory / "registry" / NAME
    package.mkdir(parents=True)
    (directory / "registry/Registry.toml").write_text(_REGISTRY)
    texts = {
        "Package": f'name = "{NAME}"\nuuid = "{_UUID}"\nrepo = "{(served / repository.name).as_uri()}"\n',
        "Versions": f'["{_VERSION}"]\ngit-tree-sha1 = "{tree}"\n',
        "Deps": "[0]\n" + (_HERE / NAME / "Project.toml").read_text().split("[deps]\n")[1].split("\n\n")[0] + "\n",
        "Compat": '[0]\njulia = "1"\n',
    }
    for name, text in texts.items():
        (package / f"{name}.toml").write_text(text)


def _commit(sources: Path, repository: Path) -> str:
    """Make a git repository of a directory, the same each time; returns the digest of its tree."""
    work = repository.with_suffix(".work")
    shutil.copytree(sources, work)
    who = ("-c", "user.name=tests", "-c", "user.email=tests@example.org", "-c", "commit.gpgsign=false")
    for words in (("init", "--quiet", "--initial-branch=main"), ("add", "."), (*who, "commit", "--quiet", "-m", NAME)):
        _git(work, *words)
    tree = _git(work, "rev-parse", "HEAD^{tree}")
    (work / ".git").rename(repository)
    shutil.rmtree(work)
    _git(repository, "config", "core.bare", "true")
    return tree


def _git(directory: Path, *words: str) -> str:
    # Nobody's own settings, and always the same time.
    settings = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "PATH": "/usr/bin:/bin"}
    times = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2026-01-01T00:00:00Z")
    command = ["git", "-C", str(directory), *words]
    return subprocess.run(command, env=settings | times, check=True, capture_output=True, text=True).stdout.strip()
