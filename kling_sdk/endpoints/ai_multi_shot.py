"""`POST /v1/general/ai-multi-shot`: further views of an element, from its picture."""

from __future__ import annotations

from typing import ClassVar, Final

import attrs

from kling_sdk.endpoints import converters
from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.models import IMAGE_TIMEOUT
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.facts.products.ai_multi_shot import REQUEST

__all__ = ["AiMultiShot"]

_RECORD: Final = EndpointRecord(
    name="ai-multi-shot",
    path=REQUEST.path,
    fields=REQUEST.fields,
    result="images",
    wait_timeout=IMAGE_TIMEOUT,
)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class AiMultiShot(Request):
    """Views of an element from other sides: `POST /v1/general/ai-multi-shot`.

    The result is up to three sets of three pictures: of each picture, `Image.index` is its set (0
    to 2) and `Image.view` its place in it (1 to 3). Source: one official copy of the vendor's
    page of 2026-09 (confidence medium); the page does not name models or sizes.

    Attributes:
        element_frontal_image: The element from its front; sources and limits as
            `ImageToVideo.image`.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: `v1`; the other interface has no pictures.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD

    element_frontal_image: str = attrs.field(converter=converters.needed_image)
