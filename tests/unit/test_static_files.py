"""What nginx serves of a server environment itself: the files that are compressed, and those that aren't."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import pytest

from installer.config.models import Config
from installer.features import web
from installer.host import paths
from installer.resources.static_files import EXTENSIONS, HASHED, HUB, HUB_BY_CONTENT, LAB, prepare
from tests.unit.test_features import VARIANTS, site, text_of
from tests.unit.test_web_front import behind

SCRIPT = "const answer = 42;\n" * 100


def put(revision: Path, *files: Path) -> None:
    for file in files:
        (revision / file).parent.mkdir(parents=True, exist_ok=True)
        (revision / file).write_text(SCRIPT)


def test_what_has_its_hash_in_its_name_is_compressed_beside_itself(tmp_path: Path) -> None:
    hashed = (
        LAB / "main.efd36b46f3b45eb8.js",
        LAB / "efd36b46f3b45eb8.css",
        EXTENSIONS / "@org/one/static/remoteEntry.5cbb9d2323598fbda535.js",
        EXTENSIONS / "two/static/568.1e2faa2ba0bbe59c4780.js",
    )
    others = (LAB / "style.js", LAB / "index.html", LAB / "efd36b46f3b45eb8.woff2", EXTENSIONS / "two/package.json")
    put(tmp_path, *hashed, *others)
    prepare(tmp_path)
    made = {file.relative_to(tmp_path) for file in tmp_path.rglob("*.gz")}
    assert made == {file.with_name(f"{file.name}.gz") for file in hashed}
    first = {file: (tmp_path / file).read_bytes() for file in made}
    assert all(gzip.decompress(data).decode() == SCRIPT for data in first.values())
    prepare(tmp_path)
    assert {file: (tmp_path / file).read_bytes() for file in made} == first


def test_the_hubs_are_laid_out_by_their_content(tmp_path: Path) -> None:
    put(tmp_path, HUB / "css/style.min.css", HUB / "js/home.js", HUB / "components/jquery/src/core.js")
    prepare(tmp_path)
    content = hashlib.sha512(SCRIPT.encode()).hexdigest()
    names = {file.name for file in (tmp_path / HUB_BY_CONTENT).iterdir()}
    assert names == {f"{content}.{kind}{packed}" for kind in ("css", "js") for packed in ("", ".gz")}


def test_nobodys_link_has_something_else_of_roots_copied(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the proxy's token")
    revision = tmp_path / "revision"
    for link in (LAB / "main.efd36b46f3b45eb8.js", HUB / "js/home.js"):
        (revision / link).parent.mkdir(parents=True)
        (revision / link).symlink_to(secret)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "all.efd36b46f3b45eb8.js").write_text("secret, too")
    (revision / EXTENSIONS).symlink_to(tmp_path / "elsewhere")
    prepare(revision)
    assert list(tmp_path.rglob("*.gz")) == []
    assert list((revision / HUB_BY_CONTENT).iterdir()) == []


@pytest.mark.parametrize(
    ("name", "hashed"),
    [
        ("main.efd36b46f3b45eb8.js", True),
        ("jlab_core.8811dd2733d03721.js", True),
        ("0031b1860ea4ad75.woff", True),
        ("remoteEntry.5cbb9d2323598fbda535.js", True),
        ("style.js", False),
        ("1014.js", False),
        ("main.efd36b46.js", False),
        ("main.efd36b46f3b45eb8.html", False),
        ("a/main.efd36b46f3b45eb8.js", False),
    ],
)
def test_which_names_say_what_is_in_a_file(name: str, hashed: bool) -> None:
    assert bool(re.fullmatch(HASHED, name)) is hashed


@pytest.mark.parametrize("config", [{}, {"hub": {"base_url": "/a.b/"}}], ids=["at the top", "below a path"])
def test_nothing_that_comes_through_the_proxy_is_compressed(config: dict[str, object]) -> None:
    """Once for the site and no exception, in front and behind another proxy; from disk, what is there beforehand."""
    for asked in (site(Config.model_validate(config)), behind(config)):
        text = text_of(web.resources(asked), paths.NGINX_SITE)
        assert re.findall(r"^ +gzip (.*);$", text, re.MULTILINE) == ["off"]
        assert "gzip_types" not in text
        roots = re.findall(r"^ +root (.*/share/.*);$", text, re.MULTILINE)
        assert roots == [str(paths.VENV / place) for place in (LAB, EXTENSIONS, HUB_BY_CONTENT)]
        assert text.count(f"disable_symlinks on from={paths.VENV};") == text.count("gzip_static on;") == 3
        base = asked.config.hub.base_url.replace(".", "[.]")
        assert len(re.findall(rf'^    location ~ "\^{re.escape(base)}(?:user|hub)/', text, re.MULTILINE)) == 3


def test_headers_of_the_site_are_those_of_its_static_files_too() -> None:
    assert text_of(web.resources(VARIANTS["files"]), paths.NGINX_SITE).count("Strict-Transport-Security") == 4
    assert text_of(web.resources(VARIANTS["bookworm"]), paths.NGINX_SITE).count("Strict-Transport-Security") == 0
