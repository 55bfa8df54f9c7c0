"""The pages that nginx shows where there is nobody else to answer: static, root's, and in need of nothing."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.branding import logo_address
from installer.features.site import Site
from installer.features.templates import render
from installer.host import paths
from installer.resources.directory import Directory
from installer.resources.file import File

_PAGES: dict[str, dict[str, object]] = {
    "hub-down": {
        "title": "JupyterHub doesn't answer just now",
        "texts": ("It may only be starting again. Notebooks that are running go on, and so does what they compute.",),
        "soft": "This page tries again by itself; if it stays like this, tell whoever looks after this server.",
        "again": 5,
    },
    "app-down": {
        "title": "This service isn't running",
        "texts": ("It is part of this site, but nothing answers in its place just now. All else goes on.",),
        "soft": "Try again in a while; if it stays like this, tell whoever looks after this server.",
        "again": 30,
    },
    "app-forbidden": {
        "title": "Not for you, it seems",
        "texts": ("You are logged in, but this page is open only to some.",),
        "soft": "Whoever looks after this server can change that.",
        "again": 0,
    },
    "login-down": {
        "title": "Nobody can log in just now",
        "texts": ("This page is for those who are logged in to JupyterHub, and JupyterHub doesn't answer.",),
        "soft": "This page tries again by itself.",
        "again": 10,
    },
}


def page(site: Site, **variables: object) -> str:
    """The text of a page; variables: what it says, as HTML."""
    brand = {"site": site.config.branding.title, "logo": logo_address(site)}
    return render("nginx/pages/page.html.j2", **brand, **variables)


def resources(feature: str, site: Site) -> tuple[Resource, ...]:
    """A directory, and a file for each page."""
    return (
        Directory(feature=feature, path=paths.PAGES),
        *(
            File(
                feature=feature,
                path=paths.PAGES / f"{name}.html",
                text=page(site, **variables),
            )
            for name, variables in _PAGES.items()
        ),
    )
