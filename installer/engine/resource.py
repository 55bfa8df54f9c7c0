"""The Resource protocol: one thing the host should have, how to look at it, how to make it so, how to take it away.

The engine knows nothing else of the product. Resources are frozen pydantic models, so that a generation can store
them and a later run can read them back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

Attributes = Mapping[str, str | int | bool]
"""The observable properties of a resource that exists: flat, JSON-able, compared one by one."""

AnyResource = TypeVar("AnyResource", bound="Resource")


class Resource(BaseModel, ABC):
    """One thing the host should have.

    feature: the component it belongs to, as `status` names it.
    needs: keys of resources that must be in place before this one (parents and owners are found by the graph).
    """

    # Built when first used: most commands have to do with a few of many classes.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    kind: ClassVar[str]
    kept: ClassVar[bool] = False
    """True for what is inert and dear (packages, environments, accounts): it stays when nobody asks for it any more."""

    optional: ClassVar[bool] = False
    """True for what the rest does without (a kernel): it comes when all else is verified, and may fail alone."""

    feature: str
    needs: tuple[str, ...] = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is called within its kind: a path, an account, a unit."""

    @property
    def key(self) -> str:
        """Its identity in plans, journals and generations."""
        return f"{self.kind}:{self.name}"

    @property
    def provides(self) -> tuple[str, ...]:
        """Absolute paths that appear or change with it; a resource that reads one of them is ordered behind it."""
        return ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Absolute paths it depends on: ordered behind their providers, and refreshed when one of them changes."""
        return ()

    @property
    def implied_needs(self) -> tuple[str, ...]:
        """Keys that come first where they are declared at all: the accounts a file belongs to, and the like."""
        return ()

    @property
    def tried_with(self) -> tuple[str, ...]:
        """Keys of all it takes to try a change of it out, before anything else is changed; none: it isn't tried."""
        return ()

    def rehearse(self, before: Attributes | None) -> None:
        """Try its change out, with nothing changed by that. Raises Problem where it can't be made."""

    @abstractmethod
    def wanted(self) -> Attributes:
        """The attributes it should have."""

    @abstractmethod
    def probe(self) -> Attributes | None:
        """The attributes it has, None where it is absent. Reads only."""

    @classmethod
    def probe_all(cls, resources: Sequence[AnyResource]) -> Iterable[Attributes | None]:
        """Probe several of one kind; overridden where one process can answer for all."""
        return [resource.probe() for resource in resources]

    def foreign(self, observed: Attributes | None) -> str | None:
        """Asked of what no run of ours has made: why it can't be taken over (one line), None where it can."""
        return None

    def refreshed(self, observed: Attributes | None) -> Attributes | None:
        """What it will look like once something it reads has changed: other only if it holds what it read."""
        return observed

    def spared(self, before: Attributes, restored: Collection[str]) -> None:
        """Not a thing was done to it in a run that is being undone; of what it reads, this is as it was once more.

        before: what it looked like when the run began.
        """

    @abstractmethod
    def realize(self, before: Attributes | None) -> None:
        """Bring it from `before` to what is wanted, atomically; safe to repeat after a kill. Raises Problem."""

    @abstractmethod
    def remove(self) -> None:
        """Take it away; nothing happens where it is already gone. Raises Problem."""

    def give_back(self, before: Attributes) -> None:
        """Asked at the end of what was there before any run of ours: have it as it was. Most of it still is.

        before: the attributes that it had. Raises Problem.
        """

    def as_before(self, before: Attributes, text: str | None) -> Resource | None:
        """This resource as it was before a change, to undo that; None where removing it is the way back.

        before, text: the attributes and the content that it had then.
        """
        return self

    def settled(self) -> Resource:
        """This resource as a generation records it: with what only came to be as it was realized."""
        return self

    def abandon(self) -> None:
        """Asked while `realize` is under way in another thread, and nobody wants it any more: have it end soon."""

    def content(self) -> str | None:
        """The text that plan and diff show; None where there is none or where it is secret."""
        return None

    def present_content(self) -> str | None:
        """The same for what is on the host now."""
        return None
