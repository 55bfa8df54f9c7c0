from __future__ import annotations

import pytest

from installer.engine.resource import Resource
from installer.features.everything import FEATURES
from installer.resources.kinds import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_found_under_its_own_name(kind: str) -> None:
    assert KINDS[kind].kind == kind


def test_every_resource_can_be_read_back() -> None:
    assert FEATURES, "importing them has imported every class"

    def below(classes: list[type[Resource]]) -> list[type[Resource]]:
        return classes + [each for cls in classes for each in below(cls.__subclasses__())]

    found = below(Resource.__subclasses__())
    ours = [cls for cls in found if cls.__module__.startswith("installer.") and "kind" in vars(cls)]
    assert {cls.kind for cls in ours} == set(KINDS)
