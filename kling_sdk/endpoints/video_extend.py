"""`POST /v1/videos/video-extend`: a video made longer."""

from __future__ import annotations

from typing import ClassVar, Final

import attrs

from kling_sdk.endpoints import checks
from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.converters import to_watermark
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.facts.products.video_extend import REQUEST

__all__ = ["VideoExtend"]

_RECORD: Final = EndpointRecord(name="video-extend", path=REQUEST.path, fields=REQUEST.fields)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class VideoExtend(Request):
    """A video made 4 to 5 s longer: `POST /v1/videos/video-extend`.

    Model and mode are those of the source. Source: one official copy (confidence medium; its
    page is gone since 2026-09, and no current model makes a video that can be extended).

    Attributes:
        video_id: Id of the video to continue (`Video.id`): made by text2video, image2video or
            video-extend with `kling-v1`, `kling-v1-5` or `kling-v1-6` less than 30 days ago. The
            result may have 180 s.
        prompt: What to show, at most 2500 characters.
        negative_prompt: What to avoid, at most 2500 characters; not for a source of `kling-v1`.
        cfg_scale: How closely to follow the prompt, 0 to 1; not for a source of `kling-v1`.
            None: 0.5.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: `v1` or `model-path`; None takes that of the model's name.
        check: False to check nothing before it is sent; see `Request`.
        watermark_info: True to get a second copy with a watermark.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD

    video_id: str
    prompt: str | None = None
    negative_prompt: str | None = None
    cfg_scale: float | None = None
    watermark_info: bool | None = attrs.field(
        default=None, converter=to_watermark, validator=checks.flag
    )
