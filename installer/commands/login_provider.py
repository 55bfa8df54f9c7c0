"""The login provider, asked from here: what an admin is to know of it."""

from __future__ import annotations

import grp
import ssl

import httpx

from installer.commands.directory import Told, ask_directory
from installer.config.auth_values import WELL_KNOWN
from installer.features.site import Site
from installer.host import paths
from installer.host.errors import Problem

_PATIENCE = 5.0


def ask_provider(site: Site) -> Told:
    """Whether people can log in just now, as far as the provider tells.

    Raises Problem where a discovery document says that it is another's: then nobody is to be let in on its word.
    """
    auth = site.config.auth
    if auth.provider == "ldap":
        return ask_directory(site)
    issuer = auth.issued_by
    return Told() if issuer is None else Told(_ask_issuer(issuer, auth.ca_file))


def _ask_issuer(issuer: str, ca_file: str | None) -> str | None:
    """Ask for the discovery document. Raises Problem."""
    at = issuer.rstrip("/") + WELL_KNOWN
    context = ssl.create_default_context(cafile=ca_file)
    try:
        with httpx.Client(verify=context, timeout=_PATIENCE, trust_env=False) as client:
            answer = client.get(at)
            answer.raise_for_status()
            said = answer.json()
    except (httpx.HTTPError, OSError) as error:
        return f"the login provider doesn't answer at {at}: {str(error).partition(chr(10))[0] or type(error).__name__}"
    except ValueError:
        return f"what is at {at} is no discovery document"
    named = said.get("issuer") if isinstance(said, dict) else None
    if not isinstance(named, str) or named.rstrip("/") != issuer.rstrip("/"):
        raise Problem(
            f"{at} says that it is the provider {named!r:.200}, not {issuer}",
            f"write the issuer that is meant into {paths.CONFIG_FILE}, exactly as the provider's pages have it",
        )
    return None


def refuse_liar(site: Site) -> None:
    """Raises Problem where the provider says that it is another; one that doesn't answer may do so later."""
    ask_provider(site)


def notes(site: Site) -> list[str]:
    """What an admin should know of it, a line each. Raises Problem."""
    auth = site.config.auth
    if auth.is_native and not site.admin_users:
        return ["nobody is a hub admin: name some in hub.admin_users, and add them: installer user add NAME"]
    if not auth.is_elsewhere:
        return [no_group(group, "this machine has no such group") for group in groups_not_here(site)]
    said = [f"the login provider has to know where people come back to: {site.callback_url}"] if auth.is_oauth else []
    told = ask_provider(site)
    if told.trouble is not None:
        said.append(f"nobody can log in yet: {told.trouble}")
    said += [no_group(group, nobody_in_it(site)) for group in told.lacks]
    if not site.admin_users and not auth.allow.file and not auth.allow.admin_groups:
        said.append("nobody is a hub admin: name some in hub.admin_users (accounts), or auth.allow.admin_groups")
    return said


def groups_not_here(site: Site) -> list[str]:
    """Groups that auth.allow names where it is about groups of this machine, and that there are not."""
    allow = site.config.auth.allow
    named = dict.fromkeys((*allow.groups, *allow.admin_groups)) if site.checks_passwords else {}
    return [group for group in named if not _is_there(group)]


def no_group(group: str, why: str) -> str:
    """Say that a rule lets nobody in. why: a clause."""
    return f"auth.allow names the group {group}, and {why}"


def nobody_in_it(site: Site) -> str:
    """What the directory says of such a group."""
    return f"{site.config.auth.service} shows no such group that has anybody in it"


def _is_there(group: str) -> bool:
    try:
        grp.getgrnam(group)
    except KeyError:
        return False
    return True
