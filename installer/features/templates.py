"""Renders the templates at the top of the checkout: units/, nginx/, sudoers.d/, and the hub's configuration."""

from __future__ import annotations

from pathlib import Path

import jinja2

from installer.host import paths

CHECKOUT = Path(__file__).parents[2]

_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(CHECKOUT),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - these are configuration files, not HTML
)


def render(template: str, **variables: object) -> str:
    """The text of a template.

    template: its path from the top of the checkout. variables: what it uses; `paths` is always there.
    """
    return _environment.get_template(template).render(paths=paths, **variables)
