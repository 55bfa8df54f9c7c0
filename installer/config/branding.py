"""`branding`: what the hub's pages look like, and what they say of themselves."""

from __future__ import annotations

from installer.config.branding_values import Paragraphs, Sentence
from installer.config.kernel_values import FilePath, Title
from installer.config.section import Section, setting
from installer.host import paths


class Branding(Section):
    """How the hub shows itself; all of it outlasts upgrades."""

    logo: FilePath | None = setting(
        None,
        "An image in place of JupyterHub's logo: PNG, JPEG, GIF, WebP or SVG, of at most 256 KiB.",
        example=str(paths.ETC / "branding" / "logo.svg"),
        unset="JupyterHub's",
    )
    title: Title | None = setting(
        None,
        "What tabs and bookmarks call the site.",
        example="Jupyter at Example University",
        unset="JupyterHub",
    )
    announcement: Sentence | None = setting(
        None,
        "A banner on all pages of the hub, the login page among them.",
        example="Closed on Friday from 18:00: the power is being worked on.",
        unset="none",
    )
    login_text: Paragraphs | None = setting(
        None,
        "What people read above the login form.",
        example="Use your university account. Questions: hub@example.org",
        unset="nothing",
    )
    templates: FilePath | None = setting(
        None,
        "A directory of your own page templates, which come before JupyterHub's. [What they can do]"
        "(../how-to/branding.md#templates-of-your-own).",
        example=str(paths.ETC / "branding" / "templates"),
        unset="none",
    )
