"""Whether a value is one that its field takes; one field at a time.

A refusal is 400/1201 and its text begins with the path of the field, as in
`multi_prompt[0].duration: ...`, followed by what it must be and what was sent.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, cast

from kling_mock.kling.endpoints.fields import Field, FieldShape, FieldType
from kling_mock.kling.endpoints.images import check_length
from kling_mock.kling.service_codes import invalid, shortened
from kling_mock.web.addresses import is_http_url

__all__ = ["check_fields"]


def check_fields(shape: FieldShape, body: Mapping[str, object], path: str = "") -> dict[str, Any]:
    """Return the known fields of *body*, without those that count as absent.

    Args:
        shape: The fields that it may have.
        body: A JSON object.
        path: What comes before a field's name in a message.

    Raises:
        Refusal: 400/1201 for an unknown key, a wrong type, a value out of range, or a
            required field that is missing.
    """
    found: dict[str, Any] = {}
    fields = shape.fields
    for name, value in body.items():
        field = fields.get(name)
        if field is None:
            raise invalid(path + shortened(name), f"unknown field; expected one of {shape.names}")
        if value is None or value == "" or field.ignored:
            continue
        _CHECKS[field.type](field, value, path + name)
        found[name] = value
    for field in shape.required:
        if field.name not in found:
            raise invalid(path + field.name, f"required, {_expected(field)}")
    return found


def _string(field: Field, value: object, path: str) -> None:
    if not isinstance(value, str):
        raise invalid(path, _expected(field), value)
    if field.enum and value not in field.enum:
        raise invalid(path, _expected(field), value)
    if field.high is not None and len(value) > field.high:
        raise invalid(path, f"{_expected(field)}, got {len(value)}")


def _boolean(field: Field, value: object, path: str) -> None:
    if not isinstance(value, bool):
        raise invalid(path, _expected(field), value)


def _number(field: Field, value: object, path: str) -> None:
    # A bool is an int to Python, but not to JSON.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(path, _expected(field), value)
    _in_range(field, value, value, path)


def _integer(field: Field, value: object, path: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(path, _expected(field), value)
    _in_range(field, value, value, path)


def _object(field: Field, value: object, path: str) -> None:
    if not isinstance(value, dict):
        raise invalid(path, _expected(field), value)
    check_fields(_members(field), cast("dict[str, object]", value), f"{path}.")


def _array(field: Field, value: object, path: str) -> None:
    if not isinstance(value, list):
        raise invalid(path, _expected(field), value)
    items = cast("list[object]", value)
    _in_range(field, len(items), items, path)
    members = _members(field)
    for number, item in enumerate(items):
        at = f"{path}[{number}]"
        if not isinstance(item, dict):
            raise invalid(at, f"must be an object with {members.names}", item)
        check_fields(members, cast("dict[str, object]", item), f"{at}.")


def _members(field: Field) -> FieldShape:
    if field.members is None:
        raise TypeError(f"the table gives {field.name} no members")
    return field.members


def _url(field: Field, value: object, path: str) -> None:
    if not (isinstance(value, str) and is_http_url(value)):
        raise invalid(path, _expected(field), value)


def _image(field: Field, value: object, path: str) -> None:
    if not isinstance(value, str):
        raise invalid(path, _expected(field), value)
    if value.startswith(("http://", "https://")):
        return  # never fetched: this server opens no connection for a request
    if value.startswith("data:"):
        raise invalid(path, "must be raw base64 without a data: prefix", value)
    check_length(value, path)  # first: decoding takes long
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(path, _expected(field), value) from None


def _in_range(field: Field, size: float, value: object, path: str) -> None:
    # Written so that a NaN is refused too.
    low_enough = field.high is None or size <= field.high
    high_enough = field.low is None or size >= field.low
    if not (low_enough and high_enough):
        got = size if field.type == "array" else value
        raise invalid(path, _expected(field), got)


_CHECKS: dict[FieldType, Callable[[Field, object, str], None]] = {
    "string": _string,
    "boolean": _boolean,
    "number": _number,
    "integer": _integer,
    "object": _object,
    "array": _array,
    "url": _url,
    "image": _image,
}


def _expected(field: Field) -> str:
    """Return what the value of *field* must be."""
    if field.enum:
        return f"must be a string, one of {', '.join(field.enum)}"
    members = "" if field.members is None else field.members.names
    span = _span(field)
    texts: dict[FieldType, str] = {
        "string": f"must be a string of at most {field.high} characters",
        "boolean": "must be true or false",
        "number": f"must be a number{span}",
        "integer": f"must be a whole number{span}",
        "array": f"must be a list of{span} items, each with {members}",
        "object": f"must be an object with {members}",
        "url": "must be an http or https URL with a host",
        "image": "must be a URL or raw base64",
    }
    if field.type == "string" and field.high is None:
        return "must be a string"
    return texts[field.type]


def _span(field: Field) -> str:
    if field.low is not None and field.high is not None:
        return f" from {field.low} to {field.high}"
    if field.low is not None:
        return f" {field.low} or more"
    return ""
