"""`POST /v1/images/editing/expand`: a picture continued beyond its edges."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.models import IMAGE_TIMEOUT
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.facts.products.image_expand import REQUEST

__all__ = ["ImageExpand"]

MAX_AREA: Final = 3  # times that of the picture

_RECORD: Final = EndpointRecord(
    name="image-expand",
    path=REQUEST.path,
    fields=REQUEST.fields,
    result="images",
    wait_timeout=IMAGE_TIMEOUT,
)


def _area(request: Any) -> checks.Problems:
    """The result has at most three times the area of the picture."""
    height = 1 + request.up_expansion_ratio + request.down_expansion_ratio
    width = 1 + request.left_expansion_ratio + request.right_expansion_ratio
    if width * height > MAX_AREA + 1e-9:  # sums of decimal fractions are not exact
        yield (
            "up_expansion_ratio",
            f"and the other three make {width * height:.4g} times the area",
            f"at most {MAX_AREA} times: (1 + up + down) * (1 + left + right)",
        )


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class ImageExpand(Request):
    """A picture continued beyond its edges: `POST /v1/images/editing/expand`.

    Source: one official copy of the vendor's page of 2026-09 (confidence medium).

    Attributes:
        image: The picture; sources and limits as `ImageToVideo.image`.
        up_expansion_ratio: How much to add above it, 0 to 2 times its height. The result has at
            most three times its area.
        down_expansion_ratio: How much to add below it, 0 to 2 times its height.
        left_expansion_ratio: How much to add on its left, 0 to 2 times its width.
        right_expansion_ratio: How much to add on its right, 0 to 2 times its width.
        prompt: What to show there, at most 2500 characters.
        n: How many pictures, 1 to 9. None: 1.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: `v1`; the other interface has no pictures.
        check: False to check nothing before it is sent; see `Request`.
        watermark_info: True to get a second copy with a watermark.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (_area,)

    image: str = attrs.field(converter=converters.needed_image)
    up_expansion_ratio: float
    down_expansion_ratio: float
    left_expansion_ratio: float
    right_expansion_ratio: float
    prompt: str | None = None
    n: int | None = attrs.field(default=None, converter=converters.to_count)
    watermark_info: bool | None = attrs.field(
        default=None, converter=converters.to_watermark, validator=checks.flag
    )
