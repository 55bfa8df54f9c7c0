"""`apps`: other services under paths of the same site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, model_serializer, model_validator

from installer.config.app_values import AppPath, ByteSize, GroupNames, StaticRoot, Upstream
from installer.config.kinds import Kind, Unfit, items
from installer.config.section import Section, setting
from installer.config.tls_values import Switch
from installer.config.values import Duration

_HOUR = 3600
_OF_UPSTREAMS = ("strip_prefix", "websocket", "body_size", "read_timeout", "redirect_fix")


class App(Section):
    """An entry of `apps`: a service beside the hub, or a directory of files. It has either `upstream` or `root`."""

    path: AppPath = setting(
        ...,
        "The path it is found under.",
        example="/rstudio/",
        unset="none: every app has a path",
    )
    upstream: Upstream | None = setting(
        None, "Where the service listens.", example="http://127.0.0.1:8787", unset="none: see root"
    )
    root: StaticRoot | None = setting(
        None,
        "A directory of static files, in place of a service. Files and directories whose names begin with a dot are "
        "not shown.",
        example="/srv/www/course",
        unset="none: see upstream",
    )
    login: Literal["hub", "none"] = setting(
        "hub",
        "Who gets in. `hub`: those who have logged in to the hub. `none`: everybody; the service sees to that itself.",
        example="none",
    )
    groups: GroupNames = setting((), "With `login: hub`, only members of one of these Linux groups.", example=["staff"])
    admins: Switch = setting(
        False, "With `login: hub`, only the hub's admins; with `groups` too, they besides those.", example=True
    )
    strip_prefix: Switch = setting(
        True,
        "Whether the service gets paths without its own, as if it were alone on its site. `false` is for one that was "
        "told of its path.",
        example=False,
    )
    websocket: Switch = setting(True, "Whether WebSockets are passed on.", example=False)
    body_size: ByteSize = setting("100M", "The largest upload; `0` is any.", example="2G")
    read_timeout: Duration = setting(
        _HOUR, "How long the service may be silent before the connection is closed.", example="20d"
    )
    redirect_fix: Switch = setting(
        True,
        "Whether redirects to places of the service's own are led back below its path, whichever address it takes "
        "itself to have.",
        example=False,
    )

    @classmethod
    def beside(cls, name: str) -> dict[str, object]:
        """Its path, and where it is to be found, unless that is what the key says."""
        found = {} if name == "root" else {"upstream": cls.model_fields["upstream"].examples[0]}  # type: ignore[index]
        return {**super().beside(name), **found}

    @model_validator(mode="after")
    def _goes_together(self) -> App:
        if self.upstream is None and self.root is None:
            raise Unfit("without upstream or root", expected="one of upstream and root")
        if self.upstream is not None and self.root is not None:
            raise Unfit("beside upstream", expected="one of upstream and root", below=("root",))
        for name in _OF_UPSTREAMS:
            if self.root is not None and name in self.model_fields_set:
                raise Unfit("beside root", expected="a key of services only (upstream)", below=(name,))
        for name in ("groups", "admins"):
            if self.login == "none" and getattr(self, name):
                raise Unfit("beside login: none", expected="login: hub with it", below=(name,))
        if self.read_timeout == 0:
            raise Unfit("0 would be at once", expected="more than 0", below=("read_timeout",))
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, standard: object) -> dict[str, object]:
        """Without what is as it would be anyway."""
        assert callable(standard)  # noqa: S101 - pydantic's own
        written: dict[str, object] = standard(self)
        return {name: value for name, value in written.items() if name in self.model_fields_set}


def _an_app(value: object) -> object:
    if not isinstance(value, (App, Mapping)):
        raise Unfit("wrong type")
    return value


def _apart(apps: tuple[App, ...]) -> tuple[App, ...]:
    for place, app in enumerate(apps):
        for other in apps[:place]:
            if app.path == other.path:
                raise Unfit("named twice", expected="each path once", below=(place, "path"))
            if app.path.startswith(other.path) or other.path.startswith(app.path):
                raise Unfit(
                    f"overlaps {other.path}", expected="a path that is not below another app's", below=(place, "path")
                )
    return apps


_APP = Kind(
    "an app such as {path: /rstudio/, upstream: 'http://127.0.0.1:8787'}",
    "A mapping with a `path` and either `upstream` or `root`; see `apps[]`.",
)
Apps = Annotated[
    tuple[Annotated[App, _APP, BeforeValidator(_an_app)], ...],
    Kind("a list of apps", "Apps, none below the path of another, one a line after `- `.", items=_APP),
    BeforeValidator(items(lambda _: False)),
    AfterValidator(_apart),
]
"""Several services, each under a path of its own."""
