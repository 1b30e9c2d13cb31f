"""`POST /solutions/e-commerce/goods_studio`: an advertisement from pictures of goods."""

from __future__ import annotations

from typing import ClassVar, Final

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.record import ContentItem, EndpointRecord
from kling_sdk.endpoints.solution_fields import (
    VideoResolution,
    needed_ref_images,
)
from kling_sdk.endpoints.values import AspectRatio, whole
from kling_sdk.facts.products.goods_studio import REQUEST

__all__ = ["GoodsStudio"]

_RECORD: Final = EndpointRecord(
    name="solutions-goods-studio",
    path=REQUEST.path,
    fields=REQUEST.settings,
    interface="solutions",
    duration_type="number",
    solution=REQUEST,
    contents=(
        ContentItem("ref_image_list", "ref_image", "url"),
        ContentItem("goods_title", "goods_title", "text"),
        ContentItem("goods_description", "goods_description", "text"),
    ),
)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class GoodsStudio(Request):
    """An advertisement from pictures of goods: `POST /solutions/e-commerce/goods_studio`.

    Beta. Source: one copy of the vendor's Chinese page, undated, of 2026-09-15 or later (confidence
    medium); no response was observed. It takes an API key, not a key pair.
    What it costs is not known.

    Attributes:
        ref_image_list: 1 to 5 pictures of the goods: each a path object, bytes, binary file, URL,
            data-URI or base64 of a JPEG, PNG or WebP of at most 50 MB and at least 300 px a side,
            ratio 1:2.5 to 2.5:1.
        goods_title: The name of the goods, 1 to 200 characters.
        resolution: `720p` or `1080p`.
        aspect_ratio: `9:16`, `1:1` or `16:9`.
        duration: Seconds: 15, 30 or 60, as int or text.
        goods_description: What they are, at most 2000 characters.
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

    ref_image_list: tuple[str, ...] = attrs.field(converter=needed_ref_images)
    goods_title: str
    resolution: VideoResolution | str
    aspect_ratio: AspectRatio | str
    duration: int = attrs.field(converter=whole)
    goods_description: str | None = None
    watermark_info: bool | None = attrs.field(
        default=None, converter=converters.to_watermark, validator=checks.flag
    )
