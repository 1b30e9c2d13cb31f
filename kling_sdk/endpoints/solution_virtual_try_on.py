"""`POST /solutions/virtual_try_on`: a person in other clothes, on the newer interface."""

from __future__ import annotations

from typing import ClassVar, Final

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.models import IMAGE_TIMEOUT
from kling_sdk.endpoints.record import ContentItem, EndpointRecord
from kling_sdk.facts.products.solution_virtual_try_on import REQUEST

__all__ = ["SolutionVirtualTryOn"]

_RECORD: Final = EndpointRecord(
    name="solutions-virtual-try-on",
    path=REQUEST.path,
    fields=REQUEST.settings,
    interface="solutions",
    result="images",
    wait_timeout=IMAGE_TIMEOUT,
    solution=REQUEST,
    contents=(
        ContentItem("product_image", "product_image", "url"),
        ContentItem("person_image", "person_image", "url"),
    ),
)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class SolutionVirtualTryOn(Request):
    """A person in other clothes: `POST /solutions/virtual_try_on`.

    Beta. Source: one copy of the vendor's Chinese page, undated, of 2026-09-15 or later (confidence
    medium); no response was observed. It takes an API key, not a key pair.
    `VirtualTryOn` is the same product on /v1.

    Attributes:
        product_image: Public URL of a picture of the garment, also worn or lying flat: JPEG, PNG or
            WebP of at most 10 MB, the longer side at most 2048 px, the shorter one over 300 px.
        person_image: Public URL of a picture of the person, with the same limits.
        keep_face: Whether face and hair stay as they are. None: yes.
        keep_pose: Whether the pose stays as it is. None: yes.
        keep_background: Whether the background stays as it is. None: yes.
        external_task_id: Your own id of the task, unique in the account and without a comma; None
            generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body (`contents`, `settings`, `options`), merged in last.
        check: False to check nothing before it is sent; see `Request`.
        watermark_info: True to get a second copy with a watermark. None: no.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD

    product_image: str
    person_image: str
    keep_face: bool | None = None
    keep_pose: bool | None = None
    keep_background: bool | None = None
    watermark_info: bool | None = attrs.field(
        default=None, converter=converters.to_watermark, validator=checks.flag
    )
