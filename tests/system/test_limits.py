"""Limits reach what runs: slices, scopes and processes have what the config says, also when it changes meanwhile.

A container on a development host has no controllers that would enforce them: test_limits_vm has a machine with some.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_installer import BY_ADMIN, apply_as_root
from tests.system.machine_person import CHECKOUT, CONFIG, NO_KERNELS, add_person
from tests.system.machine_process import Result
from tests.system.visitor import Visitor

pytestmark = pytest.mark.only_on("bookworm")

ROOT = Path(__file__).parents[2]
M, G = 1 << 20, 1 << 30
NO_LIMIT = "infinity"
PROPERTIES = "MemoryMax,MemoryHigh,MemorySwapMax,CPUQuotaPerSecUSec,CPUWeight,IOWeight,TasksMax"
BEFORE = f"""\
{NO_KERNELS}limits:
  default: {{memory: 1G, tasks: 1000, open_files: 20000, runtime: 2h}}
  groups: {{lab: {{memory: 2G, cpu: 1.15}}, small: {{memory: 300M, cpu_share: 50}}}}
  total: {{memory: 3G, cpu: 2}}
"""
AFTER = f"""\
{NO_KERNELS}limits:
  default: {{memory: 700M}}
  groups: {{lab: {{memory: 900M}}}}
  users: {{joan: {{memory: 600M, tasks: 300}}, bob: {{io_share: 300}}}}
"""


@pytest.fixture(scope="module")
def limited(applied_server: Applied) -> Iterator[tuple[Machine, Visitor, Visitor]]:
    """A machine with limits, and two people whose servers run: joan, of whom nothing is said, and bob of two groups."""
    with Machine(applied_server[0]) as machine, ExitStack() as stack:
        machine.run("groupadd lab; groupadd small")
        machine.put(CONFIG, BEFORE)
        assert apply_as_root(machine).ok
        yield (
            machine,
            stack.enter_context(at_work(machine, "joan")),
            stack.enter_context(at_work(machine, "bob", "lab", "small")),
        )


@contextmanager
def at_work(machine: Machine, name: str, *groups: str) -> Iterator[Visitor]:
    """Somebody of some groups, whose server runs."""
    person = add_person(machine, name, f"the password of {name}", groups=["jupyterhub-users", *groups])
    with Visitor(machine) as visitor:
        visitor.login(name, person.password or "")
        visitor.start_server()
        yield visitor


def installer(machine: Machine, *words: str) -> Result:
    """A command of the installer, as the admin runs it."""
    return machine.run(["python3", "-m", "installer", *words], cwd=CHECKOUT, env=BY_ADMIN, check=False, timeout=300)


def slice_of(machine: Machine, name: str) -> dict[str, str]:
    uid = machine.run(["id", "-u", name]).stdout.strip()
    return shown(machine, f"jupyterusers-{uid}.slice")


def shown(machine: Machine, unit: str, properties: str = PROPERTIES) -> dict[str, str]:
    lines = machine.run(["systemctl", "show", f"--property={properties}", unit]).stdout.splitlines()
    return dict(line.split("=", 1) for line in lines)


def scope_of(machine: Machine, name: str) -> str:
    words = ["systemctl", "list-units", "--plain", "--no-legend", f"jupyter-{name}-*.scope"]
    return machine.run(words).stdout.split()[0]


def test_everybody_has_the_default_and_groups_have_theirs(limited: tuple[Machine, Visitor, Visitor]) -> None:
    machine, _, _ = limited
    default = {
        "MemoryMax": str(G), "MemoryHigh": str(993 * M), "MemorySwapMax": "0", "CPUQuotaPerSecUSec": NO_LIMIT,
        "CPUWeight": "100", "IOWeight": "100", "TasksMax": "1000",
    }  # fmt: skip
    assert slice_of(machine, "joan") == default
    # Of two groups, the larger of each; what neither says is the default's.
    assert slice_of(machine, "bob") == {
        **default, "MemoryMax": str(2 * G), "MemoryHigh": str(1986 * M), "CPUQuotaPerSecUSec": "1.150000s",
        "CPUWeight": "50",
    }  # fmt: skip
    total = shown(machine, "jupyterusers.slice")
    assert (total["MemoryMax"], total["CPUQuotaPerSecUSec"], total["CPUWeight"]) == (str(3 * G), "2s", "50")


def test_processes_and_scopes_have_what_a_slice_has_not(limited: tuple[Machine, Visitor, Visitor]) -> None:
    machine, joan, _ = limited
    assert shown(machine, scope_of(machine, "joan"), "RuntimeMaxUSec") == {"RuntimeMaxUSec": "2h"}
    kernel = joan.start_kernel()
    told = kernel.run(
        "import json, resource as r\n"
        "print(json.dumps([r.getrlimit(r.RLIMIT_NOFILE)[1], r.getrlimit(r.RLIMIT_CORE),"
        " int(open('/proc/self/oom_score_adj').read())]))"
    )
    assert json.loads(told) == [20000, [0, 0], 300]
    # What is hard stays so.
    for attempt in (
        "r.setrlimit(r.RLIMIT_NOFILE, (30000, 30000))",
        "r.setrlimit(r.RLIMIT_CORE, (1, 1))",
    ):
        answer = kernel.execute(attempt)
        assert answer.error is not None, attempt
        assert answer.error["ename"] == "ValueError"


def test_the_hub_and_the_proxy_go_before_users(limited: tuple[Machine, Visitor, Visitor]) -> None:
    machine, _, _ = limited
    for unit in ("jupyterhub", "jupyterhub-proxy"):
        has = shown(machine, f"{unit}.service", "OOMScoreAdjust,CPUWeight,IOWeight")
        assert has == {"OOMScoreAdjust": "-500", "CPUWeight": "200", "IOWeight": "200"}


def test_people_see_their_use_and_limit_whatever_they_set(limited: tuple[Machine, Visitor, Visitor]) -> None:
    machine, _, bob = limited
    page = "/home/bob/.jupyter/labconfig/page_config.json"
    server = "/home/bob/.jupyter/jupyter_server_config.json"
    off = {"ServerApp": {"jpserver_extensions": {"jupyter_resource_usage": False}},
           "ResourceUseDisplay": {"mem_limit": 1, "enable_prometheus_metrics": True}}  # fmt: skip
    machine.put(page, json.dumps({"disabledExtensions": {"@jupyter-server/resource-usage": True}}), owner="bob")
    machine.put(server, json.dumps(off), owner="bob")
    machine.run("chown -R bob: /home/bob/.jupyter")
    assert bob.api("DELETE", "/hub/api/users/bob/server").status_code in {202, 204}
    bob.start_server()
    told = bob.api("GET", "/user/bob/api/metrics/v1").json()
    machine_memory = int(machine.run("getconf _PHYS_PAGES").stdout) * 4096
    # Without a controller there is no limit but the machine's; see test_limits_vm for one.
    assert told["limits"]["memory"]["rss"] == machine_memory
    assert 30 * M < told["rss"] < G
    lab = bob.get("/user/bob/lab").text
    settings = json.loads(lab.split('id="jupyter-config-data" type="application/json">')[1].split("</script>")[0])
    assert "@jupyter-server/resource-usage" not in settings["disabledExtensions"]
    assert [e["name"] for e in settings["federated_extensions"]].count("@jupyter-server/resource-usage") == 1


def test_a_change_holds_at_once_for_what_runs(limited: tuple[Machine, Visitor, Visitor]) -> None:
    machine, joan, _ = limited
    before = scope_of(machine, "joan"), machine.run(["pgrep", "-u", "joan"]).stdout
    machine.put(CONFIG, AFTER)
    changed = apply_as_root(machine)
    assert changed.ok, changed
    assert "limits:jupyterusers-*.slice" in changed.output
    assert {"MemoryMax": str(600 * M), "TasksMax": "300"}.items() <= slice_of(machine, "joan").items()
    # His own comes first, the groups' next; what no one says any more is as for all.
    expected = {"MemoryMax": str(900 * M), "IOWeight": "300", "CPUQuotaPerSecUSec": NO_LIMIT, "CPUWeight": "100"}
    assert expected.items() <= slice_of(machine, "bob").items()
    assert (scope_of(machine, "joan"), machine.run(["pgrep", "-u", "joan"]).stdout) == before
    assert joan.server_answers()
    # Nor does reading all files again change that, and a second apply has nothing to do.
    machine.run(["systemctl", "daemon-reload"])
    assert slice_of(machine, "joan")["MemoryMax"] == str(600 * M)
    assert "Nothing to do" in apply_as_root(machine).stdout


@pytest.mark.parametrize(
    "words", [["--runtime", "MemoryMax=50G"], ["MemoryMax=50G", "TasksMax=50%", "CPUQuota=50%"]], ids=" ".join
)
@pytest.mark.parametrize("name", ["joan", "carl"])
def test_what_somebody_has_set_by_hand_is_seen_and_set_back(
    words: list[str], name: str, limited: tuple[Machine, Visitor, Visitor]
) -> None:
    """For good, which systemd keeps elsewhere, as well as until the next boot; of somebody like all others, too."""
    machine, _, _ = limited
    machine.run("id carl || useradd --groups jupyterhub-users carl")
    uid = machine.run(["id", "-u", name]).stdout.strip()
    before = slice_of(machine, name)
    machine.run(["systemctl", "set-property", f"jupyterusers-{uid}.slice", "AllowedCPUs=0"])
    machine.run(["systemctl", "set-property", f"jupyterusers-{uid}.slice", *words])
    assert f"jupyterusers-{uid}.slice" in installer(machine, "plan").stdout
    # Where a server's start has set the limits since, the files are there still.
    machine.run(["/opt/jupyter/libexec/jupyterhub-limits", name])
    if "--runtime" not in words:
        assert f"jupyterusers-{uid}.slice" in installer(machine, "plan").stdout
    assert apply_as_root(machine).ok
    assert slice_of(machine, name) == before
    machine.run(["systemctl", "daemon-reload"])
    assert slice_of(machine, name) == before
    # What we have no say in stays.
    assert shown(machine, f"jupyterusers-{uid}.slice", "AllowedCPUs") == {"AllowedCPUs": "0"}
    assert "Nothing to do" in apply_as_root(machine).stdout
    machine.run(["systemctl", "set-property", f"jupyterusers-{uid}.slice", "AllowedCPUs="])


def test_groups_change_while_a_server_runs(limited: tuple[Machine, Visitor, Visitor]) -> None:
    """The plan says so, the next apply sets it, and what runs goes on."""
    machine, _, bob = limited
    before = machine.run(["pgrep", "-u", "bob"]).stdout
    machine.run(["gpasswd", "--delete", "bob", "lab"])
    assert "limits:jupyterusers-*.slice" in installer(machine, "plan").stdout
    assert apply_as_root(machine).ok
    assert {"MemoryMax": str(700 * M), "IOWeight": "300"}.items() <= slice_of(machine, "bob").items()
    assert machine.run(["pgrep", "-u", "bob"]).stdout == before
    assert bob.server_answers()
    machine.run(["gpasswd", "--add", "bob", "lab"])
    assert apply_as_root(machine).ok
    assert slice_of(machine, "bob")["MemoryMax"] == str(900 * M)


def test_nobody_else_can_have_limits_set(limited: tuple[Machine, Visitor, Visitor]) -> None:
    machine, _, _ = limited
    before = slice_of(machine, "joan")
    for words in (
        ["/opt/jupyter/libexec/jupyterhub-limits", "joan"],
        ["/opt/jupyter/libexec/jupyterhub-limits", "--all"],
    ):
        assert not machine.run(words, user="bob", check=False).ok or slice_of(machine, "joan") == before
    assert not machine.run("echo '{}' > /etc/jupyterhub/limits.json", user="bob", check=False).ok
    scope = scope_of(machine, "bob")
    for unit in (scope, "jupyterusers.slice"):
        assert not machine.run(
            ["systemctl", "set-property", "--runtime", unit, "MemoryMax=9G"], user="bob", check=False
        ).ok


@pytest.mark.parametrize(
    ("limits", "wrong"),
    [
        ("{default: {memory: 900T}}", "limits.default.memory .* is 943718400M, more than this machine has: [0-9]+M"),
        ("{default: {memory: 64M}}", "less than a server needs to start: expected 256M or more"),
        ("{total: {memory: 100M}}", "limits.total.memory: less than a server needs to start: expected 256M or more"),
        ("{default: {cpu: 0.333}}", "limits.default.cpu: finer than a hundredth of a CPU: .* found the number 0.333"),
        ("{groups: {nobodys: {cpu: 1}}}", "this machine has no group nobodys"),
        ("{users: {stranger: {cpu: 1}}}", "this machine has no account stranger"),
    ],
)
def test_what_can_not_be_is_refused_and_nothing_changed(
    limited: tuple[Machine, Visitor, Visitor], limits: str, wrong: str
) -> None:
    machine, _, _ = limited
    was = machine.read(CONFIG)
    machine.put(CONFIG, f"{NO_KERNELS}limits: {limits}\n")
    refused = apply_as_root(machine)
    machine.put(CONFIG, was)
    assert refused.code == 2
    assert re.search(wrong, refused.output), refused
    assert "Traceback" not in refused.output


def test_what_the_documentation_says_of_cron_and_ssh(limited: tuple[Machine, Visitor, Visitor]) -> None:
    """The host's own units have what the files there say, and root isn't limited by them."""
    machine, _, _ = limited
    page = (ROOT / "docs" / "how-to" / "limits.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"^```ini\n# (/\S+): [^\n]*\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    assert len(files) == 3
    if not machine.run(["test", "-e", "/lib/systemd/system/cron.service"], check=False).ok:
        # A machine without cron: one as Debian's is, as far as it matters here.
        machine.put("/lib/systemd/system/cron.service", "[Service]\nExecStart=/bin/sleep infinity\nKillMode=process\n")
    for path, text in files.items():
        machine.put(path, text)
    machine.run(["systemctl", "daemon-reload"])
    machine.run(["systemctl", "restart", "cron"])
    limits = "MemoryMax,TasksMax"
    assert shown(machine, "user-1234.slice", limits) == {"MemoryMax": str(2 * G), "TasksMax": "2048"}
    assert shown(machine, "user-0.slice", limits) == {"MemoryMax": NO_LIMIT, "TasksMax": NO_LIMIT}
    assert shown(machine, "cron.service", f"{limits},OOMScoreAdjust,OOMPolicy") == {
        "MemoryMax": str(G), "TasksMax": "512", "OOMScoreAdjust": "400", "OOMPolicy": "continue",
    }  # fmt: skip
    pid = shown(machine, "cron.service", "MainPID")["MainPID"]
    assert machine.read(f"/proc/{pid}/oom_score_adj").strip() == "400"
    machine.run(["rm", *files])
    machine.run(["systemctl", "daemon-reload"])


def test_an_uninstall_forgets_what_systemd_was_told(limited: tuple[Machine, Visitor, Visitor]) -> None:
    """And deletes no file that an admin has written for a slice."""
    machine, _, _ = limited
    uid = machine.run(["id", "-u", "joan"]).stdout.strip()
    edited = f"/etc/systemd/system/jupyterusers-{uid}.slice.d"
    machine.put(f"{edited}/override.conf", "[Slice]\nAllowedCPUs=0\n")
    assert machine.run(["ls", f"/run/systemd/system.control/jupyterusers-{uid}.slice.d"]).stdout
    assert installer(machine, "uninstall", "--purge", "--yes").ok
    left = "ls -d /run/systemd/system.control/jupyterusers* /etc/systemd/system/jupyterusers*"
    assert machine.run(left, check=False).stdout == f"{edited}\n"
    assert machine.read(f"{edited}/override.conf").startswith("[Slice]")
