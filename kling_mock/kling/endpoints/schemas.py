"""What requests and answers look like, as JSON Schema made from the tables.

A schema says what one field accepts. What fields accept of each other, and of a model, is in
the rules; the rows of the capability table are told beside the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kling_mock.kling.endpoints.capabilities import DEFAULT_MODELS, DEFAULT_MODES, ENDPOINTS, MODELS
from kling_mock.kling.endpoints.fields import FIELDS, Field, Shape, Type
from kling_mock.kling.service_codes import CODES, SUCCEED

__all__ = ["SCHEMAS", "envelope_of", "reference", "refused"]

Schema = dict[str, Any]

_ID: Schema = {"type": "string", "pattern": "^[0-9]{18}$"}
_MILLISECONDS: Schema = {"type": "integer", "description": "Unix time in milliseconds."}


def reference(name: str) -> Schema:
    """Return the schema that stands for the one called *name*."""
    return {"$ref": f"#/components/schemas/{name}"}


def envelope_of(data: Schema) -> Schema:
    """Return the schema of a success that carries *data*."""
    return _closed(
        code={"const": 0},
        message={"const": SUCCEED},
        request_id={"type": "string"},
        data=data,
    )


def refused(*codes: int) -> Schema:
    """Return the schema of a refusal with one of *codes*."""
    return {
        "allOf": [reference("Refusal")],
        "properties": {"code": {"enum": sorted(codes)}},
    }


def _closed(optional: tuple[str, ...] = (), /, **members: Schema) -> Schema:
    return {
        "type": "object",
        "properties": members,
        "required": [name for name in members if name not in optional],
        "additionalProperties": False,
    }


# ---------------------------------------------------------------- requests


def _string(field: Field) -> Schema:
    made: Schema = {"type": "string", "minLength": 1}
    if field.enum:
        made = {"type": "string", "enum": list(field.enum)}
    if field.high is not None:
        made["maxLength"] = int(field.high)
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


def _image(_field: Field) -> Schema:
    return {
        "type": "string",
        "minLength": 1,
        "description": "An http or https URL, or raw base64 without a data: prefix.",
    }


def _url(_field: Field) -> Schema:
    return {"type": "string", "pattern": "^https?://"}


_TYPES: Mapping[Type, Callable[[Field], Schema]] = {
    "string": _string,
    "boolean": _boolean,
    "number": _number,
    "integer": _number,
    "object": _object,
    "array": _array,
    "image": _image,
    "url": _url,
}


def _field(field: Field, **more: Any) -> Schema:
    if field.ignored:
        return {"description": "Accepted and not looked at."}
    made = _TYPES[field.type](field) | more
    return made if field.required else {"anyOf": [made, reference("Absent")]}


def _request(shape: Shape, **known: Schema) -> Schema:
    """Return the schema of *shape*; *known* adds to the schemas of some fields."""
    made: Schema = {
        "type": "object",
        "properties": {
            name: _field(field, **known.get(name, {})) for name, field in shape.fields.items()
        },
        "additionalProperties": False,
    }
    if shape.required:
        made["required"] = [field.name for field in shape.required]
    return made


def _create(endpoint: str) -> Schema:
    return _request(
        FIELDS[endpoint],
        model_name={"enum": list(MODELS[endpoint]), "default": DEFAULT_MODELS[endpoint]},
        mode={"default": DEFAULT_MODES[endpoint]},
        duration={"default": "5"},
    )


# ---------------------------------------------------------------- answers

_INFO = _closed(("external_task_id",), external_task_id={"type": "string"})
_VIDEO = _closed(
    id=_ID,
    url={"type": "string", "format": "uri"},
    watermark_url={"type": "string", "description": "Empty unless a watermark was asked for."},
    duration={"type": "string", "pattern": "^[0-9]+$", "description": "Seconds."},
)
_STATUS: Schema = {"enum": ["submitted", "processing", "succeed", "failed"]}

SCHEMAS: Mapping[str, Schema] = {
    "Absent": {"enum": ["", None], "description": "Counts as not given."},
    **{f"create-{endpoint}": _create(endpoint) for endpoint in ENDPOINTS},
    "Refusal": {
        **_closed(
            code={"enum": [code for code in CODES if code]},
            message={"type": "string", "minLength": 1},
            request_id={"type": "string"},
        ),
        "description": "There is no `data` in it.",
    },
    "CreatedTask": _closed(
        task_id=_ID,
        task_status={"const": "submitted"},
        task_info=_INFO,
        created_at=_MILLISECONDS,
        updated_at=_MILLISECONDS,
    ),
    "Task": _closed(
        ("final_unit_deduction",),
        task_id=_ID,
        task_status=_STATUS,
        task_status_msg={"type": "string", "description": "Why it failed; else empty."},
        task_info=_INFO,
        task_result=_closed(
            ("videos",),
            videos={"type": "array", "minItems": 1, "maxItems": 1, "items": _VIDEO},
        ),
        watermark_info=_closed(enabled={"type": "boolean"}),
        created_at=_MILLISECONDS,
        updated_at=_MILLISECONDS,
        final_unit_deduction={
            "type": "string",
            "pattern": "^[0-9]+([.][0-9]+)?$",
            "description": "Kling units; once the task has ended.",
        },
    ),
}
