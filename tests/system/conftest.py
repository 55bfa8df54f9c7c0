"""Machines for the tests, one suite at a time.

fresh           a server as it comes, booted for one test
applied         a server after `sudo python3 -m installer apply`; shared, for tests that only look
applied_clone   the same for one test alone, which may change what it likes
apply_result    what that apply printed, and how long it took
channel         the directory of the conda channel that the tests build, on this host
kernel_server   a fresh server (a layer, to boot machines from) with that channel in it and in its config
kernels_applied an applied server with all of KERNELS (see machine_kernels); shared, for tests that only look
kernels_applied_clone   the same for one test alone
small_kernel_server     a layer of an applied server with that channel and the kernel SMALL (see kernel_commands)
tiny_kernel_server      the same with kernels that are made in seconds besides (see tiny_channel)
boot            boots further machines for one test
vm_server       a layer of an applied server with people and limits, to boot a VirtualMachine from (see machine_limited)
stride          at how many of a run's moments it is killed

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

from tests.channel.build import SERVED, layer_of
from tests.channel.build import build as build_channel
from tests.system import machine, machine_limited, tiny_channel
from tests.system.kernel_commands import EMPTY_CONFIG, SMALL, SMALL_PACKAGES, kernel
from tests.system.machine import Machine
from tests.system.machine_claim import release_own
from tests.system.machine_host import cache_dir, digest, require
from tests.system.machine_image import SUITES, Layer, image
from tests.system.machine_installer import apply_as_root
from tests.system.machine_kernels import put_kernels_config
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


@pytest.fixture(scope="session")
def channel() -> Path:
    """The conda channel of the tests, on this host; built where it isn't in the cache yet (75 s)."""
    return build_channel(cache_dir())


@pytest.fixture(scope="session")
def kernel_server(server: Layer, channel: Path, tmp_path_factory: pytest.TempPathFactory) -> Layer:
    """A fresh server with the channel at SERVED, and a config that names it as the only channel.

    What a test wants of kernels it adds to the config (CONFIG) itself. The channel is shared, but a machine may
    change its files: like all else it has of a layer, it changes copies of its own.
    """
    configured = tmp_path_factory.mktemp("configured")
    configured.chmod(0o755)
    config = configured / CONFIG.lstrip("/")
    config.parent.mkdir(parents=True)
    config.write_text(f"channels: [{SERVED.as_uri()}]\n{NO_KERNELS}")
    return Layer(server.suite, (configured, layer_of(channel), *server.directories))


@pytest.fixture
def fresh(server: Layer, boot: Boot) -> Machine:
    return boot(server)


@pytest.fixture(scope="session")
def applied_server(suite: str, server: Layer, request: pytest.FixtureRequest) -> Applied:
    """The layer of a server after apply, and what apply said."""
    kept = _kept_layer(suite) if request.config.getoption("reuse_applied") else None
    return _made(server, kept, request, lambda target: apply(target, ADMIN))


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


@pytest.fixture(scope="session")
def vm_server(applied_server: Applied, suite: str) -> Iterator[Layer]:
    """A server whose limits are to be kept to, by a kernel of its own."""
    with Machine(applied_server[0]) as prepared:
        machine_limited.prepare(prepared, suite)
        yield prepared.freeze()


@pytest.fixture(scope="session")
def kernels_server(suite: str, applied_server: Applied, channel: Path, request: pytest.FixtureRequest) -> Applied:
    """The layer of a server after the apply that has built its kernels, and what that apply said."""
    layer = layer_of(channel)
    base = Layer(suite, (*applied_server[0].directories, layer))
    kept = _kept_layer(suite, f"kernels-{layer.name}-") if request.config.getoption("reuse_applied") else None
    return _made(base, kept, request, _apply_kernels)


def _apply_kernels(target: Machine) -> Result:
    put_kernels_config(target)
    return apply(target, ADMIN)


@pytest.fixture(scope="session")
def kernels_applied(kernels_server: Applied) -> Iterator[Machine]:
    with Machine(kernels_server[0]) as target:
        yield target


@pytest.fixture
def kernels_applied_clone(kernels_server: Applied, boot: Boot) -> Machine:
    return boot(kernels_server[0])


@pytest.fixture(scope="session")
def small_kernel_server(applied_server: Applied, channel: Path, request: pytest.FixtureRequest) -> Layer:
    """An applied server with the channel and the tiny one, both in its config, and the kernel SMALL."""

    def add(target: Machine) -> Result:
        tiny_channel.put(target)
        target.put(CONFIG, EMPTY_CONFIG)
        assert apply_as_root(target).ok
        return kernel(target, "add", SMALL, "--packages", *SMALL_PACKAGES)

    base = Layer(applied_server[0].suite, (layer_of(channel), *applied_server[0].directories))
    kept = _kept_layer(base.suite, f"small-{layer_of(channel).name}-")
    return _made(base, kept if request.config.getoption("reuse_applied") else None, request, add)[0]


@pytest.fixture(scope="session")
def tiny_kernel_server(small_kernel_server: Layer, channel: Path, request: pytest.FixtureRequest) -> Layer:
    """The same with a kernel of next to nothing besides."""

    def add(target: Machine) -> Result:
        return kernel(target, "add", "tiny", "--packages", "tiny")

    return _made(small_kernel_server, None, request, add)[0]


def _made(base: Layer, kept: Path | None, request: pytest.FixtureRequest, work: Callable[[Machine], Result]) -> Applied:
    """The layer of a machine after some work, and what that said.

    kept: where both are kept for the next run of the tests; taken from there if they are.
    """
    if kept is not None and _said(kept).exists():
        said = json.loads(_said(kept).read_text())
        return Layer(base.suite, (kept, *base.directories)), Result(**said)
    target = Machine(base)
    request.addfinalizer(target.remove)
    result = work(target)
    layer = target.freeze(keep=kept)
    if kept is not None:
        _said(kept).write_text(json.dumps(asdict(result)))
    return layer, result


def _kept_layer(suite: str, kind: str = "") -> Path:
    """Where the layer of an applied machine is kept: named after the code that was applied."""
    beside = {"tests", "docs", ".ci", "README.md"}
    files = [file for file in checkout_files() if file.parts[0] not in beside]
    code = digest([part for file in files for part in (str(file).encode(), (REPOSITORY / file).read_bytes())])
    return cache_dir() / "applied" / f"{kind}{image(suite).directories[0].name}-{code}"


def _said(kept: Path) -> Path:
    return kept.with_name(f"{kept.name}.json")


@pytest.fixture
def stride(request: pytest.FixtureRequest) -> int:
    """At the how manieth moment a run is killed at which none was before (see every_moment)."""
    return 1 if request.config.getoption("every_moment") else 6
