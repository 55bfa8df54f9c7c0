"""How the hub shows itself: what is made of the config's `branding`, and what of it is refused, and how."""

from __future__ import annotations

import ast
import base64
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from installer.commands import backup_contents
from installer.commands.branding import LARGEST, read_files
from installer.config.branding import Branding
from installer.config.models import Config
from installer.features import branding, pages
from installer.features.everything import desired
from installer.features.site import BrandFiles, Site
from installer.host import paths
from installer.host.errors import ConfigProblem
from installer.host.images import NotAnImage, kind_of
from installer.resources.file import File
from installer.resources.image import Image
from tests.unit.test_features import site, text_of

SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>\n'


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0")
    + _chunk(b"IDAT", zlib.compress(b"\0\0"))
    + _chunk(b"IEND", b"")
)
EVIL = "</title><script>alert('1')</script> {{ 7*7 }} {% endblock %} \" ' \\ %n ${x} 😀"


def branded(settings: dict[str, object], files: BrandFiles | None = None) -> Site:
    plain = site(Config.model_validate({"branding": settings}))
    return Site(
        plain.config, plain.facts, plain.admin, plain.revision, plain.schemas, brand=files or BrandFiles()
    )  # fmt: skip


def hub_settings(asked: Site) -> dict[str, object]:
    """What the hub's configuration sets, as Python reads it."""
    found: dict[str, object] = {}
    for node in ast.walk(ast.parse(text_of(desired(asked), paths.HUB_CONFIG))):
        match node:
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=value):
                try:
                    found[name] = ast.literal_eval(value)
                except ValueError:
                    continue
    return found


# --- what is made of it --------------------------------------------------------------------------


def test_nothing_is_made_of_nothing() -> None:
    assert branding.resources(site()) == ()
    text = text_of(desired(site()), paths.HUB_CONFIG)
    assert "template" not in text
    assert "logo" not in text
    assert "logo" not in text_of(desired(site()), paths.NGINX_SITE)


def test_what_people_read_is_text_whatever_it_looks_like() -> None:
    asked = branded({"title": EVIL[:80], "announcement": EVIL, "login_text": f"{EVIL}\n\n  {EVIL}\n"})
    settings = hub_settings(asked)
    told = settings["template_vars"]
    assert isinstance(told, dict)
    assert told["branding_title"] == EVIL[:80]
    assert told["branding_login_text"] == [EVIL, EVIL]
    # JupyterHub's own page has it as HTML.
    assert "<" not in told["announcement"]
    assert "&lt;script&gt;" in told["announcement"]
    assert "logo_file" not in settings
    for page in (r for r in pages.resources("web", asked) if isinstance(r, File)):
        assert "<script" not in page.text


def test_a_look_is_a_directory_of_its_own() -> None:
    files = BrandFiles(PNG, ".png", (("deep/footer.html", "x\n"), ("login.html", "y\n")))
    asked = branded({"logo": "/srv/logo.png", "templates": "/srv/t"}, files)
    made = {resource.name: resource for resource in branding.resources(asked)}
    here = branding.place(asked)
    assert here.parent == paths.BRANDING
    image = made[str(here / "logo.png")]
    assert isinstance(image, Image)
    assert image.data == PNG
    assert image.content() is None
    assert {str(here / name) for name in ("own/login.html", "own/deep/footer.html", "site/login.html")} <= made.keys()
    settings = hub_settings(asked)
    assert settings["logo_file"] == str(here / "logo.png")
    assert settings["template_paths"] == [f"{here}/own", f"{here}/site", str(here)]
    front = text_of(desired(asked), paths.NGINX_SITE)
    assert f"location = /hub/logo {{\n        alias {here}/logo.png;" in front
    assert "default_type image/png;" in front
    another = branded({"logo": "/srv/logo.png", "templates": "/srv/t"}, BrandFiles(SVG, ".svg", files.templates))
    assert branding.place(another) != here
    assert branding.place(branded({"title": "x"})) == branding.place(branded({"announcement": "y"}))


def test_an_image_is_put_in_place_byte_for_byte(tmp_path: Path) -> None:
    image = Image(feature="x", path=tmp_path / "logo.png", text=base64.encodebytes(PNG).decode(), owner="root")
    assert image.probe() is None
    image.realize(None)
    assert image.path.read_bytes() == PNG
    assert image.probe() == image.wanted()
    image.path.write_bytes(PNG + b"x")
    assert image.probe() != image.wanted()
    assert image.present_content() is None


def test_our_own_pages_have_it_too() -> None:
    page = pages.page(
        branded({"title": "A & B", "logo": "/srv/l.svg"}, BrandFiles(SVG, ".svg")),
        title="Down",
        texts=(),
        soft="",
        again=0,
    )
    assert "<title>Down · A &amp; B</title>" in page
    assert '<img src="/hub/logo" alt="">' in page


# --- what is read --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (PNG, ".png"),
        (SVG, ".svg"),
        (b"\xff\xd8\xff\xe0" + b"x" * 40 + b"\xff\xd9", ".jpg"),
        (b"GIF89a" + b"x" * 40 + b";", ".gif"),
        (b"RIFF\x04\0\0\0WEBP", ".webp"),
        (PNG[:-12], "its end is missing"),
        (b"RIFF\x44\0\0\0WEBP", "its end is missing"),
        (b"", "it is no PNG"),
        (b"%PDF-1.4", "it is no PNG"),
        (b"<html><svg></svg></html>", "without xmlns"),
        (SVG[:-8], "can't be read"),
        (SVG.replace(b"<circle", b"<script>alert(1)</script><circle"), "a script in it"),
        (SVG.replace(b"<circle", b'<circle onload="x"'), "a script in it"),
        (SVG.replace(b"<circle r", b'<a href=" JavaScript:x"/><circle r'), "a script in it"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG.partition(b"\n")[2], "entities"),
    ],
)
def test_what_sort_of_image_it_is(data: bytes, expected: str) -> None:
    if expected.startswith("."):
        assert kind_of(data) == expected
    else:
        with pytest.raises(NotAnImage, match=expected):
            kind_of(data)


def test_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "logo").write_bytes(PNG)
    (tmp_path / "t" / ".git").mkdir(parents=True)
    (tmp_path / "t" / ".git" / "x.html").write_text("{%")
    (tmp_path / "t" / "login.html").write_text('{% extends "site/login.html" %}')
    settings = Branding(logo=str(tmp_path / "logo"), templates=str(tmp_path / "t"))
    assert read_files(settings) == BrandFiles(PNG, ".png", (("login.html", '{% extends "site/login.html" %}\n'),))
    assert read_files(Branding()) == BrandFiles()
    config = Config(branding=settings)
    assert backup_contents.branding_files(config) == [tmp_path / "logo", tmp_path / "t" / "login.html"]
    assert backup_contents.is_named(config, tmp_path / "t" / "not-there-yet.html")
    assert not backup_contents.is_named(config, tmp_path / "t" / "x.py")


def test_what_can_not_be_used_is_named(tmp_path: Path) -> None:
    def told(**settings: str) -> str:
        with pytest.raises(ConfigProblem) as caught:
            read_files(Branding(**settings))
        assert caught.value.hint
        return caught.value.what

    gone = str(tmp_path / "gone")
    os.mkfifo(tmp_path / "fifo")
    assert f"branding.logo in {paths.CONFIG_FILE}: {gone} can't be used: there is no such file" in told(logo=gone)
    assert "is a directory" in told(logo=str(tmp_path))
    assert "it is not a file" in told(logo=str(tmp_path / "fifo"))
    big = tmp_path / "big.png"
    big.write_bytes(PNG * (LARGEST // len(PNG) + 1))
    assert "it has more than 256 KiB" in told(logo=str(big))
    assert "there is no such directory" in told(templates=gone)
    own = tmp_path / "t"
    own.mkdir()
    assert "there is no *.html in it" in told(templates=str(own))
    page = own / "login.html"
    page.write_text("fine\n{% if %}\n")
    assert told(templates=str(own)).startswith(f"{page}:2: this template can't be parsed: Expected an expression")
    page.write_bytes(b"\xff")
    assert "not in UTF-8" in told(templates=str(own))
    (own / "a\nb.html").write_text("x")
    assert "called 'a\\nb.html'" in told(templates=str(own))


@pytest.mark.parametrize("settings", [{"logo": "logo"}, {"templates": "t"}])
def test_what_others_can_change_is_not_used_by_root(
    settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    (tmp_path / "logo").write_bytes(PNG)
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "login.html").write_text("x")
    for path in (tmp_path / "logo", tmp_path / "t" / "login.html"):
        path.chmod(0o666)
    with pytest.raises(ConfigProblem, match="others than root can change"):
        read_files(Branding(**{key: str(tmp_path / name) for key, name in settings.items()}))


# --- what the hub makes of it --------------------------------------------------------------------

HUB = """
c = get_config()
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.cookie_secret = b"x" * 32
c.ConfigurableHTTPProxy.auth_token = "x"
c.JupyterHub.template_paths = {paths!r}
c.JupyterHub.template_vars = {vars!r}
"""
# One hub for all cases: it takes seconds to be made.
TRY = """
import asyncio, json, logging, sys
from pathlib import Path
from installer.hub import check_pages
from installer.hub.app import Hub
from installer.hub.config import BadConfig

async def tried(config, own, cases):
    logging.disable(logging.CRITICAL)
    hub = Hub()
    await hub.initialize(["--config", config, "--JupyterHub.db_url=sqlite:///:memory:"])
    for name, text in cases:
        Path(own, name).write_text(text)
        for environment in ("jinja2_env", "jinja2_env_sync"):
            hub.tornado_settings[environment].cache.clear()
        try:
            await check_pages.check(hub)
            yield ""
        except BadConfig as bad:
            yield str(bad)
        Path(own, name).unlink()

async def main():
    print(json.dumps([said async for said in tried(*sys.argv[1:3], json.load(sys.stdin))]))

asyncio.run(main())
"""
LOGIN = '{% extends "site/login.html" %}\n{% block login %}\n'
CASES = {
    ("login.html", LOGIN + "{{ super() }}{% endblock %}"): "",
    ("footer.html", '{% include "perhaps.html" ignore missing %}'): "",
    ("login.html", LOGIN + "{{ nothing.here }}{% endblock %}"): (
        "login.html:3: the page 'login' fails: UndefinedError: 'nothing' is undefined"
    ),
    ("error.html", "{{ 1 / 0 }}"): "error.html:1: the page 'no-such-page' fails: ZeroDivisionError: division by zero",
    ("home.html", '\n{% extends "templates/hoem.html" %}'): "home.html:2: there is no template 'templates/hoem.html'",
    ("home.html", "{{ 1 | turned }}"): "home.html:1: TemplateAssertionError: No filter named 'turned'.",
    ("login.html", '{% include "a" ~ "b" %}'): "login.html:1: the page 'login' fails: TemplateNotFound: ab",
}


def test_the_hub_tries_its_pages_before_it_is_started(tmp_path: Path) -> None:
    asked = branded(
        {"templates": "/srv/t", "title": EVIL[:80], "announcement": EVIL, "login_text": EVIL},
        BrandFiles(templates=(("login.html", ""),)),
    )
    here = branding.place(asked)
    for file in (each for each in branding.resources(asked) if isinstance(each, File)):
        target = tmp_path / file.path.relative_to(here)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(file.data)
    directories = [path.replace(str(here), str(tmp_path)) for path in branding.template_paths(asked)]
    config = tmp_path / "config.py"
    config.write_text(HUB.format(paths=directories, vars=branding.template_vars(asked)))
    own = tmp_path / "own"
    done = subprocess.run(
        [sys.executable, "-c", TRY, str(config), str(own)],
        input=json.dumps(list(CASES)), capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done
    assert json.loads(done.stdout) == [said and f"{own}/{said}" for said in CASES.values()]
    assert done.stderr == ""
