"""The items of an account's libraries: voices and elements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from kling_sdk.errors import TransportError
from kling_sdk.results.task import shown_url
from kling_sdk.text.scalars import object_of, objects_of, text


def _redacted_repr(url: str) -> str:
    return repr(shown_url(url))


def _id(value: int | str) -> str:
    """Return an id of a library, which comes as a number or as text."""
    return str(value)


@attrs.frozen
class Voice:
    """A voice of a library: one of your own, or one of the vendor's.

    Pass it wherever a request takes a voice, such as `voice_list=[voice]`; if only the id is known,
    pass `Voice("829...")`.

    Attributes:
        voice_id: Its id, decimal digits as text, also where the response has a number.
        name: Its name.
        trial_url: URL of a sample; "" when the response does not say. It may be signed.
        owned_by: `kling` for the vendor's own (vendor page, two copies agree), else the owner as
            the response has it.
        raw: The object as received.
    """

    voice_id: str = attrs.field(converter=_id)
    name: str = ""
    trial_url: str = attrs.field(default="", repr=_redacted_repr)
    owned_by: str = ""
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)


@attrs.frozen
class Element:
    """A person or a thing of a library, which videos and pictures can show.

    Pass it wherever a request takes an element, such as `element_list=[element]`; if only the id is
    known, pass `Element(829...)`.

    Attributes:
        element_id: Its id as text. It is an int64: the response has a number, which may be too
            large for programs that read numbers of JSON as floats.
        name: Its name.
        description: Its description.
        reference_type: `image_refer` or `video_refer`: what it was made from; "" in the older
            library, where it is always pictures.
        voice: The voice with which it speaks, or None.
        owned_by: `kling` for the vendor's own, else the owner as the response has it.
        status: `succeed`, or `deleted`; "" when the response does not say.
        raw: The object as received, with its pictures, its video and its tags.
    """

    element_id: str = attrs.field(converter=_id)
    name: str = ""
    description: str = attrs.field(default="", repr=False)
    reference_type: str = ""
    voice: Voice | None = None
    owned_by: str = ""
    status: str = ""
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)

    @classmethod
    def from_data(cls, data: Any) -> Element:
        """Return the element in a response's `data`, whatever else that holds.

        Raises:
            TransportError: it has no element_id.
        """
        for element in elements_from([data]):
            return element
        raise TransportError("the response about an element has no element_id")


@attrs.frozen
class ElementPage:
    """One page of elements of the older library.

    Attributes:
        elements: The elements of the page, in the server's order.
        page: Number of the page, counted from 1.
        page_size: The number of elements requested.
        has_next: True when another page may follow.
    """

    elements: tuple[Element, ...]
    page: int
    page_size: int
    has_next: bool = False

    def __iter__(self) -> Iterator[Element]:
        return iter(self.elements)

    def __len__(self) -> int:
        return len(self.elements)


def voices_from(items: object) -> tuple[Voice, ...]:
    """Return the voices in the vendor's list; entries without an id are left out."""
    return tuple(voice for item in objects_of(items) if (voice := _voice_from(item)))


def _voice_from(item: Mapping[str, Any]) -> Voice | None:
    """Return a voice from the vendor's object, or None if that has no id."""
    if not (voice_id := text(item.get("voice_id"))):
        return None
    return Voice(
        voice_id,
        name=text(item.get("voice_name")),
        trial_url=text(item.get("trial_url")),
        owned_by=text(item.get("owned_by")),
        raw=item,
    )


def elements_from(items: object) -> tuple[Element, ...]:
    """Return the elements in the vendor's list; entries without an id are left out."""
    return tuple(
        Element(
            element_id,
            name=text(item.get("element_name")),
            description=text(item.get("element_description")),
            reference_type=text(item.get("reference_type")),
            voice=_voice_from(object_of(item.get("element_voice_info"))),
            owned_by=text(item.get("owned_by")),
            status=text(item.get("status")),
            raw=item,
        )
        for item in objects_of(items)
        if (element_id := text(item.get("element_id")))
    )
