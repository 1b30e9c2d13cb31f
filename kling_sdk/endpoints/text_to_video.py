"""`POST /v1/videos/text2video`: a video from a prompt."""

from __future__ import annotations

from typing import ClassVar, Final

import attrs

from kling_sdk.endpoints import checks, common_rules, converters
from kling_sdk.endpoints.base import Rules, VideoRequest
from kling_sdk.endpoints.models import ABSENT, CLIPS, V3_SECONDS, ModelLimits, mode_limits
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.endpoints.values import (
    MAX_PROMPT,
    AspectRatio,
    CameraControl,
    QualityMode,
    Shot,
    ShotType,
    hidden,
)

__all__ = ["TextToVideo"]

_FREE: Final = "negative_prompt aspect_ratio"
_V3: Final = mode_limits(V3_SECONDS, f"{_FREE} sound multi_shot", doubtful="cfg_scale")

_RECORD: Final = EndpointRecord(
    name="text2video",
    path="/v1/videos/text2video",
    default_model="kling-v2-6",
    models=(
        ModelLimits(
            "kling-v1",
            {
                "std": mode_limits(
                    CLIPS, f"{_FREE} cfg_scale camera_control camera_move", camera_control=(5,)
                ),
                "pro": mode_limits(
                    CLIPS, f"{_FREE} cfg_scale", doubtful="camera_control camera_move"
                ),
            },
        ),
        ModelLimits(
            "kling-v1-6",
            {mode: mode_limits(CLIPS, f"{_FREE} cfg_scale") for mode in ("std", "pro")},
        ),
        ModelLimits("kling-v2-master", {ABSENT: mode_limits(CLIPS, _FREE)}),
        ModelLimits("kling-v2-1-master", {ABSENT: mode_limits(CLIPS, _FREE)}),
        ModelLimits(
            "kling-v2-5-turbo",
            {mode: mode_limits(CLIPS, _FREE) for mode in ("std", "pro")},
        ),
        ModelLimits(
            "kling-v2-6",
            {"std": mode_limits(CLIPS, _FREE), "pro": mode_limits(CLIPS, f"{_FREE} sound")},
        ),
        # cfg_scale on kling-v3 is stated nowhere; an older digest restricts it to v1.x.
        ModelLimits(
            "kling-v3",
            dict.fromkeys(("std", "pro", "4k"), _V3),
        ),
    ),
)


@attrs.frozen(kw_only=True)
class TextToVideo(VideoRequest):
    """A video from words: `POST /v1/videos/text2video`.

    Attributes:
        prompt: What to show, at most 2500 characters. Needed unless `shot_type` is
            `customize`.
        model_name: Always sent; the vendor's own default is a discontinued model.
        negative_prompt: What to avoid, at most 2500 characters.
        duration: Length in whole seconds, 3 to 15, as int or text; models before v3 take
            5 and 10. None: the vendor's default, 5 s.
        mode: `std` (720p), `pro` (1080p) or `4k` (2160p). None: `std`.
        aspect_ratio: `16:9`, `9:16` or `1:1`. None: `16:9`.
        sound: `on` or `off`, or a bool. None: `off`.
        cfg_scale: How closely to follow the prompt, 0 to 1; models v1.x. None: 0.5.
        camera_control: A camera movement; `kling-v1` in mode `std`, 5 s.
        multi_shot: True for a video of several shots; `kling-v3`.
        shot_type: `customize` (your `multi_prompt`) or `intelligence`; needed with
            `multi_shot`.
        multi_prompt: 1 to 6 shots whose durations add up to `duration`.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        check: False to check nothing before it is sent; see `Request`.
        watermark_info: True to get a second copy with a watermark.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a
            limit of a known model.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (common_rules.multi_shot_or_prompt, common_rules.camera_config)

    prompt: str | None = attrs.field(default=None, validator=checks.text(MAX_PROMPT), repr=hidden)
    model_name: str = attrs.field(default=_RECORD.default_model, validator=checks.required_text())
    negative_prompt: str | None = attrs.field(
        default=None, validator=checks.text(MAX_PROMPT), repr=hidden
    )
    duration: int | None = attrs.field(
        default=None, converter=converters.to_seconds, validator=checks.seconds(3, 15)
    )
    mode: QualityMode | str | None = attrs.field(default=None, validator=checks.one_of(QualityMode))
    aspect_ratio: AspectRatio | str | None = attrs.field(
        default=None, validator=checks.one_of(AspectRatio)
    )
    sound: str | None = attrs.field(
        default=None, converter=converters.to_switch, validator=checks.one_of(converters.Switch)
    )
    cfg_scale: float | None = attrs.field(default=None, validator=checks.number(0, 1))
    camera_control: CameraControl | None = attrs.field(default=None, converter=converters.to_camera)
    multi_shot: bool | None = attrs.field(default=None, validator=checks.flag)
    shot_type: ShotType | str | None = attrs.field(default=None, validator=checks.one_of(ShotType))
    multi_prompt: tuple[Shot, ...] | None = attrs.field(
        default=None, converter=converters.to_shots, validator=checks.items(1, 6)
    )
