"""Checks of values by their fields, one field at a time.

The real service reads bodies leniently: it ignores keys that it does not know, and accepts a number
for a text and vice versa. This module does the same, and notes it. Refusals use the real service's
words where these are known; elsewhere the text begins with the path of the field, as in
`multi_prompt[0].duration: ...`, followed by what it must be and what was sent.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, NamedTuple, cast

from kling_mock.kling.endpoints.fields import Field, FieldShape
from kling_mock.kling.endpoints.images import MAX_BYTES, check_length
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.endpoints.sounds import check_size
from kling_mock.kling.service_codes import Refusal, invalid, refusal, shortened
from kling_mock.web.addresses import is_http_url
from kling_sdk.facts.fields import FieldType

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_BOOLEANS: Final = {"true": True, "false": False}


class FieldReader(NamedTuple):
    """The context in which fields are read.

    Attributes:
        noticed: Collects the notes.
        known: The names of the fields of all endpoints: any other is unknown.
    """

    noticed: Noticed
    known: Collection[str]


def check_fields(
    shape: FieldShape, body: Mapping[str, object], reader: FieldReader, path: str = ""
) -> dict[str, Any]:
    """Return the known fields of *body*, converted to their types, without absent ones.

    Args:
        shape: The possible fields.
        body: A JSON object.
        reader: Notes what is ignored or coerced.
        path: What comes before a field's name in a message.

    Raises:
        Refusal: 400/1201 for a wrong type, a value out of range, or a required field that is
            missing.
    """
    checked: dict[str, Any] = {}
    fields = shape.fields
    for name, value in body.items():
        if value is None or value == "":
            continue
        field = fields.get(name)
        if field is None or field.ignored:
            _ignore(field, path, name, shape, reader)
            continue
        checked[name] = _READERS[field.type](field, value, path + name, reader)
    for field in shape.required:
        if field.name not in checked:
            raise invalid(path + field.name, f"required, {_expected(field)}")
    return checked


def _ignore(
    field: Field | None, path: str, name: str, shape: FieldShape, reader: FieldReader
) -> None:
    where = path + shortened(name)
    if field is not None:
        reader.noticed.inapplicable(where, "it is the old name of model_name, and has no effect")
    elif name in reader.known:
        text = f"it has no effect here; the fields are {shape.names}"
        reader.noticed.inapplicable(where, text)
    else:
        reader.noticed.unknown(where, f"unknown field; expected one of {shape.names}")


def _string(field: Field, value: object, path: str, reader: FieldReader) -> str:
    if not isinstance(value, str):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _unreadable(field, path, value)
        value = _text(value)
        if not field.is_numeric:
            reader.noticed.coerced(path, f"a number was taken for a text; {_expected(field)}")
    if field.enum and value not in field.enum:
        choices = ", ".join(field.enum)
        values = {"path": path, "value": shortened(value), "choices": choices}
        raise refusal(field.texts.wrong_value, field=path, note=_expected(field), **values)
    if field.high is not None and len(value) > field.high:
        raise invalid(path, f"{_expected(field)}, got {len(value)}")
    return value


def _text(number: float) -> str:
    if number % 1 == 0:  # neither NaN nor infinity
        number = int(number)
    # str() of an int with thousands of digits raises.
    return str(number) if abs(number) < 10**40 else "a huge number"


def _boolean(field: Field, value: object, path: str, reader: FieldReader) -> bool:
    if isinstance(value, bool):
        return value
    flag = _BOOLEANS.get(value) if isinstance(value, str) else None
    if flag is None:
        raise _unreadable(field, path, value)
    reader.noticed.coerced(path, "a text was taken for true or false")
    return flag


def _number(field: Field, value: object, path: str, reader: FieldReader) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
        reader.noticed.coerced(path, f"a text was taken for a number; {_expected(field)}")
    # A bool is an int to Python, but not to JSON.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _unreadable(field, path, value)
    _in_range(field, value, value, path)
    return value


def _integer(field: Field, value: object, path: str, reader: FieldReader) -> int:
    original = value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, float) and value.is_integer():  # NaN and infinity are none
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _unreadable(field, path, value)
    if value is not original:
        reader.noticed.coerced(path, f"it was taken for a whole number; {_expected(field)}")
    _in_range(field, value, value, path)
    return value


def _object(field: Field, value: object, path: str, reader: FieldReader) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unreadable(field, path, value)
    return check_fields(_members(field), cast("dict[str, object]", value), reader, f"{path}.")


def _array(field: Field, value: object, path: str, reader: FieldReader) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise _unreadable(field, path, value)
    items = cast("list[object]", value)
    _in_range(field, len(items), items, path)
    members = _members(field)
    objects: list[dict[str, Any]] = []
    for number, item in enumerate(items):
        at = f"{path}[{number}]"
        if not isinstance(item, dict):
            raise _unreadable(field, at, item, "object")
        objects.append(check_fields(members, cast("dict[str, object]", item), reader, f"{at}."))
    return objects


def _members(field: Field) -> FieldShape:
    if field.members is None:
        raise TypeError(f"the table gives {field.name} no members")
    return field.members


def _url(field: Field, value: object, path: str, _reader: FieldReader) -> str:
    if not isinstance(value, str):
        raise _unreadable(field, path, value)
    if not is_http_url(value):
        raise invalid(path, _expected(field), value)
    return value


def _image(field: Field, value: object, path: str, _reader: FieldReader) -> str:
    if not isinstance(value, str):
        raise _unreadable(field, path, value)
    return check_image(value, path)


def _sound(field: Field, value: object, path: str, _reader: FieldReader) -> str:
    if not isinstance(value, str):
        raise _unreadable(field, path, value)
    if not value.startswith(("http://", "https://")):
        check_size(value, path)  # first: decoding takes long
        _check_base64(value, path)
    return value


def check_image(value: str, path: str, max_bytes: int = MAX_BYTES) -> str:
    """Return *value*, which must be a URL or base64 of an image of at most *max_bytes* bytes.

    Args:
        value: What was sent.
        path: The field, for the message.
        max_bytes: The maximum size of an image in bytes.

    Raises:
        Refusal: 400/1201, it is neither, or too large.
    """
    if value.startswith(("http://", "https://")):
        return value  # never fetched: this server opens no connection for a request
    check_length(value, path, max_bytes)  # first: decoding takes long
    _check_base64(value, path)
    return value


def _check_base64(value: str, path: str) -> None:
    if value.startswith("data:"):
        text = "must be raw base64 without a data: prefix"
        raise refusal("base64", field=path, note=text)
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise refusal("base64", field=path, note="must be a URL or raw base64") from None


def _texts(field: Field, value: object, path: str, _reader: FieldReader) -> list[str]:
    if not isinstance(value, list):
        raise _unreadable(field, path, value)
    items = cast("list[object]", value)
    for number, item in enumerate(items):
        if not isinstance(item, str):
            raise _unreadable(field, f"{path}[{number}]", item, "string")
    return cast("list[str]", items)


def _unreadable(field: Field, path: str, value: object, expected: str = "") -> Refusal:
    """Return the refusal of a value that cannot be read as the type of its field."""
    values = {"path": path, "value": _plain(value), "expected": expected or field.type}
    return refusal(field.texts.wrong_type, field=path, note=_expected(field), **values)


def _plain(value: object) -> str:
    """Return a value of a wrong type as text, without looking into it."""
    if isinstance(value, str):
        return shortened(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value) if isinstance(value, int | float) else type(value).__name__


def _in_range(field: Field, size: float, value: object, path: str) -> None:
    # Written so that a NaN is refused too.
    low_enough = field.high is None or size <= field.high
    high_enough = field.low is None or size >= field.low
    if not (low_enough and high_enough):
        got = size if field.type == "array" else value
        if field.texts.validated:
            raise _beyond(field, size, path)
        raise invalid(path, _expected(field), got)


def _beyond(field: Field, size: float, path: str) -> Refusal:
    first, *others = path.rpartition(".")[2].split("_")
    name = first + "".join(map(str.capitalize, others))
    is_above = field.high is not None and size > field.high
    label = f"{path.rpartition('.')[0]}.{name}".removeprefix(".")
    bound = field.high if is_above else field.low
    situation = "above" if is_above else "below"
    return refusal(situation, field=path, note=_expected(field), shown=label, bound=bound)


_READERS: dict[FieldType, Callable[[Field, object, str, FieldReader], Any]] = {
    "string": _string,
    "boolean": _boolean,
    "number": _number,
    "integer": _integer,
    "object": _object,
    "array": _array,
    "url": _url,
    "image": _image,
    "sound": _sound,
    "images": _texts,
    "texts": _texts,
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
        "sound": "must be a URL or raw base64",
        "images": "must be a list of strings",
        "texts": "must be a list of strings",
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
