"""Machines for the tests, one suite at a time.

fresh           a server as it comes, booted for one test
applied         a server after `sudo python3 -m installer apply`; shared, for tests that only look
applied_clone   the same for one test alone, which may change what it likes
apply_result    what that apply printed, and how long it took
boot            boots further machines for one test

small_kernel_server   a layer to boot machines from that have the tests' channel and a small kernel

All have the account ADMIN (password, sudo) and the checkout at CHECKOUT.
"""

from __future__ import annotations

import json
import re
import signal
import types
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn, cast

import pytest

from tests.channel.build import build, layer_of
from tests.system import machine, tiny_channel
from tests.system.kernel_commands import EMPTY_CONFIG, SMALL, SMALL_PACKAGES, kernel
from tests.system.machine import Machine
from tests.system.machine_claim import release_own
from tests.system.machine_host import cache_dir, digest, require
from tests.system.machine_image import SUITES, Layer, image
from tests.system.machine_installer import apply_as_root
from tests.system.machine_person import (
    ADMIN,
    CONFIG,
    NO_KERNELS,
    REPOSITORY,
    add_person,
    apply,
    checkout_files,
    copy_checkout,
)
from tests.system.machine_process import MachineProblem, Result

Boot = Callable[[Layer], Machine]
Applied = tuple[Layer, Result]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "suite" in metafunc.fixturenames:
        suites = metafunc.config.getoption("suite") or SUITES
        metafunc.parametrize("suite", suites, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def is_wanted(item: pytest.Item) -> bool:
        marker = item.get_closest_marker("only_on")
        return marker is None or cast(pytest.Function, item).callspec.params["suite"] in marker.args

    unwanted = [item for item in items if not is_wanted(item)]
    config.hook.pytest_deselected(items=unwanted)
    items[:] = [item for item in items if item not in unwanted]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the logs of every machine that is up when a test fails."""
    report = yield
    if report.failed:
        directory = REPOSITORY / "artefacts" / re.sub(r"[^\w.-]+", "-", item.nodeid.removeprefix("tests/")).strip("-")
        for each in machine.running:
            each.collect_logs(directory)
    return report


@pytest.fixture(scope="session", autouse=True)
def _ready() -> Iterator[None]:
    """Say once where machines can't be booted; when ended by a signal, leave no machine behind."""
    try:
        require()
    except MachineProblem as problem:
        pytest.exit(f"no system tests here: {problem}", returncode=2)

    def interrupt(number: int, frame: types.FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    yield
    release_own()


@pytest.fixture
def boot() -> Iterator[Boot]:
    made: list[Machine] = []

    def boot(layer: Layer) -> Machine:
        made.append(Machine(layer))
        return made[-1]

    yield boot
    for each in made:
        each.remove()


@pytest.fixture(scope="session")
def server(suite: str) -> Iterator[Layer]:
    """A fresh server with its admin and the checkout, to boot machines from."""
    with Machine(image(suite)) as prepared:
        add_person(prepared, ADMIN.name, ADMIN.password, sudo="password")
        copy_checkout(prepared)
        # Kernels take minutes to build, and have tests of their own.
        prepared.put(CONFIG, NO_KERNELS)
        yield prepared.freeze()


@pytest.fixture
def fresh(server: Layer, boot: Boot) -> Machine:
    return boot(server)


@pytest.fixture(scope="session")
def applied_server(suite: str, server: Layer, request: pytest.FixtureRequest) -> Applied:
    """The layer of a server after apply, and what apply said."""
    kept = _kept_layer(suite) if request.config.getoption("reuse_applied") else None
    if kept is not None and _said(kept).exists():
        said = json.loads(_said(kept).read_text())
        return Layer(suite, (kept, *server.directories)), Result(**said)
    target = Machine(server)
    request.addfinalizer(target.remove)
    result = apply(target, ADMIN)
    layer = target.freeze(keep=kept)
    if kept is not None:
        _said(kept).write_text(json.dumps(asdict(result)))
    return layer, result


@pytest.fixture(scope="session")
def apply_result(applied_server: Applied) -> Result:
    return applied_server[1]


@pytest.fixture(scope="session")
def applied(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as target:
        yield target


@pytest.fixture
def applied_clone(applied_server: Applied, boot: Boot) -> Machine:
    return boot(applied_server[0])


def _kept_layer(suite: str, what: str = "applied") -> Path:
    """Where the layer of an applied machine is kept: named after the code that was applied."""
    beside = {"tests", "docs", ".ci", "README.md"}
    files = [file for file in checkout_files() if file.parts[0] not in beside]
    code = digest([part for file in files for part in (str(file).encode(), (REPOSITORY / file).read_bytes())])
    return cache_dir() / what / f"{image(suite).directories[0].name}-{code}"


def _said(kept: Path) -> Path:
    return kept.with_name(f"{kept.name}.json")


@pytest.fixture(scope="session")
def small_kernel_server(applied_server: Applied, request: pytest.FixtureRequest) -> Iterator[Layer]:
    """An applied server with the tests' channel, and the kernel SMALL made from it."""
    applied = applied_server[0]
    base = Layer(applied.suite, (layer_of(build(cache_dir())), *applied.directories))
    kept = _kept_layer(applied.suite, SMALL) if request.config.getoption("reuse_applied") else None
    if kept is not None and kept.exists():
        yield Layer(base.suite, (kept, *base.directories))
        return
    with Machine(base) as prepared:
        prepared.put(CONFIG, EMPTY_CONFIG)
        assert apply_as_root(prepared).ok
        kernel(prepared, "add", SMALL, "--packages", *SMALL_PACKAGES)
        yield prepared.freeze(keep=kept)


@pytest.fixture(scope="session")
def tiny_kernel_server(small_kernel_server: Layer) -> Iterator[Layer]:
    """The same with a channel of next to nothing besides, and a kernel of that."""
    with Machine(small_kernel_server) as prepared:
        tiny_channel.put(prepared)
        assert apply_as_root(prepared).ok
        prepared.put(CONFIG, prepared.read(CONFIG).replace("channels:\n", f"channels:\n  - {tiny_channel.ADDRESS}\n"))
        kernel(prepared, "add", "tiny", "--packages", "tiny")
        yield prepared.freeze()
