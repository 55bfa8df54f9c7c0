"""What people are called at the login provider: taken out of the admin's lists with their account; who comes back then.

Whoever is still let in by the rules has a new account made at the next login.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from installer.commands import allowed, user_lists
from installer.config.auth import Auth

_NAMED_BY_ADDRESS = ("google", "auth0")


def identities(auth: Auth, account: str) -> tuple[str, ...]:
    """The names there that lead to an account here. Raises Problem."""
    if not auth.is_elsewhere:
        return ()
    pairs = user_lists.pairs(Path(auth.names.map)) if auth.names.map else {}
    found = [name for name, whose in pairs.items() if whose == account]
    owner = allowed.owners().get(account)
    # With another provider since, whoever has that name there is somebody else.
    if owner is not None and allowed.ask(owner, (), (), ()).account == account:
        found.append(owner)
    return tuple(dict.fromkeys(found))


def strike(auth: Auth, account: str, names: Collection[str]) -> bool:
    """Take an account's pair out of the file of names, and names out of that of who gets in; whether any was there.

    Raises Problem.
    """
    if not auth.is_elsewhere:
        return False
    changed = auth.names.map is not None and user_lists.remove_account(Path(auth.names.map), account)
    if auth.allow.file is not None and names:
        fold = auth.names.rule == "lowercase"
        changed = user_lists.remove_names(Path(auth.allow.file), names, fold=fold) or changed
    return changed


def still_let_in(auth: Auth, names: Collection[str]) -> tuple[str, ...]:
    """Who of them has an account again at the next login, and why, a sentence each. Raises Problem."""
    return tuple(filter(None, (_still_let_in(auth, name) for name in names)))


def _still_let_in(auth: Auth, name: str) -> str:
    allow, against = auth.allow, "block them (auth.blocked), or change that"
    emails = (name,) if auth.provider in _NAMED_BY_ADDRESS and "@" in name else ()
    answer = allowed.ask(name, (), (), emails)
    if answer.allowed:
        return f"{name} still gets in: {answer.why}: {against}"
    # What only the provider knows of them: told as if it were so.
    possible = emails or tuple(f"{name.partition('@')[0]}@{domain}" for domain in allow.email_domains)
    answer = allowed.ask(name, allow.groups, allow.organizations, possible)
    return f"{name} still gets in if the provider says so: {answer.why}: {against}" if answer.allowed else ""
