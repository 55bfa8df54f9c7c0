"""Whether somebody whom a provider vouches for gets in, and as which account: rules, names and owners together."""

from __future__ import annotations

from dataclasses import replace

from installer.hub import refusals
from installer.hub.accounts import ensure
from installer.hub.identities import Identities, Identity, as_noted
from installer.hub.linux_accounts import groups_of, own_group_of, uid_of
from installer.hub.names import NoAccount, account_of, is_mapped
from installer.hub.rules import Decision, Person, decide
from installer.hub.sign_in import SignIn


async def admit(identities: Identities, sign_in: SignIn, identity: Identity, person: Person) -> tuple[Person, Decision]:
    """Find the account, decide, and give the account to the identity. Raises NoAccount, Unreadable.

    person: without an account yet, unless names are accounts' where they come from.
    """
    naming, rules = sign_in.naming(), sign_in.rules()
    mapped = is_mapped(person.name, naming)
    if sign_in["existing_accounts"]:
        return _as_existing(sign_in, person)
    kept = identities.account_of(identity)
    # What the file of names says goes first; then what it was the first time, whatever somebody is called today.
    account = person.account or (kept if kept and not mapped else account_of(person.name, naming))
    before = identities.name_of(identity)
    person = replace(person, account=account, uid=uid_of(account), before=before)
    decision = decide(person, rules, naming)
    if not decision.allowed:
        return person, decision
    given = mapped or decision.named
    _refuse_others(identities.owner_of(account), identity, person, given=given)
    if person.uid is None:
        # Whoever had one of that name had another account.
        identities.forget(account)
    if person.uid is None or own_group_of(account) == sign_in["accounts_group"]:
        await ensure(account)
    elif sign_in["members_group"] not in groups_of(account):
        raise NoAccount(refusals.no_member(account, sign_in["members_group"]))
    # Somebody else may have come to have it while it was being made.
    owner = identities.owner_of(account)
    _refuse_others(owner, identity, person, given=given)
    # The name as it is now, too: it is what an administrator sees, and blocks.
    if owner != identity or before != as_noted(person.name):
        identities.give(account, identity, person.name)
    return person, decision


def _as_existing(sign_in: SignIn, person: Person) -> tuple[Person, Decision]:
    """Where this machine has its accounts from the very directory that vouches: the one of that name, and no other."""
    naming = sign_in.naming()
    account = account_of(person.name, naming)
    person = replace(person, account=account, uid=uid_of(account))
    decision = decide(person, sign_in.rules(), naming)
    if decision.allowed and person.uid is None:
        raise NoAccount(refusals.no_account(account))
    if decision.allowed and sign_in["members_group"] not in groups_of(account):
        raise NoAccount(refusals.no_member(account, sign_in["members_group"]))
    return person, decision


def _refuse_others(owner: Identity | None, identity: Identity, person: Person, *, given: bool) -> None:
    """Refuse an account that isn't the identity's. given: whether the administrator gives it to that very name."""
    account = person.account
    if owner == identity:
        return
    if owner is not None and owner.provider == identity.provider:
        # Whoever is named now need not be the one who was meant: that one may have given the name up.
        raise NoAccount(refusals.somebody_elses(account))
    if person.uid is not None and not given:
        raise NoAccount(refusals.was_there(account))
