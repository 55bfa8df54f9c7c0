"""doctor finds what is wrong with a server, says what mends it, and is silent again when that has been done."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root
from tests.system.machine_person import CHECKOUT, CONFIG, NO_KERNELS, Person, add_person
from tests.system.machine_process import Result
from tests.system.visitor import Visitor, until

pytestmark = pytest.mark.only_on("trixie")

HOOK = "/usr/local/bin/notify-failed"
APPLY = "sudo python3 -m installer apply"
REVISIONS = "/opt/jupyter/revisions/server"
GENERATIONS = "/var/lib/jupyterhub-installer/generations"
DATABASE = "/var/lib/jupyterhub/jupyterhub.sqlite"
GRACE = Person("grace", "a fine password")
NOT_HERE = "203.0.113.9"


class Broken(NamedTuple):
    """What somebody does, and what doctor says to it.

    mend: how what it says ends: a command is really run then. by_hand: what the admin does where it is an edit.
    """

    area: str
    by: str
    what: str
    mend: str
    by_hand: str = ""


BROKEN = {
    # --- units, ports, answers
    "stopped": Broken(
        "units",
        "systemctl stop jupyterhub-adopt.socket",
        "does not run",
        "sudo systemctl start jupyterhub-adopt.socket",
    ),
    "disabled": Broken(
        "units",
        "systemctl disable --quiet jupyterhub-culler",
        "next boot",
        "sudo systemctl enable jupyterhub-culler.service",
    ),
    "masked": Broken(
        "units",
        "systemctl mask --now --quiet nginx",
        "is masked",
        "sudo systemctl unmask nginx.service && sudo systemctl enable --now nginx.service",
    ),
    "killed again and again": Broken(
        "units",
        "for i in 1 2 3; do systemctl kill --signal=KILL jupyterhub-proxy; sleep 1.5; done",
        "has ended 3 times",
        "sudo systemctl reset-failed jupyterhub-proxy.service",
    ),
    "a drop-in that systemd has not read": Broken(
        "units",
        "mkdir -p /etc/systemd/system/jupyterhub-culler.service.d; "
        "echo '[Service]' > /etc/systemd/system/jupyterhub-culler.service.d/mine.conf",
        "newer than what systemd has read",
        "sudo systemctl daemon-reload",
    ),
    "another program on nginx's port": Broken(
        "ports",
        "systemctl stop nginx; printf '[Service]\nExecStart=/usr/bin/python3 -m http.server 443\n' "
        "> /etc/systemd/system/squatter.service; systemctl start squatter; sleep 1",
        "squatter.service",
        "sudo systemctl disable --now squatter.service && sudo systemctl restart nginx.service",
    ),
    "another token": Broken(
        "answers",
        "echo 0123456789abcdef > /etc/jupyterhub/secrets/installer_token",
        "does not know the installer's token",
        "sudo systemctl restart jupyterhub.service",
    ),
    # --- name, room
    "a name that leads elsewhere": Broken(
        "name",
        "cp /etc/hosts /root/; sed -i 's/^[0-9.]*\\(.*campus.example.org\\)/" + NOT_HERE + "\\1/' /etc/hosts",
        f"campus.example.org is {NOT_HERE}",
        "",
        "cat /root/hosts > /etc/hosts",
    ),
    "read-only": Broken(
        "room",
        "mount --bind /var/cache/jupyterhub-installer /var/cache/jupyterhub-installer; "
        "mount -o remount,bind,ro /var/cache/jupyterhub-installer",
        "mounted read-only",
        "sudo mount -o remount,rw $(df --output=target /var/cache/jupyterhub-installer | tail -1)",
        "mount -o remount,bind,rw /var/cache/jupyterhub-installer; umount /var/cache/jupyterhub-installer",
    ),
    # --- sudo, PAM, people
    "a rule too many": Broken(
        "sudo",
        "echo 'jupyter ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/zz; chmod 440 /etc/sudoers.d/zz",
        "more than it should: (ALL) NOPASSWD: ALL",
        "sudo visudo --file=/etc/sudoers.d/zz",
        "rm /etc/sudoers.d/zz",
    ),
    "a rule that can't be read": Broken(
        "sudo",
        "echo 'ada what is this' > /etc/sudoers.d/zz; chmod 440 /etc/sudoers.d/zz",
        "can't be read: /etc/sudoers.d/zz:1",
        "visudo -f /etc/sudoers.d/zz",
        "rm /etc/sudoers.d/zz",
    ),
    "another secure_path": Broken(
        "sudo",
        "echo 'Defaults:jupyter secure_path=\"/home/ada/bin\"' > /etc/sudoers.d/zz; chmod 440 /etc/sudoers.d/zz",
        "secure_path",
        "sudo visudo --file=/etc/sudoers.d/zz",
        "rm /etc/sudoers.d/zz",
    ),
    "sudo without setuid": Broken(
        "sudo",
        "chmod 755 /usr/bin/sudo",
        "setuid",
        "chown root:root /usr/bin/sudo && chmod 4755 /usr/bin/sudo",
        "chown root:root /usr/bin/sudo && chmod 4755 /usr/bin/sudo",
    ),
    "a PAM module that is gone": Broken(
        "PAM",
        "cp /etc/pam.d/common-auth /root/; echo 'auth required pam_nothere.so' >> /etc/pam.d/common-auth",
        "asks pam_nothere.so",
        "sudoedit /etc/pam.d/common-auth",
        "cp /root/common-auth /etc/pam.d/",
    ),
    "everybody let in": Broken(
        "PAM",
        "cp /etc/pam.d/common-auth /root/; sed -i '1i auth sufficient pam_permit.so' /etc/pam.d/common-auth",
        "lets everybody in",
        "sudoedit /etc/pam.d/common-auth",
        "cp /root/common-auth /etc/pam.d/",
    ),
    "a system account among members": Broken(
        "people",
        "gpasswd --add daemon jupyterhub-users",
        "daemon is in jupyterhub-users, and is a system account",
        "sudo gpasswd --delete daemon jupyterhub-users",
    ),
    "a member without a home": Broken(
        "people", "mv /home/grace /home/away", "has no home (/home/grace)", "sudo mkhomedir_helper grace 0077"
    ),
    "somebody else's home": Broken(
        "people", "chown daemon /home/grace", "belongs to somebody else", "sudo chown grace: /home/grace"
    ),
    "a member without a shell": Broken(
        "people",
        "usermod --shell /usr/sbin/nologin grace",
        "no shell",
        "sudo usermod --shell /bin/bash grace",
    ),
    "a member who was deleted": Broken(
        "people",
        "sed -i '/^jupyterhub-users:/s/$/,gone/' /etc/group",
        "gone is in jupyterhub-users, and there is no such account",
        "sudo gpasswd --delete gone jupyterhub-users",
    ),
    "a locked member": Broken(
        "people", "passwd --quiet --lock grace", "a locked one", "sudo passwd grace", "passwd --quiet --unlock grace"
    ),
    "an admin who can't log in": Broken(
        "people",
        "gpasswd --delete ada jupyterhub-users",
        "ada administers the hub, and can't log in",
        "sudo gpasswd --add ada jupyterhub-users",
    ),
    "the hub in the group shadow": Broken(
        "people", "gpasswd --add jupyter shadow", "in the group shadow", "sudo gpasswd --delete jupyter shadow"
    ),
    # --- permissions
    "an open secret": Broken(
        "permissions",
        "chmod 644 /etc/jupyterhub/secrets/ca.key",
        "a secret of the hub's that others can read",
        "sudo chown root:root /etc/jupyterhub/secrets/ca.key && sudo chmod go= /etc/jupyterhub/secrets/ca.key",
    ),
    "an open database": Broken(
        "permissions",
        f"chmod 644 {DATABASE}",
        "the hub's alone",
        f"sudo chown jupyter: {DATABASE} && sudo chmod 600 {DATABASE}",
    ),
    "an open home": Broken(
        "permissions", "chmod 755 /home/grace", "/home/grace can be read", "sudo chmod o-rwx /home/grace"
    ),
    "a helper of root's that everybody can write": Broken(
        "permissions",
        "chmod o+w /opt/jupyter/libexec/jupyterhub-adopt",
        "jupyterhub-adopt can be written by others than root",
        "sudo chmod go-w /opt/jupyter/libexec/jupyterhub-adopt",
    ),
    "a program of somebody's": Broken(
        "permissions",
        "chown grace /opt/jupyter/libexec/jupyterhub-sudo",
        "jupyterhub-sudo belongs to grace",
        "sudo chown -h root:root /opt/jupyter/libexec/jupyterhub-sudo",
    ),
    "a closed /opt": Broken("permissions", "chmod 700 /opt", "can't get through", "sudo chmod a+rx /opt"),
    "an open socket": Broken(
        "permissions",
        "chmod 666 /run/jupyterhub-pam.sock",
        "/run/jupyterhub-pam.sock is srw-rw-rw-",
        "sudo systemctl restart jupyterhub-pam.socket",
    ),
    # --- the hub's own state
    "a route to nowhere": Broken(
        "routes",
        "curl --silent --fail --unix-socket /run/jupyterhub-proxy-api/api.sock "
        '--header "Authorization: token $(cat /etc/jupyterhub/secrets/proxy_auth_token)" '
        """--data '{"target": "http://127.0.0.1:9", "user": "ghost"}' http://localhost/api/routes/user/ghost""",
        "ghost has no server",
        "sudo systemctl restart jupyterhub-proxy.service",
    ),
    "a damaged database": Broken(
        "database",
        f"systemctl stop jupyterhub; printf 'this is no database' | dd of={DATABASE} conv=notrunc status=none; ",
        "can't be read: file is not a database",
        f"sudo mv {DATABASE} {DATABASE}.damaged && sudo systemctl restart jupyterhub.service",
    ),
    "settings with a mistake": Broken(
        "settings",
        "echo 'c.Spawner.default_urls = 1' > /etc/jupyterhub/conf.d/9.py",
        "/etc/jupyterhub/conf.d/9.py:1: c.Spawner.default_urls",
        "below /etc/jupyterhub/conf.d",
        "rm /etc/jupyterhub/conf.d/9.py; systemctl restart jupyterhub",
    ),
    # --- the installer's own state
    "a mistake in the config": Broken(
        "state",
        f"cp {CONFIG} /root/; echo 'hub: {{domian: x}}' >> {CONFIG}",
        "hub.domian",
        "",
        f"cp /root/installer.yaml {CONFIG}",
    ),
    "a newer version's state": Broken(
        "state",
        f"""echo '[{{"kind": "teleporter"}}]' > /root/left; cp -a {GENERATIONS}/../left.json /root/; """
        f"cp /root/left {GENERATIONS}/../left.json",
        "was written by another version",
        "run that version of the installer, or the newest one",
        f"cp -a /root/left.json {GENERATIONS}/../left.json",
    ),
    "half a server environment": Broken(
        "leftovers", f"mkdir {REVISIONS}/0123456789ab", "never complete", f"sudo rm -r {REVISIONS}/0123456789ab"
    ),
    "half a file": Broken(
        "leftovers",
        "touch /etc/jupyterhub/.jupyterhub_config.py.0123abcd.new",
        "left by a run that was killed",
        "sudo rm -r /etc/jupyterhub/.jupyterhub_config.py.0123abcd.new",
    ),
    "a self-test's account": Broken(
        "leftovers",
        "useradd --create-home jupyterhub-selftest",
        "jupyterhub-selftest was left",
        "sudo userdel --remove jupyterhub-selftest",
    ),
    "a kernelspec of a Python that is gone": Broken(
        "kernels",
        "mkdir -p /usr/local/share/jupyter/kernels/old; "
        """echo '{"argv": ["/opt/conda/bin/python"]}' > /usr/local/share/jupyter/kernels/old/kernel.json""",
        "names /opt/conda/bin/python, which can't be run",
        "sudo rm -r /usr/local/share/jupyter/kernels/old",
    ),
    # --- the hook
    "a hook that can't be run": Broken(
        "notify",
        f"chmod 644 {HOOK}",
        "can't be run by everybody",
        f"sudo chown root:root {HOOK} && sudo chmod 755 {HOOK}",
    ),
    "a hook that somebody else can write": Broken(
        "notify",
        f"chmod 777 {HOOK}",
        "can be written by others than root",
        f"sudo chown root:root {HOOK} && sudo chmod 755 {HOOK}",
    ),
}

TOGETHER = (
    (
        "stopped",
        "disabled",
        "a drop-in that systemd has not read",
        "a name that leads elsewhere",
        "a rule too many",
        "a PAM module that is gone",
        "a system account among members",
        "a member without a home",
        "an open secret",
        "a route to nowhere",
        "half a server environment",
        "a kernelspec of a Python that is gone",
        "a hook that can't be run",
    ),
    (
        "killed again and again",
        "read-only",
        "a rule that can't be read",
        "everybody let in",
        "somebody else's home",
        "a member who was deleted",
        "an open database",
        "a helper of root's that everybody can write",
        "half a file",
        "a self-test's account",
        "a hook that somebody else can write",
    ),
    (
        "masked",
        "another secure_path",
        "a member without a shell",
        "an admin who can't log in",
        "the hub in the group shadow",
        "an open home",
        "a program of somebody's",
        "an open socket",
    ),
    ("another program on nginx's port", "sudo without setuid", "a locked member", "a closed /opt"),
    ("another token",),
    ("a damaged database",),
    ("settings with a mistake",),
    ("a mistake in the config",),
    ("a newer version's state",),
)
"""What doesn't hide each other, side by side; each group is put right before the next."""


@pytest.fixture(scope="module")
def patient(applied_server: Applied) -> Iterator[Machine]:
    """A server whose hub tells of failures, with a member besides its admin."""
    assert sorted(name for group in TOGETHER for name in group) == sorted(BROKEN)
    with Machine(applied_server[0]) as machine:
        machine.put(HOOK, "#!/bin/sh\n{ id; cat; } | logger --tag told\n", mode="0755")
        machine.put(CONFIG, f"{NO_KERNELS}notify: {{command: {HOOK}}}\n")
        applied = apply_as_root(machine)
        assert applied.ok, applied
        add_person(machine, GRACE.name, GRACE.password, groups=["jupyterhub-users"])
        machine.run("chmod 700 /home/*")
        yield machine


def doctor(machine: Machine, *options: str) -> Result:
    words = ["python3", "-m", "installer", "doctor", *options]
    result = machine.run(words, cwd=CHECKOUT, check=False, timeout=300)
    assert "Traceback" not in result.output, result
    return result


def complaints(machine: Machine, *options: str) -> list[dict[str, Any]]:
    """What it finds that isn't as it should be; the exit code says whether there is a problem among it."""
    result = doctor(machine, "--json", *options)
    told = json.loads(result.stdout)
    found = [finding for finding in told["findings"] if finding["severity"] != "ok"]
    assert result.code == (3 if any(finding["severity"] == "problem" for finding in found) else 0), result
    assert all(finding["mend"] for finding in found), found
    return found


def command_in(mend: str) -> str:
    """The command at the end of what doctor says; sudo may be what is broken, and root doesn't need it."""
    begun = re.search(r"sudo .*|chmod .*", mend)
    assert begun, mend
    return begun[0].replace("sudo ", "")


@pytest.mark.only_on("trixie", "sid")  # there sudo is another program, which tells its rules in other words
def test_a_sound_server_has_no_complaint(patient: Machine) -> None:
    result = doctor(patient)
    assert result.code == 0, result
    assert "0 problems, 0 warnings" in result.stdout, result


@pytest.mark.parametrize("group", TOGETHER, ids=lambda group: f"{group[0]} ({len(group)})")
def test_what_is_broken_is_found_and_the_mend_mends_it(patient: Machine, group: tuple[str, ...]) -> None:
    for name in group:
        patient.run(BROKEN[name].by)
    found = complaints(patient)
    for name in group:
        broken = BROKEN[name]
        mine = [each for each in found if each["area"] == broken.area and broken.what in each["what"]]
        assert mine, (name, found)
        assert mine[0]["mend"].endswith(broken.mend), (name, mine)
        patient.run(broken.by_hand or command_in(mine[0]["mend"]))
    until("it to be silent again", lambda: not complaints(patient), seconds=15)


def test_a_server_that_runs_is_as_it_should_be_and_one_that_was_killed_is_not(patient: Machine) -> None:
    with Visitor(patient) as visitor:
        visitor.login(GRACE.name, str(GRACE.password))
        visitor.start_server()
    assert not complaints(patient)
    patient.run(["pkill", "--signal=KILL", "--uid", GRACE.name, "--full", "jupyterhub-singleuser"])
    found = complaints(patient)
    assert [each["area"] for each in found] == ["routes"], found
    assert "the hub's database says that grace's server runs" in found[0]["what"], found
    patient.run(command_in(found[0]["mend"]))
    until("it to be silent again", lambda: not complaints(patient), seconds=15)


def test_what_is_missing_comes_back_with_an_apply(patient: Machine) -> None:
    """Several at once; the Python too, as a distribution upgrade takes it away: one apply mends it all."""
    patient.run(
        "rm /etc/pam.d/jupyterhub /etc/systemd/system/jupyterhub-culler.service; systemctl daemon-reload; "
        "ln -sfn /usr/bin/python3.9 $(readlink -f /opt/jupyter/.venv)/bin/python; "
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -keyout /dev/null -out /etc/jupyterhub/tls/hub.crt"
    )
    found = complaints(patient)
    for area, what, mend in (
        ("PAM", "jupyterhub is missing", APPLY),
        ("certificate", "is not for 10.", APPLY),
        ("certificate", "nginx shows another certificate", "sudo systemctl reload nginx"),
        ("units", "jupyterhub-culler.service is not there", APPLY),
        ("Python", "python3.9 is gone", APPLY),
        ("drift", "passwords was changed by hand", APPLY),
    ):
        mine = [each for each in found if each["area"] == area and what in each["what"]]
        assert mine, (area, what, found)
        assert mine[0]["mend"].endswith(mend), mine
    status = patient.run(["python3", "-m", "installer", "status"], cwd=CHECKOUT, check=False)
    assert status.code == 3, status
    assert "python3.9 is gone, or can't be run: run apply to have it built anew" in status.stdout, status
    applied = apply_as_root(patient)
    assert applied.ok, applied
    assert not complaints(patient)


def test_deep_starts_a_server_and_runs_a_cell(patient: Machine) -> None:
    told = json.loads(doctor(patient, "--deep", "--json").stdout)["findings"]
    assert [each["severity"] for each in told if each["area"] == "login"] == ["ok"], told
    assert not patient.run(["id", "jupyterhub-selftest"], check=False).ok


def test_deep_tells_of_a_server_that_does_not_start(patient: Machine) -> None:
    """What no look from outside would see: the hub is up, and nobody's server starts."""
    program = "/opt/jupyter/.venv/bin/sudospawner-singleuser"
    patient.run(f"cp -a {program} /root/; printf '#!/bin/sh\nexit 1\n' > {program}")
    try:
        found = complaints(patient, "--deep")
        assert [each["area"] for each in found] == ["login"], found
        assert "journalctl" in found[0]["mend"]
    finally:
        patient.run(f"cp -a /root/sudospawner-singleuser {program}")


def told(machine: Machine) -> str:
    """What the hook was told, as the account that it runs as."""
    return machine.run(["journalctl", "--identifier=told", "--output=cat", "--no-pager"]).stdout


def test_a_failed_unit_is_told_of_once_in_a_while(patient: Machine) -> None:
    patient.run("systemctl reset-failed; rm -f /run/jupyterhub-notify/jupyterhub-culler.service.command")
    before = told(patient)
    for _ in range(3):
        patient.run(["systemctl", "kill", "--signal=KILL", "jupyterhub-culler.service"])
        time.sleep(1.5)
    until("the hook to be told", lambda: "jupyterhub-culler.service has failed" in told(patient)[len(before) :])
    said = told(patient)[len(before) :]
    assert said.count("jupyterhub-culler.service has failed on campus") == 1, said
    assert "uid=0" not in said
    assert "(jupyterhub-notify)" in said
    assert "Result=signal" in said
    assert "looking every 5m for servers whose time is up" in said, "the last lines of its journal"
    patient.run("systemctl restart jupyterhub-culler; systemctl reset-failed")


def test_mail_goes_out_by_the_machines_own_mail_system(patient: Machine) -> None:
    patient.run("DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends dma", timeout=180)
    patient.put(CONFIG, f"{NO_KERNELS}notify: {{mail: root}}\n")
    applied = apply_as_root(patient)
    assert applied.ok, applied
    patient.run("rm -f /run/jupyterhub-notify/*; systemctl kill --signal=KILL jupyterhub-culler.service")
    until(
        "the mail", lambda: "Subject: jupyterhub-culler.service has failed on campus" in patient.read("/var/mail/root")
    )
    assert "looking every 5m for servers whose time is up" in patient.read("/var/mail/root")


def test_works_before_any_apply(fresh: Machine) -> None:
    """It says so, looks at what can be looked at, and installs nothing."""
    found = complaints(fresh)
    assert found[0]["what"] == "nothing is installed here yet"
    assert found[0]["mend"] == APPLY
    assert not fresh.run(["test", "-e", "/opt/jupyter"], check=False).ok
