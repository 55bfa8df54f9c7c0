"""Every kernel runs real cells as an ordinary user, through nginx and the hub, and keeps to Jupyter's protocol."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from tests.system.conftest import Applied
from tests.system.kernel_languages import LANGUAGES, Language
from tests.system.kernel_talk import Answer, Kernel
from tests.system.machine import Machine
from tests.system.machine_kernels import KERNELS
from tests.system.visitor import Visitor, member

# A kernel brings its own system along; where the hub's Python and systemd are newest, most can go wrong around it.
pytestmark = pytest.mark.only_on("sid")

FIRST_CELL_SECONDS = 180
"""The first Go cell of a person compiles the standard library: ten seconds, where nobody else computes."""
PICTURES = {"image/png": "iVBORw0KGgo", "image/svg+xml": "<svg"}


@pytest.fixture(scope="module")
def machine(kernels_server: Applied) -> Iterator[Machine]:
    with Machine(kernels_server[0]) as machine:
        yield machine


@pytest.fixture(scope="module")
def grace(machine: Machine) -> Iterator[Visitor]:
    with member(machine, "grace") as visitor:
        yield visitor


@pytest.fixture(scope="module")
def first_cells(grace: Visitor) -> Mapping[str, tuple[Kernel, str]]:
    """A kernel of each language, and the request that has it run its first cell: all at once, for the time it takes."""
    kernels = {name: grace.start_kernel(KERNELS[name]) for name in LANGUAGES}
    return {name: (kernel, kernel.send(LANGUAGES[name].output)) for name, kernel in kernels.items()}


@pytest.fixture(scope="module", params=LANGUAGES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def language(name: str) -> Language:
    return LANGUAGES[name]


@pytest.fixture(scope="module")
def first_answer(name: str, first_cells: Mapping[str, tuple[Kernel, str]]) -> Answer:
    kernel, request = first_cells[name]
    return kernel.answer(request, seconds=FIRST_CELL_SECONDS)


@pytest.fixture(scope="module")
def kernel(name: str, first_cells: Mapping[str, tuple[Kernel, str]], first_answer: Answer) -> Kernel:
    """A kernel that has run its first cell."""
    return first_cells[name][0]


def test_it_says_what_it_is(kernel: Kernel, language: Language) -> None:
    answer = kernel.answer(kernel.ask("kernel_info_request", {}))
    said = answer.content
    assert said["status"] == "ok"
    assert re.fullmatch(r"5\.\d+", said["protocol_version"])
    assert said["implementation"]
    assert said["banner"]
    info = said["language_info"]
    assert (info["name"], info["file_extension"]) == (language.name, language.file_extension)
    assert info["mimetype"]
    assert info["version"]
    _was_busy_then_idle(answer)


def test_it_prints(first_answer: Answer) -> None:
    assert first_answer.content["status"] == "ok", first_answer.published
    assert first_answer.text("stdout").strip() == "42"
    assert first_answer.content["execution_count"] >= 1
    assert [said["code"] for said in first_answer.all_of("execute_input")]
    _was_busy_then_idle(first_answer)


def test_it_complains_on_stderr(kernel: Kernel, language: Language) -> None:
    answer = kernel.execute(language.complaint)
    assert answer.text("stdout" if language.terminal else "stderr").strip() == "careful"
    assert answer.content["status"] == "ok"


def test_a_mistake_is_an_error_and_no_end(kernel: Kernel, language: Language) -> None:
    kernel.run(language.keep)
    answer = kernel.execute(language.mistake.code)
    if language.terminal:
        assert f"error: {language.mistake.expect}" in answer.text("stdout")
    else:
        assert answer.content["status"] == "error"
        assert answer.error, answer.published
        assert answer.error["ename"]
        assert answer.error["traceback"]
        told = f"{answer.error['ename']}: {answer.error['evalue']}"
        assert language.mistake.expect in told + answer.text("stderr")
    _was_busy_then_idle(answer)
    assert kernel.run(language.kept.code) == language.kept.expect


def test_it_draws(kernel: Kernel, language: Language) -> None:
    answer = kernel.execute(language.plot.code, seconds=FIRST_CELL_SECONDS)
    assert answer.content["status"] == "ok", answer.published
    assert PICTURES[language.plot.expect] in answer.shown[language.plot.expect]


@pytest.mark.parametrize("name", [name for name in LANGUAGES if LANGUAGES[name].question], indirect=True)
def test_it_asks(kernel: Kernel, language: Language) -> None:
    answer = kernel.execute(language.question or "", typed="Ada")
    assert answer.content["status"] == "ok", answer.published
    (asked,) = answer.all_of("input_request")
    assert (asked["prompt"].strip(), asked["password"]) == ("who?", False)
    assert answer.text("stdout").strip() == "hello Ada"


def test_it_completes(kernel: Kernel, language: Language) -> None:
    code, wanted = language.completion.code, language.completion.expect
    answer = kernel.answer(kernel.ask("complete_request", {"code": code, "cursor_pos": len(code)}))
    assert answer.content["status"] == "ok"
    start, end = answer.content["cursor_start"], answer.content["cursor_end"]
    assert any((code[:start] + match + code[end:]).endswith(wanted) for match in answer.content["matches"]), (
        answer.content
    )
    _was_busy_then_idle(answer)


def test_an_endless_loop_is_interrupted(kernel: Kernel, language: Language, grace: Visitor) -> None:
    kernel.run(language.keep)
    request = kernel.send(language.endless)
    # Not before: Go's cells are compiled first, and an interrupt in that time is nobody's.
    kernel.wait_for_output(request, "going")
    grace.interrupt_kernel(kernel)
    answer = kernel.answer(request, seconds=15)
    assert answer.content["status"] != "ok" or language.terminal
    assert kernel.run(language.kept.code) == language.kept.expect


def test_it_restarts(kernel: Kernel, language: Language, grace: Visitor) -> None:
    kernel.run(language.keep)
    again = grace.restart_kernel(kernel)
    forgotten = again.execute(language.kept.code)
    assert forgotten.content["status"] == "error" or language.terminal
    assert language.kept.expect not in forgotten.text("stdout")
    assert again.run(language.output) == "42"


def test_it_ends(kernel: Kernel, grace: Visitor, machine: Machine) -> None:
    processes = ["pgrep", "--full", "--uid", grace.name, kernel.identity]
    assert machine.run(processes).stdout
    grace.shut_down_kernel(kernel)
    assert machine.run(processes, check=False).stdout == ""


def _was_busy_then_idle(answer: Answer) -> None:
    """Busy comes before all else that is published about a request, and idle after it, each once."""
    assert answer.states == ["busy", "idle"]
    published = [message["msg_type"] for message in answer.published]
    assert (published[0], published[-1]) == ("status", "status")
    assert answer.reply["header"]["msg_type"].endswith("_reply")
