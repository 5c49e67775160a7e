"""The JSON schema that pydantic makes, with what it says of JSON as it is stored, and a mark on what cannot be."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, JsonSchemaWarningKind

from .marks import REFUSED, CoreSchema

_FACTORY = "its default_factory makes something else each time, which a schema cannot say: let the function that creates objects do it"
_NAMES = "is read under another name than it is written: give it `alias` alone"


class Generator(GenerateJsonSchema):
    """Makes the schema of what is validated; the objects that functions return have the same."""

    def decimal_schema(self, schema: CoreSchema) -> JsonSchemaValue:  # noqa: ARG002 - pydantic's
        """A number in JSON would lose digits; pydantic writes a text, too."""
        return {"type": "string"}

    def timedelta_schema(self, schema: CoreSchema) -> JsonSchemaValue:  # noqa: ARG002 - pydantic's
        """Pydantic writes ISO 8601 (PT1H); the format `duration` is Go's (1h)."""
        return {"type": "string"}

    def default_schema(self, schema: CoreSchema) -> JsonSchemaValue:
        """A default that is made each time is one of the schema if it is always the same."""
        if "default_factory" in schema and _made(schema) is None:
            return {REFUSED: _FACTORY}
        try:
            return super().default_schema(schema)
        except _NoJsonError:
            return {REFUSED: "its default is no JSON"}

    def get_default_value(self, schema: CoreSchema) -> Any:  # noqa: ANN401 - whatever a default is
        """Call the factory."""
        made = _made(schema) if "default_factory" in schema else None
        return super().get_default_value(schema) if made is None else made[0]

    def encode_default(self, dft: Any) -> Any:  # noqa: ANN401 - whatever a default is
        """Pydantic would write bytes as text, which is none of Base64Bytes."""
        if isinstance(dft, bytes):
            raise _NoJsonError
        return super().encode_default(dft)

    def model_fields_schema(self, schema: CoreSchema) -> JsonSchemaValue:
        """Refuse what a client that writes back what it read would lose."""
        for name, field in schema["fields"].items():
            if field.get("validation_alias", name) != field.get("serialization_alias", name):
                return {REFUSED: f"`{name}` {_NAMES}"}
        return super().model_fields_schema(schema)

    def handle_invalid_for_json_schema(self, schema: CoreSchema, error_info: str) -> JsonSchemaValue:  # noqa: ARG002 - pydantic's
        """Let whoever reads the schema say where it is."""
        return {REFUSED: f"pydantic has no JSON schema for it ({error_info})"}

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Pydantic goes on without the default.

        Raises:
            ValueError: always.

        """
        raise _NoJsonError if kind == "non-serializable-default" else ValueError(detail)


class _NoJsonError(Exception):
    """A default cannot be written as JSON."""


def _made(schema: CoreSchema) -> tuple[Any] | None:
    """Return what a factory makes, None if it is not always the same."""
    if schema.get("default_factory_takes_data"):
        return None
    factory: Any = schema["default_factory"]
    first = factory()
    return (first,) if first == factory() else None
