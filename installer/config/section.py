"""What the models of the config are made of: sections, and the rows of the one table of keys."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field


def setting(default: object, description: str, *, example: object, unset: str | None = None) -> Any:  # noqa: ANN401
    """One row of the table; `unset` says in words what a default of None comes to."""
    return Field(default, description=description, examples=[example], json_schema_extra={"unset": unset})


class Section(BaseModel):
    """Keys that belong together; frozen, and nothing but what is listed.

    by_name: for the entries of a list: whether one may be written as what it can't go without alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    by_name: ClassVar[bool] = False

    @classmethod
    def beside(cls, name: str) -> dict[str, object]:
        """For the entries of a list: what has to go with a key, by example."""
        del name
        return {
            key: field.examples[0] for key, field in cls.model_fields.items() if field.is_required() and field.examples
        }

    @classmethod
    def along(cls, name: str) -> dict[str, object]:
        """For a section that there is once: other keys that a key is nothing without, by example."""
        del name
        return {}
