"""`POST /v1/videos/image2video`, `POST /image-to-video/{model}`: a video from a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

import attrs

from kling_sdk.endpoints import checks, common_rules, converters
from kling_sdk.endpoints.base import Rules, VideoRequest
from kling_sdk.endpoints.from_facts import from_facts, maximum
from kling_sdk.endpoints.interfaces import Audio, Resolution
from kling_sdk.endpoints.models import model_limits
from kling_sdk.endpoints.record import ContentItem, EndpointRecord, common_features
from kling_sdk.endpoints.values import (
    CameraControl,
    DynamicMask,
    ElementReference,
    QualityMode,
    Shot,
    ShotType,
    VoiceReference,
)
from kling_sdk.facts.products.image_to_video import MODELS, PATH_MODELS, REQUEST

__all__ = ["ImageToVideo"]


def _features(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a request asks for: the common features, masks and frames."""
    yield from common_features(parameters)
    if parameters.get("static_mask") or parameters.get("dynamic_masks"):
        yield "motion_brush"
    if parameters.get("image_tail"):
        yield "first_last_frame" if parameters.get("image") else "last_frame_only"


_RECORD: Final = EndpointRecord(
    name="image2video",
    path=REQUEST.path,
    fields=REQUEST.fields,
    product="image-to-video",
    contents=(
        ContentItem("image", "first_frame", "url"),
        ContentItem("image_tail", "last_frame", "url"),
    ),
    features=_features,
    feature_fields={
        "first_last_frame": "image_tail",
        "last_frame_only": "image_tail",
        "motion_brush": "dynamic_masks",
    },
    default_model="kling-v2-6",
    models=model_limits(*MODELS, *PATH_MODELS),
)

_MAX_POINTS: Final = maximum(REQUEST.fields, "dynamic_masks.trajectories")


def _one_picture(request: Any) -> checks.Problems:
    """image2video needs a first or a last frame."""
    if request.image is None and request.image_tail is None:
        yield "image", "is missing", "image, image_tail or both"


def _exclusive_controls(request: Any) -> checks.Problems:
    """A last frame, masks and a camera movement exclude each other."""
    used = [
        name
        for name in ("image_tail", "static_mask", "dynamic_masks", "camera_control")
        if getattr(request, name)
    ]
    if len(used) > 1 and set(used) != {"static_mask", "dynamic_masks"}:
        yield (
            used[1],
            f"is given with {used[0]}",
            "one of image_tail, static_mask/dynamic_masks, camera_control",
        )


def _voices_or_elements(request: Any) -> checks.Problems:
    """Voices and elements exclude each other."""
    if request.voice_list and request.element_list:
        yield "voice_list", "is given with element_list", "voice_list or element_list"


def _mask_points(request: Any) -> checks.Problems:
    """A moving area has a picture within the limits and a trajectory of 2 to 77 points."""
    for mask in request.dynamic_masks or ():
        yield from checks.picture_problems(request, "dynamic_masks.mask", mask.mask)
        if not 2 <= len(mask.trajectories) <= _MAX_POINTS:
            yield (
                "dynamic_masks.trajectories",
                f"has {len(mask.trajectories)} points",
                f"2 to {_MAX_POINTS} points",
            )


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class ImageToVideo(VideoRequest):
    """A video from a picture: `POST /v1/videos/image2video`.

    With the model in the path it is `POST /image-to-video/{model}`.

    Attributes:
        image: First frame: path object, bytes, binary file, URL, data-URI or base64.
            JPEG or PNG, at most 10 MB (with the model in the path 50 MB), at least 300 px a
            side, 1:2.5 to 2.5:1.
        prompt: What to show, at most 2500 characters (`kling-3.0`: 3072). The vendor's
            pages disagree on whether it may be absent; it is not asked for here.
        image_tail: Last frame, as `image`. At least one of the two is needed; a last
            frame alone works on `kling-v1-5` and `kling-v1-6` in mode `pro`.
        model_name: Always sent; the vendor's own default is a discontinued model.
        negative_prompt: What to avoid, at most 2500 characters.
        duration: Length in whole seconds, 3 to 15, as int or text; models before v3 take
            5 and 10. None: the vendor's default, 5 s.
        mode: `std` (720p), `pro` (1080p) or `4k` (2160p). None: `std`.
        resolution: `720p`, `1080p` or `4k`: another name for `mode`.
        sound: `on` or `off`, or a bool. None: `off`.
        audio: `native` or `off`: another name for `sound`.
        voice_list: At most 2 voices, with `sound` on; excludes `element_list`.
        element_list: At most 3 elements; `kling-v3`, `kling-3.0`.
        cfg_scale: How closely to follow the prompt, 0 to 1; models v1.x. None: 0.5.
        static_mask: Picture marking what stands still, of the image's ratio.
        dynamic_masks: At most 6 areas that move.
        camera_control: A camera movement; `kling-v1-5` in mode `pro`, 5 s, `simple`.
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
    rules: ClassVar[Rules] = (
        _one_picture,
        _exclusive_controls,
        _voices_or_elements,
        _mask_points,
        common_rules.camera_config,
        common_rules.optional_multi_shot,
    )

    image: str | None = attrs.field(default=None, converter=converters.optional_image)
    prompt: str | None = attrs.field(default=None, validator=checks.prompt)
    image_tail: str | None = attrs.field(default=None, converter=converters.optional_image)
    model_name: str = attrs.field(default=_RECORD.default_model, validator=checks.required_text())
    negative_prompt: str | None = None
    duration: int | None = attrs.field(default=None, converter=converters.to_seconds)
    mode: QualityMode | str | None = None
    resolution: Resolution | str | None = attrs.field(
        default=None, validator=checks.one_of(Resolution)
    )
    sound: str | None = attrs.field(default=None, converter=converters.to_switch)
    audio: Audio | str | None = attrs.field(default=None, validator=checks.one_of(Audio))
    voice_list: tuple[VoiceReference, ...] | None = attrs.field(
        default=None, converter=converters.to_voices
    )
    element_list: tuple[ElementReference, ...] | None = attrs.field(
        default=None, converter=converters.to_elements, validator=checks.items(1, 3)
    )
    cfg_scale: float | None = None
    static_mask: str | None = attrs.field(default=None, converter=converters.optional_image)
    dynamic_masks: tuple[DynamicMask, ...] | None = attrs.field(
        default=None, converter=converters.to_masks
    )
    camera_control: CameraControl | None = attrs.field(default=None, converter=converters.to_camera)
    multi_shot: bool | None = None
    shot_type: ShotType | str | None = None
    multi_prompt: tuple[Shot, ...] | None = attrs.field(default=None, converter=converters.to_shots)
