"""`POST /v1/videos/multi-image2video`: a video from pictures of up to four subjects."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Rules, VideoRequest
from kling_sdk.endpoints.checks import picture_problems
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.interfaces import Resolution
from kling_sdk.endpoints.models import model_limits
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.endpoints.values import (
    AspectRatio,
    QualityMode,
    SubjectImage,
)
from kling_sdk.facts.products.multi_image_to_video import MODELS, REQUEST

__all__ = ["MultiImageToVideo"]

_RECORD: Final = EndpointRecord(
    name="multi-image2video",
    path=REQUEST.path,
    fields=REQUEST.fields,
    default_model="kling-v1-6",
    models=model_limits(*MODELS),
)


def _subject_pictures(request: Any) -> checks.Problems:
    """Each subject's picture keeps the limits of a picture."""
    pictures = (item.image for item in request.image_list)
    return picture_problems(request, "image_list.image", *pictures)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class MultiImageToVideo(VideoRequest):
    """A video from pictures of up to four subjects: `POST /v1/videos/multi-image2video`.

    Attributes:
        image_list: 1 to 4 pictures, each cropped to one subject; sources and limits as
            `ImageToVideo.image`.
        prompt: What to show, 1 to 2500 characters.
        model_name: Always sent. Known: `kling-v1-6`.
        negative_prompt: What to avoid, at most 2500 characters.
        duration: Length in seconds, 5 or 10, as int or text. None: 5 s.
        mode: `std` (720p) or `pro` (1080p). None: `std`.
        resolution: `720p` or `1080p`: another name for `mode`.
        aspect_ratio: `16:9`, `9:16` or `1:1`. None: `16:9`.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: `v1` or `model-path`; None takes that of the model's name.
        check: False to check nothing before it is sent; see `Request`.
        watermark_info: True to get a second copy with a watermark.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a
            limit of a known model.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (_subject_pictures,)

    image_list: tuple[SubjectImage, ...] = attrs.field(converter=converters.to_subjects)
    prompt: str
    model_name: str = attrs.field(default=_RECORD.default_model, validator=checks.required_text())
    negative_prompt: str | None = None
    duration: int | None = attrs.field(default=None, converter=converters.to_seconds)
    mode: QualityMode | str | None = attrs.field(default=None, validator=checks.one_of(QualityMode))
    resolution: Resolution | str | None = attrs.field(
        default=None, validator=checks.one_of(Resolution)
    )
    aspect_ratio: AspectRatio | str | None = None
