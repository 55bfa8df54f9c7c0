"""What every feature is given: the config, the host's facts, and what follows from the two."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from installer.config.models import Config
from installer.host import paths
from installer.host.facts import HostFacts
from installer.kernels.request import KernelRequest
from installer.pki.pair import is_address


@dataclass(frozen=True)
class Admin:
    """The hub's first admin, chosen at the first apply and kept.

    own: whether the account is one that the installer made.
    reason: why it had to make one ("" where it had not).
    """

    name: str
    own: bool
    reason: str = ""


@dataclass(frozen=True)
class BrandFiles:
    """The admin's files that say how the hub shows itself, as they were read.

    logo: the image, empty where there is none. suffix: how the names of such files end.
    templates: path below their directory, and text, of each.
    """

    logo: bytes = b""
    suffix: str = ""
    templates: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Site:
    """The one input of every feature. Nothing here looks at the host.

    revision: the id of the server environment (see `installer.resources.revision_id`).
    schemas: those of the hub's database that its JupyterHub knows, its own first.
    kernels: what every kernel of the config should be.
    brand: what the config's `branding` names.
    """

    config: Config
    facts: HostFacts
    admin: Admin
    revision: str
    schemas: tuple[str, ...]
    kernels: tuple[KernelRequest, ...] = ()
    brand: BrandFiles = BrandFiles()

    @property
    def revision_path(self) -> Path:
        """Where the server environment is."""
        return paths.SERVER_REVISIONS / self.revision

    @property
    def names(self) -> tuple[str, ...]:
        """DNS names that the site answers to, the one that people should use first."""
        named = (self.config.hub.domain, *self.config.tls.names, self.facts.fqdn, self.facts.hostname)
        return tuple(dict.fromkeys(name for name in named if name and not is_address(name)))

    @property
    def addresses(self) -> tuple[str, ...]:
        """IP addresses that the site answers to, loopback last."""
        named = (self.config.hub.domain, *self.config.tls.names)
        given = [name for name in named if name and is_address(name)]
        return tuple(dict.fromkeys((*given, *self.facts.addresses, "127.0.0.1", "::1")))

    @property
    def host(self) -> str:
        """The name or address to type into a browser."""
        if self.config.hub.domain:
            return self.config.hub.domain
        if self.config.tls.names:
            return self.config.tls.names[0]
        return self.facts.fqdn if "." in self.facts.fqdn or not self.facts.addresses else self.facts.addresses[0]

    @property
    def url(self) -> str:
        """Where the hub is found."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}{self.config.hub.base_url}"

    @property
    def behind(self) -> bool:
        """Whether another proxy stands in front, with the certificate."""
        return self.config.tls.mode == "off"

    @property
    def has_nginx(self) -> bool:
        """Whether nginx answers, rather than another proxy alone."""
        return not self.behind or self.config.web.server == "nginx"

    @property
    def creates_accounts(self) -> bool:
        """Whether people log in who have no account on this machine yet."""
        auth = self.config.auth
        if auth.provider == "ldap":
            return auth.create_accounts or auth.ldap.accounts == "create"
        return auth.create_accounts or auth.is_oauth or auth.is_native

    @property
    def checks_passwords(self) -> bool:
        """Whether people log in with the passwords of this machine's accounts, and can change those."""
        return self.config.auth.provider == "pam"

    @property
    def callback_url(self) -> str:
        """Where a login provider sends people back to; it has to be told so."""
        return f"{self.url}hub/oauth_callback"

    @property
    def admin_users(self) -> tuple[str, ...]:
        """Who administers the hub."""
        chosen = self.config.hub.admin_users
        if chosen is not None:
            return tuple(chosen)
        # Whoever has that name at a provider need not be the one who ran sudo here.
        return () if self.config.auth.is_elsewhere or self.config.auth.is_native else (self.admin.name,)
