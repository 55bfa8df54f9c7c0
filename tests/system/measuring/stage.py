"""The machines that are measured: fresh ones, applied ones, and ones where somebody installed the same by hand."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property

from tests.system.machine import Machine
from tests.system.machine_image import Layer, image
from tests.system.machine_person import ADMIN, CONFIG, NO_KERNELS, add_person, apply, copy_checkout
from tests.system.measuring import by_hand


class Stage:
    """Layers to boot machines of one suite from, each made when first asked for. Use it in a with block."""

    def __init__(self, suite: str) -> None:
        self.suite = suite
        self._stack = ExitStack()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def fresh(self) -> Layer:
        """A server as it comes, with an admin and the checkout."""
        machine = self._stack.enter_context(Machine(image(self.suite), cold=True))
        add_person(machine, ADMIN.name, ADMIN.password, sudo="password")
        copy_checkout(machine)
        machine.put(CONFIG, NO_KERNELS)  # what is measured beside it has none either
        return machine.freeze()

    @cached_property
    def applied(self) -> Layer:
        """One after `sudo python3 -m installer apply`."""
        machine = self._stack.enter_context(Machine(self.fresh))
        apply(machine, ADMIN)
        return machine.freeze()

    @cached_property
    def by_hand(self) -> Layer:
        """One after the same installs by hand."""
        machine = self._stack.enter_context(Machine(self.fresh))
        by_hand.install(machine)
        return machine.freeze()
