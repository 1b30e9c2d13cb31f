"""`POST /v1/general/custom-elements`: an element of the older library, made at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.converters import AnyMapping
from kling_sdk.endpoints.custom_element import ElementTag, to_tags
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.record import EndpointRecord, Library
from kling_sdk.endpoints.values import media, objects
from kling_sdk.facts.products.legacy_element import REQUEST
from kling_sdk.files import ImageSource, to_image
from kling_sdk.results.library_items import Element

__all__ = ["LegacyElement"]

_OTHERS: Final = "element_refer_list"

_RECORD: Final = EndpointRecord(
    name="legacy-elements",
    path=REQUEST.path,
    fields=REQUEST.fields,
    result="elements",
    returns=Element.from_data,
    takes_external_id=False,
    library=Library(
        "element",
        presets="/v1/general/presets-elements",
        delete="/v1/general/delete-elements",
    ),
)


def _to_other(value: ImageSource) -> str:
    return to_image(value, field=_OTHERS)


@attrs.frozen
class LegacyReferImage:
    """A picture of an element beside the frontal one."""

    image_url: str = attrs.field(converter=_to_other, repr=media)


def _to_others(value: Iterable[ImageSource | AnyMapping]) -> tuple[LegacyReferImage, ...]:
    return objects(LegacyReferImage, _OTHERS, value, LegacyReferImage)


def _pictures(request: LegacyElement) -> checks.Problems:
    """Each of the other pictures keeps the limits of a picture."""
    others = (image.image_url for image in request.element_refer_list)
    return checks.picture_problems(request, _OTHERS, *others)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class LegacyElement(Request):
    """An element of the older library, made at once: `POST /v1/general/custom-elements`.

    The vendor's pages of 2026-09 have only the newer library, `CustomElement`. Source: the page of
    2026-04 (two copies agree) and clients that call it.

    Attributes:
        element_name: Its name, 1 to 20 characters.
        element_description: What it is, 1 to 100 characters.
        element_frontal_image: It from the front; sources and limits as `ImageToVideo.image`.
        element_refer_list: 1 to 3 pictures of it from other sides or nearer, with the same limits;
            the vendor's objects with a picture each are taken too.
        tag_list: What kind of thing it is, as ids; known are `o_101` to `o_108`.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (_pictures,)

    element_name: str
    element_description: str
    element_frontal_image: str = attrs.field(converter=converters.needed_image)
    element_refer_list: tuple[LegacyReferImage, ...] = attrs.field(converter=_to_others)
    tag_list: tuple[ElementTag, ...] | None = attrs.field(
        default=None, converter=to_tags, validator=checks.items(1, 8)
    )
