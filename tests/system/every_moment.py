"""kill -9 at every moment of a run: each journal record, each step in between, each file of the run's own.

The installer is killed by itself, by a hook that this runner sets and the product knows nothing of, when it comes to a
moment at which none of the runs before was killed. So a chain of runs, each taking over from the one before, sees
each resource killed when it has been announced, when it is made but not marked done, and when it is marked done.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from tests.system.machine import Machine
from tests.system.machine_installer import BY_ADMIN, STATE
from tests.system.machine_person import CHECKOUT

RUNNER = "/srv/every-moment.py"
SEEN = "/srv/moments-seen"
CHAIN_SECONDS = 1800.0

# Moments are named by what is about to be, or has just been: with nothing in them that another run would have anew.
_RUNNER = r"""
import json, os, re, runpy, signal, sys, threading
settings = json.loads(sys.argv[1])
sys.argv[:] = ["installer", *sys.argv[2:]]
sys.path.insert(0, os.getcwd())
with open(settings["seen"], "a+") as stream:
    stream.seek(0)
    seen = set(stream.read().splitlines())
which = re.compile(settings["which"])
begun, passed, lock, here = False, 0, threading.Lock(), threading.local()

def moment(name):
    global passed
    name = re.sub(r"\d{6}\.json", "N.json", re.sub(r"(/jupyterhub-installer/)tmp\w+", r"\1TMP", name))
    if not which.match(name):
        return
    with lock:
        if name == settings["only"]:
            os.kill(os.getpid(), signal.SIGKILL)
        if name in seen:
            return
        seen.add(name)
        descriptor = os.open(settings["seen"], os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, f"{name}\n".encode())
        os.close(descriptor)
        passed += 1
        if settings["stride"] and passed >= settings["stride"]:
            os.kill(os.getpid(), signal.SIGKILL)

def watched(cls, method, named):
    original = getattr(cls, method)
    def instead(self, *arguments, **options):
        global begun
        begun = True
        name = named(*arguments)
        # Between a record and the next start nothing happens.
        if method != "start":
            moment(f"before {method} {name}")
        answer = original(self, *arguments, **options)
        if method == "close":
            begun = False  # it has come to its end; to run it again is another matter
        else:
            moment(f"after {method} {name}")
        return answer
    setattr(cls, method, instead)

from installer.cli.output import Progress
from installer.engine.store import Journal

def key(change):
    return f"{change.action.value} {change.resource.key}"

watched(Journal, "begin", lambda **options: "")
watched(Journal, "start", key)
watched(Journal, "done", key)
watched(Journal, "close", lambda: "")
watched(Progress, "step", str)

# What changes the machine; no build's own files, which have no name before it is whole, and no candidates.
COUNTS = re.compile(
    r"(os.rename|os.remove|os.mkdir) /(etc|var/lib|opt/jupyter/(?!revisions|kernels))\S*(?<!\.new)$"
    r"|run (systemctl (?!show)|user|group|gpasswd|apt-get|loginctl)"
)
def look(event, arguments):
    if event not in ("os.rename", "os.remove", "os.mkdir", "subprocess.Popen"):
        return
    if event == "subprocess.Popen":
        did = "run " + " ".join(map(str, arguments[1]))
    else:
        did = f"{event} {arguments[1 if event == 'os.rename' else 0]}"
    if begun and COUNTS.match(did):
        moment(f"between {getattr(here, 'did', 'nothing')} and {did}")
        here.did = did if event != "subprocess.Popen" else "a run"
sys.addaudithook(look)
runpy.run_module("installer", run_name="__main__", alter_sys=True)
"""

# One run after the other, until one comes to its end; what each said is kept.
_CHAIN = r"""
import json, subprocess, sys
words, runs, said = sys.argv[1:], 0, []
while True:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    runs += 1
    if done.returncode != -9:
        break
    said.append(done.stderr)
print(json.dumps({"kills": runs - 1, "code": done.returncode, "stdout": done.stdout, "stderr": done.stderr,
    "said": said}))
"""


@dataclass(frozen=True)
class Chain:
    """What a chain of killed runs came to.

    kills: how many there were. moments: every moment that was passed, in the order in which they were.
    stderr: what the last run said, which came to its end.
    """

    kills: int
    moments: tuple[str, ...]
    stderr: str


def chain(machine: Machine, *words: str, stride: int, which: str = "") -> Chain:
    """Run a command again and again, each time killed at a moment, until it comes to its end.

    stride: at the how manieth moment at which none was killed yet a run is killed; 1 for each of them.
    which: how those begin that count (a regular expression).
    """
    forget(machine)
    result = machine.run(
        ["python3", "-c", _CHAIN, *_words(machine, words, stride=stride, which=which)],
        cwd=CHECKOUT, env=BY_ADMIN, timeout=CHAIN_SECONDS,
    )  # fmt: skip
    said = json.loads(result.stdout)
    assert said["code"] == 0, said["stderr"]
    for stderr in (*said["said"], said["stderr"]):
        assert "error: " not in stderr, stderr
        assert "Traceback" not in stderr, stderr
    return Chain(said["kills"], seen(machine), said["stderr"])


def killed(machine: Machine, *words: str, stride: int = 1, which: str = "") -> bool:
    """Run a command, killed at a moment at which it wasn't killed yet; returns whether there was one."""
    return _killed(machine, _words(machine, words, stride=stride, which=which))


def killed_at(machine: Machine, moment: str | None, *words: str, under: Sequence[str] = ()) -> bool:
    """Run a command that is killed at a moment (or not at all), should it come to it; returns whether it did.

    under: a program that looks on, with its arguments.
    """
    return _killed(machine, [*under, *_words(machine, words, only=moment)])


def _killed(machine: Machine, argv: list[str]) -> bool:
    result = machine.run(argv, cwd=CHECKOUT, env=BY_ADMIN, check=False, timeout=300)
    assert result.code in {0, -signal.SIGKILL, 128 + signal.SIGKILL}, result
    return not result.ok


def seen(machine: Machine) -> tuple[str, ...]:
    """Every moment that a run has passed since they were forgotten, in the order in which they were."""
    return tuple(machine.read(SEEN).splitlines())


def forget(machine: Machine) -> None:
    """Begin anew."""
    machine.put(SEEN, "")


def _words(
    machine: Machine, words: Sequence[str], *, stride: int = 0, only: str | None = None, which: str = ""
) -> list[str]:
    machine.put(RUNNER, _RUNNER)
    own = machine.run(f"ls -d {STATE}/env/*/bin/python").stdout.strip()
    settings = {"seen": SEEN, "stride": stride, "only": only, "which": which}
    return [own, "-B", RUNNER, json.dumps(settings), *words]
