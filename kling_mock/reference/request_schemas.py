"""What requests look like, as JSON Schema made from the fields of a record.

A schema describes one field. The rules between fields are not in it; the OpenAPI document
has the capabilities beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kling_mock.kling.endpoints.fields import Field, FieldShape, FieldType
from kling_mock.kling.endpoints.record import EmulatedEndpoint
from kling_mock.kling.wire.v1_schemas import reference

__all__ = ["request_schema", "schema_of"]

Schema = dict[str, Any]


def _string(field: Field) -> Schema:
    made: Schema = {"type": "string", "minLength": 1}
    if field.enum:
        made = {"type": "string", "enum": list(field.enum)}
    if field.high is not None:
        made["maxLength"] = int(field.high)
    if field.is_numeric:
        made["type"] = ["string", "number"]
    return made


def _number(field: Field) -> Schema:
    made: Schema = {"type": field.type}
    if field.low is not None:
        made["minimum"] = field.low
    if field.high is not None:
        made["maximum"] = field.high
    return made


def _array(field: Field) -> Schema:
    made: Schema = {"type": "array", "items": _object(field)}
    if field.low is not None:
        made["minItems"] = int(field.low)
    if field.high is not None:
        made["maxItems"] = int(field.high)
    return made


def _object(field: Field) -> Schema:
    if field.members is None:
        raise TypeError(f"the table gives {field.name} no members")
    return _request(field.members)


def _boolean(_field: Field) -> Schema:
    return {"type": "boolean"}


def _texts(_field: Field) -> Schema:
    return {"type": "array", "items": {"type": "string"}}


def _image(_field: Field) -> Schema:
    return {
        "type": "string",
        "minLength": 1,
        "description": "An http or https URL, or raw base64 without a data: prefix.",
    }


def _url(_field: Field) -> Schema:
    return {"type": "string", "pattern": "^https?://"}


_TYPES: Mapping[FieldType, Callable[[Field], Schema]] = {
    "string": _string,
    "boolean": _boolean,
    "number": _number,
    "integer": _number,
    "object": _object,
    "array": _array,
    "image": _image,
    "sound": _image,
    "url": _url,
    "texts": _texts,
}


def _field(field: Field, **more: Any) -> Schema:
    if field.ignored:
        return {"description": "Taken, and not looked at."}
    made = _TYPES[field.type](field) | more
    if field.default is not None:
        made["default"] = field.default
    return made if field.required else {"anyOf": [made, reference("Absent")]}


def _request(shape: FieldShape, **known: Schema) -> Schema:
    """Return the schema of *shape*; *known* adds to the schemas of some fields."""
    made: Schema = {
        "type": "object",
        "properties": {
            name: _field(field, **known.get(name, {})) for name, field in shape.fields.items()
        },
        # The service ignores other keys; a client that sends one sends it in vain.
        "additionalProperties": False,
    }
    if shape.required:
        made["required"] = [field.name for field in shape.required]
    return made


def schema_of(shape: FieldShape) -> Schema:
    """Return the schema of a body with these fields."""
    return _request(shape)


def request_schema(record: EmulatedEndpoint) -> Schema:
    """Return the schema of the body of a request to this endpoint."""
    if "model_name" not in record.fields.fields:
        return _request(record.fields)
    known: dict[str, Schema] = {
        "model_name": {"enum": list(record.models), "default": record.default_model},
        "mode": {"default": record.default_mode},
        "duration": {"default": "5"},
    }
    return _request(record.fields, **known)
