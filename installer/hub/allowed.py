"""Answer whether somebody would get in, and why: with the very rules, names and owners that a login goes by.

Run as the hub's account. The answer goes to standard output, as JSON.

usage: python -I -m installer.hub.allowed RULES DATABASE NAME [--group G ...] [--organization O ...] [--email E ...]
       python -I -m installer.hub.allowed --check RULES          (only: can the lists be read? Exit 1 if not.)
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from installer.hub import refusals
from installer.hub.linux_accounts import groups_of, is_group, own_group_of, uid_of
from installer.hub.names import Naming, NoAccount, account_of, can_be_made, is_mapped
from installer.hub.owners import owners_at
from installer.hub.people import People, StoreTrouble, person_of
from installer.hub.rules import Person, decide
from installer.hub.sign_in import SignIn, Unreadable, load

HOMES = Path("/home")


def answer(sign_in: SignIn, person: Person, owned: Mapping[str, str]) -> dict[str, object]:
    """What a login of theirs would come to.

    owned: for accounts, the names that their owners came with from the provider that is asked now.
    """
    local = sign_in["provider"] in ("pam", "native")
    try:
        naming = sign_in.naming()
        account = person.name if local else _account(sign_in, person.name, naming, owned)
        groups = person.groups | (groups_of(account) if local else frozenset())
        asked = replace(person, account=account, uid=uid_of(account), groups=groups)
        decision = decide(asked, sign_in.rules(), naming)
    except NoAccount as none:
        refused = {"allowed": False, "admin": False, "why": str(none), "owner": ""}
        return {"name": person.name, "account": None, **refused}
    closed = _closed(sign_in, asked, naming, owned, named=decision.named) if decision.allowed else ""
    return {
        "name": person.name,
        "account": account,
        "allowed": decision.allowed and not closed,
        "admin": decision.allowed and not closed and decision.admin,
        "why": closed or decision.why,
        "owner": owned.get(account, ""),
    }


def _account(sign_in: SignIn, name: str, naming: Naming, owned: Mapping[str, str]) -> str:
    """The one that they have already, else the one that they would get. Raises NoAccount."""
    if not sign_in["existing_accounts"] and not is_mapped(name, naming):
        for account, owner in owned.items():
            if naming.folded(owner) == naming.folded(name) and uid_of(account) is not None:
                return account
    return account_of(name, naming)


def _closed(sign_in: SignIn, person: Person, naming: Naming, owned: Mapping[str, str], *, named: bool) -> str:
    """Why the account is not for them, whom the rules let in; "" where it is, or will be made.

    named: whether the rule that lets them in names them.
    """
    account, there = person.account, person.uid is not None
    of_the_machine = sign_in["provider"] == "pam" or sign_in["existing_accounts"]
    if there and not of_the_machine:
        owner = owned.get(account)
        if owner is not None and naming.folded(owner) != naming.folded(person.name):
            return refusals.somebody_elses(account)
        if owner is None and not named and not is_mapped(person.name, naming):
            return refusals.was_there(account)
    if not there:
        return refusals.no_account(account) if of_the_machine else _unmade(account)
    if not can_be_made(account) and own_group_of(account) == sign_in["accounts_group"]:
        return refusals.not_made(account)
    if sign_in["members_group"] not in groups_of(account):
        return refusals.no_member(account, sign_in["members_group"])
    return ""


def _unmade(account: str) -> str:
    """Why the account helper would make no such account; "" where it would."""
    if not can_be_made(account):
        return refusals.not_made(account)
    if os.path.lexists(HOMES / account):
        return refusals.home_there(str(HOMES / account))
    return refusals.group_there(account) if is_group(account) else ""


def main() -> int:
    """Answer the one question."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("rules", type=Path)
    parser.add_argument("database", nargs="?", default="")
    parser.add_argument("name", nargs="?", default="")
    for many in ("group", "organization", "email"):
        parser.add_argument(f"--{many}", action="append", default=[])
    given = parser.parse_args()
    sign_in = load(given.rules)
    try:
        sign_in.rules()
        sign_in.naming()
        people = People(Path(sign_in["people"])) if sign_in["provider"] == "native" else None
        entry = people.find(given.name) if people else None
        if given.check:
            return 0
        person = Person(
            given.name,
            "",
            groups=frozenset(given.group),
            organizations=frozenset(given.organization),
            emails=frozenset(given.email),
            workspace=given.email[0].rpartition("@")[2].lower() if given.email else "",
        )
        if entry is not None:
            person = person_of(entry)
        print(json.dumps(answer(sign_in, person, owners_at(given.database, sign_in.vouching))))  # noqa: T201
    except (Unreadable, StoreTrouble) as why:
        print(why, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
