"""What can be set: the one table of keys, each with its kind, default, description and example.

Validation, error messages, `config schema`, `config show` and docs/reference/config.md all come from here. A key
is added together with what makes it work, never before.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from installer.config.values import AccountNames, Duration, Host, Unfit, UrlPath, duration_text

_MINUTE = 60
_SELDOMEST = 5 * _MINUTE
"""How often the culler looks at least, unless it is told otherwise."""


def _setting(default: object, description: str, *, example: object, unset: str | None = None) -> Any:  # noqa: ANN401
    """One row of the table; `unset` says in words what a default of None comes to."""
    return Field(default, description=description, examples=[example], json_schema_extra={"unset": unset})


class Section(BaseModel):
    """Keys that belong together; frozen, and nothing but what is listed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


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


class Auth(Section):
    """How people log in."""

    provider: Literal["pam"] = _setting(
        "pam", "Who checks passwords; `pam` is this machine's own Linux accounts.", example="pam"
    )


class Tls(Section):
    """Where the certificate comes from."""

    mode: Literal["self-signed"] = _setting(
        "self-signed",
        "`self-signed` is a certificate by a small authority of this host's own.",
        example="self-signed",
    )


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


class Config(Section):
    """What an admin wishes for; every key has a default, so that no file at all is a working hub."""

    hub: Hub = Hub()
    auth: Auth = Auth()
    tls: Tls = Tls()
    culler: Culler = Culler()
