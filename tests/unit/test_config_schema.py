"""The JSON Schema says the same as the loader, as far as a schema can."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from installer.config.describe import all_keys
from installer.config.findings import nested
from installer.config.load import load
from installer.config.schema import schema
from installer.host.errors import ConfigProblem

VALIDATOR = Draft7Validator(schema())

GOOD: dict[str, list[object]] = {
    "hub.domain": ["hub", "Hub.Example.org", "3com.example", "a.b1", "192.0.2.7", "2001:db8::7", "x" * 63 + ".org"],
    "hub.base_url": ["/", "/jupyter/", "/a/b-1.0/~x/", "/hubs/", "/a/users/"],
    "hub.admin_users": [[], ["ada"], ["ada", "g_h.o-2", "2ada", "roots", "a" * 32]],
    "auth.provider": ["pam"],
    "tls.mode": ["self-signed"],
    "culler.timeout": [0, "0", "1h", "30m", "1d2h3m4s", "90s"],
    "culler.max_age": [0, "365d"],
    "culler.every": ["1s", "5m"],
}
BAD: dict[str, list[object]] = {
    "hub.domain": [1, True, [], {}, "", "a b", "a..b", "a.", "-a", "a-", "a_b", "1.2.3", "a:80", "a/b", "x" * 64],
    "hub.base_url": [1, "", "a", "/a", "a/", "//", "/a//b/", "/../", "/a b/", "/$x/", "/%20/", "/hub/", "/a/user/"],
    "hub.admin_users": ["ada", {}, [1], [[]], ["Ada"], ["root"], ["jupyter"], ["12"], ["-a"], ["a" * 33], ["a", "a"]],
    "auth.provider": ["ldap", "", 1, ["pam"]],
    "tls.mode": ["off", False],
    "culler.timeout": [1, -1, 1.5, True, "", "1", "h", "1 h", "1H", "30m1h", "1h1h", "-1h", [], {}],
    "culler.max_age": ["1w", 3600],
    "culler.every": ["1:30", 5],
}


def loads(directory: Path, config: str) -> bool:
    file = directory / "installer.yaml"
    file.write_text(config, encoding="utf-8")
    file.chmod(0o644)
    try:
        load(file)
    except ConfigProblem:
        return False
    return True


def config_with(name: str, value: object) -> dict[str, object]:
    section, key = name.split(".")
    return {section: {key: value}}


@pytest.mark.parametrize("name", [key.name for key in all_keys()])
def test_schema_and_loader_agree(name: str, tmp_path: Path) -> None:
    assert GOOD[name]
    assert BAD[name]
    for value in GOOD[name]:
        assert loads(tmp_path, nested(tuple(name.split(".")), value)), value
        assert VALIDATOR.is_valid(config_with(name, value)), value
    for value in BAD[name]:
        assert not loads(tmp_path, nested(tuple(name.split(".")), value)), value
        assert not VALIDATOR.is_valid(config_with(name, value)), value


@pytest.mark.parametrize("config", [None, {}, {"hub": None}, {"hub": {}, "culler": {}}])
def test_empty_sections_are_fine(config: object) -> None:
    assert VALIDATOR.is_valid(config)


@pytest.mark.parametrize("config", [[], "hub", {"hub": []}, {"hbu": {}}, {"hub": {"x": 1}}, {"hub": {"domain": None}}])
def test_other_shapes_are_not(config: object) -> None:
    assert not VALIDATOR.is_valid(config)


def test_it_is_a_schema_that_tells_an_editor_everything() -> None:
    Draft7Validator.check_schema(schema())
    json.dumps(schema())
    for key in all_keys():
        section, name = key.path
        told = schema()["properties"][section]["properties"][name]
        assert told["description"] == key.description
        assert told["examples"] == [key.example]
        assert told.get("default") == key.default
