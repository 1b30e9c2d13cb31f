"""`POST /v1/images/multi-image2image`: pictures from those of up to four subjects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.checks import check_image
from kling_sdk.endpoints.models import ABSENT, IMAGE_TIMEOUT, ModelLimits, mode_limits
from kling_sdk.endpoints.record import EndpointRecord, common_features
from kling_sdk.endpoints.values import (
    MAX_PROMPT,
    ImageAspectRatio,
    PictureOfSubject,
    hidden,
    media,
)

__all__ = ["MultiImageToImage"]


def _features(given: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a request asks for: the common features, and the pictures that it has."""
    yield from common_features(given)
    for name in ("subject_image_list", "scene_image", "style_image"):
        if given.get(name):
            yield name


_LIMITS: Final = mode_limits((), "aspect_ratio subject_image_list scene_image style_image")

_RECORD: Final = EndpointRecord(
    name="multi-image2image",
    path="/v1/images/multi-image2image",
    result="images",
    wait_timeout=IMAGE_TIMEOUT,
    default_model="kling-v2-1",
    models=(
        ModelLimits("kling-v2-1", {ABSENT: _LIMITS}, "medium"),  # one official copy
        ModelLimits("kling-v2", {ABSENT: _LIMITS}, "low"),  # a condensed copy of older pages
    ),
    features=_features,
)


def _subject_pictures(request: Any) -> None:
    """Each subject's picture keeps the limits of a picture."""
    for item in request.subject_image_list:
        check_image(request, "subject_image_list.subject_image", item.subject_image)


@attrs.frozen(kw_only=True)
class MultiImageToImage(Request):
    """Pictures from those of up to four subjects: `POST /v1/images/multi-image2image`.

    Source: one official copy of the vendor's page of 2026-09 (confidence medium). `kling-v2` was
    dropped from it (beta: one condensed copy of older pages).

    Attributes:
        subject_image_list: 1 to 4 pictures, each of one subject; sources and limits as
            `ImageToVideo.image`.
        prompt: What to show, at most 2500 characters.
        model_name: Always sent. Known: `kling-v2-1`, `kling-v2`.
        scene_image: A picture of the place; likewise.
        style_image: A picture of the style; likewise.
        n: How many pictures, 1 to 9. None: 1.
        aspect_ratio: `16:9`, `9:16`, `1:1`, `4:3`, `3:4`, `3:2`, `2:3` or `21:9`. None: `16:9`.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: `v1`; the other interface has no pictures.
        check: False to check nothing before it is sent; see `Request`.
        watermark_info: True to get a second copy with a watermark.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a
            limit of a known model.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (_subject_pictures,)

    subject_image_list: tuple[PictureOfSubject, ...] = attrs.field(
        converter=converters.to_pictures_of_subjects, validator=checks.items(1, 4)
    )
    prompt: str | None = attrs.field(default=None, validator=checks.text(MAX_PROMPT), repr=hidden)
    model_name: str = attrs.field(default=_RECORD.default_model, validator=checks.required_text())
    scene_image: str | None = attrs.field(
        default=None, converter=converters.scene_image, validator=checks.image, repr=media
    )
    style_image: str | None = attrs.field(
        default=None, converter=converters.style_image, validator=checks.image, repr=media
    )
    n: int | None = attrs.field(
        default=None, converter=converters.to_count, validator=checks.whole_number(1, 9)
    )
    aspect_ratio: ImageAspectRatio | str | None = attrs.field(
        default=None, validator=checks.one_of(ImageAspectRatio)
    )
    watermark_info: bool | None = attrs.field(
        default=None, converter=converters.to_watermark, validator=checks.flag
    )
