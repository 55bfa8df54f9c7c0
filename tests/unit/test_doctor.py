"""What doctor makes of what it sees: the judgement of each area, on servers that differ in what matters."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from installer.cli import doctor as command
from installer.commands.base_python import Base
from installer.commands.doctor import (
    answers,
    certificate,
    clock,
    drift,
    examine,
    hub_state,
    kernels,
    leftovers,
    login,
    names,
    notify_hook,
    pam,
    people,
    permissions,
    ports,
    python,
    room,
    settings,
    sizing,
    sudo_rules,
    units,
)
from installer.commands.doctor.examine import Examined
from installer.commands.doctor.finding import APPLY, Finding, Severity, problem, warning
from installer.commands.doctor.server import Server
from installer.commands.doctor.table import TABLE, Check, When
from installer.commands.kernel_check import Checked
from installer.commands.kernel_reports import KernelLine
from installer.commands.status import Component
from installer.host import paths
from installer.host.errors import Problem
from installer.host.systemd import UnitState
from installer.kernels.records import Finding as FileFinding
from installer.resources.acme_certificate import AcmeCertificate
from installer.resources.own_certificate import OwnCertificate

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)
HUB = UnitState("jupyterhub.service", "loaded", "active", "running", "enabled", 12.0, "success")
NOWHERE = Server(None, None, begun=True)


def fine(found: list[Finding]) -> bool:
    """Whether there is just the one line that says so."""
    assert all(finding.mend for finding in found if finding.severity is not Severity.OK), found
    return [finding.severity for finding in found] == [Severity.OK]


def told(found: list[Finding], severity: Severity, what: str, mend: str) -> bool:
    """Whether there is just the one complaint."""
    return len(found) == 1 and found[0].severity is severity and what in found[0].what and found[0].mend.endswith(mend)


# --- units and ports -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "severity", "what", "mend"),
    [
        (replace(HUB, load="not-found", active="inactive"), Severity.PROBLEM, "is not there", APPLY),
        (replace(HUB, load="masked"), Severity.PROBLEM, "is masked", "sudo systemctl enable --now jupyterhub.service"),
        (
            replace(HUB, active="failed", result="exit-code"),
            Severity.PROBLEM,
            "has failed (exit-code): no room",
            "sudo systemctl restart jupyterhub.service",
        ),
        (
            replace(HUB, active="activating", sub="auto-restart", result="signal"),
            Severity.PROBLEM,
            "ends again and again (signal)",
            "sudo journalctl --unit=jupyterhub.service --since=-5min",
        ),
        (replace(HUB, active="inactive"), Severity.PROBLEM, "does not run", "sudo systemctl start jupyterhub.service"),
        (replace(HUB, enabled="disabled"), Severity.PROBLEM, "next boot", "sudo systemctl enable jupyterhub.service"),
        (replace(HUB, restarts=3), Severity.WARNING, "ended 3 times", "sudo systemctl reset-failed jupyterhub.service"),
        (replace(HUB, stale=True), Severity.WARNING, "newer than", "sudo systemctl daemon-reload"),
    ],
)
def test_units(state: UnitState, severity: Severity, what: str, mend: str) -> None:
    assert told(units.judge([state], {HUB.name: "no room"}), severity, what, mend)
    assert fine(units.judge([HUB, replace(HUB, restarts=2)], {}))


SS = """\
LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=7,fd=5),("nginx",pid=6,fd=5))
LISTEN 0 511    [::]:80    [::]:* users:(("nginx",pid=7,fd=6),("nginx",pid=6,fd=6))
LISTEN 0 511 0.0.0.0:443 0.0.0.0:* users:(("nginx",pid=7,fd=7))
LISTEN 0 128 127.0.0.1:281 0.0.0.0:* users:(("python",pid=9,fd=13))
"""
UNIT_OF = {6: "nginx.service", 7: "nginx.service", 9: "jupyterhub.service", 20: "apache2.service", 21: ""}


def test_ports() -> None:
    assert fine(ports.judge(ports.parsed(SS, UNIT_OF.__getitem__), installed=True))
    assert fine(ports.judge([], installed=False))
    other = ports.parsed(SS.replace('"nginx",pid=7,fd=7', '"apache2",pid=20,fd=3'), UNIT_OF.__getitem__)
    mend = "sudo systemctl disable --now apache2.service && sudo systemctl restart nginx.service"
    assert told(ports.judge(other, installed=True), Severity.PROBLEM, "443 is held by apache2 (pid 20", mend)
    person = ports.parsed(SS.replace('"python",pid=9', '"nc",pid=21'), UNIT_OF.__getitem__)
    mend = "sudo kill 21 && sudo systemctl restart jupyterhub.service"
    assert told(ports.judge(person, installed=True), Severity.PROBLEM, "281 is held by nc (pid 21)", mend)
    unseen = ports.parsed("LISTEN 0 9 *:80 *:*\n", lambda _: "")
    assert "can't be seen" in ports.judge(unseen, installed=False)[0].what
    missing = ports.judge(ports.parsed(SS.replace(":443", ":444"), UNIT_OF.__getitem__), installed=True)
    assert told(missing, Severity.PROBLEM, "nobody listens on port 443", "sudo systemctl restart nginx.service")


# --- answers, name, certificate --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("came", "what", "mend"),
    [
        ({"hub": "refused", "proxy": "503", "nginx": "503", "token": 0}, "the hub does not", "jupyterhub.service"),
        ({"proxy": "it answered 503", "nginx": "503"}, "the proxy does not", "jupyterhub-proxy.service"),
        ({"nginx": "nginx answered 502"}, "through nginx", "sudo systemctl restart nginx.service"),
        ({"token": 403}, "token", "sudo systemctl restart jupyterhub.service"),
        ({"token": 500}, "answered 500", "sudo systemctl restart jupyterhub.service"),
        ({"token": 0}, "can't be asked", APPLY),
    ],
)
def test_answers(came: dict[str, object], what: str, mend: str) -> None:
    given = {"hub": "", "proxy": "", "nginx": "", "token": 404, "url": "https://hub.example.org/"}
    assert told(answers.judge(**{**given, **came}), Severity.PROBLEM, what, mend)  # type: ignore[arg-type]
    assert fine(answers.judge(**given))  # type: ignore[arg-type]


def test_name() -> None:
    own = ("192.0.2.10", "2001:db8::10")
    for found in (["192.0.2.10"], ["203.0.113.9", "2001:db8::10"], ["127.0.1.1"]):
        assert fine(names.judge("hub.example.org", found, own))
    nowhere = names.judge("hub.example.org", [], own)
    assert told(nowhere, Severity.PROBLEM, "leads nowhere", f"mend hub.domain in {paths.CONFIG_FILE}")
    elsewhere = names.judge("hub.example.org", ["203.0.113.9"], own)
    assert told(elsewhere, Severity.WARNING, "is 203.0.113.9", "hub.example.org. A 192.0.2.10")
    assert fine(names.judge_address("192.0.2.10", own, configured=False))
    assert names.judge_address("203.0.113.9", own, configured=True)[0].severity is Severity.WARNING
    assert names.judge("hub.example.org", [], ())[0].severity is Severity.PROBLEM


def test_certificate() -> None:
    def of(days: float, begun: datetime = NOW - timedelta(days=1), digest: str = "ab") -> certificate.Certificate:
        return certificate.Certificate("hub.crt", begun, NOW + timedelta(days=days), digest)

    long_ago = NOW - timedelta(days=390)

    def judged(
        *each: certificate.Certificate | None, missing: tuple[str, ...] = (), shown: str | None = "ab"
    ) -> list[Finding]:
        return certificate.judge(each, missing=missing, shown=shown, now=NOW)

    assert fine(judged(of(3000), of(300)))
    assert fine(judged(of(3000), of(300), shown=None)), "that nginx shows none is told of with the ports"
    assert told(judged(of(3000), of(-1, long_ago)), Severity.PROBLEM, "has expired on 2026-11-20", APPLY)
    assert told(judged(of(3000), of(6, long_ago)), Severity.PROBLEM, "expires on 2026-11-27", APPLY)
    assert told(judged(of(3000), of(40, long_ago)), Severity.WARNING, "expires on 2026-12-31", APPLY)
    assert told(judged(of(50, long_ago), of(300)), Severity.WARNING, "expires", APPLY)
    early = judged(of(3000), of(300, begun=NOW + timedelta(days=1)))
    assert told(early, Severity.PROBLEM, "the clock is wrong", "sudo timedatectl set-ntp true")
    assert told(judged(of(3000), of(300), missing=["b.org"]), Severity.PROBLEM, "not for b.org", APPLY)  # type: ignore[arg-type]
    other = judged(of(3000), of(300), shown="cd")
    assert told(other, Severity.PROBLEM, "another certificate", "sudo systemctl reload nginx")
    assert told(judged(None, of(300)), Severity.PROBLEM, "missing", APPLY)
    short = certificate.Certificate("hub.crt", NOW - timedelta(days=1), NOW + timedelta(days=5), "ab")
    assert fine(judged(of(3000), short)), "six days are what some are for"


def test_somebody_elses_certificate() -> None:
    acme = AcmeCertificate(feature="tls", lineage="hub-1", names=("hub.example.org",), addresses=())
    own = OwnCertificate(feature="tls", certificate=Path("/a.crt"), key_file=Path("/a.key"), names=("a",))
    assert certificate.judge_other(acme, None) == []
    mend = "sudo systemctl start jupyterhub-certificate.service"
    assert told(certificate.judge_other(acme, "it was not asked yet"), Severity.PROBLEM, "not asked yet", mend)
    assert told(certificate.judge_other(own, "it is newer"), Severity.PROBLEM, "/a.crt is not what nginx has", APPLY)


# --- room, sizing, clock ---------------------------------------------------------------------------
def test_room() -> None:
    large = room.Room((paths.OPT, paths.HUB_STATE), 10**12, 10**11, 10**6, read_only=False)
    assert fine(room.judge([large]))
    full = room.judge([replace(large, free=100_000_000)])
    assert told(full, Severity.PROBLEM, "/opt/jupyter, /var/lib/jupyterhub: 100 MB free", "installer kernel gc")
    assert told(room.judge([replace(large, free=800_000_000)]), Severity.WARNING, "800 MB free", "installer kernel gc")
    assert fine(room.judge([replace(large, places=(Path("/run"),), size=10**8, free=5 * 10**7)]))
    assert told(room.judge([replace(large, inodes=500)]), Severity.PROBLEM, "500 more files", "tail")
    assert told(room.judge([replace(large, inodes=5000)]), Severity.WARNING, "5000 more files", "tail")
    assert fine(room.judge([replace(large, inodes=None)]))
    assert "remount,rw" in room.judge([replace(large, read_only=True)])[0].mend
    assert "noexec" in room.judge([replace(large, no_programs=True)])[0].what
    assert fine(room.judge([replace(large, places=(Path("/home"),), no_programs=True)]))


def test_sizing() -> None:
    machine = sizing.Size(cpus=8, memory=16_000, available=8_000, homes=200, members=20, working=15)
    assert fine(sizing.judge(machine)), "the rule's own example: about 15 at work on 8 CPUs and 15 GB"
    assert "good for 16 people" in sizing.judge(machine)[0].what
    little = sizing.judge(replace(machine, available=1_000))
    assert told(little, Severity.WARNING, "1000 MB of 16000 MB", "systemd-cgtop --order=memory")
    assert sizing.judge(replace(machine, available=300))[0].severity is Severity.PROBLEM
    assert "people work" in sizing.judge(replace(machine, memory=4_000))[0].what
    assert "2 CPUs" in sizing.judge(replace(machine, cpus=2))[0].what
    assert "20 members have 50 GB" in sizing.judge(replace(machine, homes=50))[0].what


def test_clock() -> None:
    kept = clock.Clock(NOW, kept=True, hosts=False, last_apply=NOW - timedelta(days=3))
    assert fine(clock.judge(kept))
    assert fine(clock.judge(replace(kept, kept=False, hosts=True)))
    assert told(clock.judge(replace(kept, kept=False)), Severity.WARNING, "not synchronised", "set-ntp true")
    back = clock.judge(replace(kept, now=NOW - timedelta(days=400)))
    assert told(back, Severity.PROBLEM, "was set back", "sudo timedatectl set-ntp true")


# --- sudo, PAM, people -----------------------------------------------------------------------------
LISTED = """\
Matching Defaults entries for jupyter on campus:
    env_reset, secure_path=/usr/local/sbin\\:/usr/bin, use_pty, secure_path=/usr/sbin\\:/usr/bin\\:/sbin\\:/bin

User jupyter may run the following commands on campus:
    (%jupyterhub-users, !#0) NOPASSWD: /opt/jupyter/.venv/bin/sudospawner-mediator
"""
SPAWNER = Path("/opt/jupyter/revisions/server/eedd2eccea9b/bin/sudospawner-mediator")
RS = LISTED.partition("\n\n")[2].replace("/opt/jupyter/.venv/bin/sudospawner-mediator", str(SPAWNER))
"""As sudo-rs lists them: without defaults, and with what links lead to."""


def test_sudo() -> None:
    rules = sudo_rules.Rules("Sudo version 1.9.16p2", "", LISTED, SPAWNER, setuid=True)
    assert fine(sudo_rules.judge(rules))
    folded = LISTED.replace("NOPASSWD: ", "NOPASSWD:\n        ")
    assert fine(sudo_rules.judge(replace(rules, listed=folded)))
    assert fine(sudo_rules.judge(replace(rules, kind="sudo-rs 0.2.8", listed=RS)))
    assert told(sudo_rules.judge(replace(rules, listed="")), Severity.PROBLEM, "does not let", APPLY)
    more = replace(rules, listed=f"{LISTED}    (ALL : ALL) ALL\n")
    assert told(sudo_rules.judge(more), Severity.PROBLEM, "more than it should: (ALL : ALL) ALL", "")
    root = replace(rules, listed=LISTED.replace("!#0", "root"))
    assert len(sudo_rules.judge(root)) == 2, "not ours any more, and too much"
    bad = replace(rules, invalid="/etc/sudoers.d/zz:1:5: syntax error")
    assert told(sudo_rules.judge(bad), Severity.PROBLEM, "syntax error", "visudo -f /etc/sudoers.d/zz")
    assert told(sudo_rules.judge(replace(rules, setuid=False)), Severity.PROBLEM, "setuid", "chmod 4755 /usr/bin/sudo")
    path = replace(rules, listed=LISTED.replace("secure_path=/usr/sbin\\:", "secure_path=/tmp\\:"))
    assert "secure_path of its own" in sudo_rules.judge(path)[0].what


def test_pam() -> None:
    modules = {"pam_unix.so", "pam_deny.so", "pam_permit.so"}
    auth = "auth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth requisite pam_deny.so\n"
    auth += "auth required pam_permit.so\n"
    texts: dict[str, str | None] = {"jupyterhub": "@include common-auth\n", "common-auth": f"# us\n{auth}"}
    assert fine(pam.judge(texts, modules))
    assert fine(pam.judge({**texts, "x": "-auth optional pam_gone.so\n"}, modules)), "a dash: it may be missing"
    gone = pam.judge({**texts, "common-auth": f"{auth}auth required /lib/security/pam_sss.so\n"}, modules)
    assert told(gone, Severity.PROBLEM, "asks pam_sss.so", "sudoedit /etc/pam.d/common-auth")
    open_ = pam.judge({**texts, "common-auth": f"auth sufficient pam_permit.so\n{auth}"}, modules)
    assert told(open_, Severity.PROBLEM, "lets everybody in", "sudoedit /etc/pam.d/common-auth")
    assert told(pam.judge({"jupyterhub": None}, modules), Severity.PROBLEM, "missing", APPLY)
    assert told(pam.judge({"common-auth": None}, modules), Severity.PROBLEM, "missing", "sudo pam-auth-update --force")


ADA = people.Person("ada", 1000, "/bin/bash", Path("/home/ada"))
ADA_WITHOUT_SHELL = people.Person("ada", 1000, "/bin/false", Path("/home/ada"))


@pytest.mark.parametrize(
    ("person", "severity", "what", "mend"),
    [
        (people.Person("gone", None), Severity.WARNING, "no such account", "--delete gone jupyterhub-users"),
        (replace(ADA, uid=33), Severity.PROBLEM, "system account", "sudo gpasswd --delete ada jupyterhub-users"),
        (replace(ADA, name="Ada"), Severity.WARNING, "lower-case", "sudo gpasswd --delete Ada jupyterhub-users"),
        (replace(ADA, password=False), Severity.WARNING, "no password", "sudo passwd ada"),
        (ADA_WITHOUT_SHELL, Severity.WARNING, "no shell", "sudo usermod --shell /bin/bash ada"),
        (replace(ADA, home_is="nothing"), Severity.PROBLEM, "no home", "sudo mkhomedir_helper ada 0077"),
        (replace(ADA, home_is="another's"), Severity.PROBLEM, "somebody else", "sudo chown ada: /home/ada"),
        (replace(ADA, groups=frozenset({"docker"})), Severity.WARNING, "docker", "sudo gpasswd --delete ada docker"),
    ],
)
def test_people(person: people.Person, severity: Severity, what: str, mend: str) -> None:
    assert told(people.judge([person], (), {}), severity, what, mend)
    assert fine(people.judge([ADA, replace(ADA, home_is="out of sight")], ["ada"], {"jupyter": set()}))


def test_admins_and_services() -> None:
    assert told(people.judge([], (), {}), Severity.PROBLEM, "nobody is in", "installer user add NAME")
    admin = people.judge([ADA], ["grace"], {})
    assert told(admin, Severity.WARNING, "grace administers", "sudo gpasswd --add grace jupyterhub-users")
    missing = people.judge([ADA], ["ada"], {}, ["studnets"])
    assert told(missing, Severity.WARNING, "names the group studnets", "installer user group add studnets NAME")
    hub = people.judge([ADA], [], {"jupyter": {"shadow"}})
    assert told(hub, Severity.PROBLEM, "in the group shadow", "sudo gpasswd --delete jupyter shadow")


def test_members_as_good_as_root() -> None:
    assert fine(people.judge_sudo([]))
    mend = "sudo gpasswd --delete ada jupyterhub-users"
    assert told(people.judge_sudo(["ada"]), Severity.WARNING, "ada may use sudo without a password", mend)


# --- permissions -------------------------------------------------------------------------------------
def place(path: Path | str, mode: int, owner: str = "root", group: str = "root") -> permissions.Place:
    return permissions.Place(Path(path), mode, owner, group)


def test_permissions() -> None:
    directory = place(paths.SECRETS, 0o40700)
    assert permissions.judge_secrets([place("/s", 0o100600)], directory) == []
    for wrong in (place("/s", 0o100640), place("/s", 0o100604), place("/s", 0o100600, "ada")):
        found = permissions.judge_secrets([wrong], directory)
        assert told(found, Severity.PROBLEM, "/s is -rw-", "sudo chown root:root /s && sudo chmod go= /s")
    assert len(permissions.judge_secrets([], place(paths.SECRETS, 0o40755))) == 1

    assert permissions.judge_database(None) == []
    assert permissions.judge_database(place("/d", 0o100600, "jupyter", "jupyter")) == []
    assert permissions.judge_database(place("/d", 0o100644, "jupyter", "jupyter")) != []
    assert "not a file" in permissions.judge_database(place("/d", 0o120777, "jupyter"))[0].what

    assert permissions.judge_homes([place("/home/a", 0o40750), place("/home/b", 0o40700)]) == []
    assert permissions.judge_homes([place("/home/a", 0o40755)])[0].severity is Severity.WARNING
    assert permissions.judge_homes([place("/home/a", 0o40777)])[0].severity is Severity.PROBLEM

    ways = [place("/", 0o40755), place("/opt", 0o40755), place("/tmp", 0o41777)]
    assert permissions.judge_ways(ways) == []
    assert told(permissions.judge_ways([place("/opt", 0o40750)]), Severity.PROBLEM, "/opt", "sudo chmod a+rx /opt")
    assert told(permissions.judge_ways([place("/tmp", 0o40777)]), Severity.PROBLEM, "/tmp", "sudo chmod 1777 /tmp")

    sockets = [place(paths.PAM_SOCKET, 0o140600, "jupyter", "jupyter")]
    assert permissions.judge_sockets(sockets) == []
    adopt = permissions.judge_sockets([place(paths.ADOPT_SOCKET, 0o140666, "root", "jupyterhub-users")])
    assert told(adopt, Severity.PROBLEM, "should be 0660", "sudo systemctl restart jupyterhub-adopt.socket")

    assert permissions.judge_run([]) == []
    written = permissions.judge_run([(Path("/etc/sudoers.d/x"), "can be written by others than root (-rw-rw-rw-)")])
    assert told(written, Severity.PROBLEM, "/etc/sudoers.d/x can be written", "sudo chmod go-w /etc/sudoers.d/x")
    owned = permissions.judge_run([(Path("/etc/jupyterhub/conf.d/x.py"), "belongs to ada")])
    assert owned[0].mend == "sudo chown -h root:root /etc/jupyterhub/conf.d/x.py"


# --- Python, the hub's state, settings, kernels ----------------------------------------------------
def test_python() -> None:
    base = Base(Path("/opt/jupyter/revisions/server/x"), Path("/usr/bin/python3.11"), "3.11.2", "3.11.2", "3.11.9")
    assert fine(python.judge(base)), "a security update of the same Python"
    assert told(python.judge(replace(base, runs="")), Severity.PROBLEM, "python3.11 is gone", APPLY)
    assert told(python.judge(replace(base, runs="3.13.5")), Severity.PROBLEM, "built with Python 3.11.2", APPLY)
    assert told(python.judge(replace(base, system="3.13.5")), Severity.WARNING, "Python is 3.13.5 now", APPLY)
    assert fine(python.judge(replace(base, built="")))


SERVER = hub_state.RunningServer(user="ada", server="", pid=7, port=5000)
DATABASE = hub_state.Database(schema_version="b2", servers=(SERVER,))
ROUTES = {
    "/": hub_state.Route(user="", target="http://127.0.0.1:281"),
    "/user/ada/": hub_state.Route(user="ada", target="http://127.0.0.1:5000"),
}
SEEN = hub_state.Seen(database=DATABASE, routes=ROUTES, database_trouble="", routes_trouble="")
ALIVE = hub_state.Alive(frozenset({7}), frozenset({5000}))


def seen(**changed: object) -> hub_state.Seen:
    return SEEN.model_copy(update=changed)


def database(**changed: object) -> list[Finding]:
    return hub_state.judge_database(seen(database=DATABASE.model_copy(update=changed)), ["a1", "b2"])


def test_database() -> None:
    assert fine(database())
    assert fine(hub_state.judge_database(SEEN, [])), "a JupyterHub whose migrations can't be read"
    assert "damaged: row 3 missing" in database(damage=("row 3 missing",))[0].what
    assert database(orphans=2)[0].severity is Severity.WARNING
    assert told(database(schema_version="zz"), Severity.PROBLEM, "another JupyterHub (schema zz)", APPLY)
    assert "missing" in database(missing=True)[0].what
    unread = hub_state.judge_database(seen(database=None, database_trouble="disk I/O error"), [])
    assert told(unread, Severity.PROBLEM, "disk I/O error", "&& sudo systemctl restart jupyterhub.service")


def test_routes() -> None:
    def judged(seen: hub_state.Seen = SEEN, alive: hub_state.Alive = ALIVE) -> list[Finding]:
        return hub_state.judge_routes(seen, alive, "/")

    assert fine(judged())
    ghost = {**ROUTES, "/user/eve/": hub_state.Route(user="eve", target="http://127.0.0.1:9")}
    assert told(judged(seen(routes=ghost)), Severity.WARNING, "eve has no server", "restart jupyterhub-proxy.service")
    alone = {"/user/ada/": ROUTES["/user/ada/"]}
    assert told(judged(seen(routes=alone)), Severity.PROBLEM, "no route to the hub", "restart jupyterhub.service")
    assert "no route to it" in judged(seen(routes={"/": ROUTES["/"]}))[0].what
    assert "and it doesn't" in judged(alive=hub_state.Alive(frozenset(), frozenset()))[0].what
    assert "does not listen" in judged(alive=hub_state.Alive(frozenset({7}), frozenset()))[0].what
    unknown = replace(
        ALIVE, pids=frozenset({7, 8}), units=(("jupyter-ada-7.scope", 7, 999), ("jupyter-eve-8.scope", 8, 999))
    )
    assert told(
        judged(alive=unknown), Severity.WARNING, "does not know (process 8)", "systemctl stop jupyter-eve-8.scope"
    )
    assert fine(judged(alive=replace(unknown, units=(("jupyter-eve-8.scope", 8, 5),)))), "it has only just been started"
    assert fine(judged(alive=replace(unknown, pids=frozenset({7})))), "what it has left behind may run on"
    assert "can't be asked" in judged(seen(routes=None, routes_trouble="refused"))[0].what
    assert fine(hub_state.judge_routes(seen(routes={"/jupyter": ROUTES["/"], **alone}), ALIVE, "/jupyter/"))


def test_settings() -> None:
    assert fine(settings.judge(0, ""))
    assert fine(settings.judge(2, ""))
    assert settings.judge(2, "9.py:1: no such setting")[0].severity is Severity.PROBLEM


def test_kernels() -> None:
    line = KernelLine("python", "python3", "Python 3", "3.13", "0123", "", default=True, state="ready", reason="")
    spec = kernels.Spec(paths.KERNELSPECS / "python3", "/opt/jupyter/kernels/python/0123/bin/python", runs=True)
    assert fine(kernels.judge([line], [spec]))
    assert fine(kernels.judge([], []))
    pending = kernels.judge([replace(line, state="pending", reason="no network")], [])
    assert told(pending, Severity.PROBLEM, "not as the config asks: no network", APPLY)
    left = kernels.judge([replace(line, state="left")], [])
    assert told(left, Severity.WARNING, "no longer in the config", "installer kernel gc")
    assert told(kernels.judge([], [replace(spec, runs=False)]), Severity.PROBLEM, "can't be run", APPLY)
    foreign = kernels.judge([], [kernels.Spec(Path("/usr/share/jupyter/kernels/x"), None, runs=False)])
    assert told(foreign, Severity.PROBLEM, "names no program", "sudo rm -r /usr/share/jupyter/kernels/x")


def test_kernels_that_were_tried() -> None:
    rebuild = "sudo python3 -m installer kernel rebuild r"
    assert fine(kernels.judge_checked([("r", Checked("r", "0123", (), "", 2.0))]))
    assert fine(kernels.judge_checked([]))
    dead = kernels.judge_checked([("r", Checked("r", "0123", (), "it doesn't start: no R\nmore", 2.0))])
    assert told(dead, Severity.PROBLEM, "does not work: it doesn't start: no R", rebuild)
    changed = Checked("r", "0123", (FileFinding(path="lib/R/x", what="changed"),), "", 2.0)
    assert told(kernels.judge_checked([("r", changed)]), Severity.PROBLEM, "1 files", rebuild)
    untried = kernels.judge_checked([("r", Problem("no systemd-run", "install it"))])
    assert told(untried, Severity.PROBLEM, "can't be tried: no systemd-run", "install it")


# --- the hook, leftovers, drift, login -------------------------------------------------------------
def test_notify_hook() -> None:
    unit = "jupyterhub-notify-failed@jupyterhub.service.service"
    good = {"jupyterhub.service": (f"other.service {unit}", unit)}
    assert fine(notify_hook.judge([], {"jupyterhub.service": ("", "")}, None, []))
    assert fine(notify_hook.judge(["command /x"], good, None, []))
    off = notify_hook.judge(["command /x"], {"jupyterhub.service": ("", unit)}, None, [])
    assert told(off, Severity.PROBLEM, "OnFailure= is empty", APPLY)
    assert told(
        notify_hook.judge(["command /x"], good, ("x is gone", "mend x"), []), Severity.PROBLEM, "gone", "mend x"
    )
    failed = notify_hook.judge(["command /x"], good, None, [unit])
    assert told(failed, Severity.PROBLEM, "nobody was told", f"sudo systemctl reset-failed {unit}")


def test_leftovers() -> None:
    old = [paths.SERVER_REVISIONS / name for name in "abcd"]
    assert fine(leftovers.judge(leftovers.Left(old=old[:3])))
    many = leftovers.judge(leftovers.Left(old=old))
    assert told(many, Severity.WARNING, "4 server environments", f"sudo rm -r {old[0]}"), "the newest three stay"
    assert told(leftovers.judge(leftovers.Left(interrupted="2026")), Severity.WARNING, "the run of 2026", APPLY)
    assert told(leftovers.judge(leftovers.Left(half=[old[0]])), Severity.WARNING, "never complete", f"rm -r {old[0]}")
    assert told(leftovers.judge(leftovers.Left(half_kernels=[old[0]])), Severity.WARNING, "kernel's", "kernel gc")
    assert told(leftovers.judge(leftovers.Left(temporary=[old[0]])), Severity.WARNING, "killed", f"rm -r {old[0]}")
    assert told(leftovers.judge(leftovers.Left(selftest=True)), Severity.WARNING, "self-test", paths.SELFTEST_USER)


def test_drift() -> None:
    healthy = Component("hub", 9, "healthy", ())
    assert fine(drift.judge([healthy]))
    drifted = replace(healthy, state="drifted", findings=("unit:x is missing", "y"))
    assert told(
        drift.judge([drifted]), Severity.WARNING, "hub was changed by hand: unit:x is missing, and 1 more", APPLY
    )
    assert "not as the config asks" in drift.judge([replace(drifted, state="pending")])[0].what


def test_login() -> None:
    assert fine(login.judge(2.5, ""))
    assert "a cell in it did not work: no WebSocket" in login.judge(2.5, "no WebSocket")[0].what


# --- the whole ---------------------------------------------------------------------------------------
def test_a_check_that_fails_or_hangs_is_told_of_and_holds_up_nothing() -> None:
    hanging = threading.Event()

    def broken(_: Server) -> list[Finding]:
        raise ValueError("one line\nanother")

    def refused(_: Server) -> list[Finding]:
        raise Problem("ss failed", "install iproute2", "ss: not found")

    def late(_: Server) -> list[Finding]:
        hanging.wait(30)
        return []

    checks = [Check("a", broken), Check("b", refused), Check("c", late), Check("d", lambda _: [warning("d", "x", "y")])]
    found = examine.carried_out(checks, NOWHERE, 0.5)
    hanging.set()
    assert [(finding.area, finding.severity.value) for finding in found] == [
        ("a", "problem"),
        ("b", "problem"),
        ("c", "problem"),
        ("d", "warning"),
    ]
    assert found[0].what == "can't be looked at: ValueError: one line"
    assert found[1].what == "can't be looked at: ss failed: ss: not found"
    assert found[1].mend == "install iproute2"
    assert "within" in found[2].what


def test_what_nothing_is_known_of_is_told_once() -> None:
    unreadable = Server(None, Problem("the config has a mistake", "edit it"), begun=True)
    checks = [check for check in TABLE if check.area in {"state", "name", "certificate", "answers", "drift"}]
    found = examine.carried_out(checks, unreadable, 10)
    assert told(found, Severity.PROBLEM, "the config has a mistake", "edit it")


def test_what_it_prints() -> None:
    examined = Examined(
        (problem("units", "[x] has failed", "sudo systemctl restart x"), warning("room", "little", "rm")), 1.0
    )
    assert not examined.healthy
    assert Examined(examined.findings[1:], 1.0).healthy
    text = "\n".join(command.lines(examined))
    assert "\\[x] has failed" in text
    assert "sudo systemctl restart x" in text
    assert "1 problems, 1 warnings" in text


def test_each_area_is_looked_at_once_and_told_apart() -> None:
    quick = [check.area for check in TABLE if check.when is not When.DEEP]
    assert len(set(quick)) == len(quick)
