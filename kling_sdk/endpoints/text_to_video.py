"""`POST /v1/videos/text2video`, `POST /text-to-video/{model}`: a video from a prompt."""

from __future__ import annotations

from typing import ClassVar, Final

import attrs

from kling_sdk.endpoints import checks, common_rules, converters
from kling_sdk.endpoints.base import Rules, VideoRequest
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.interfaces import Audio, Resolution
from kling_sdk.endpoints.models import model_limits
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.endpoints.values import (
    AspectRatio,
    CameraControl,
    QualityMode,
    Shot,
    ShotType,
)
from kling_sdk.facts.products.text_to_video import MODELS, PATH_MODELS, REQUEST

__all__ = ["TextToVideo"]

_RECORD: Final = EndpointRecord(
    name="text2video",
    path=REQUEST.path,
    fields=REQUEST.fields,
    product="text-to-video",
    default_model="kling-v2-6",
    models=model_limits(*MODELS, *PATH_MODELS),
)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class TextToVideo(VideoRequest):
    """A video from words: `POST /v1/videos/text2video`.

    With the model in the path it is `POST /text-to-video/{model}`.

    Attributes:
        prompt: What to show, at most 2500 characters (`kling-3.0`: 3072). Needed unless
            `shot_type` is `customize`.
        model_name: Always sent; the vendor's own default is a discontinued model.
        negative_prompt: What to avoid, at most 2500 characters.
        duration: Length in whole seconds, 3 to 15, as int or text; models before v3 take
            5 and 10. None: the vendor's default, 5 s.
        mode: `std` (720p), `pro` (1080p) or `4k` (2160p). None: `std`.
        resolution: `720p`, `1080p` or `4k`: another name for `mode`.
        aspect_ratio: `16:9`, `9:16` or `1:1`. None: `16:9`.
        sound: `on` or `off`, or a bool. None: `off`.
        audio: `native` or `off`: another name for `sound`.
        cfg_scale: How closely to follow the prompt, 0 to 1; models v1.x. None: 0.5.
        camera_control: A camera movement; `kling-v1` in mode `std`, 5 s.
        multi_shot: True for a video of several shots; `kling-v3`, `kling-3.0`. None: one
            shot.
        shot_type: `customize` (your `multi_prompt`) or `intelligence`; needed with
            `multi_shot`.
        multi_prompt: 1 to 6 shots whose durations add up to `duration`.
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
    rules: ClassVar[Rules] = (common_rules.multi_shot_or_prompt, common_rules.camera_config)

    prompt: str | None = attrs.field(default=None, validator=checks.prompt)
    model_name: str = attrs.field(default=_RECORD.default_model, validator=checks.required_text())
    negative_prompt: str | None = None
    duration: int | None = attrs.field(default=None, converter=converters.to_seconds)
    mode: QualityMode | str | None = None
    resolution: Resolution | str | None = attrs.field(
        default=None, validator=checks.one_of(Resolution)
    )
    aspect_ratio: AspectRatio | str | None = None
    sound: str | None = attrs.field(default=None, converter=converters.to_switch)
    audio: Audio | str | None = attrs.field(default=None, validator=checks.one_of(Audio))
    cfg_scale: float | None = None
    camera_control: CameraControl | None = attrs.field(default=None, converter=converters.to_camera)
    multi_shot: bool | None = None
    shot_type: ShotType | str | None = None
    multi_prompt: tuple[Shot, ...] | None = attrs.field(default=None, converter=converters.to_shots)
