"""What is told of the config: the reference page, the table of keys, `installer config show`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from installer.config.describe import all_keys, entry_keys
from installer.config.findings import nested
from installer.config.load import load
from installer.config.models import Config
from installer.config.reference import config_page
from installer.config.show import show

CHECKOUT = Path(__file__).parents[2]


def loaded(directory: Path, text: str) -> Config:
    file = directory / "installer.yaml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o644)
    return load(file)


def test_the_page_is_up_to_date() -> None:
    page = (CHECKOUT / "docs/reference/config.md").read_text(encoding="utf-8")
    assert page == config_page(), "run scripts/docs"


def test_the_page_names_every_key_and_its_example_works(tmp_path: Path) -> None:
    page = config_page()
    assert all(f"| `{key.name}` |" in page for key in (*all_keys(), *entry_keys()))
    example = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert example is not None
    assert loaded(tmp_path, example[1]).model_fields_set == set(Config.model_fields)


@pytest.mark.parametrize("key", (*all_keys(), *entry_keys()), ids=lambda key: key.name)
def test_the_table_is_true(key, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    assert key.description.endswith(".")
    assert (key.default is None) == (key.unset is not None), "a default, or words for what happens without the key"
    assert loaded(tmp_path, key.set_to(key.example)) != Config() or key.example == key.default
    if key.default is not None and key.beside is None:
        assert loaded(tmp_path, nested(key.path, key.default)) == Config()
    if key.default is not None and key.beside is not None:
        assert loaded(tmp_path, key.set_to(key.default)) == loaded(tmp_path, nested(key.path[:-1], [key.beside]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        'hub: {domain: "no", base_url: /a/, admin_users: []}\n',
        'hub: {admin_users: ["1_0", ada]}\nculler: {timeout: 0, max_age: 1d12h, every: 1h}\n',
        'hub: {domain: "2001:db8::1"}\nauth: {provider: pam}\n',
        "branding:\n  title: '#1'\n  login_text: |\n    one: \"two\"\n\n    three\n  announcement: '<b>&'\n",
        'channels: ["https://mirror.example.org/x/", conda-forge]\nkernels: []\n',
        "limits: {users: {ada: {cpu: 0.5}}, groups: {a.b: {memory: 2G, runtime: 0}}, default: {memory: unlimited}}\n"
        'kernels: [r, {name: "1e3", packages: ["numpy<2", "a::b"], pip: [x], revision: "123456789012"}]\n'
        'default_kernel: "1e3"\n',
    ],
)
def test_show_can_be_read_back(text: str, tmp_path: Path) -> None:
    config = loaded(tmp_path, text)
    assert loaded(tmp_path, show(config)) == config


def test_show_marks_what_is_a_default(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        "hub: {base_url: /lab/}\nculler: {timeout: 5400s, max_age: 0, groups: [{group: gpu, timeout: 480m}]}\n"
        "shared: [{variable: A, path: /srv/a}]\n"
        "kernels:\n- {name: r}\n- {packages: [numpy], name: science, pip: []}\n"
        "apps: [{path: /x/, upstream: 'unix:/run/x', read_timeout: 480h}]\n",
    )
    assert show(config) == (
        "hub:\n"
        "  # domain: this host's name  (default)\n"
        "  base_url: /lab/\n"
        "  # admin_users: the one who ran sudo  (default)\n"
        "  admin_access: false  # default\n"
        "auth:\n"
        "  provider: pam  # default\n"
        "  sign_up: approval  # default\n"
        "  # client_id: none: needed for all but pam, native and ldap  (default)\n"
        "  # issuer: none: needed for oidc  (default)\n"
        "  # url: https://github.com, or https://gitlab.com; needed for auth0  (default)\n"
        "  # ca_file: those that this machine trusts  (default)\n"
        "  scopes: []  # default\n"
        "  # username_claim: preferred_username; for auth0, email  (default)\n"
        "  groups_claim: groups  # default\n"
        "  blocked: []  # default\n"
        "  create_accounts: false  # default\n"
        "  server_tokens: []  # default\n"
        "  allow:\n"
        "    users: []  # default\n"
        "    groups: []  # default\n"
        "    organizations: []  # default\n"
        "    email_domains: []  # default\n"
        "    # file: none  (default)\n"
        "    admin_groups: []  # default\n"
        "    all: false  # default\n"
        "  names:\n"
        "    rule: lowercase  # default\n"
        "    # map: none  (default)\n"
        "    # prefix: nothing  (default)\n"
        "    # domain: none: an address is kept whole  (default)\n"
        "  ldap:\n"
        "    # url: none: needed for ldap  (default)\n"
        "    plain: false  # default\n"
        "    # base: none: needed, or user_dn in its place  (default)\n"
        '    filter: "(uid={name})"  # default\n'
        "    # user_dn: none: people are searched  (default)\n"
        "    # bind_dn: nobody: it searches without logging in  (default)\n"
        "    name_attribute: uid  # default\n"
        "    # groups_base: that of base  (default)\n"
        "    accounts: create  # default\n"
        "tls:\n"
        "  mode: self-signed  # default\n"
        "  names: []  # default\n"
        "  # certificate: none  (default)\n"
        "  # key: none  (default)\n"
        "  # email: none is given  (default)\n"
        "  staging: false  # default\n"
        "  # directory_url: Let's Encrypt's  (default)\n"
        "  # ca_file: those that this machine trusts  (default)\n"
        "  preflight: true  # default\n"
        "  # hsts: true for `files`, and for `letsencrypt` with Let's Encrypt's trusted certificates  (default)\n"
        "web:\n"
        "  server: nginx  # default\n"
        "  # listen: 127.0.0.1:282, or 127.0.0.1:284 without nginx  (default)\n"
        '  trusted_proxies: [127.0.0.1, "::1"]  # default\n'
        "branding:\n"
        "  # logo: JupyterHub's  (default)\n"
        "  # title: JupyterHub  (default)\n"
        "  # announcement: none  (default)\n"
        "  # login_text: nothing  (default)\n"
        "  # templates: none  (default)\n"
        "spawner:\n"
        "  kind: sudo  # default\n"
        "  # private_tmp: true with `systemd`  (default)\n"
        "  no_new_privileges: false  # default\n"
        "  environment: []  # default\n"
        "limits:\n"
        "  users: {}  # default\n"
        "  groups: {}  # default\n"
        "  default:\n"
        "    # memory: a quarter of `limits.total.memory`, and at least 1G  (default)\n"
        "    # memory_soft: 3 % below `memory`, at most 256M below  (default)\n"
        "    swap: 0  # default\n"
        "    cpu: unlimited  # default\n"
        "    cpu_share: 100  # default\n"
        "    io_share: 100  # default\n"
        "    disk: unlimited  # default\n"
        "    tasks: 2048  # default\n"
        "    open_files: 65536  # default\n"
        "    core_dumps: false  # default\n"
        "    runtime: 0  # default\n"
        "  total:\n"
        "    # memory: all of the machine's but 1G, and at least half  (default)\n"
        "    cpu: unlimited  # default\n"
        "    cpu_share: 50  # default\n"
        "    io_share: 50  # default\n"
        "culler:\n"
        "  timeout: 1h30m\n"
        "  max_age: 0\n"
        "  # every: half of the shorter of the two, at most 5m  (default)\n"
        "  warning: 10m  # default\n"
        "  spare_busy: true  # default\n"
        "  spare_open: false  # default\n"
        "  kernel_timeout: 0  # default\n"
        "  terminal_timeout: 0  # default\n"
        "  groups: [{group: gpu, timeout: 8h}]\n"
        "  exempt: []  # default\n"
        "notify:\n"
        "  # command: none  (default)\n"
        "  # mail: nowhere  (default)\n"
        "backup:\n"
        "  # every: never  (default)\n"
        "  keep: 14  # default\n"
        "  directory: /var/backups/jupyterhub  # default\n"
        "shared: [{path: /srv/a, variable: A}]\n"
        "keep: []  # default\n"
        "channels: [conda-forge]  # default\n"
        "kernels: [r, {name: science, packages: [numpy]}]\n"
        "# default_kernel: the first of kernels  (default)\n"
        'apps: [{path: /x/, upstream: "unix:/run/x", read_timeout: 20d}]\n'
    )


def test_a_config_survives_being_stored(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        "hub: {admin_users: [ada]}\nculler: {max_age: 7d}\nbranding: {login_text: \"a\\nb: 'c'\", title: <b>}\n"
        "kernels: [r, {name: science, packages: [numpy], lock: /x}]\n"
        "apps: [{path: /x/, root: /srv/x}, {path: /y/, upstream: 'unix:/y', body_size: 0, read_timeout: 20d}]\n",
    )
    assert Config.model_validate_json(config.model_dump_json()) == config
    assert Config.model_validate(config.model_dump()) == config
