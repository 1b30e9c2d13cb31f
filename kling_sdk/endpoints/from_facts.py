"""Validators and reprs of request parameters, made from the facts.

A parameter has a validator or a repr of its own in its class only where these would be wrong: the
check depends on the model, or the client requires more than the vendor's page.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.endpoints.solution_fields import numbers, pictures, texts
from kling_sdk.endpoints.values import hidden, hidden_list, media, media_list
from kling_sdk.facts.fields import FieldFacts
from kling_sdk.facts.solutions import ContentFacts
from kling_sdk.files import to_image, to_sound

__all__ = ["from_facts", "maximum"]

_MAX_ID: Final = 100  # characters: no page states a limit; the ids seen have fewer than 40
_MEDIA: Final = frozenset({"image", "sound", "url"})
#: What reads a file, and how its errors get the parameter's name.
_READERS: Final[dict[Any, Callable[..., str]]] = {
    converters.needed_image: to_image,
    converters.optional_image: to_image,
    converters.optional_sound: to_sound,
}
_BY_TYPE: Final = {"boolean": checks.flag, "image": checks.image, "sound": checks.sound}


def from_facts(cls: Any, fields: list[Any]) -> list[Any]:
    """Return the parameters of a request class, checked and shown as its facts say.

    It is a `field_transformer` of attrs.
    """
    record: EndpointRecord = cls.record
    rows: dict[str, FieldFacts | ContentFacts] = {row.name: row for row in record.fields}
    if record.solution is not None:
        contents = {row.type: row for row in record.solution.contents}
        rows |= {item.parameter: contents[item.type] for item in record.contents}
    return [_completed(field, rows.get(field.name)) for field in fields]


def maximum(rows: Iterable[FieldFacts], path: str) -> int:
    """Return the upper limit of the field at a path of *rows*, such as `input.text`."""
    name, _, rest = path.partition(".")
    row = next(row for row in rows if row.name == name)
    if rest:
        return maximum(row.members, rest)
    assert row.high is not None  # noqa: S101 - only fields with a limit are asked for
    return int(row.high)


def _completed(field: Any, row: FieldFacts | ContentFacts | None) -> Any:
    needed = field.default is attrs.NOTHING
    if field.converter in _READERS:
        field = field.evolve(converter=_naming(field.converter, field.name))
    if field.repr is True:
        field = field.evolve(repr=_repr_of(row))
    if field.validator is not None or row is None:
        return field
    check = _of_field(row, needed) if isinstance(row, FieldFacts) else _of_content(row, needed)
    return field.evolve(validator=check)


def _naming(converter: Any, name: str) -> Any:
    read = _READERS[converter]

    @functools.wraps(converter)
    def convert(value: Any) -> Any:
        is_left_out = value is None and converter is not converters.needed_image
        return None if is_left_out else read(value, field=name)

    return convert


def _repr_of(row: FieldFacts | ContentFacts | None) -> Any:
    if row is None:
        return True
    if isinstance(row, FieldFacts):
        return hidden if row.private else media if row.type in _MEDIA else True
    if row.kind == "text":
        return hidden_list if row.max_items > 1 else hidden
    if row.kind in _MEDIA:
        return media_list if row.max_items > 1 else media
    return True


def _of_field(row: FieldFacts, needed: bool) -> checks.Validator | None:  # noqa: FBT001 - of a row, not an option
    """Return the validator of the values of a field; None if its converter checks them."""
    if row.type == "string":
        return _of_text(row, needed)
    if row.type == "url":
        return checks.needed_url if needed else checks.web_url
    if row.low is not None and row.high is not None:
        return _of_range(row, row.low, row.high, needed)
    return numbers(*row.numbers) if row.numbers else _BY_TYPE.get(row.type)


def _of_range(row: FieldFacts, low: float, high: float, needed: bool) -> checks.Validator:  # noqa: FBT001 - the same
    if row.type == "array":
        return checks.items(int(low), int(high))
    if row.type == "integer":
        return checks.whole_number(int(low), int(high))
    return checks.needed_number(low, high) if needed else checks.number(low, high)


def _of_text(row: FieldFacts, needed: bool) -> checks.Validator:  # noqa: FBT001 - the same
    if row.enum and row.enum[0].isdecimal():  # seconds, as text
        return checks.seconds(int(row.enum[0]), int(row.enum[-1]))
    if row.enum:
        return checks.needed_word(row.enum) if needed else checks.one_of(row.enum)
    max_length = None if row.high is None else int(row.high)
    if max_length is None and row.name.endswith("_id"):
        max_length = _MAX_ID
    return checks.required_text(max_length) if needed else checks.text(max_length)


def _of_content(row: ContentFacts, needed: bool) -> checks.Validator | None:  # noqa: FBT001 - the same
    """Return the validator of the items of a type; None if the converter checks them."""
    if row.kind in ("text", "word"):
        if row.max_items > 1:
            return texts(row.max_items, row.max_length)
        return checks.required_text(row.max_length) if needed else checks.text(row.max_length)
    if row.kind == "image":
        return pictures(row.max_items) if row.max_items > 1 else checks.image
    if row.kind == "url":
        return checks.needed_url if needed else checks.web_url
    return None
