"""JSON Schemas of requests, made from the fields of a record.

A schema describes one field. It does not contain the rules between fields; the OpenAPI document
lists the capabilities next to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kling_mock.kling.endpoints.fields import Field, FieldShape
from kling_mock.kling.endpoints.record import EmulatedEndpoint
from kling_mock.kling.wire.v1_schemas import reference
from kling_sdk.facts.fields import FieldType

Schema = dict[str, Any]


def _string(field: Field) -> Schema:
    schema: Schema = {"type": "string", "minLength": 1}
    if field.enum:
        schema = {"type": "string", "enum": list(field.enum)}
    if field.high is not None:
        schema["maxLength"] = int(field.high)
    if field.is_numeric:
        schema["type"] = ["string", "number"]
    return schema


def _number(field: Field) -> Schema:
    schema: Schema = {"type": field.type}
    if field.low is not None:
        schema["minimum"] = field.low
    if field.high is not None:
        schema["maximum"] = field.high
    return schema


def _array(field: Field) -> Schema:
    schema: Schema = {"type": "array", "items": _object(field)}
    if field.low is not None:
        schema["minItems"] = int(field.low)
    if field.high is not None:
        schema["maxItems"] = int(field.high)
    return schema


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
    "images": _texts,
    "texts": _texts,
}


def _field(field: Field, **more: Any) -> Schema:
    if field.ignored:
        return {"description": "Accepted, and ignored."}
    schema = _TYPES[field.type](field) | more
    if field.default is not None:
        schema["default"] = field.default
    return schema if field.required else {"anyOf": [schema, reference("Absent")]}


def _request(shape: FieldShape, **known: Schema) -> Schema:
    """Return the schema of *shape*; *known* adds to the schemas of some fields."""
    schema: Schema = {
        "type": "object",
        "properties": {
            name: _field(field, **known.get(name, {})) for name, field in shape.fields.items()
        },
        # The service ignores other keys, so sending one has no effect.
        "additionalProperties": False,
    }
    if shape.required:
        schema["required"] = [field.name for field in shape.required]
    return schema


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
