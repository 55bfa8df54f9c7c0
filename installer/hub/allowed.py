"""Answer whether somebody would get in, and why: with the very rules, names and owners that a login goes by.

Run as the hub's account. The answer goes to standard output, as JSON.

usage: python -I -m installer.hub.allowed RULES DATABASE NAME [--group G ...] [--organization O ...] [--email E ...]
       python -I -m installer.hub.allowed --check RULES          (only: can the lists be read? Exit 1 if not.)
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from installer.hub.linux_accounts import groups_of, uid_of
from installer.hub.names import NoAccount, account_of
from installer.hub.owners import owners
from installer.hub.people import People, StoreTrouble, person_of
from installer.hub.rules import Person, decide
from installer.hub.sign_in import SignIn, Unreadable, load


def answer(sign_in: SignIn, person: Person, owner: str) -> dict[str, object]:
    """What a login of theirs would come to. owner: the name that the account's owner came with; "" without one."""
    local = sign_in["provider"] in ("pam", "native")
    try:
        naming = sign_in.naming()
        account = person.name if local else account_of(person.name, naming)
        groups = person.groups | (groups_of(account) if local else frozenset())
        asked = replace(person, account=account, uid=uid_of(account), groups=groups)
        decision = decide(asked, sign_in.rules(), naming)
    except NoAccount as none:
        refused = {"allowed": False, "admin": False, "why": str(none), "owner": ""}
        return {"name": person.name, "account": None, **refused}
    allowed, why = decision.allowed, decision.why
    # With names of the hub's own, and with accounts at first login, somebody may have none yet.
    has_one = sign_in["provider"] == "pam" or sign_in["existing_accounts"] or (local and asked.uid is not None)
    if has_one and allowed and sign_in["members_group"] not in groups | groups_of(account):
        allowed, why = False, f"not a member of {sign_in['members_group']}"
    return {
        "name": person.name,
        "account": account,
        "allowed": allowed,
        "admin": allowed and decision.admin,
        "why": why,
        "owner": owner,
    }


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
        naming = sign_in.naming()
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
        try:
            account = given.name if sign_in["provider"] in ("pam", "native") else account_of(given.name, naming)
        except NoAccount:
            account = None
        print(json.dumps(answer(sign_in, person, owners(given.database).get(account or "", ""))))  # noqa: T201
    except (Unreadable, StoreTrouble) as why:
        print(why, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
