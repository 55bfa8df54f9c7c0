"""Who has which limits: what the config says, what is made of it for systemd, and what the helper makes of that."""

from __future__ import annotations

import json
import pwd
import resource
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from installer.commands import limits as commands
from installer.config.limit_values import UNLIMITED, cpus, cpus_written, size, size_text
from installer.config.load import load_text
from installer.config.models import Config
from installer.features import limits
from installer.features.site import Site
from installer.host.errors import ConfigProblem
from installer.libexec import limits_helper
from installer.resources.file import File
from tests.unit.test_features import site

ROOT = Path(__file__).parents[2]
M, G = 1 << 20, 1 << 30


def configured(text: str) -> Site:
    return site(load_text(Path("installer.yaml"), text + "\n"))


# --- what the config comes to ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "total", "each"),
    [
        (1 * G, 512 * M, 512 * M),
        (2 * G, 1 * G, 1 * G),
        (4 * G, 3 * G, 1 * G),
        (int(15.6 * G), 14 * G + 512 * M, 3 * G + 512 * M),
        (256 * G, 255 * G, 63 * G + 768 * M),
    ],
)
def test_defaults_go_by_the_machine(machine: int, total: int, each: int) -> None:
    assert limits.total_memory(Config().limits, machine) == total
    assert limits.default_memory(Config().limits, machine) == each


def test_a_kernel_that_takes_a_little_more_for_itself_changes_nothing() -> None:
    there = [limits.levels(site(memory=16 * G - least * M)) for least in (300, 310, 350)]
    assert there[0] == there[1] == there[2]


@pytest.mark.parametrize(("memory", "soft"), [(1 * G, 993), (4 * G, 3973), (64 * G, 65280)])
def test_the_soft_mark_is_close_below_the_hard_one(memory: int, soft: int) -> None:
    assert limits.soft_mark(memory) == soft * M
    assert limits.soft_mark(UNLIMITED) == UNLIMITED


def test_all_is_numbers_of_which_the_larger_gives_more() -> None:
    some = "{memory: 2G, cpu: 0.5, runtime: 1h, core_dumps: true, swap: unlimited}"
    said = limits.levels(configured(f"limits: {{groups: {{gpu: {some}}}, users: {{ada: {{runtime: 0}}}}}}"))
    assert said["groups"]["gpu"] == {
        "memory": 2 * G,
        "memory_soft": limits.soft_mark(2 * G),
        "cpu": 500_000,
        "runtime": 3600_000_000,
        "core_dumps": UNLIMITED,
        "swap": UNLIMITED,
    }
    assert said["users"]["ada"] == {"runtime": UNLIMITED}
    assert set(said["default"]) == {*limits_helper.PROPERTIES, *limits_helper.RLIMITS, *limits_helper.SCOPE, "disk"}


def test_what_systemd_reads() -> None:
    made = limits.resources(configured("limits: {default: {memory: 2G, cpu: 1.5, tasks: unlimited}}"))
    text = next(r.text for r in made if isinstance(r, File) and r.path.name == "10-limits.conf")
    settings = [line for line in text.splitlines() if line and not line.startswith(("#", "["))]
    assert settings == [
        f"MemoryHigh={limits.soft_mark(2 * G)}",
        f"MemoryMax={2 * G}",
        "MemorySwapMax=0",
        "TasksMax=infinity",
        "CPUQuota=150%",
        "CPUWeight=100",
        "IOWeight=100",
    ]


@pytest.mark.parametrize("number", [0.1, 0.29, 0.33, 1.15, 2.07, 4, 1234.56, 4095.99])
def test_systemd_gets_whole_percents_of_a_cpu(number: float) -> None:
    assert limits.cpu_quota(cpus(number)) == f"{number:.2f}%".replace(".", "").lstrip("0")
    assert cpus_written(cpus(number)) == number


def test_a_soft_mark_is_never_above_what_the_memory_comes_to() -> None:
    there = limits.default_of(configured("limits: {default: {memory_soft: 8G}}"))
    assert there["memory_soft"] == there["memory"] < 8 * G
    assert limits.default_of(configured("limits: {default: {memory_soft: 1G}}"))["memory_soft"] == 1 * G


@pytest.mark.parametrize("text", ["300M", "1G", "1536M", "2T", "unlimited"])
def test_amounts_are_written_as_they_are_read(text: str) -> None:
    assert size_text(size(text)) == text
    assert cpus_written(cpus(0.5)) == 0.5
    assert cpus_written(cpus(3)) == 3


# --- who has what -------------------------------------------------------------------------------------
DEFAULT = dict.fromkeys([*limits_helper.PROPERTIES, *limits_helper.RLIMITS, *limits_helper.SCOPE], 100)
BASE = {**DEFAULT, "memory": 1000, "memory_soft": 970}
SETTINGS: limits_helper.Settings = {
    "default": BASE,
    "groups": {
        "gpu": {"memory": 5000, "memory_soft": 4900, "cpu": 50},
        "staff": {"memory": 3000, "memory_soft": 2900, "cpu": 400},
        "small": {"memory": 500, "memory_soft": 490},
    },
    "users": {"ada": {"memory": 2000, "memory_soft": 1900}, "eve": {"cpu": 7, "memory_soft": 9999}},
}


@pytest.mark.parametrize(
    ("name", "groups", "expected"),
    [
        ("joe", (), {}),
        ("joe", ("other",), {}),
        # A group's comes before the default, also where it is less.
        ("joe", ("small",), {"memory": 500, "memory_soft": 490}),
        # Of several groups, the largest, each limit by itself.
        ("joe", ("small", "gpu", "staff"), {"memory": 5000, "memory_soft": 4900, "cpu": 400}),
        # What is said of somebody comes before all, also where it is less; the rest is their groups'.
        ("ada", ("gpu",), {"memory": 2000, "memory_soft": 1900, "cpu": 50}),
        # A soft mark above the hard one is none.
        ("eve", (), {"cpu": 7, "memory_soft": 1000}),
    ],
)
def test_user_before_group_before_default(name: str, groups: tuple[str, ...], expected: dict[str, int]) -> None:
    assert limits_helper.effective(SETTINGS, name, groups) == {**BASE, **expected}


def test_the_call_to_systemd() -> None:
    words = limits_helper.call_to_set("jupyterusers-1000.slice", {"MemoryMax": 5, "TasksMax": UNLIMITED})
    assert words[6:] == ["SetUnitProperties", "sba(sv)", "jupyterusers-1000.slice", "true", "2",
                         "MemoryMax", "t", "5", "TasksMax", "t", str(UNLIMITED)]  # fmt: skip


@pytest.mark.parametrize(
    ("shown", "value"),
    [
        ("1073741824", 1 << 30),
        ("infinity", UNLIMITED),
        ("500ms", 500_000),
        ("1min 30s", 90_000_000),
        ("2s 500ms", 2_500_000),
        ("[not set]", None),
        ("", None),
    ],
)
def test_what_systemctl_shows(shown: str, value: int | None) -> None:
    assert limits_helper.number(shown) == value


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_a_file_that_says_nothing_lets_nobody_start(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits_helper, "LIMITS", tmp_path / "limits.json")
    if text is not None:
        (tmp_path / "limits.json").write_text(text)
    with pytest.raises(limits_helper.Failed, match="run installer apply"):
        limits_helper.set_for(pwd.getpwuid(0))


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Where slices are, and where systemd keeps what it is told of them; all empty."""
    there = {name: tmp_path / name for name in ("CGROUPS", "SET_HERE", "SET_FOR_GOOD")}
    for name, place in there.items():
        place.mkdir()
        monkeypatch.setattr(limits_helper, name, place)
    return there


def test_slices_are_known_by_their_names(places: dict[str, Path]) -> None:
    running = places["CGROUPS"] / limits_helper.USERS_SLICE
    (running / "jupyterusers-4294967290.slice").mkdir(parents=True)
    assert limits_helper.slices() == {}
    told = [(running, ""), (places["SET_HERE"], ".d"), (places["SET_FOR_GOOD"], ".d")]
    for place, end in told:
        (place / f"other-0.slice{end}").mkdir()
        (place / f"jupyterusers-0.slice{end}").mkdir()
        found = limits_helper.slices()
        assert {name: account.pw_uid for name, account in found.items()} == {"jupyterusers-0.slice": 0}
        (place / f"jupyterusers-0.slice{end}").rmdir()


def test_what_was_set_by_hand_is_put_away_and_the_rest_of_it_left(
    places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read again at the end: before that, a slice would have the default for a moment, be it too little for it."""
    unit = "jupyterusers-0.slice"
    here, for_good = (places[name] / f"{unit}.d" for name in ("SET_HERE", "SET_FOR_GOOD"))
    for path in (
        here / "50-MemoryMax.conf", here / "50-TasksMaxScale.conf", for_good / "50-MemoryMax.conf",
        for_good / "50-CPUQuota.conf", for_good / "50-AllowedCPUs.conf", for_good / "mine.conf",
    ):  # fmt: skip
        path.parent.mkdir(exist_ok=True)
        path.touch()
    settings = tmp_path / "limits.json"
    settings.write_text(json.dumps({"default": BASE, "groups": {}, "users": {}}))
    monkeypatch.setattr(limits_helper, "LIMITS", settings)
    as_wanted = [f"{name}={value}" for name, value in limits_helper.on_slice(BASE).items() if "USec" not in name]
    answers = {"show": "\n".join([f"Id={unit}", *as_wanted, "CPUQuotaPerSecUSec=100us", "NeedDaemonReload=no"])}
    asked: list[str] = []

    def answer(words: list[str]) -> str:
        asked.append(next(word for word in words if word in {"show", "SetUnitProperties", "daemon-reload"}))
        return answers.get(asked[-1], "")

    monkeypatch.setattr(limits_helper, "asked", answer)
    assert limits_helper.differing() == [unit]
    limits_helper.set_for_all()
    assert asked == ["show", "SetUnitProperties", "daemon-reload"]
    assert sorted(path.name for path in here.iterdir()) == ["50-MemoryMax.conf"]
    assert sorted(path.name for path in for_good.iterdir()) == ["50-AllowedCPUs.conf", "mine.conf"]
    assert limits_helper.differing() == []
    limits_helper.set_for_all()
    assert "daemon-reload" not in asked[3:]


# --- what a server sets itself --------------------------------------------------------------------------
_TAKE_ON = """
import json, resource, runpy, sys
stub = runpy.run_path(sys.argv[1])
stub["take_on"](json.loads(sys.argv[2]))
print(json.dumps([resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE)]))
"""


@pytest.mark.parametrize(
    ("limited", "expected"),
    [
        ({"NOFILE": 60, "CORE": 0}, [[60, 60], [0, 0]]),
        ({"NOFILE": UNLIMITED, "CORE": UNLIMITED}, None),
        ({}, None),
    ],
)
def test_a_server_lowers_its_own_limits_for_good(limited: dict[str, int], expected: list[list[int]] | None) -> None:
    stub = ROOT / "installer" / "libexec" / "sudospawner_singleuser.py"
    words = [sys.executable, "-c", _TAKE_ON, str(stub), json.dumps(limited)]
    found = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    mine = [list(resource.getrlimit(which)) for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)]
    assert found == (expected or mine)


def test_a_limit_that_is_lower_already_stays() -> None:
    stub = runpy.run_path(str(ROOT / "installer" / "libexec" / "sudospawner_singleuser.py"))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    stub["take_on"]({"NOFILE": max(before) + 1})
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


# --- what doesn't fit ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("limits: {default: {memory: 17G}}", "limits.default.memory in .* is 17408M, more than .*: 16384M of memory"),
        ("limits: {groups: {root: {memory: 1T}}}", "limits.groups.root.memory .* is 1048576M, more than"),
        ("limits: {users: {nobody: {cpu: 8.5}}}", "limits.users.nobody.cpu .* is 8.5, more than .*: 8 CPUs"),
        ("limits: {total: {cpu: 9}}", "limits.total.cpu .* is 9, more than"),
        ("limits: {default: {tasks: 4000000}}", "limits.default.tasks .* is 4000000, more than .* tasks"),
        ("limits: {total: {memory: 2G}, default: {memory: 3G}}", "limits.total.memory .* 2048M, less than the 3072M"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_the_number(
    text: str, wrong: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pid_max").write_text("32768\n")
    monkeypatch.setattr(commands, "PID_MAX", tmp_path / "pid_max")
    with pytest.raises(ConfigProblem, match=wrong) as caught:
        commands.refuse_unfit(configured(text))
    assert caught.value.hint


def test_what_fits_is_not_refused() -> None:
    commands.refuse_unfit(site())
    commands.refuse_unfit(configured("limits: {default: {memory: unlimited, cpu: unlimited, tasks: unlimited}}"))
    commands.refuse_unfit(configured("limits: {total: {memory: unlimited, cpu: 8}, groups: {root: {memory: 16G}}}"))
