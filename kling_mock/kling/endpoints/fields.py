"""The fields of a request as the emulator reads them, with their facts and texts of refusals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from kling_sdk.facts.fields import FieldFacts, FieldType, RequestFacts
from kling_sdk.facts.sources import PAGES, Fact


class FieldTexts(NamedTuple):
    """The texts with which a wrong value is refused.

    Attributes:
        wrong_value: The key of `MESSAGES` with the text for a string that is not a possible one.
        wrong_type: The key for a value that cannot be read as the field's type.
        validated: Whether a number out of range is refused in the words of the service's
            framework, which names the field as its program does.
    """

    wrong_value: str = "value"
    wrong_type: str = "unreadable"
    validated: bool = False


class Field(NamedTuple):
    """A field as the emulator reads it: the contents of `FieldFacts`, and its refusals.

    Attributes:
        members: What an object holds, or each item of an array.
        fact: Where the row comes from.
        texts: The texts with which a wrong value is refused.
    """

    name: str
    type: FieldType
    required: bool = False
    enum: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    members: FieldShape | None = None
    ignored: bool = False
    fact: Fact = PAGES
    default: str | float | bool | None = None
    is_numeric: bool = False
    texts: FieldTexts = FieldTexts()
    private: bool = False


class FieldShape(NamedTuple):
    """The keys that an object may have.

    Attributes:
        fields: By name, in the order of the vendor's page.
        required: The names of required fields.
        names: The names that a message lists.
    """

    fields: Mapping[str, Field]
    required: tuple[Field, ...]
    names: str

    def all_fields(self) -> Iterator[Field]:
        """Yield the fields, those of objects in them included."""
        for field in self.fields.values():
            yield field
            if field.members is not None:
                yield from field.members.all_fields()

    def words(self, body: Mapping[str, object]) -> Iterator[str]:
        """Yield the user's own words in an object, except for what must not be shown.

        Args:
            body: The object, as it was sent: any value may be of a wrong type.
        """
        for field in self.fields.values():
            value = body.get(field.name)
            if field.private and isinstance(value, str) and field.name != "negative_prompt":
                yield value
            elif field.members is not None:
                for member in value if isinstance(value, list) else (value,):
                    yield from field.members.words(member) if isinstance(member, dict) else ()


def field_shape(*fields: Field) -> FieldShape:
    """Return the shape of an object with these fields."""
    return FieldShape(
        fields={field.name: field for field in fields},
        required=tuple(field for field in fields if field.required),
        names=", ".join(field.name for field in fields if not field.ignored),
    )


def fields_of(request: RequestFacts, texts: Mapping[str, FieldTexts] = {}) -> FieldShape:
    """Return the shape of the body of a request.

    Args:
        request: Its facts.
        texts: Unusual texts, by the path of their field, such as `input.mode`.
    """
    return field_shape(*read_fields(request.fields, request.fact, texts))


def read_fields(
    rows: Iterable[FieldFacts], fact: Fact, texts: Mapping[str, FieldTexts] = {}, within: str = ""
) -> Iterator[Field]:
    """Yield the fields that *rows* describe; see `fields_of`.

    Args:
        rows: Fields of a body, or of an object in it.
        fact: The fact of rows that do not have their own.
        texts: Texts by the path of a field.
        within: The part of the path before their names.
    """
    for row in rows:
        path = f"{within}{row.name}"
        inside = read_fields(row.members, fact, texts, f"{path}.")
        yield Field(
            row.name,
            row.type,
            row.required,
            row.enum,
            row.low,
            row.high,
            field_shape(*inside) if row.members else None,
            row.ignored,
            row.fact or fact,
            row.default,
            row.is_numeric,
            texts.get(path, _USUAL),
            row.private,
        )


_USUAL: Final = FieldTexts()
NO_FIELDS: Final = field_shape()
