"""`auth`: who checks that people are who they say they are, who of them gets in, and as whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, model_validator

from installer.config.auth_values import Domain, Domains, NamesThere, Organizations, Prefix, ProviderUrl, Word, Words
from installer.config.kinds import Kind, Unfit, each_once, items
from installer.config.ldap import Ldap
from installer.config.section import Section, setting
from installer.config.tls_values import PlainFile, Switch
from installer.host import paths

OIDC = ("oidc", "gitlab", "google", "auth0")
"""Providers that are asked as OpenID Connect has it."""
OAUTH = (*OIDC, "github", "bitbucket")
"""Providers that people are sent to, and come back from."""
ELSEWHERE = (*OAUTH, "ldap")
"""Providers that know people by names of their own."""

_TOKENS = ("access_token", "id_token")
_TOKEN = Kind("a token such as access_token", f"One of {', '.join(f'`{name}`' for name in _TOKENS)}, each once.")


def _token(value: object) -> str:
    if value == "refresh_token":
        raise Unfit(
            "never given to a server (who has it stays logged in at the provider for months)",
            expected=f"one of {', '.join(_TOKENS)}",
        )
    if value not in _TOKENS:
        raise Unfit("not a token that there is")
    return str(value)


Tokens = Annotated[
    tuple[Annotated[str, _TOKEN, BeforeValidator(_token)], ...],
    Kind("a list of tokens such as [access_token]", _TOKEN.rules, items=_TOKEN),
    BeforeValidator(items(_TOKENS.__contains__)),
    AfterValidator(each_once),
    WithJsonSchema({"type": "array", "items": {"type": "string", "enum": list(_TOKENS)}, "uniqueItems": True}),
]
"""Tokens of the provider's, by name."""


class Allow(Section):
    """Who gets in. Nobody by themselves: one of these has to be said, unless the provider is `pam` or `native`."""

    users: NamesThere = setting((), "People, by the name that they have at the provider.", example=["ada", "grace"])
    groups: NamesThere = setting(
        (),
        "Members of these groups: Linux groups with `pam`, else those that the provider tells of.",
        example=["students"],
    )
    organizations: Organizations = setting(
        (), "For `github`: members of these organisations, or of teams in them.", example=["our-lab", "other/students"]
    )
    email_domains: Domains = setting(
        (),
        "People with an address there, which the provider has verified; with `google`, those of a Workspace of that "
        "domain.",
        example=["example.org"],
    )
    file: PlainFile | None = setting(
        None,
        "A file of names, one a line, `admin` behind that of a hub admin. It is read at every login.",
        example="/etc/jupyterhub/userlist",
        unset="none",
    )
    admin_groups: NamesThere = setting(
        (), "Members of these groups are hub admins, if they get in at all.", example=["hub-admins"]
    )
    all: Switch = setting(
        False, "Everybody whom the provider knows. With `github`, that is the whole world.", example=True
    )

    @property
    def anybody(self) -> bool:
        """Whether some rule lets somebody in."""
        return bool(
            self.users or self.groups or self.organizations or self.email_domains or self.file is not None or self.all
        )


class Names(Section):
    """How somebody's name at the provider becomes that of a Linux account. Never do two people share one."""

    rule: Literal["lowercase", "exact"] = setting(
        "lowercase",
        "`lowercase` takes `Ada` and `ada` for one name, as GitHub and mail systems do; `exact` doesn't. What no "
        "account can be called gets a name like it that can, always the same.",
        example="exact",
    )
    map: PlainFile | None = setting(
        None,
        "A file of names and the accounts that go with them, one pair a line. Those that are not in it go by the rule.",
        example="/etc/jupyterhub/names",
        unset="none",
    )
    prefix: Prefix | None = setting(None, "What the accounts' names begin with.", example="gh-", unset="nothing")
    domain: Domain | None = setting(
        None,
        "The one e-mail domain: `ada@example.org` is the account `ada`, and names of other domains are refused.",
        example="example.org",
        unset="none: an address is kept whole",
    )


_ONLY_FOR: Mapping[str, tuple[str, ...]] = {
    "client_id": OAUTH,
    "issuer": ("oidc",),
    "url": ("github", "gitlab", "auth0"),
    "ca_file": ELSEWHERE,
    "scopes": OIDC,
    "username_claim": ("oidc", "gitlab", "auth0"),
    "groups_claim": ("oidc", "gitlab", "auth0"),
    "server_tokens": OAUTH,
    "names": ELSEWHERE,
    "ldap": ("ldap",),
    "sign_up": ("native",),
}
_BY_RULES = ("pam", *ELSEWHERE)
"""Where it is somebody else who knows people, and rules say who of them gets in."""
_ALLOW_ONLY_FOR: Mapping[str, tuple[str, ...]] = {
    "users": _BY_RULES,
    "file": _BY_RULES,
    "all": _BY_RULES,
    "groups": ("pam", "ldap", "oidc", "gitlab", "auth0"),
    "admin_groups": ("pam", "ldap", "oidc", "gitlab", "auth0"),
    "organizations": ("github",),
    "email_domains": ("oidc", "gitlab", "google", "auth0", "github"),
}
_GONE = "dead since 2026-02-27, when Atlassian took away what tells of Bitbucket's teams"
_ONE_BY_ONE = "has no say: people are let in one by one (installer user approve, or add; or on the hub's page)"
_WHY_NOT = {
    **{("native", name): _ONE_BY_ONE for name in ("users", "file", "all", "groups")},
    ("bitbucket", "groups"): f"is {_GONE}",
    ("bitbucket", "organizations"): f"is {_GONE}",
    ("google", "groups"): "can't work: Google tells of groups only to those who may act as an administrator of yours",
}
_DEAD = {
    "allowed_teams": _GONE,
    "team_whitelist": _GONE,
    "username_map": "unsafe: organisations are then asked about somebody else (see names.map)",
    "allow_unverified_email": "unsafe: anybody can say that an address is theirs",
    "validate_server_cert": "unsafe: anybody on the way could log in as anybody (see ca_file)",
    "strip_domain": "unsafe: ada@evil.example and ada@example.org would be one person (see names.domain)",
    "enable_pkce": "unsafe to be without, and on",
    "client_secret": f"for everybody to read in this file; the secret goes into {paths.CLIENT_SECRET}",
    "create_system_users": "unsafe: it wants a hub that runs as root; accounts are made without it",
    "allow_existing_users": "unsafe: whoever was let in once would be for ever",
    "bind_password": f"for everybody to read in this file; the password goes into {paths.LDAP_PASSWORD}",
    "tls_strategy": "unsafe: anybody on the way could read passwords, or answer for the directory (see ldap.url)",
}


def _listed(providers: tuple[str, ...]) -> str:
    return providers[0] if len(providers) == 1 else f"{', '.join(providers[:-1])} and {providers[-1]}"


class Auth(Section):
    """How people log in."""

    provider: Literal["pam", "native", "ldap", "oidc", "github", "gitlab", "google", "bitbucket", "auth0"] = setting(
        "pam",
        "Who says who somebody is: `pam` this machine, by its Linux accounts' passwords; `native` the hub, by names "
        "and passwords of its own; `ldap` a directory, by its people's passwords; `oidc` any OpenID Connect provider; "
        "the others those services.",
        example="pam",
    )
    sign_up: Literal["approval", "closed"] = setting(
        "approval",
        "For `native`: with `approval` people ask for a name on a page of the hub's, and get in once an administrator "
        "has approved them; with `closed` there is no such page, and administrators add people (`installer user add`).",
        example="closed",
    )
    client_id: Word | None = setting(
        None,
        f"What the provider calls this hub. The secret that goes with it is put into `{paths.CLIENT_SECRET}`.",
        example="jupyterhub",
        unset="none: needed for all but pam, native and ldap",
    )
    issuer: ProviderUrl | None = setting(
        None,
        "For `oidc`: where the provider is; the address of its discovery document will do.",
        example="https://login.example.org/realms/campus",
        unset="none: needed for oidc",
    )
    url: ProviderUrl | None = setting(
        None,
        "For `auth0`: your tenant. For `github` and `gitlab`: a server of your own.",
        example="https://gitlab.example.org",
        unset="https://github.com, or https://gitlab.com; needed for auth0",
    )
    ca_file: PlainFile | None = setting(
        None,
        "The certificate of the authority that vouches for the provider, where it is a private one.",
        example="/etc/ssl/ca.example.org.pem",
        unset="those that this machine trusts",
    )
    scopes: Words = setting(
        (), "More scopes to ask for, besides those that it takes (`openid profile email`).", example=["groups"]
    )
    username_claim: Word | None = setting(
        None,
        "What of all that the provider says is somebody's name.",
        example="preferred_username",
        unset="preferred_username; for auth0, email",
    )
    groups_claim: Word = setting(
        "groups", "What of all that the provider says are somebody's groups.", example="https://example.org/groups"
    )
    blocked: NamesThere = setting(
        (),
        "People who never get in, whatever else says so: by their name at the provider, their account's, or an address "
        "that the provider tells.",
        example=["mallory"],
    )
    create_accounts: Switch = setting(
        False,
        "Make a Linux account for whoever is let in and has none: for a login of your own in "
        f"`{paths.CONF_D}`; all providers but `pam` do so anyway. An account that is there already, and that the hub "
        "hasn't made, is not used.",
        example=True,
    )
    server_tokens: Tokens = setting(
        (),
        "Tokens of the provider's that people's servers get, as AUTH_ACCESS_TOKEN and AUTH_ID_TOKEN.",
        example=["access_token"],
    )
    allow: Allow = Allow()
    names: Names = Names()
    ldap: Ldap = Ldap()

    @property
    def is_oauth(self) -> bool:
        """Whether people are sent to a provider."""
        return self.provider in OAUTH

    @property
    def is_native(self) -> bool:
        """Whether the hub has names and passwords of its own."""
        return self.provider == "native"

    @property
    def is_elsewhere(self) -> bool:
        """Whether people are known to somebody else than this machine: what is told of them is kept."""
        return self.provider in ELSEWHERE

    @property
    def service(self) -> str:
        """What the button to log in says, as people call the provider."""
        names = {"github": "GitHub", "gitlab": "GitLab", "google": "Google", "bitbucket": "Bitbucket", "auth0": "Auth0"}
        if self.provider == "ldap":
            return self.ldap.url or ""
        return names.get(self.provider, "your institution" if self.is_oauth else "")

    @property
    def issued_by(self) -> str | None:
        """Whose discovery document there is; None for a provider that has none."""
        of = {
            "oidc": self.issuer,
            "gitlab": self.url or "https://gitlab.com",
            "google": "https://accounts.google.com",
            "auth0": self.url,
        }
        return of.get(self.provider)

    @property
    def name_claim(self) -> str:
        """What of the provider's claims is somebody's name."""
        return self.username_claim or ("email" if self.provider in ("google", "auth0") else "preferred_username")

    @property
    def idle(self) -> tuple[str, str] | None:
        """The first key that this provider has no use for, and why; None where there is none."""
        for name, providers in _ONLY_FOR.items():
            if name in self.model_fields_set and self.provider not in providers:
                return name, f"is for {_listed(providers)}"
        for name, providers in _ALLOW_ONLY_FOR.items():
            if name in self.allow.model_fields_set and self.provider not in providers:
                return f"allow.{name}", _WHY_NOT.get((self.provider, name), f"is for {_listed(providers)}")
        addresses = [name for name in self.blocked if "@" in name]
        if addresses and not self._knows_addresses:
            return (
                "blocked",
                f"has {addresses[0]}, an address: this hub is told of none (name people, or their accounts)",
            )
        return None

    @property
    def _knows_addresses(self) -> bool:
        """Whether an entry with an @ can be anybody: by an address that is told, or as a name."""
        if self.provider == "ldap":
            # Of other attributes it can't be said that they never are addresses.
            return self.ldap.name_attribute.lower() not in ("uid", "samaccountname")
        return self.provider not in ("native", "bitbucket")

    @model_validator(mode="before")
    @classmethod
    def _nothing_dead(cls, given: object) -> object:
        for name, why in _DEAD.items():
            if isinstance(given, Mapping) and name in given:
                raise Unfit(why, expected="a config without it", below=(name,))
        return given

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Auth:
        needed = {"client_id": OAUTH, "issuer": ("oidc",), "url": ("auth0",)}
        for name, providers in needed.items():
            if self.provider in providers and getattr(self, name) is None:
                raise Unfit(f"{self.provider} without {name}", expected=f"{name} beside it", below=("provider",))
        if self.provider == "ldap" and self.ldap.missing is not None:
            wrong, expected = self.ldap.missing
            raise Unfit(f"ldap {wrong}", expected=expected, below=("provider",))
        if self.is_elsewhere and not self.allow.anybody:
            raise Unfit(
                f"{self.provider} without a rule that lets anybody in",
                expected="allow beside it: users, groups, organizations, email_domains, file, or all: true",
                below=("provider",),
            )
        return self
