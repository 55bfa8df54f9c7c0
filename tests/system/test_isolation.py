"""Nobody reaches anybody else: the attacks of attack_table, by a member, a stranger and a taken-over hub; none works.

All in one machine, first with servers that sudo starts, then with those that systemd does. That an attack's words are
right, somebody shows who may do what they say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.system.attack_table import (
    ACCOUNT,
    EVERYBODY,
    HUB,
    KINDS,
    MEMBER,
    ROOT,
    STRANGER,
    SYSTEMD,
    VICTIM,
    Attack,
    allowed,
    tried,
)
from tests.system.attacker import STILL
from tests.system.conftest import Applied
from tests.system.kernel_talk import Kernel
from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root
from tests.system.machine_person import CHECKOUT, CONFIG, NO_KERNELS, add_person
from tests.system.visitor import Visitor, until

GRACE, MALLORY, EVE, HUB_ACCOUNT = "grace", "mallory", "eve", "jupyter"
"""The victim, another member, and one who is no member; the hub's account."""
PASSWORD = "a very fine password 4711"
TOOL, TABLE = "/srv/attacks/attacker.py", "/srv/attacks/table.json"
TAKEN_OVER, FOUND = "/etc/jupyterhub/conf.d/50-taken-over.py", "/var/lib/jupyterhub/found.json"
HELPERS = {SYSTEMD: "/run/jupyterhub-start.sock"}

REFUSED = re.compile(
    r"[Dd]enied|not permitted|not allowed|may not|not in the sudoers|[Aa]uthentication|password is required"
    r"|error: 40[134]|Read-only file system|insufficient permissions|not seeing messages|must be superuser"
    r"|I'm afraid I can't do that"
)
"""What the system says to whom it refuses something. An attack that fails in other words may have failed by chance."""
NOT_THERE = re.compile(r"No such file|no such|not supported by protocol|no new privileges", re.IGNORECASE)
"""What it says besides where homes, other people's processes or /tmp aren't there: in the hub's sandbox above all."""

# What is hers, as programs of hers make it, and where it is.
AT_WORK = """
import ctypes, ipykernel, json, os, tempfile
from multiprocessing import shared_memory
with open(os.path.expanduser("~/notes"), "w") as file:
    file.write("hers")
temporary = tempfile.mkstemp()[1]
with open("/tmp/grace-plain", "w") as file:
    file.write("hers")
try:
    block = shared_memory.SharedMemory("grace-block", create=True, size=64)
except FileExistsError:
    block = shared_memory.SharedMemory("grace-block")
library = ctypes.CDLL(None, use_errno=True)
segment = library.shmget(0, 4096, 0o1600)
queue = library.mq_open(b"/grace-queue", os.O_CREAT | os.O_RDWR, 0o600, None)
assert segment >= 0 and queue >= 0
info = json.loads(ipykernel.get_connection_info())
print(json.dumps({
    "PID": str(os.getppid()), "VICTIM_UID": str(os.getuid()), "SEGMENT": str(segment), "temporary": temporary,
    "kernel": f"{info['ip']}-{info['shell_port']}", "SERVER": os.environ["JUPYTERHUB_SERVICE_URL"].rstrip("/"),
    "UNIT": open("/proc/self/cgroup").read().strip().rpartition("/")[2],
}))
"""

MAY = (ROOT, VICTIM, ACCOUNT, MEMBER)
"""Who may do some of what others try."""

Tried = Mapping[tuple[str, str, Attack], tuple[int, str]]
"""What came of it: exit code and output, by kind of spawner, who and what."""


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    """A hub with two members; strangers; and root under another name, a member by mistake."""
    with Machine(applied_server[0]) as machine:
        for name in (GRACE, MALLORY):
            words = ["python3", "-m", "installer", "user", "add", name, "--password-file", "-"]
            machine.run(words, cwd=CHECKOUT, stdin=f"{PASSWORD}\n")
        add_person(machine, EVE, PASSWORD)
        machine.run(["useradd", "-o", "-u", "0", "-g", "0", "-G", "jupyterhub-users", "toor"])
        machine.run(["chpasswd"], stdin=f"root:{PASSWORD}\ntoor:{PASSWORD}\n")
        machine.put(TOOL, (Path(__file__).parent / "attacker.py").read_bytes(), mode="0755")
        yield machine


@pytest.fixture(scope="module")
def tries(campus: Machine) -> Iterator[Tried]:
    """What came of all that was tried, with either kind of spawner."""
    found: dict[tuple[str, str, Attack], tuple[int, str]] = {}
    with Visitor(campus) as grace, Visitor(campus) as mallory:
        for visitor, name in ((grace, GRACE), (mallory, MALLORY)):
            visitor.login(name, PASSWORD)
        for kind in KINDS:
            if kind == SYSTEMD:
                campus.put(CONFIG, f"{NO_KERNELS}spawner: {{kind: systemd}}\n")
                assert apply_as_root(campus).ok
            for visitor in (grace, mallory):
                visitor.api("DELETE", f"/hub/api/users/{visitor.name}/server")
                until("no server", lambda visitor=visitor: not visitor.hub_user()["servers"])  # type: ignore[misc]
                visitor.start_server()
            notebooks = {VICTIM: notebook(grace), MEMBER: notebook(mallory)}
            facts = at_work(campus, grace, notebooks[VICTIM].kernel, kind)
            found |= all_of_it(campus, kind, facts, notebooks)
            # Of a helper, too: it is asked for one person's server, by the number of another's.
            words = [TOOL, "stop", facts["HELPER"], MALLORY, facts["PID"]]
            campus.run(words, user=HUB_ACCOUNT, cwd="/", check=False)
            # None the worse for it.
            assert notebooks[VICTIM].kernel.run("queue >= 0 and os.getppid()") == facts["PID"]
            assert grace.server_answers()
        yield found


@dataclass(frozen=True)
class Notebook:
    """Somebody's kernel, and a token of theirs that they use in there."""

    kernel: Kernel
    token: str


def notebook(visitor: Visitor) -> Notebook:
    """A notebook in somebody's server."""
    answer = visitor.api("POST", f"/hub/api/users/{visitor.name}/tokens", {})
    return Notebook(visitor.start_kernel(), answer.json()["token"])


def at_work(machine: Machine, visitor: Visitor, kernel: Kernel, kind: str) -> dict[str, str]:
    """Have the victim be at work; where all that is hers is, as root sees it."""
    facts: dict[str, str] = json.loads(kernel.run(AT_WORK))
    assert visitor.api("POST", f"/user/{GRACE}/api/terminals", {}).is_success
    terminals = ["ps", "--no-headers", "-u", GRACE, "-o", "tty"]
    [terminal, *_] = until(
        "her terminal", lambda: [tty for tty in machine.run(terminals).stdout.split() if tty.startswith("pts/")]
    )
    private = ""
    if kind == SYSTEMD:
        private = machine.run(f"echo /tmp/systemd-private-*-jupyter-{GRACE}.service-*").stdout.strip()
    show = ["systemctl", "show", "--property=MainPID", "--value"]
    return {
        **facts,
        "TOOL": TOOL,
        "TEMPORARY": f"{private}{facts.pop('temporary')}",
        "PLAIN": f"{private}/tmp/grace-plain",
        "KERNEL": f"{private}{facts.pop('kernel')}",
        "TERMINAL": f"/dev/{terminal}",
        "HUB_PID": machine.run([*show, "jupyterhub.service"]).stdout.strip(),
        "PROXY_PID": machine.run([*show, "jupyterhub-proxy.service"]).stdout.strip(),
        "HELPER": HELPERS.get(kind, "/run/jupyterhub-sudo.sock"),
        "PASSWORD": PASSWORD,
    }


def all_of_it(
    machine: Machine, kind: str, facts: Mapping[str, str], notebooks: Mapping[str, Notebook]
) -> dict[tuple[str, str, Attack], tuple[int, str]]:
    """Have everybody do what they may, and try what they may not."""
    lists = {f"{who} may": allowed(kind, who) for who in MAY} | {f"{who} tries": tried(kind, who) for who in EVERYBODY}
    words = {
        name: [
            attack.counterpart if name.endswith("may") and attack.counterpart else attack.words for attack in attacks
        ]
        for name, attacks in lists.items()
    }
    machine.put(TABLE, json.dumps({"facts": facts, "words": words}))
    found: dict[tuple[str, str, Attack], tuple[int, str]] = {}
    # The hub last: it is another process afterwards.
    for name, attacks in lists.items():
        who = name.split()[0]
        if who in notebooks:
            said = in_notebook(notebooks[who], name)
        elif who == HUB:
            said = in_hub(machine, name)
        else:
            said = in_shell(machine, who, name)
        outcomes = zip(attacks, json.loads(said), strict=True)
        found |= {(kind, name, attack): (code, output) for attack, (code, output) in outcomes}
    return found


def in_notebook(where: Notebook, list_name: str) -> str:
    """Run a list of the table in somebody's notebook."""
    words = [TOOL, "run-table", TABLE, list_name]
    return where.kernel.run(
        "import os, subprocess\n"
        f"own = {{**os.environ, 'TOKEN': {where.token!r}}}\n"
        f"done = subprocess.run({words!r}, capture_output=True, text=True, env=own)\n"
        "print(done.stdout, done.stderr)",
        seconds=180,
    )


def in_shell(machine: Machine, who: str, list_name: str) -> str:
    """Run a list of the table as root, as the hub's account outside its sandbox, or as a stranger."""
    user = {ROOT: "root", ACCOUNT: HUB_ACCOUNT, STRANGER: EVE}[who]
    env = {}
    if who == ROOT:
        secrets = "/etc/jupyterhub/secrets"
        env = {
            "TOKEN": machine.read(f"{secrets}/people_token").strip(),
            "PROXY_TOKEN": machine.read(f"{secrets}/proxy_auth_token").strip(),
        }
    return machine.run([TOOL, "run-table", TABLE, list_name], user=user, cwd="/", env=env, timeout=180).stdout


def in_hub(machine: Machine, list_name: str) -> str:
    """Run a list of the table in the hub's own sandbox, as code would that got into the hub."""
    words = [TOOL, "run-table", TABLE, list_name, FOUND]
    machine.put(TAKEN_OVER, f"import subprocess\n\nsubprocess.Popen({words!r})\n")
    machine.run(["systemctl", "restart", "jupyterhub.service"])
    until("what the hub has found", lambda: machine.run(["test", "-e", FOUND], check=False).ok, 120)
    said = machine.read(FOUND)
    machine.run(["rm", TAKEN_OVER, FOUND])
    return said


def name_of(value: object) -> str:
    return value.what.replace(" ", "-") if isinstance(value, Attack) else str(value)


@pytest.mark.parametrize(
    ("kind", "who", "attack"),
    [(kind, who, attack) for kind in KINDS for who in EVERYBODY for attack in tried(kind, who)],
    ids=name_of,
)
def test_attack_fails(tries: Tried, kind: str, who: str, attack: Attack) -> None:
    code, said = tries[kind, f"{attack.allowed} may", attack]
    assert code == 0, f"{attack.allowed} may do that: {said}"
    code, said = tries[kind, f"{who} tries", attack]
    assert code not in {0, STILL}, said
    words = [REFUSED]
    if who == HUB or (attack.in_tmp and (kind, who) == (SYSTEMD, MEMBER)):
        words.append(NOT_THERE)
    assert any(each.search(said) for each in words), said


def test_nothing_failed(campus: Machine, tries: Tried) -> None:
    assert tries
    assert campus.run(["systemctl", "--failed", "--no-legend", "--plain"]).stdout == ""
