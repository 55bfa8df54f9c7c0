"""The JSON Schema of the config file, for editors (yaml-language-server) and other programs."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from installer.config import describe
from installer.config.models import Config
from installer.config.section import Section

_DIALECT = "http://json-schema.org/draft-07/schema#"
"""The newest that every editor understands; nothing in the schema needs more."""
_NOT_FOR_EDITORS = ("title", "default", "unset")
_NOT_FOR_NAMES = ("description", "examples")


def schema() -> dict[str, Any]:
    """Build the schema from the models."""
    return {"$schema": _DIALECT, "title": "JupyterHub installer", **_section(Config, ())}


def _section(model: type[Section], path: tuple[str, ...]) -> dict[str, Any]:
    generated = model.model_json_schema(schema_generator=_AsWritten)["properties"]
    properties: dict[str, Any] = {}
    for name in model.model_fields:
        key = describe.key_at((*path, name))
        below = describe.sections().get((*path, name))
        if key is not None:
            properties[name] = _key(generated[name], key)
        elif below is not None:
            properties[name] = _section(below, (*path, name))
    return {
        "description": model.__doc__,
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": properties,
    }


def _key(generated: dict[str, Any], key: describe.Key) -> dict[str, Any]:
    kept = {name: value for name, value in generated.items() if name not in _NOT_FOR_EDITORS}
    if key.path in describe.mappings():
        model, called = describe.entries()[key.path], describe.mappings()[key.path]
        entry = {**_section(model, (*key.path, called)), "type": "object", "minProperties": 1}
        kept = {**kept, "type": "object", "additionalProperties": entry}
    elif key.path in describe.entries():
        kept |= {"uniqueItems": True, "items": _entry(describe.entries()[key.path], key.path)}
    return kept if key.default is None else {**kept, "default": key.default}


def _entry(model: type[Section], path: tuple[str, ...]) -> dict[str, Any]:
    """A mapping; or, where that is enough, what it can't go without alone (a name)."""
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    whole = {**_section(model, path), "type": "object", "required": needed}
    if not model.by_name:
        return whole
    alone = {name: value for name, value in whole["properties"][needed[0]].items() if name not in _NOT_FOR_NAMES}
    return {"oneOf": [alone, whole]}


class _AsWritten(GenerateJsonSchema):
    """Describes what people write: a key that may be left out may not for that be null."""

    def encode_default(self, dft: Any) -> None:  # noqa: ANN401 - pydantic's own
        """Leave it to the table of keys, which has it as people write it."""
        del dft

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Leave the null out."""
        return self.generate_inner(schema["schema"])
