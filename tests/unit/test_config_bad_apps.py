"""Every way to get `apps` wrong: nothing that nginx could take for something else gets through."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.config.models import Config
from tests.unit.config_mistakes import Bad, check

PATH = "a path below the site's such as /rstudio/"
UPSTREAM = "where a service listens, such as http://127.0.0.1:8787"
APP = "an app such as"


def path(value: str, wrong: str, found: str | None = None, example: str = "/rstudio/") -> Bad:
    text = f"apps:\n- upstream: http://127.0.0.1:1\n  path: {value}\n"
    return Bad(text, 3, "apps[0].path", wrong, PATH, found or f'"{value}"', f"apps: [{{path: {example}")


def upstream(value: str, wrong: str, found: str | None = None, example: str = "http://127.0.0.1:8787") -> Bad:
    text = f"apps:\n- path: /x/\n  upstream: {value}\n"
    example = f'apps: [{{path: /rstudio/, upstream: "{example}"'
    return Bad(text, 3, "apps[0].upstream", wrong, UPSTREAM, found or f'"{value}"', example)


def key(value: str, wrong: str, expected: str, found: str, beside: str = "upstream: 'http://127.0.0.1:1'") -> Bad:
    name = value.partition(":")[0]
    return Bad(f"apps:\n- path: /x/\n  {beside}\n  {value}\n", 4, f"apps[0].{name}", wrong, expected, found, "apps: [{")


def root(value: str, wrong: str, found: str | None = None) -> Bad:
    text = f"apps:\n- path: /x/\n  root: {value}\n"
    return Bad(
        text, 3, "apps[0].root", wrong, "a directory such as", found or f'"{value}"', "apps: [{path: /rstudio/, "
    )


ONE = '{path: /a/, upstream: "http://127.0.0.1:1"}'
CASES = {
    # --- the list
    "text for apps": Bad("apps: /x/\n", 1, "apps", "wrong type", "a list of apps", '"/x/"'),
    "section for apps": Bad("apps: {path: /x/}\n", 1, "apps", "wrong type", "a list of apps", "a section"),
    "a path alone": Bad("apps: [/x/]\n", 1, "apps[0]", "wrong type", APP, '"/x/"'),
    "nothing said": Bad("apps: [{path: /x/}]\n", 1, "apps[0]", "without upstream or root", "one of upstream", "a sec"),
    "without its path": Bad("apps: [{root: /x}]\n", 1, "apps[0]", "without its path", "an app such as", "a section"),
    "unknown key": Bad(
        f"apps: [{ONE[:-1]}, strip: true}}]\n", 1, "apps[0].strip", "unknown key", "one of path, upstream", '"strip"'
    ),
    # --- path
    "the whole site": path("/", "the whole site"),
    "one of our own": path("/jupyterhub-login/", "one of the hub's own paths"),
    "the hub's": path("/hub/", "has a segment that JupyterHub itself uses"),
    "people's servers": path("/x/user/", "has a segment that JupyterHub itself uses"),
    "no slash before": path("x/", "doesn't start with /", example="/x/"),
    "no slash after": path("/x", "doesn't end with /", example="/x/"),
    "upwards": path("/x/../hub/", "has a segment that starts with a dot"),
    "quote": path("""'/x"/'""", "has characters that are not safe", '"/x"/"'),
    "new line": path(r'"/x\n/"', "has characters that are not safe", r'"/x\n/"'),
    "semicolon": path("/x;/", "has characters that are not safe"),
    "brace": path("'/x{}/'", "has characters that are not safe", '"/x{}/"'),
    "variable": path("/$host/", "has characters that are not safe"),
    "encoded": path("/%2e/", "percent-encoded"),
    "number": path("7", "wrong type", "the number 7"),
    # --- upstream
    "port alone": upstream("8787", "wrong type", "the number 8787"),
    "port in quotes": upstream("'8787'", "not where a service listens", '"8787"'),
    "without scheme": upstream("127.0.0.1:8787", "not where a service listens", example="http://127.0.0.1:8787"),
    "https": upstream("https://127.0.0.1:1", "https", example="http://127.0.0.1:1"),
    "with a path": upstream("http://127.0.0.1:1/x", "has a path", example="http://127.0.0.1:1"),
    "with a slash": upstream("http://127.0.0.1:1/", "has a path", example="http://127.0.0.1:1"),
    "no port": upstream("http://127.0.0.1", "has no port"),
    "a name": upstream("http://app.example.org:80", "a name"),
    "no such port": upstream("http://127.0.0.1:65536", "not where a service listens"),
    "no such address": upstream("http://127.0.0.256:1", "not where a service listens"),
    "half an address": upstream("http://[::1:1", "not where a service listens"),
    "no IPv6 address": upstream("http://[:::]:1", "not an IPv6 address"),
    "relative socket": upstream("unix:run/x", "not a socket's path"),
    "socket upwards": upstream("unix:/run/../x", "not a socket's path"),
    "socket with a blank": upstream("'unix:/run/a b'", "not a socket's path", '"unix:/run/a b"'),
    "long socket": upstream(f"unix:/{'x' * 120}", "longer than a socket's path may be", '"unix:/xxx'),
    "new directive": upstream(r'"http://127.0.0.1:1;\nuser root"', "not where a service", r'"http://127.0.0.1:1;\n'),
    "credentials": upstream("http://a:b@127.0.0.1:1", "not where a service listens", '"http://'),
    # --- root
    "relative root": root("www", "not an absolute path"),
    "root of the machine": root("/", "has an empty segment"),
    "slash behind the root": root("/srv/", "ends with /"),
    "root upwards": root("/srv/../etc", "has an empty segment, . or .."),
    "root with a quote": root("""'/srv/"x'""", "has an empty segment, . or ..,", '"/srv/"x"'),
    "root with a new line": root(r'"/srv\n"', "has an empty segment", r'"/srv\n"'),
    # --- the rest
    "login of another kind": key("login: pam", "not a choice", "hub or none", '"pam"'),
    "word for a flag": key("websocket: 'yes'", "wrong type", "true or false", '"yes"'),
    "number for a flag": key("admins: 1", "wrong type", "true or false", "the number 1"),
    "size without unit": key("body_size: 50", "no unit", "a size such as 50M", "the number 50"),
    "size with a blank": key("body_size: 50 mb", "not a size", "a size such as 50M", '"50 mb"'),
    "negative size": key("body_size: -1", "negative", "a size such as 50M", "the number -1"),
    "no time at all": key("read_timeout: 0", "0 would be at once", "more than 0", "the number 0"),
    "group with a blank": Bad(
        f"apps:\n- {ONE[:-1]}, groups: ['a b']}}\n", 2, "apps[0].groups[0]", "not a group's name", "a group's name",
        '"a b"', "apps: [{path",
    ),
    "group alone": key("groups: staff", "wrong type", "a list of groups", '"staff"'),
    # --- what doesn't go together
    "both": key("root: /srv/x", "beside upstream", "one of upstream and root", '"/srv/x"'),
    "prefix of files": key("strip_prefix: false", "beside root", "a key of services only", "false", "root: /srv/x"),
    "groups of everybody": key(
        "groups: [staff]", "beside login: none", "login: hub with it", "a list",
        "login: none\n  upstream: 'http://127.0.0.1:1'",
    )._replace(line=5),
    "twice": Bad(f"apps:\n- {ONE}\n- {ONE}\n", 3, "apps[1].path", "named twice", "each path once", '"/a/"'),
    "below another": Bad(
        f"apps:\n- {ONE}\n- {{path: /a/b/, root: /x}}\n", 3, "apps[1].path", "overlaps /a/", "not below", '"/a/b/"'
    ),
    "above another": Bad(
        f"apps:\n- {{path: /a/b/, root: /x}}\n- {ONE}\n", 3, "apps[1].path", "overlaps /a/b/", "not below", '"/a/"'
    ),
    "the hub's own path": Bad(
        f"hub: {{base_url: /a/}}\napps:\n- {ONE}\n", 3, "apps[0].path", "the hub's own path", "a path that /a/", '"/a/"'
    ),
    "above the hub": Bad(
        f"hub: {{base_url: /a/b/}}\napps:\n- {ONE}\n", 3, "apps[0].path", "above the hub's own path", "a path that",
        '"/a/"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("bad", CASES.values(), ids=CASES.keys())
def test_every_mistake_is_told_with_line_key_expectation_and_example(bad: Bad, tmp_path: Path) -> None:
    check(bad, tmp_path)


def test_below_the_hub_and_beside_each_other_is_fine() -> None:
    paths = ("/jupyter/app/", "/jupyter-app/", "/ju/", "/a/", "/ab/")
    apps = [{"path": path, "upstream": "unix:/run/x"} for path in paths]
    config = Config.model_validate({"hub": {"base_url": "/jupyter/"}, "apps": apps})
    assert tuple(app.path for app in config.apps) == paths
