"""What can be set: the one table of keys, each with its kind, default, description and example.

Validation, error messages, `config schema`, `config show` and docs/reference/config.md all come from here. A key
is added together with what makes it work, never before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, model_serializer, model_validator

from installer.config.apps import Apps
from installer.config.auth import Auth
from installer.config.branding import Branding
from installer.config.channel_values import Channels
from installer.config.kernel_values import (
    FilePath,
    KernelName,
    MatchSpecs,
    Requirements,
    Revision,
    Title,
)
from installer.config.kinds import Kind, Unfit, items, some_text
from installer.config.limits import Limits
from installer.config.section import Section
from installer.config.section import setting as _setting
from installer.config.spawner import Spawner
from installer.config.tls_values import DirectoryUrl, HostNames, OutsideAddress, PlainFile, Switch, is_public
from installer.config.values import (
    AccountNames,
    Count,
    Duration,
    Host,
    KeptFiles,
    MailAddress,
    ProgramPath,
    UrlPath,
    duration_text,
)
from installer.config.web import Web
from installer.host import paths

_MINUTE = 60
_SELDOMEST = 5 * _MINUTE
"""How often the culler looks at least, unless it is told otherwise."""


class Hub(Section):
    """The site and who looks after it."""

    domain: Host | None = _setting(
        None,
        "The name (or address) people type into the browser. The certificate is made out to it.",
        example="hub.example.org",
        unset="this host's name",
    )
    base_url: UrlPath = _setting(
        "/", "The path the hub lives under, where the site serves other things as well.", example="/jupyter/"
    )
    admin_users: AccountNames | None = _setting(
        None,
        "Accounts that administer the hub: see, start, stop and open everybody's servers. `[]` is nobody.",
        example=["ada", "grace"],
        unset="the one who ran sudo",
    )


class Tls(Section):
    """Where the certificate comes from."""

    mode: Literal["self-signed", "letsencrypt", "files", "off"] = _setting(
        "self-signed",
        "`self-signed` is a certificate by a small authority of this host's own; `letsencrypt` one that browsers "
        "trust, by Let's Encrypt or another ACME server, whose terms you agree to with it; `files` your own; `off` is "
        "for a site behind another proxy, which has the certificate.",
        example="self-signed",
    )
    names: HostNames = _setting(
        (),
        "More names and addresses that the site is asked for by; with `letsencrypt` all that the certificate is for, "
        "`hub.domain` among them.",
        example=["hub.example.org", "jupyter.example.org"],
    )
    certificate: PlainFile | None = _setting(
        None,
        "For `files`: the site's certificate, and behind it those that lead to its authority.",
        example="/etc/ssl/hub/fullchain.pem",
        unset="none",
    )
    key: PlainFile | None = _setting(
        None,
        "For `files`: the certificate's private key, without a passphrase.",
        example="/etc/ssl/hub/privkey.pem",
        unset="none",
    )
    email: OutsideAddress | None = _setting(
        None,
        "For `letsencrypt`: where the CA writes to if something is wrong with the account.",
        example="ada@example.org",
        unset="none is given",
    )
    staging: Switch = _setting(
        False,
        "For `letsencrypt`: ask Let's Encrypt's server for trials, whose certificates browsers don't trust.",
        example=False,
    )
    directory_url: DirectoryUrl | None = _setting(
        None,
        "For `letsencrypt`: another ACME server, an institution's own for instance.",
        example="https://ca.example.org/acme/directory",
        unset="Let's Encrypt's",
    )
    ca_file: PlainFile | None = _setting(
        None,
        "For `letsencrypt`: the certificate of the authority that vouches for the ACME server itself.",
        example="/etc/ssl/ca.example.org.pem",
        unset="those that this machine trusts",
    )
    preflight: Switch = _setting(
        True,
        "For `letsencrypt`: see that the names lead here, on port 80, before the CA is asked. `false` for a machine "
        "that can't reach itself by its public address.",
        example=False,
    )
    hsts: Switch | None = _setting(
        None,
        "Have browsers insist on https for two years (Strict-Transport-Security). They then refuse the site for as "
        "long as its certificate is by an authority that they don't know.",
        example=False,
        unset="true for `files`, and for `letsencrypt` with Let's Encrypt's trusted certificates",
    )

    @property
    def strict(self) -> bool:
        """Whether browsers are to insist on https."""
        if self.hsts is not None:
            return self.hsts
        if self.mode == "letsencrypt":
            return not self.staging and self.directory_url is None
        return self.mode == "files"

    @model_validator(mode="after")
    def _has_files(self) -> Tls:
        for name in ("certificate", "key"):
            if self.mode == "files" and getattr(self, name) is None:
                raise Unfit(f"files without a {name}", expected="certificate and key beside it", below=("mode",))
        if self.staging and self.directory_url is not None:
            raise Unfit("beside directory_url", expected="one of staging and directory_url", below=("staging",))
        return self


class Culler(Section):
    """When servers that nobody uses are stopped."""

    timeout: Duration = _setting(
        60 * _MINUTE, "Stop a server after this long without activity; `0` is never.", example="1h"
    )
    max_age: Duration = _setting(
        0, "Stop a server this long after its start, active or not; `0` is never.", example="7d"
    )
    every: Duration | None = _setting(
        None,
        "How often to look, and so how exactly the two are kept; not longer than either.",
        example="5m",
        unset="half of the shorter of the two, at most 5m",
    )

    @property
    def limits(self) -> tuple[int, ...]:
        """The limits that are set, in seconds; none means that nothing is ever stopped."""
        return tuple(limit for limit in (self.timeout, self.max_age) if limit)

    @property
    def interval(self) -> int:
        """Seconds from one look to the next."""
        if self.every is not None:
            return self.every
        return max(1, min([_SELDOMEST, *(limit // 2 for limit in self.limits)]))

    @model_validator(mode="after")
    def _looks_often_enough(self) -> Culler:
        if self.every == 0:
            raise Unfit(
                "0 would be never",
                expected="more than 0 (to stop nothing, set timeout to 0)",
                below=("every",),
            )
        for name in ("timeout", "max_age"):
            limit = getattr(self, name)
            if self.every is not None and 0 < limit < self.every:
                raise Unfit(
                    f"longer than culler.{name}",
                    duration_text(min(limit, _SELDOMEST)),
                    expected=f"at most {duration_text(limit)}",
                    below=("every",),
                )
        return self


class Notify(Section):
    """Who is told when a unit of the hub fails: nobody, unless this is set."""

    command: ProgramPath | None = _setting(
        None,
        "A program of root's own that is run then, by an account without rights; what failed, with the last lines of "
        "its journal, is on its standard input.",
        example="/usr/local/bin/notify-failed",
        unset="none",
    )
    mail: MailAddress | None = _setting(
        None,
        "Where a mail goes then, by way of this machine's `sendmail`.",
        example="root",
        unset="nowhere",
    )

    @property
    def ways(self) -> tuple[tuple[str, str], ...]:
        """How somebody is told, and by what; none where nobody is to be."""
        given = (("mail", self.mail), ("command", self.command))
        return tuple((way, to) for way, to in given if to is not None)


class Backup(Section):
    """Backups that the machine makes by itself; `installer backup` makes one at any time."""

    every: Literal["hourly", "daily", "weekly", "monthly"] | None = _setting(
        None, "How often to make one.", example="daily", unset="never"
    )
    keep: Count = _setting(14, "How many of those to keep; older ones are removed.", example=30)
    directory: FilePath = _setting(
        str(paths.BACKUPS),
        "Where backups go, unless a command says otherwise. Best another machine's disk that is mounted there.",
        example="/mnt/backups/hub",
    )


class KernelEntry(Section):
    """An entry of `kernels` that says more than a name: what is in the environment, and how people see it."""

    by_name: ClassVar[bool] = True

    name: KernelName = _setting(
        ...,
        "What the kernel is called here: in commands, and in the list that notebooks choose from.",
        example="science",
        unset="none: every entry has a name",
    )
    recipe: KernelName | None = _setting(
        None,
        f"The recipe it is made by: one of the installer's, or a directory in `{paths.KERNEL_RECIPES}/`.",
        example="python",
        unset="the recipe that is called like the kernel, where there is one",
    )
    environment: FilePath | None = _setting(
        None,
        "An `environment.yml` to make it from, in place of a recipe.",
        example="/srv/kernels/science.yml",
        unset="the recipe's",
    )
    lock: FilePath | None = _setting(
        None,
        "A lock file to make it from, in place of a recipe: byte for byte the environment that it was made of.",
        example="/srv/kernels/science.lock",
        unset="the newest packages that fit, once, when the kernel is built",
    )
    packages: MatchSpecs = _setting(
        (),
        "Conda packages in it, besides those of the recipe or file.",
        example=["python=3.12", "numpy<2"],
    )
    pip: Requirements = _setting(
        (),
        "What pip installs into it, after conda's packages and without replacing any of them.",
        example=["flask>=3"],
    )
    display_name: Title | None = _setting(
        None,
        "What people see in the launcher and in the corner of a notebook.",
        example="Python 3 (science)",
        unset="the recipe's",
    )
    revision: Revision | None = _setting(
        None,
        "The one of the kernel's revisions that is in use, whatever newer ones there are.",
        example="3f9c0a7b51de",
        unset="the one that was built last",
    )

    @model_validator(mode="after")
    def _made_from_one_thing(self) -> KernelEntry:
        sources = [name for name in ("recipe", "environment", "lock") if getattr(self, name) is not None]
        if len(sources) > 1:
            raise Unfit(
                f"beside {sources[0]}",
                expected="one of recipe, environment and lock",
                below=(sources[1],),
            )
        return self

    @model_serializer
    def _as_written(self) -> str | dict[str, object]:
        """A name alone where there is nothing else to say, as people write it."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        more = {name: value for name, value in given.items() if value not in (None, ())}
        return self.name if list(more) == ["name"] else more


def _named(value: object) -> object:
    """Read a name alone as an entry with nothing but that name."""
    if isinstance(value, (KernelEntry, Mapping)):
        return value
    return {"name": some_text(value)}


def _each_name_once(kernels: tuple[KernelEntry, ...]) -> tuple[KernelEntry, ...]:
    names = [kernel.name for kernel in kernels]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise Unfit("named twice", expected="each kernel once", found=f'a second "{name}"', below=(place,))
    return kernels


_KERNEL = Kind(
    "a kernel such as python or {name: science, packages: [numpy]}",
    "A name alone is the recipe of that name; with more to say, an entry has keys of its own: see `kernels[]`.",
)
Kernels = Annotated[
    tuple[Annotated[KernelEntry, _KERNEL, BeforeValidator(_named)], ...],
    Kind(
        "a list of kernels such as [python, r]",
        "Kernels, each name once, in brackets or one a line after `- `.",
        items=_KERNEL,
    ),
    BeforeValidator(items(lambda text: text.isidentifier())),
    AfterValidator(_each_name_once),
]
"""Several kernels, each name once."""


class Config(Section):
    """What an admin wishes for; every key has a default, so that no file at all is a working hub."""

    hub: Hub = Hub()
    auth: Auth = Auth()
    tls: Tls = Tls()
    web: Web = Web()
    branding: Branding = Branding()
    spawner: Spawner = Spawner()
    limits: Limits = Limits()
    culler: Culler = Culler()
    notify: Notify = Notify()
    backup: Backup = Backup()
    keep: KeptFiles = _setting(
        (),
        "Files of the installer's that stay as you have changed, or removed, them by hand.",
        example=[str(paths.NGINX_SITE)],
    )
    channels: Channels = _setting(
        ("conda-forge",),
        "Where the kernels' packages come from, the preferred channel first.",
        example=["https://mirror.example.org/conda-forge", "conda-forge"],
    )
    kernels: Kernels = _setting(
        tuple(KernelEntry(name=name) for name in ("python", "r", "julia", "go")),
        "The kernels that notebooks can choose from. `[]` is none but the Python of the server itself.",
        example=["python", "r", {"name": "science", "recipe": "python", "packages": ["polars", "numpy<2"]}],
    )
    default_kernel: KernelName | None = _setting(
        None,
        "The kernel that a new notebook gets unless another is chosen.",
        example="python",
        unset="the first of kernels",
    )
    apps: Apps = _setting(
        (),
        "Other services under paths of the same site.",
        example=[{"path": "/rstudio/", "upstream": "http://127.0.0.1:8787", "read_timeout": "20d"}],
    )

    @model_validator(mode="after")
    def _apps_have_nginx(self) -> Config:
        if self.web.server == "none" and self.apps:
            raise Unfit("beside web.server: none", expected="nginx, which leads to them", below=("apps",))
        return self

    @model_validator(mode="after")
    def _apps_leave_the_hub_its_path(self) -> Config:
        base = self.hub.base_url
        for place, app in enumerate(self.apps):
            if base != "/" and base.startswith(app.path):
                raise Unfit(
                    "the hub's own path" if base == app.path else "above the hub's own path",
                    expected=f"a path that {base} (hub.base_url) isn't below",
                    below=("apps", place, "path"),
                )
        return self

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """What a public certificate is for."""
        return self.tls.names or ((self.hub.domain,) if self.hub.domain else ())

    @model_validator(mode="after")
    def _has_names_that_a_ca_can_see(self) -> Config:
        if self.tls.mode != "letsencrypt":
            return self
        names = self.certificate_names
        if not names:
            raise Unfit(
                "letsencrypt without a name", expected="hub.domain or tls.names beside it", below=("tls", "mode")
            )
        if self.hub.domain and self.hub.domain not in names:
            raise Unfit(
                "without hub.domain", [*names, self.hub.domain], expected=f"{self.hub.domain} among them",
                below=("tls", "names"),
            )  # fmt: skip
        private = next((name for name in names if not is_public(name)), None)
        if private is not None and self.tls.directory_url is None:
            below = ("tls", "names", names.index(private)) if self.tls.names else ("hub", "domain")
            raise Unfit(
                "a name that the public CA can't reach",
                expected="a public name or address, with letsencrypt",
                found=f'"{private}"',
                below=below,
            )
        return self

    @model_validator(mode="after")
    def _default_is_a_kernel(self) -> Config:
        names = [kernel.name for kernel in self.kernels]
        if self.default_kernel is None or self.default_kernel in names:
            return self
        if not names:
            raise Unfit(
                f'without "{self.default_kernel}", the default_kernel',
                [self.default_kernel],
                expected="a list with it, or no default_kernel",
                below=("kernels",),
            )
        raise Unfit("not one of kernels", names[0], expected=f"one of {', '.join(names)}", below=("default_kernel",))
