"""Why an account is not for somebody whom the rules let in: said alike at a login, and where it is asked beforehand."""

from __future__ import annotations


def somebody_elses(account: str) -> str:
    """It has an owner already."""
    return f"the account {account} is somebody else's, who had that name before"


def was_there(account: str) -> str:
    """It is not one of the hub's making, and nobody has given it to them."""
    return (
        f"the account {account} was there before; name them in auth.allow.users, or in the file of auth.names.map, "
        "to give it to them"
    )


def not_made(account: str) -> str:
    """It is none that the account helper makes, or knows again."""
    return (
        f"no account called {account} is the hub's to make: lower-case letters, digits, - and _, a letter first, "
        "at most 31; none that the system or its packages use"
    )


def home_there(home: str) -> str:
    """There is no account yet, and what would be its home may be that of one who had the name before."""
    return f"{home} is there already, and may be somebody else's; move it away"


def group_there(account: str) -> str:
    """There is no account yet, and who is in the group would seem to be who has the account."""
    return f"the name {account} is that of a group"


def no_account(account: str) -> str:
    """It is not there, and not for the hub to make."""
    return f"this machine knows no account {account}"


def no_member(account: str, group: str) -> str:
    """It was taken out of the group, or never was in it."""
    return f"{account} is not a member of {group}"
