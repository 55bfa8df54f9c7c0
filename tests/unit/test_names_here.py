"""Groups and accounts that the config names and this machine doesn't have."""

from __future__ import annotations

import pytest

from installer.commands.names_here import refuse_unknown
from installer.config.load import load_text
from installer.features.site import Site
from installer.host import paths
from installer.host.errors import ConfigProblem
from tests.unit.test_features import site


def configured(text: str) -> Site:
    return site(load_text(paths.CONFIG_FILE, text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("limits: {groups: {no-such: {cpu: 1}}}", "limits.groups.no-such in .*: this machine has no group no-such"),
        (
            "limits: {users: {nobody: {cpu: 1}, stray: {cpu: 1}}}",
            "limits.users.stray in .*: this machine has no account",
        ),
        (
            "culler: {groups: [{group: root, timeout: 8h}, {group: no-such}]}",
            r"culler.groups\[1\] in .* no group no-such",
        ),
        ("culler: {exempt: [nobody, stray]}", r"culler.exempt\[1\] in .*: this machine has no account stray"),
        ("shared: [{path: /srv/a}, {path: /srv/b, group: no-such}]", r"shared\[1\] in .*: this machine has no group"),
    ],
)
def test_a_rule_for_nobody_is_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigProblem, match=told) as caught:
        refuse_unknown(configured(text))
    assert caught.value.hint.startswith("mend the name, ")


def test_a_rule_may_be_there_before_the_hub_makes_an_account() -> None:
    rules = "culler: {exempt: [stray]}, limits: {users: {stray: {cpu: 1}}}"
    refuse_unknown(configured(f"{{auth: {{create_accounts: true}}, {rules}}}"))
    refuse_unknown(configured("shared: [{path: /srv/a}]"))
