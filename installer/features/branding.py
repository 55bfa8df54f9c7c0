"""How the hub shows itself: logo, title, banner, login text, and the admin's own templates.

By JupyterHub's own means alone: nothing of it is patched. All files of one look are in one directory, named after
what is in them: a hub that runs goes on with the look that it was started with until the next has been tried out.
"""

from __future__ import annotations

import base64
import hashlib
import html
from pathlib import Path

from installer.engine.resource import Resource
from installer.features.site import Site
from installer.features.templates import CHECKOUT
from installer.host import paths
from installer.resources.directory import Directory
from installer.resources.file import File
from installer.resources.image import Image

FEATURE = "branding"

_PAGES = CHECKOUT / "installer" / "hub" / "pages"
_BRANDED = ("login.html", "page.html")
"""Those that show it; the others stand on them."""
_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}
_OURS, _OWN = "site", "own"
"""Directories: what `extends "site/page.html"` leads to, and copies of the admin's."""


def resources(site: Site) -> tuple[Resource, ...]:
    """Copies of the admin's logo and templates, and our two; nothing where the config says nothing of all that."""
    if not _asked(site):
        return ()
    here = place(site)
    texts = _texts(site)
    directories = sorted({parent for name in texts for parent in (here / name).parents if here in parent.parents})
    found: list[Resource] = [Directory(feature=FEATURE, path=path) for path in (paths.BRANDING, here, *directories)]
    image = logo(site)
    if image is not None:
        found.append(Image(feature=FEATURE, path=image, text=base64.encodebytes(site.brand.logo).decode()))
    return (*found, *(File(feature=FEATURE, path=here / name, text=text) for name, text in texts.items()))


def logo(site: Site) -> Path | None:
    """Where the hub and nginx find the logo; None where it is JupyterHub's."""
    return place(site) / f"logo{site.brand.suffix}" if site.brand.logo else None


def logo_type(site: Site) -> str | None:
    """What it is to browsers, which see no end of a name in its address."""
    return _TYPES.get(site.brand.suffix)


def logo_address(site: Site) -> str | None:
    """Where browsers find it, if it is not JupyterHub's."""
    return f"{site.config.hub.base_url}hub/logo" if site.brand.logo else None


def template_paths(site: Site) -> tuple[str, ...]:
    """Where the hub looks for a page's template before its own: the admin's, ours, and ours as `site/...`."""
    if not _asked(site):
        return ()
    here = place(site)
    own = (str(here / _OWN),) if site.brand.templates else ()
    return (*own, str(here / _OURS), str(here))


def template_vars(site: Site) -> dict[str, object]:
    """What templates are told."""
    said = site.config.branding
    told: dict[str, object] = {}
    if said.announcement is not None:
        # JupyterHub's own template shows this one as HTML.
        told["announcement"] = html.escape(said.announcement)
    if said.title is not None:
        told["branding_title"] = said.title
    if said.login_text is not None:
        told["branding_login_text"] = [line.strip() for line in said.login_text.split("\n") if line.strip()]
    return told


def known_as(site: Site) -> tuple[str, ...]:
    """For the hub's check: where the admin's templates were copied to, and where they are from."""
    if not site.brand.templates:
        return ()
    return (f"{place(site) / _OWN}={site.config.branding.templates}",)


def _asked(site: Site) -> bool:
    return any(getattr(site.config.branding, name) is not None for name in type(site.config.branding).model_fields)


def place(site: Site) -> Path:
    """Where all files of this look are."""
    digest = hashlib.sha256(site.brand.logo)
    for name, text in _texts(site).items():
        digest.update(f"{len(name)}:{name}{len(text)}:{text}".encode())
    return paths.BRANDING / digest.hexdigest()[:12]


def _texts(site: Site) -> dict[str, str]:
    """All templates, by path below the place."""
    ours = {f"{_OURS}/{file.name}": file.read_text(encoding="utf-8") for file in (_PAGES / name for name in _BRANDED)}
    return {**ours, **{f"{_OWN}/{name}": text for name, text in site.brand.templates}}
