"""Does a value have the shape that its field asks for? One field at a time, no I/O.

A refusal is 400/1201 and its text begins with the path of the field, as in
`multi_prompt[0].duration: ...`, followed by what is accepted and what was sent.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from kling_mock.kling.service_codes import Refusal

if TYPE_CHECKING:  # a query has use for `refuse`, and none for the table
    from kling_mock.kling.endpoints.fields import Field, Shape, Type

__all__ = ["check_fields", "refuse"]

_SHOWN = 40  # characters of a wrong value that a message repeats


def refuse(path: str, accepted: str, got: object = None) -> Refusal:
    """Return the 1201 refusal of the value at *path*.

    Args:
        path: The field, as `name`, `name.member` or `name[0].member`.
        accepted: What would have been right.
        got: What was sent; `None` leaves it out.
    """
    sent = "" if got is None else f", got {_show(got)}"
    return Refusal(1201, f"{path}: {accepted}{sent}")


def check_fields(shape: Shape, body: Mapping[str, object], path: str = "") -> dict[str, Any]:
    """Return what *body* says: its known fields, without those that count as absent.

    Args:
        shape: What is accepted.
        body: A JSON object.
        path: What comes before a field's name in a message.

    Raises:
        Refusal: 400/1201 for an unknown key, a wrong type, a value out of range, or a
            required field that is missing.
    """
    said: dict[str, Any] = {}
    fields = shape.fields
    for name, value in body.items():
        field = fields.get(name)
        if field is None:
            raise refuse(path + _cut(name), f"unknown field; accepted: {shape.names}")
        if value is None or value == "" or field.ignored:
            continue
        _CHECKS[field.type](field, value, path + name)
        said[name] = value
    for field in shape.required:
        if field.name not in said:
            raise refuse(path + field.name, f"required, {_accepted(field)}")
    return said


def _string(field: Field, value: object, path: str) -> None:
    if not isinstance(value, str):
        raise refuse(path, _accepted(field), value)
    if field.enum and value not in field.enum:
        raise refuse(path, _accepted(field), value)
    if field.high is not None and len(value) > field.high:
        raise refuse(path, f"{_accepted(field)}, got {len(value)}")


def _boolean(field: Field, value: object, path: str) -> None:
    if not isinstance(value, bool):
        raise refuse(path, _accepted(field), value)


def _number(field: Field, value: object, path: str) -> None:
    # A bool is an int to Python, but not to JSON.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(path, _accepted(field), value)
    _in_range(field, value, value, path)


def _integer(field: Field, value: object, path: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse(path, _accepted(field), value)
    _in_range(field, value, value, path)


def _object(field: Field, value: object, path: str) -> None:
    if not isinstance(value, dict):
        raise refuse(path, _accepted(field), value)
    check_fields(_members(field), cast("dict[str, object]", value), f"{path}.")


def _array(field: Field, value: object, path: str) -> None:
    if not isinstance(value, list):
        raise refuse(path, _accepted(field), value)
    items = cast("list[object]", value)
    _in_range(field, len(items), items, path)
    members = _members(field)
    for number, item in enumerate(items):
        at = f"{path}[{number}]"
        if not isinstance(item, dict):
            raise refuse(at, f"must be an object with {members.names}", item)
        check_fields(members, cast("dict[str, object]", item), f"{at}.")


def _members(field: Field) -> Shape:
    if field.members is None:
        raise TypeError(f"the table gives {field.name} no members")
    return field.members


def _url(field: Field, value: object, path: str) -> None:
    if not (isinstance(value, str) and value.startswith(("http://", "https://"))):
        raise refuse(path, _accepted(field), value)


def _image(field: Field, value: object, path: str) -> None:
    if not isinstance(value, str):
        raise refuse(path, _accepted(field), value)
    if value.startswith(("http://", "https://")):
        return  # never fetched: this server opens no connection for a request
    if value.startswith("data:"):
        raise refuse(path, "raw base64 without a data: prefix is accepted", value)
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise refuse(path, _accepted(field), value) from None


def _in_range(field: Field, size: float, value: object, path: str) -> None:
    # Written so that a NaN is refused too.
    low_enough = field.high is None or size <= field.high
    high_enough = field.low is None or size >= field.low
    if not (low_enough and high_enough):
        got = size if field.type == "array" else value
        raise refuse(path, _accepted(field), got)


_CHECKS: dict[Type, Callable[[Field, object, str], None]] = {
    "string": _string,
    "boolean": _boolean,
    "number": _number,
    "integer": _integer,
    "object": _object,
    "array": _array,
    "url": _url,
    "image": _image,
}


def _accepted(field: Field) -> str:
    """Say what *field* accepts."""
    if field.enum:
        return f"must be a string, one of {', '.join(field.enum)}"
    members = "" if field.members is None else field.members.names
    span = _span(field)
    words: dict[Type, str] = {
        "string": f"must be a string of at most {field.high} characters",
        "boolean": "must be true or false",
        "number": f"must be a number{span}",
        "integer": f"must be a whole number{span}",
        "array": f"must be a list of{span} items, each with {members}",
        "object": f"must be an object with {members}",
        "url": "must be an http or https URL",
        "image": "must be a URL or raw base64",
    }
    if field.type == "string" and field.high is None:
        return "must be a string"
    return words[field.type]


def _span(field: Field) -> str:
    if field.low is not None and field.high is not None:
        return f" from {field.low} to {field.high}"
    if field.low is not None:
        return f" {field.low} or more"
    return ""


def _show(value: object) -> str:
    """Show a value shortly, and never look deep into it."""
    match value:
        case str():
            return repr(_cut(value))
        case bool():
            return "true" if value else "false"
        case int() | float():
            # str() of an int with thousands of digits raises.
            return str(value) if abs(value) < 10**_SHOWN else "a huge number"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return type(value).__name__


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
