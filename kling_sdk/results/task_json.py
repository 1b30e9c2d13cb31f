"""A task as JSON: what `Task.to_dict` writes and `Task.from_dict` reads, also in later releases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeVar, cast

import attrs

from kling_sdk.results.library_items import Element, Voice
from kling_sdk.results.task import Audio, Image, Response, Subtitles, Video
from kling_sdk.text.scalars import decimal

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Return a field's value, or a whole result, as JSON can carry it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if attrs.has(type(value)):
        return {
            field.name: to_json(getattr(value, field.name)) for field in attrs.fields(type(value))
        }
    return value  # text, bool, None, or an object as received


def from_json(cls: type[T], data: object, place: str) -> T:
    """Return the result from which `to_json` made *data*.

    Args:
        cls: The class of the result.
        data: The JSON value.
        place: The name of the data, for the error's text.

    Raises:
        ValueError: a field without a default is missing, or a value is of another type.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{place} is a {type(data).__name__}; it must be a mapping")  # noqa: TRY004 - as for any other value that cannot be read
    fields: dict[str, Any] = {}
    for field in attrs.fields(cast("type[attrs.AttrsInstance]", cls)):
        value = data.get(field.name)
        if value is not None:
            fields[field.name] = _read(str(field.type), value, f"{place}.{field.name}")
        elif field.default is attrs.NOTHING:
            raise ValueError(f"{place}.{field.name} is missing; it must be text")
    return cls(**fields)


def pydantic_schema(cls: type[T]) -> Any:
    """Return the schema by which pydantic reads and writes a result, as these functions do."""
    from pydantic_core import core_schema as core

    text = core.str_schema()
    kinds = {"str": text, "TaskStatus | str": text, "bool": core.bool_schema()}
    fields = {
        field.name: core.typed_dict_field(
            kinds.get(str(field.type), core.any_schema()),
            required=field.default is attrs.NOTHING,
        )
        for field in attrs.fields(cast("type[attrs.AttrsInstance]", cls))
    }
    written = core.typed_dict_schema(fields)
    return core.no_info_wrap_validator_function(
        lambda data, read: data if isinstance(data, cls) else from_json(cls, read(data), "task"),
        written,
        serialization=core.plain_serializer_function_ser_schema(to_json, return_schema=written),
    )


def _read(annotation: str, value: Any, place: str) -> Any:
    """Return the value of a field from what `to_json` made of it."""
    kind = annotation.removesuffix(" | None")
    if (part := _PARTS.get(kind)) is not None and isinstance(value, list):
        items = enumerate(value)
        return tuple(from_json(part, item, f"{place}[{number}]") for number, item in items)
    read, expected = _FIELDS.get(kind, (None, "a list"))
    try:
        parsed = read(value) if read is not None else None
    except (TypeError, ValueError):
        parsed = None
    if parsed is None:
        raise ValueError(f"{place} is not {expected}")
    return parsed


def _instance(kind: type) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, kind) else None


_PARTS: Final[dict[str, type]] = {
    "tuple[Video, ...]": Video,
    "tuple[Image, ...]": Image,
    "tuple[Audio, ...]": Audio,
    "tuple[Subtitles, ...]": Subtitles,
    "tuple[Voice, ...]": Voice,
    "tuple[Element, ...]": Element,
}
# A field's type -> how it is read, and what it must be.
_FIELDS: Final[dict[str, tuple[Callable[[Any], Any], str]]] = {
    "str": (_instance(str), "text"),
    "TaskStatus | str": (_instance(str), "text"),
    "bool": (_instance(bool), "True or False"),
    "int": (_instance(int), "a whole number"),
    "Mapping[str, Any]": (_instance(Mapping), "a mapping"),
    "Decimal": (decimal, "a number as text"),
    "Voice": (lambda value: from_json(Voice, value, "voice"), "a voice"),
    "Mapping[str, str]": (_instance(Mapping), "a mapping"),
    "Response": (lambda value: from_json(Response, value, "response"), "a response"),
    "datetime": (datetime.fromisoformat, "a time as ISO 8601 text"),
}
