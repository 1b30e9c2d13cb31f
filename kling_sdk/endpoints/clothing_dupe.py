"""`POST /solutions/e-commerce/clothing_dupe`: a video again, with other clothes in it."""

from __future__ import annotations

from typing import ClassVar, Final

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.record import ContentItem, EndpointRecord
from kling_sdk.endpoints.solution_fields import (
    VideoResolution,
    model_images,
    product_images,
)
from kling_sdk.endpoints.values import ImageAspectRatio
from kling_sdk.facts.products.clothing_dupe import REQUEST
from kling_sdk.facts.voices import DupeVoice

__all__ = ["ClothingDupe"]

_RECORD: Final = EndpointRecord(
    name="solutions-clothing-dupe",
    path=REQUEST.path,
    fields=REQUEST.settings,
    interface="solutions",
    solution=REQUEST,
    contents=(
        ContentItem("product_info", "product_info", "text"),
        ContentItem("source_video", "source_video", "url"),
        ContentItem("product_image_list", "product_image", "url"),
        ContentItem("model_image_list", "model_image", "url"),
        ContentItem("bgm", "bgm", "url"),
        ContentItem("voice_id", "voice", "voice_id"),
    ),
)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class ClothingDupe(Request):
    """A video again, with other clothes in it: `POST /solutions/e-commerce/clothing_dupe`.

    The result has the video in `Task.videos`, and pictures of the product and of the person in
    `Task.images`, whose `raw` says which they are.

    Beta. Source: one copy of the vendor's Chinese page, undated, of 2026-09-15 or later (confidence
    medium); no response was observed. It takes an API key, not a key pair.
    What it costs is not known.

    Attributes:
        product_info: What the clothes are, 1 to 2500 characters.
        source_video: Public URL of the video to follow, an mp4 or mov: 5 to 180 s, at most 100 MB,
            576 to 4553 px a side and 8,294,400 in all, width to height 0.4 to 2, 24 to 60 frames
            per second.
        product_image_list: 1 to 5 pictures of the clothes: each a path object, bytes, binary file,
            URL, data-URI or base64 of a JPEG, PNG or WebP of at most 50 MB and at least 300 px a
            side, ratio 1:2.5 to 2.5:1.
        model_image_list: 1 to 5 pictures of the person who wears them, with the same limits. None:
            the person of the video.
        bgm: Public URL of the music, one mp3, m4a or wav of at most 50 MB, best of 5 s to 10
            minutes. None: the vendor chooses one.
        voice_id: The voice. None: the sound is made with the picture. Known:
            `energetic_sales_girl`, `gentle_sales_woman`, `crisp_sales_girl`, `mature_sales_woman`,
            `calm_sales_woman`, `soft_sales_woman`, `energetic_sales_boy`, `enthusiastic_sales_man`,
            `steady_sales_man`, `calm_sales_man`.
        resolution: `720p` or `1080p`. None: `720p`.
        aspect_ratio: `9:16`, `2:3`, `3:4`, `1:1`, `4:3`, `3:2`, `16:9` or `21:9`. None: the
            vendor's own choice, which is not documented.
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

    product_info: str
    source_video: str
    product_image_list: tuple[str, ...] = attrs.field(converter=product_images)
    model_image_list: tuple[str, ...] | None = attrs.field(default=None, converter=model_images)
    bgm: str | None = None
    voice_id: DupeVoice | str | None = attrs.field(default=None, validator=checks.text(100))
    resolution: VideoResolution | str | None = None
    aspect_ratio: ImageAspectRatio | str | None = None
    watermark_info: bool | None = attrs.field(
        default=None, converter=converters.to_watermark, validator=checks.flag
    )
