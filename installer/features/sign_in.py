"""Who gets in, and as whom: the rules as the hub reads them at a login, and the key for people's tokens."""

from __future__ import annotations

import json

from installer.engine.resource import Resource
from installer.features.site import Site
from installer.host import paths
from installer.host.errors import ConfigProblem
from installer.resources.file import File
from installer.resources.secret import Secret

FEATURE = "sign-in"


def resources(site: Site) -> tuple[Resource, ...]:
    """The rules; with a provider elsewhere, the key besides. Raises ConfigProblem."""
    auth = site.config.auth
    _refuse_idle_keys(site)
    rules = {
        "provider": auth.provider,
        "service": auth.service,
        "sign_up": auth.sign_up,
        "people": str(paths.HUB_PEOPLE),
        "issuer": auth.issued_by,
        "url": auth.url,
        "client_id": auth.client_id,
        "callback_url": site.callback_url if auth.is_oauth else None,
        "ca_file": auth.ca_file,
        "scopes": auth.scopes,
        "name_claim": auth.name_claim,
        "groups_claim": auth.groups_claim,
        "server_tokens": auth.server_tokens,
        "allow": auth.allow.model_dump(),
        # The group is the rule where there is no other.
        "members": auth.provider == "pam" and not auth.allow.anybody,
        "blocked": auth.blocked,
        "admins": site.admin_users,
        "names": auth.names.model_dump(),
        "members_group": paths.MEMBERS_GROUP,
        "accounts_group": paths.ACCOUNTS_GROUP,
        "selftest": paths.SELFTEST_USER,
        "ldap": auth.ldap.model_dump() if auth.provider == "ldap" else None,
        "existing_accounts": auth.provider == "ldap" and auth.ldap.accounts == "existing",
    }
    file = File(feature=FEATURE, path=paths.AUTH_RULES, text=json.dumps(rules, indent=1, ensure_ascii=False) + "\n")
    return (file, Secret(feature=FEATURE, path=paths.AUTH_STATE_KEY)) if auth.is_elsewhere else (file,)


def _refuse_idle_keys(site: Site) -> None:
    auth = site.config.auth
    if auth.provider == "ldap" and not auth.ldap.searches_groups and (auth.allow.groups or auth.allow.admin_groups):
        raise ConfigProblem(
            f"{paths.CONFIG_FILE}: groups are named in auth.allow, and nothing says where the directory has them",
            "write auth.ldap.groups_base: the entry that groups are searched below",
        )
    if auth.idle is not None:
        key, why = auth.idle
        raise ConfigProblem(
            f"{paths.CONFIG_FILE}: auth.{key} {why}, and auth.provider is {auth.provider}",
            "take it out, or name the provider that it is for",
        )
