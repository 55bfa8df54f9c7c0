"""The generations that are kept: what each of them was, and which one somebody means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from installer.config.load import load_text
from installer.config.models import Config
from installer.engine.store import Generation, Store
from installer.host import paths
from installer.host.errors import ConfigProblem, Problem
from installer.resources.kinds import KINDS


@dataclass(frozen=True)
class Line:
    """One generation in the list.

    at: UTC, ISO 8601. degraded: what could not be had, by key, with the reason.
    trouble: why its file can't be read, None where it can; then there is nothing to tell of it.
    """

    number: int
    current: bool
    at: str = ""
    by: str = ""
    summary: str = ""
    degraded: Mapping[str, str] = field(default_factory=dict)
    trouble: str | None = None


def listed() -> tuple[Line, ...]:
    """All of them, the oldest first; their numbers say the order, since clocks are set back. Raises Problem."""
    store = here()
    return tuple(_line(store, number, current=number == store.numbers()[-1]) for number in store.numbers())


def _line(store: Store, number: int, *, current: bool) -> Line:
    try:
        kept = store.generation(number)
    except Problem as problem:
        return Line(number, current, trouble=problem.what)
    return Line(number, current, kept.at, kept.by, kept.summary, kept.degraded)


def here() -> Store:
    """What earlier runs did. Raises Problem before the first apply."""
    store = Store(paths.INSTALLER_STATE, KINDS)
    if not store.numbers():
        raise Problem("nothing has been applied on this machine yet", "run: sudo python3 -m installer apply")
    return store


def meant(store: Store, said: str) -> Generation:
    """The generation with the number that somebody said. Raises ConfigProblem where there is none, Problem."""
    if not (said.isascii() and said.isdigit()) or len(said) > len("999999"):
        raise ConfigProblem(f"{said!r} is not a generation's number", "see them: sudo python3 -m installer generations")
    number = int(said)
    if number not in store.numbers():
        raise ConfigProblem(
            f"there is no generation {number}", f"there are {ranges(store.numbers())}: see installer generations"
        )
    return store.generation(number)


def one_before(store: Store) -> Generation:
    """The generation before the newest; or where a return that was killed was going. Raises Problem."""
    going = store.interrupted_return()
    if going is not None:
        return store.generation(going)
    numbers = store.numbers()
    if len(numbers) == 1:
        raise Problem(
            f"there is no generation before {numbers[0]}, the only one", "see: sudo python3 -m installer generations"
        )
    return store.generation(numbers[-2])


def config_of(generation: Generation) -> Config:
    """The config that a generation came from. Raises Problem where this version knows another."""
    try:
        return load_text(paths.CONFIG_FILE, generation.config)
    except ConfigProblem as problem:
        raise Problem(
            f"the config of generation {generation.number} can't be used by this version: {problem.what}",
            "return to it with the version of the installer that made it",
            problem.detail,
        ) from problem


def ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers in words: "1 to 3, 5"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)
