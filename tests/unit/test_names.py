"""How names at a provider become accounts: what useradd takes, never two on one, and always the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.hub.names import SYSTEM, Naming, NoAccount, account_of, read_map

USERADD = re.compile(r"[a-z][a-z0-9-]{0,30}")
ANY = st.text(min_size=1, max_size=300).filter(str.strip)
LIKE_NAMES = st.text(st.sampled_from("abAB01-._@+x ßé界"), min_size=1, max_size=40).filter(str.strip)
PREFIX = st.sampled_from(["", "gh-", "a", "abcdefghijkl"])


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("ada", "ada"),
        ("Ada", "ada"),
        ("bob-smith", "bob-smith"),
        ("a" * 31, "a" * 31),
        ("ada@example.org", "ada-example-org-xvrg4kj7i"),
        ("ada.lovelace", "ada-lovelace-x6ejomx34"),
        ("2fast", "u-2fast-xewz6hgp5"),
        ("José", "jose-xqmhd4rgp"),
        ("界", "u-xnlcaj6al"),
        ("-o -u 0", "o-u-0-x"),
        ("../../etc", "etc-x"),
        ("a" * 200, "a" * 21 + "-x"),
    ],
)
def test_names_that_can_be_read(name: str, account: str) -> None:
    made = account_of(name, Naming())
    assert USERADD.fullmatch(made)
    assert made.startswith(account.rpartition("-x")[0] or account)


@given(ANY, PREFIX)
def test_useradd_takes_every_one_of_them(name: str, prefix: str) -> None:
    try:
        account = account_of(name, Naming(prefix=prefix))
    except NoAccount:
        return
    assert USERADD.fullmatch(account)
    assert account.startswith(prefix)
    assert account not in SYSTEM


@given(LIKE_NAMES | ANY, LIKE_NAMES | ANY, st.booleans(), PREFIX)
def test_never_two_on_one(one: str, other: str, fold: bool, prefix: str) -> None:
    naming = Naming(fold=fold, prefix=prefix)
    try:
        accounts = {account_of(one, naming), account_of(other, naming)}
    except NoAccount:
        return
    assert len(accounts) == len({naming.folded(one), naming.folded(other)})


@given(LIKE_NAMES)
def test_nobody_can_be_called_what_another_is_made(name: str) -> None:
    """A name with a digest, taken for a name by somebody else, is another account."""
    made = account_of(f"{name}@example.org", Naming())
    assert account_of(made, Naming()) != made


@pytest.mark.parametrize(
    "name", ["root", "ROOT", "daemon", "www-data", "postgres", "sudo", "jupyter", "systemd-network", "jupyterhub-proxy"]
)
def test_no_name_of_the_systems(name: str) -> None:
    with pytest.raises(NoAccount, match="the system's"):
        account_of(name, Naming())


def test_an_address_is_cut_where_there_is_one_domain_alone() -> None:
    naming = Naming(domain="example.org")
    assert account_of("Ada@Example.org", naming) == "ada"
    for name in ("ada@evil.example", "ada", "@example.org", "ada@sub.example.org", "ada@example.org@evil.example"):
        with pytest.raises(NoAccount, match=r"only names of @example\.org"):
            account_of(name, naming)
    with pytest.raises(NoAccount, match="the system's"):
        account_of("root@example.org", naming)


def test_two_domains_are_two_people() -> None:
    assert len({account_of(name, Naming()) for name in ("ada@example.org", "ada@evil.example", "ada")}) == 3


def test_exact_keeps_capitals_apart() -> None:
    assert account_of("Ada", Naming(fold=False)) != account_of("ada", Naming(fold=False)) == "ada"


def test_the_map_goes_first_and_its_accounts_are_nobody_elses() -> None:
    naming = Naming(mapped=read_map("# who is who\nAda@Example.org  grace  # married\n\n"))
    assert account_of("ada@example.org", naming) == "grace"
    with pytest.raises(NoAccount, match="somebody else's"):
        account_of("grace", naming)
    assert account_of("bob", naming) == "bob"


def test_a_byte_order_mark_is_no_part_of_a_name() -> None:
    assert read_map("\ufeffada grace\n") == {"ada": "grace"}


def test_where_case_counts_two_names_are_two() -> None:
    assert read_map("ada x\nAda y", fold=False) == {"ada": "x", "Ada": "y"}
    with pytest.raises(ValueError, match="is the same name as"):
        read_map("Jose\u0301 x\nJos\u00e9 y", fold=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ada\n", "line 1: expected a name and an account, found 'ada'"),
        ("ada ada ada", "line 1: expected"),
        ("\nada root", "line 2: 'root' is not the name of a person's account"),
        ("ada Ada", "line 1: 'Ada'"),
        ("ada -u", "line 1: '-u'"),
        ("ada x\nada y", "line 2: ada is there twice"),
        ("ada x\nbob x", "line 2: x is there twice"),
        ("ada x\nAda y", "line 2: Ada is the same name as ada (auth.names.rule)"),
        ("Jose\u0301 x\njos\u00e9 y", "line 2: jos\u00e9 is the same name as Jose\u0301 (auth.names.rule)"),
    ],
)
def test_a_map_that_is_none(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        read_map(text)
