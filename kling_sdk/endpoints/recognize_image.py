"""`POST /v1/videos/image-recognize`: where a picture has an object, a head, a face, and clothes."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import attrs

from kling_sdk.answers import RecognizedImage
from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.endpoints.values import media

__all__ = ["RecognizeImage"]


def _recognized(data: Any) -> RecognizedImage:
    return RecognizedImage.from_data(data)


_RECORD: Final = EndpointRecord(
    name="recognize-image",
    path="/v1/videos/image-recognize",
    returns=_recognized,
    takes_external_id=False,
)


@attrs.frozen(kw_only=True)
class RecognizeImage(Request):
    """What a picture has, found at once: `POST /v1/videos/image-recognize`.

    Each call is charged. Source: the vendor's page (two copies agree); since 2025-10-20.

    Attributes:
        image: The picture; sources and limits as `ImageToVideo.image`.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD

    image: str = attrs.field(converter=converters.needed_image, validator=checks.image, repr=media)
