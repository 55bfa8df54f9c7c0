"""What an environment is asked to have, said in layers: a recipe's wishes, a file's, those of the config."""

from __future__ import annotations

import pytest

from installer.kernels.request import specs_with
from installer.kernels.requirements import requirement_name, requirements_with, without

LOCKED = """\
click==8.1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
ruamel-yaml==0.18.0 \\
    --hash=sha256:cc
tool @ https://example.org/tool.whl \\
    --hash=sha256:dd
"""


@pytest.mark.parametrize(
    ("requirement", "name"),
    [
        ("Numpy>=2", "numpy"),
        ("some.thing[extra]==1", "some-thing"),
        ("other @ https://example.org/other.whl", "other"),
        ("a ; python_version < '3'", "a"),
        ("https://example.org/other.whl", "https://example.org/other.whl"),
    ],
)
def test_the_name_in_a_requirement(requirement: str, name: str) -> None:
    assert requirement_name(requirement) == name


def test_a_later_spec_of_a_package_counts() -> None:
    assert specs_with(["python", "numpy>=1"], ["python=3.13", "numpy", "conda-forge::scipy"]) == (
        "python=3.13",
        "numpy>=1",
        "conda-forge::scipy",
    )


def test_all_that_one_place_says_of_a_package_counts() -> None:
    """As for conda: the lines of a file hold all of them."""
    assert specs_with(["numpy"], ["numpy>=1.22", "numpy<2", "numpy<2"]) == ("numpy>=1.22", "numpy<2")
    assert specs_with(["numpy>=1.22", "numpy<2"], ["numpy=2.1"]) == ("numpy=2.1",)
    assert specs_with(["numpy>=1.22", "numpy<2"], ["numpy"]) == ("numpy>=1.22", "numpy<2")


def test_requirements_are_of_one_project_however_it_is_spelt() -> None:
    assert requirements_with(["Flask", "ruamel.yaml<1"], ["flask>=3", "Ruamel_YAML"]) == ("flask>=3", "ruamel.yaml<1")


def test_projects_that_are_released_are_not_in_the_list_any_more() -> None:
    click, yaml, tool = LOCKED.index("click"), LOCKED.index("ruamel"), LOCKED.index("tool @")
    assert without(LOCKED, ["Ruamel_Yaml"]) == LOCKED[click:yaml] + LOCKED[tool:]
    assert without(LOCKED, ["click", "tool"]) == LOCKED[yaml:tool]
    assert without(LOCKED, []) == LOCKED
