"""`POST /v1/videos/image-recognize`: where a picture has an object, a head, a face, and clothes."""

from __future__ import annotations

from typing import ClassVar, Final

import attrs

from kling_sdk.endpoints import converters
from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.facts.products.recognize_image import REQUEST
from kling_sdk.results.answers import RecognizedImage

__all__ = ["RecognizeImage"]

_RECORD: Final = EndpointRecord(
    name="recognize-image",
    path=REQUEST.path,
    fields=REQUEST.fields,
    returns=RecognizedImage.from_data,
    takes_external_id=False,
)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class RecognizeImage(Request):
    """Recognition of a picture's parts, at once: `POST /v1/videos/image-recognize`.

    Each call is charged. Source: the vendor's page (two copies agree); since 2025-10-20.

    Attributes:
        image: The picture; sources and limits as `ImageToVideo.image`.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD

    image: str = attrs.field(converter=converters.needed_image)
