"""`POST /v1/images/multi-image2image`: pictures from those of up to four subjects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.checks import picture_problems
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.models import IMAGE_TIMEOUT, model_limits
from kling_sdk.endpoints.record import EndpointRecord, common_features
from kling_sdk.endpoints.values import (
    ImageAspectRatio,
    PictureOfSubject,
)
from kling_sdk.facts.products.multi_image_to_image import MODELS, REQUEST

__all__ = ["MultiImageToImage"]


def _features(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a request asks for: the common features, and the pictures that it has."""
    yield from common_features(parameters)
    for name in ("subject_image_list", "scene_image", "style_image"):
        if parameters.get(name):
            yield name


_RECORD: Final = EndpointRecord(
    name="multi-image2image",
    path=REQUEST.path,
    fields=REQUEST.fields,
    result="images",
    wait_timeout=IMAGE_TIMEOUT,
    default_model="kling-v2-1",
    models=model_limits(*MODELS),
    features=_features,
)


def _subject_pictures(request: Any) -> checks.Problems:
    """Each subject's picture keeps the limits of a picture."""
    pictures = (item.subject_image for item in request.subject_image_list)
    return picture_problems(request, "subject_image_list.subject_image", *pictures)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class MultiImageToImage(Request):
    """Pictures from those of up to four subjects: `POST /v1/images/multi-image2image`.

    Source: one official copy of the vendor's page of 2026-09 (confidence medium). `kling-v2` was
    dropped from it (beta: one condensed copy of older pages).

    Attributes:
        subject_image_list: 1 to 4 pictures, each of one subject; sources and limits as
            `ImageToVideo.image`.
        prompt: What to show, at most 2500 characters.
        model_name: Always sent. Known: `kling-v2-1`, `kling-v2`.
        scene_image: A picture of the place; sources and limits as above.
        style_image: A picture of the style; sources and limits as above.
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
        converter=converters.to_pictures_of_subjects
    )
    prompt: str | None = None
    model_name: str = attrs.field(default=_RECORD.default_model, validator=checks.required_text())
    scene_image: str | None = attrs.field(default=None, converter=converters.optional_image)
    style_image: str | None = attrs.field(default=None, converter=converters.optional_image)
    n: int | None = attrs.field(default=None, converter=converters.to_count)
    aspect_ratio: ImageAspectRatio | str | None = None
    watermark_info: bool | None = attrs.field(
        default=None, converter=converters.to_watermark, validator=checks.flag
    )
