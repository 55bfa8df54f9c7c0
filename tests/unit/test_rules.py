"""Who gets in: nobody by themselves, nobody who is blocked, and never root or an account of the system's."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.hub.names import Naming
from installer.hub.rules import Decision, Person, Rules, decide, read_list

ADA = Person(
    "Ada",
    "ada",
    groups=frozenset({"students"}),
    organizations=frozenset({"Our-Lab", "our-lab/Staff"}),
    emails=frozenset({"Ada@Example.org"}),
    unverified=frozenset({"Countess@Evil.example"}),
    before="Miss-Byron",
)
ALL = Rules(
    users=frozenset({"ada"}),
    groups=frozenset({"students"}),
    organizations=frozenset({"our-lab"}),
    email_domains=frozenset({"example.org"}),
    listed={"ada": True},
    everybody=True,
    members=True,
)


def asked(rules: Rules, person: Person = ADA, *, fold: bool = True) -> Decision:
    return decide(person, rules, Naming(fold=fold))


def test_nobody_gets_in_by_themselves() -> None:
    assert asked(Rules()) == Decision(allowed=False, why="no rule of auth.allow lets them in")
    assert not asked(Rules(admins=frozenset({"ada"}), admin_groups=ADA.groups)).allowed, "nor for being an admin"


@pytest.mark.parametrize(
    ("rules", "why", "named"),
    [
        (Rules(users=frozenset({"ada"})), "named in auth.allow.users", True),
        (Rules(listed={"ADA": False}), "named in the file of auth.allow.file", True),
        (Rules(groups=frozenset({"students", "x"})), "in the group students (auth.allow.groups)", False),
        (Rules(organizations=frozenset({"our-lab"})), "in our-lab (auth.allow.organizations)", False),
        (Rules(organizations=frozenset({"OUR-LAB/staff"})), "in our-lab/staff (auth.allow.organizations)", False),
        (Rules(email_domains=frozenset({"example.org"})), "of example.org (auth.allow.email_domains)", False),
        (Rules(everybody=True), "everybody is let in (auth.allow.all)", False),
        (Rules(members=True), "a member of the group that may use the hub", False),
    ],
)
def test_each_rule_says_why(rules: Rules, why: str, named: bool) -> None:
    assert asked(rules) == Decision(allowed=True, why=why, named=named)
    nobody = Person("eve", "eve")
    assert asked(rules, nobody).allowed is (rules.everybody or rules.members)


def test_groups_are_compared_exactly() -> None:
    assert not asked(Rules(groups=frozenset({"Students"}))).allowed


def test_an_address_that_nobody_has_verified_lets_nobody_in() -> None:
    assert not asked(Rules(email_domains=frozenset({"evil.example"}))).allowed


def test_a_domain_is_no_end_of_another() -> None:
    for email in ("ada@notexample.org", "ada@example.org.evil.example", "example.org"):
        assert not asked(
            Rules(email_domains=frozenset({"example.org"})), replace(ADA, emails=frozenset({email}))
        ).allowed


def test_with_google_it_is_the_workspace_that_counts() -> None:
    rules = Rules(email_domains=frozenset({"example.org"}), workspaces=True)
    assert not asked(rules).allowed
    assert asked(rules, replace(ADA, workspace="example.org")).allowed


def test_exact_names_are_compared_exactly() -> None:
    assert not asked(Rules(users=frozenset({"ada"})), fold=False).allowed
    assert asked(Rules(users=frozenset({"Ada"})), fold=False).allowed


@pytest.mark.parametrize("word", ["ada", "ADA", "Ada@example.ORG", "countess@evil.example", "miss-byron"])
def test_blocked_wins(word: str) -> None:
    assert asked(replace(ALL, blocked=frozenset({word}))) == Decision(allowed=False, why="blocked (auth.blocked)")


@pytest.mark.parametrize(
    ("account", "uid"),
    [("root", 0), ("root", None), ("ada", 0), ("ada", 999), ("nobody", 65534), ("x", 61184), ("postgres", None)],
)
def test_the_systems_accounts_never_get_in(account: str, uid: int | None) -> None:
    decision = asked(replace(ALL, admins=frozenset({account})), replace(ADA, account=account, uid=uid))
    assert decision == Decision(allowed=False, why=f"{account} is root or an account of the system's")


def test_people_whose_accounts_are_there_get_in_whatever_they_are_called() -> None:
    """Debian's cloud images have their admin called admin; directories have uids of ten digits."""
    assert asked(ALL, replace(ADA, account="admin", uid=1000)).allowed
    assert asked(ALL, replace(ADA, uid=1_600_001_234)).allowed


@pytest.mark.parametrize(
    ("rules", "admin"),
    [
        (Rules(everybody=True), False),
        (Rules(everybody=True, admins=frozenset({"ada"})), True),
        (Rules(everybody=True, admins=frozenset({"Ada"})), False),
        (Rules(everybody=True, admin_groups=frozenset({"students"})), True),
        (Rules(listed={"ada": True}), True),
        (Rules(listed={"ada": False, "bob": True}), False),
    ],
)
def test_who_is_an_admin(rules: Rules, admin: bool) -> None:
    assert asked(rules).admin is admin


WORDS = st.frozensets(st.sampled_from(["ada", "Ada", "bob", "students", "root", "x"]))


@given(
    st.builds(Rules, users=WORDS, groups=WORDS, blocked=WORDS, admins=WORDS, everybody=st.booleans()),
    st.builds(
        Person,
        name=st.sampled_from(["ada", "Ada", "bob"]),
        account=st.sampled_from(["ada", "bob", "root"]),
        uid=st.none() | st.integers(0, 70000),
        groups=WORDS,
    ),
)
def test_whatever_the_rules(rules: Rules, person: Person) -> None:
    decision = decide(person, rules, Naming())
    if person.account == "root" or (person.uid is not None and person.uid < 1000):
        assert not decision.allowed or person.uid is not None
    if person.name.lower() in {name.lower() for name in rules.blocked}:
        assert not decision.allowed
    if not decision.allowed:
        assert not decision.admin


def test_the_first_seeds_list() -> None:
    text = "\ufeffada admin\nbob\n\n# gone: eve\ncarol  # since May\r\nada\n"
    assert read_list(text) == {"ada": True, "bob": False, "carol": False}


@pytest.mark.parametrize("text", ["ada amdin", "ada admin yes", "bob\nada,admin x"])
def test_a_list_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"line {len(text.splitlines())}: expected a name")):
        read_list(text)
