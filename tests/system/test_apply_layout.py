"""What the main job leaves on a fresh server: accounts, files, environment, units, and its summary."""

from __future__ import annotations

import re

import pytest

from tests.system.machine import Machine
from tests.system.machine_person import ADMIN
from tests.system.machine_process import Result
from tests.system.visitor import HOST, Visitor

SYSTEM_ACCOUNTS = ("jupyter", "jupyterhub-proxy", "jupyterhub-culler", "jupyterhub-build")
SERVICES = ("jupyterhub.service", "jupyterhub-proxy.service", "jupyterhub-culler.service", "nginx.service")
SOCKETS = ("jupyterhub-pam.socket", "jupyterhub-password.socket", "jupyterhub-sudo.socket", "jupyterhub-adopt.socket")
VENV = "/opt/jupyter/.venv"

# Path, type as find(1) has it, mode, owner, group.
LAYOUT = """
/etc/jupyterhub                             d  755 root root
/etc/jupyterhub/conf.d                      d  755 root root
/etc/jupyterhub/jupyterhub_config.py        f  644 root root
/etc/jupyterhub/secrets                     d  700 root root
/etc/jupyterhub/tls                         d  755 root root
/etc/jupyterhub/tls/ca.crt                  f  644 root root
/etc/jupyterhub/tls/hub.crt                 f  644 root root
/etc/sudoers.d/jupyterhub                   f  440 root root
/etc/nginx/conf.d/jupyterhub.conf           f  644 root root
/etc/pam.d/jupyterhub                       f  644 root root
/etc/tmpfiles.d/jupyterhub.conf             f  644 root root
/opt/jupyter                                d  755 root root
/opt/jupyter/.venv                          l  777 root root
/opt/jupyter/revisions                      d  755 root root
/opt/jupyter/revisions/server               d  755 root root
/opt/jupyter/libexec                        d  755 root root
/opt/jupyter/share/jupyter/kernels          d  755 root root
/opt/jupyter/pages                          d  755 root root
/var/lib/jupyterhub-web                     d  755 root root
/var/lib/jupyterhub-web/passes              d  711 root root
/run/jupyterhub-proxy                       d 2750 jupyterhub-proxy www-data
/run/jupyterhub-proxy/http.sock             s  770 jupyterhub-proxy www-data
/run/jupyterhub-proxy-api                   d 2750 jupyterhub-proxy jupyter
/run/jupyterhub-proxy-api/api.sock          s  770 jupyterhub-proxy jupyter
/run/jupyterhub-pam.sock                    s  600 jupyter jupyter
/run/jupyterhub-password.sock               s  600 jupyter jupyter
/run/jupyterhub-sudo.sock                   s  600 jupyter jupyter
/run/jupyterhub-adopt.sock                  s  660 root jupyterhub-users
/var/lib/jupyterhub                         d  700 jupyter jupyter
/var/lib/jupyterhub/jupyterhub.sqlite       f  600 jupyter jupyter
/var/lib/jupyterhub-installer               d  711 root root
/var/cache/jupyterhub-installer             d  755 root root
""".strip().splitlines()


def find(machine: Machine, *words: str) -> list[str]:
    return machine.run(["find", *words]).stdout.splitlines()


def python(machine: Machine, code: str) -> str:
    """What the server environment's Python prints, run as somebody without rights."""
    return machine.run([f"{VENV}/bin/python", "-I", "-c", code], user=ADMIN.name).stdout.strip()


# --- accounts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SYSTEM_ACCOUNTS)
def test_service_account(applied: Machine, name: str) -> None:
    """A system account, locked, without a shell, and in no group but its own."""
    _, _, uid, _, _, _, shell = applied.run(["getent", "passwd", name]).stdout.strip().split(":")
    assert 0 < int(uid) < 1000
    assert shell == "/usr/sbin/nologin"
    assert applied.run(["getent", "shadow", name]).stdout.split(":")[1].startswith(("!", "*"))
    assert applied.run(["id", "--groups", "--name", name]).stdout.split() == [name]


def test_members_are_the_admin_alone(applied: Machine) -> None:
    _, _, gid, members = applied.run(["getent", "group", "jupyterhub-users"]).stdout.strip().split(":")
    assert members == ADMIN.name
    assert int(gid) < 1000


def test_self_test_cleaned_up(applied: Machine) -> None:
    """The throw-away member is gone: account, home, hub user, processes."""
    assert not applied.run(["getent", "passwd", "jupyterhub-selftest"], check=False).ok
    assert find(applied, "/home", "-mindepth", "1", "-maxdepth", "1") == [f"/home/{ADMIN.name}"]
    assert applied.run(["systemctl", "list-units", "--plain", "--no-legend", "jupyter-*.scope"]).stdout == ""
    with Visitor(applied) as visitor:
        visitor.login(ADMIN.name, ADMIN.password or "")
        users = visitor.api("GET", "/hub/api/users").json()
    assert [user["name"] for user in users] == [ADMIN.name]


# --- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", LAYOUT, ids=lambda line: line.split()[0])
def test_mode_and_owner(applied: Machine, line: str) -> None:
    path, *expected = line.split()
    assert find(applied, path, "-maxdepth", "0", "-printf", "%y %m %u %g") == [" ".join(expected)]


def test_secrets_are_roots_alone(applied: Machine) -> None:
    secrets = find(applied, "/etc/jupyterhub/secrets", "-mindepth", "1", "-printf", "%f %y %m %u %g %s\\n")
    names = {line.split()[0] for line in secrets}
    assert {"cookie_secret", "proxy_auth_token", "culler_token", "installer_token", "ca.key", "hub.key"} <= names
    assert [line for line in secrets if line.split()[1:5] != ["f", "600", "root", "root"]] == []
    assert [line for line in secrets if int(line.split()[5]) < 64] == []


def test_no_secret_lies_anywhere_else(applied: Machine) -> None:
    """Neither in the hub's config, nor in a unit, nor in what the installer notes of its runs."""
    secrets = 'for file in /etc/jupyterhub/secrets/*; do head --lines=2 "$file" | tail --lines=1; done'
    places = "/etc /var/lib /var/log /var/cache/jupyterhub-installer /srv /opt/jupyter/libexec"
    search = f"{secrets} | grep --fixed-strings --recursive --text --files-with-matches --file=- {places}"
    found = applied.run(search, check=False, timeout=120).stdout.splitlines()
    assert [file for file in found if not file.startswith("/etc/jupyterhub/secrets/")] == []
    assert len(found) >= 6


def test_helpers_and_units_are_roots(applied: Machine) -> None:
    libexec = "/opt/jupyter/libexec"
    helpers = find(applied, libexec, "-maxdepth", "1", "-type", "f", "-printf", "%m %u %g\\n")
    assert helpers == ["755 root root"] * 5
    builder = find(applied, f"{libexec}/kernel-builder", "-type", "f", "-printf", "%m %u %g %P\\n")
    assert all(re.fullmatch(r"644 root root (__main__|installer/(builder/)?\w+)\.py", line) for line in builder)
    assert len(builder) > 10
    units = find(applied, "/etc/systemd/system", "-type", "f", "-name", "jupyter*", "-printf", "%m %u %g\\n")
    assert units == ["644 root root"] * 14


def test_sudoers_are_valid(applied: Machine) -> None:
    applied.run(["visudo", "--check"])


def test_units_are_valid(applied: Machine) -> None:
    units = find(applied, "/etc/systemd/system", "-type", "f", "-name", "jupyter*")
    said = applied.run(["systemd-analyze", "verify", "--man=no", *units])
    assert [line for line in said.output.splitlines() if "jupyter" in line] == []


# --- the server environment ------------------------------------------------------------------------


def test_link_leads_to_the_one_revision(applied: Machine) -> None:
    target = applied.run(["readlink", VENV]).stdout.strip()
    assert target.startswith("revisions/server/")
    assert find(applied, "/opt/jupyter/revisions/server", "-mindepth", "1", "-maxdepth", "1") == [
        f"/opt/jupyter/{target}"
    ]


def test_revision_is_immutable_to_all_but_root(applied: Machine) -> None:
    # Kernels are of an account of their own, which none of the hub's programs are.
    elsewhere = ["-path", "/opt/jupyter/kernels", "-prune", "-o"]
    strangers = find(
        applied, "/opt/jupyter", *elsewhere, "(", "!", "-user", "root", "-o", "!", "-group", "root", ")", "-print"
    )
    assert strangers == []
    writable = find(applied, "/opt/jupyter", *elsewhere, "!", "-type", "l", "-perm", "/022", "-print")
    assert writable == []
    unreadable = find(applied, "/opt/jupyter", *elsewhere, "!", "-type", "l", "!", "-perm", "-444", "-print")
    assert unreadable == []
    setuid = find(applied, "/opt/jupyter", "-perm", "/6000")
    assert setuid == []


def test_everything_is_in_the_environment(applied: Machine) -> None:
    code = """if True:
        import importlib.metadata as metadata
        for name in ("jupyterhub", "sudospawner", "jupyterhub-idle-culler", "oauthenticator", "jupyterlab",
                     "ipykernel", "ipywidgets", "jupyterlab-widgets"):
            print(name, metadata.version(name))
    """
    versions = dict(line.split() for line in python(applied, code).splitlines())
    assert tuple(map(int, versions["jupyterhub"].split(".")[:2])) >= (6, 1)
    assert versions["sudospawner"].startswith("1.0")


def test_costly_import_is_left_out(applied: Machine) -> None:
    code = "import importlib.util; print(importlib.util.find_spec('rfc3987_syntax'))"
    assert python(applied, code) == "None"


@pytest.mark.parametrize(
    "module", ["jupyterhub.app", "jupyterhub.singleuser", "jupyterlab.labapp", "ipykernel.kernelapp"]
)
def test_bytecode_is_there_and_used(applied: Machine, module: str) -> None:
    """Members can't write any: what was not compiled by apply would be compiled anew at every start."""
    command = [f"{VENV}/bin/python", "-I", "-v", "-c", f"import {module}"]
    said = applied.run(command, user=ADMIN.name).stderr.splitlines()
    loaded = [line for line in said if line.startswith("# code object from") and "/opt/jupyter/" in line]
    assert len(loaded) > 50
    assert [line for line in loaded if ".pyc" not in line] == []


def test_node_comes_with_the_environment(applied: Machine) -> None:
    """No node of the distribution, no npm, no compiler was needed."""
    packages = applied.run(["dpkg-query", "--show", "--showformat=${Package}\n"]).stdout.split()
    assert {"nodejs", "npm", "gcc", "git"}.isdisjoint(packages)
    command = applied.run(["systemctl", "show", "--property=ExecStart", "jupyterhub-proxy.service"]).stdout
    node = next(word for word in command.split() if word.endswith("/node"))
    assert node.startswith("/opt/jupyter/revisions/server/")
    assert int(applied.run([node, "--version"], user=ADMIN.name).stdout.strip("v").split(".")[0]) >= 20


# --- what runs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [*SERVICES, *SOCKETS])
def test_unit_runs_now_and_after_a_boot(applied: Machine, unit: str) -> None:
    assert applied.run(["systemctl", "is-active", unit], check=False).stdout.strip() == "active"
    assert applied.run(["systemctl", "is-enabled", unit], check=False).stdout.strip() == "enabled"


def test_nothing_failed(applied: Machine) -> None:
    assert applied.run(["systemctl", "--failed", "--no-legend", "--plain"]).stdout == ""


def test_nothing_runs_through_the_link(applied: Machine) -> None:
    """A process started through it would import from the next revision after a switch."""
    started = applied.run("cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'").stdout
    assert "/opt/jupyter/revisions/server/" in started
    assert VENV not in started


def test_placeholder_page_made_room(applied: Machine) -> None:
    """A machine that serves nothing else leads to the hub whatever it is called."""
    with Visitor(applied) as visitor:
        assert visitor.get("/").url.path == "/hub/login"
    assert find(applied, "/etc/nginx/sites-enabled", "-mindepth", "1") == []


# --- what apply said -------------------------------------------------------------------------------


def test_summary(apply_result: Result) -> None:
    said = apply_result.stdout
    assert f"The hub is up: https://{HOST}/" in said
    assert "members of the group jupyterhub-users" in said
    assert f"admins    {ADMIN.name}" in said
    assert f"{ADMIN.name} ran sudo, and so is a member and a hub admin" in said
    for place in ("/etc/jupyterhub/installer.yaml", "/var/lib/jupyterhub", "journalctl --unit=jupyterhub"):
        assert place in said
    assert "sudo python3 -m installer status" in said
    assert len(said.strip().splitlines()) < 20


def test_summary_tells_no_secret(applied: Machine, apply_result: Result) -> None:
    for line in applied.run("tail --quiet --lines=2 /etc/jupyterhub/secrets/*").stdout.splitlines():
        assert line not in apply_result.output or line.startswith("-----")


def test_commands_of_the_summary_work(applied: Machine) -> None:
    assert applied.run(["journalctl", "--unit=jupyterhub", "--quiet", "--lines=5"]).stdout
    with Visitor(applied) as visitor:
        fetched = visitor.get(f"http://{HOST}/jupyterhub-ca.crt", follow=False)
    assert fetched.text == applied.read("/etc/jupyterhub/tls/ca.crt")
