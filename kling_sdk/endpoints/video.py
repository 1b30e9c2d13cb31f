"""The four video endpoints: one class each, and every documented parameter once.

`None` always means "not sent": the vendor's own default then applies. Limits of a model
(which modes, seconds and features) stand in `kling_sdk.endpoints.capabilities`. Source of the
fields: the vendor's endpoint pages, 2026-03 to 2026-09 (several copies agree).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import attrs

from kling_sdk.endpoints import checks, converters, rules
from kling_sdk.endpoints.base import VideoRequest
from kling_sdk.endpoints.values import (
    CameraControl,
    DynamicMask,
    Element,
    OmniImage,
    OmniVideoReference,
    Shot,
    SubjectImage,
    Voice,
    hidden,
    media,
)

__all__ = ["ImageToVideo", "MultiImageToVideo", "OmniVideo", "TextToVideo"]

AspectRatio = Literal["16:9", "9:16", "1:1"]
Mode = Literal["std", "pro", "4k"]
ShotType = Literal["customize", "intelligence"]
Rules = tuple[Callable[[Any], None], ...]

MAX_PROMPT = 2500


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
        callback_url: Where the vendor posts each change of status.
        watermark_info: True to get a second copy with a watermark.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a
            limit of a known model.
    """

    endpoint: ClassVar[str] = "text2video"
    rules: ClassVar[Rules] = (rules.multi_shot_or_prompt, rules.camera_config)

    prompt: str | None = attrs.field(default=None, validator=checks.text(MAX_PROMPT), repr=hidden)
    model_name: str = attrs.field(default="kling-v2-6", validator=checks.required_text(200))
    negative_prompt: str | None = attrs.field(
        default=None, validator=checks.text(MAX_PROMPT), repr=hidden
    )
    duration: int | None = attrs.field(
        default=None, converter=converters.to_seconds, validator=checks.seconds(3, 15)
    )
    mode: Mode | str | None = attrs.field(default=None, validator=checks.one_of(Mode))
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


@attrs.frozen(kw_only=True)
class ImageToVideo(VideoRequest):
    """A video from a picture: `POST /v1/videos/image2video`.

    Attributes:
        image: First frame: path object, bytes, binary file, URL, data-URI or base64.
            JPEG or PNG, at most 10 MB, at least 300 px a side, 1:2.5 to 2.5:1.
        prompt: What to show, at most 2500 characters. The vendor's pages disagree on
            whether it may be absent; it is not asked for here.
        image_tail: Last frame, as `image`. At least one of the two is needed; a last
            frame alone works on `kling-v1-5` and `kling-v1-6` in mode `pro`.
        model_name: Always sent; the vendor's own default is a discontinued model.
        negative_prompt: What to avoid, at most 2500 characters.
        duration: Length in whole seconds, 3 to 15, as int or text; models before v3 take
            5 and 10. None: the vendor's default, 5 s.
        mode: `std` (720p), `pro` (1080p) or `4k` (2160p). None: `std`.
        sound: `on` or `off`, or a bool. None: `off`.
        voice_list: At most 2 voices, with `sound` on; excludes `element_list`.
        element_list: At most 3 elements; `kling-v3`.
        cfg_scale: How closely to follow the prompt, 0 to 1; models v1.x. None: 0.5.
        static_mask: Picture marking what stands still, of the image's ratio.
        dynamic_masks: At most 6 areas that move.
        camera_control: A camera movement; `kling-v1-5` in mode `pro`, 5 s, `simple`.
        multi_shot: True for a video of several shots; `kling-v3`.
        shot_type: `customize` (your `multi_prompt`) or `intelligence`; needed with
            `multi_shot`.
        multi_prompt: 1 to 6 shots whose durations add up to `duration`.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status.
        watermark_info: True to get a second copy with a watermark.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a
            limit of a known model.
    """

    endpoint: ClassVar[str] = "image2video"
    rules: ClassVar[Rules] = (
        rules.one_picture,
        rules.exclusive_controls,
        rules.voices_or_elements,
        rules.mask_points,
        rules.camera_config,
        rules.optional_multi_shot,
    )

    image: str | None = attrs.field(
        default=None, converter=converters.optional_image, validator=checks.image, repr=media
    )
    prompt: str | None = attrs.field(default=None, validator=checks.text(MAX_PROMPT), repr=hidden)
    image_tail: str | None = attrs.field(
        default=None, converter=converters.optional_tail, validator=checks.image, repr=media
    )
    model_name: str = attrs.field(default="kling-v2-6", validator=checks.required_text(200))
    negative_prompt: str | None = attrs.field(
        default=None, validator=checks.text(MAX_PROMPT), repr=hidden
    )
    duration: int | None = attrs.field(
        default=None, converter=converters.to_seconds, validator=checks.seconds(3, 15)
    )
    mode: Mode | str | None = attrs.field(default=None, validator=checks.one_of(Mode))
    sound: str | None = attrs.field(
        default=None, converter=converters.to_switch, validator=checks.one_of(converters.Switch)
    )
    voice_list: tuple[Voice, ...] | None = attrs.field(
        default=None, converter=converters.to_voices, validator=checks.items(1, 2)
    )
    element_list: tuple[Element, ...] | None = attrs.field(
        default=None, converter=converters.to_elements, validator=checks.items(1, 3)
    )
    cfg_scale: float | None = attrs.field(default=None, validator=checks.number(0, 1))
    static_mask: str | None = attrs.field(
        default=None, converter=converters.optional_mask, validator=checks.image, repr=media
    )
    dynamic_masks: tuple[DynamicMask, ...] | None = attrs.field(
        default=None, converter=converters.to_masks, validator=checks.items(1, 6)
    )
    camera_control: CameraControl | None = attrs.field(default=None, converter=converters.to_camera)
    multi_shot: bool | None = attrs.field(default=None, validator=checks.flag)
    shot_type: ShotType | str | None = attrs.field(default=None, validator=checks.one_of(ShotType))
    multi_prompt: tuple[Shot, ...] | None = attrs.field(
        default=None, converter=converters.to_shots, validator=checks.items(1, 6)
    )


@attrs.frozen(kw_only=True)
class OmniVideo(VideoRequest):
    """A video from words, pictures, elements and a video: `POST /v1/videos/omni-video`.

    Attributes:
        prompt: What to show, at most 2500 characters; `<<<image_1>>>`, `<<<element_1>>>`
            and `<<<video_1>>>` name the references, counted from 1.
        model_name: Always sent. Known: `kling-v3-omni`, `kling-video-o1`.
        image_list: Pictures, or `OmniImage` objects that say which frame they are. With
            elements at most 7, beside a video at most 4.
        element_list: Elements, as ids or objects.
        video_list: At most one video, as URL or `OmniVideoReference`.
        duration: Length in whole seconds, 3 to 15 (`kling-video-o1`: 3 to 10), as int or
            text. None: 5 s. Without effect beside a base video.
        mode: `std` (720p), `pro` (1080p) or `4k` (2160p). None: `pro`.
        aspect_ratio: `16:9`, `9:16` or `1:1`. The vendor's pages disagree on whether it
            may be absent without a first frame or base video; `16:9`, the default one of
            them states, is then sent.
        sound: `on` or `off`, or a bool; off beside a video. None: `off`.
        multi_shot: True for a video of several shots; `kling-v3-omni`.
        shot_type: `customize` (your `multi_prompt`) or `intelligence`; needed with
            `multi_shot`.
        multi_prompt: 1 to 6 shots whose durations add up to `duration`.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status.
        watermark_info: True to get a second copy with a watermark.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a
            limit of a known model.
    """

    endpoint: ClassVar[str] = "omni-video"
    rules: ClassVar[Rules] = (rules.multi_shot_or_prompt, rules.omni_references)

    prompt: str | None = attrs.field(default=None, validator=checks.text(MAX_PROMPT), repr=hidden)
    model_name: str = attrs.field(default="kling-v3-omni", validator=checks.required_text(200))
    image_list: tuple[OmniImage, ...] | None = attrs.field(
        default=None, converter=converters.to_omni_images
    )
    element_list: tuple[Element, ...] | None = attrs.field(
        default=None, converter=converters.to_elements
    )
    video_list: tuple[OmniVideoReference, ...] | None = attrs.field(
        default=None, converter=converters.to_omni_videos, validator=checks.items(1, 1)
    )
    duration: int | None = attrs.field(
        default=None, converter=converters.to_seconds, validator=checks.seconds(3, 15)
    )
    mode: Mode | str | None = attrs.field(default=None, validator=checks.one_of(Mode))
    aspect_ratio: AspectRatio | str | None = attrs.field(
        default=None, validator=checks.one_of(AspectRatio)
    )
    sound: str | None = attrs.field(
        default=None, converter=converters.to_switch, validator=checks.one_of(converters.Switch)
    )
    multi_shot: bool | None = attrs.field(default=None, validator=checks.flag)
    shot_type: ShotType | str | None = attrs.field(default=None, validator=checks.one_of(ShotType))
    multi_prompt: tuple[Shot, ...] | None = attrs.field(
        default=None, converter=converters.to_shots, validator=checks.items(1, 6)
    )

    def __attrs_post_init__(self) -> None:
        framed = any(image.type for image in self.image_list or ())
        based = any((video.refer_type or "base") == "base" for video in self.video_list or ())
        if self.aspect_ratio is None and not framed and not based:
            # attrs' own way to complete a frozen instance; type checkers do not understand
            # its default decorator and would ask callers for the field.
            object.__setattr__(self, "aspect_ratio", "16:9")
        VideoRequest.__attrs_post_init__(self)


@attrs.frozen(kw_only=True)
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
        aspect_ratio: `16:9`, `9:16` or `1:1`. None: `16:9`.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status.
        watermark_info: True to get a second copy with a watermark.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a
            limit of a known model.
    """

    endpoint: ClassVar[str] = "multi-image2video"
    rules: ClassVar[Rules] = (rules.subject_pictures,)

    image_list: tuple[SubjectImage, ...] = attrs.field(
        converter=converters.to_subjects, validator=checks.items(1, 4)
    )
    prompt: str = attrs.field(validator=checks.required_text(MAX_PROMPT), repr=hidden)
    model_name: str = attrs.field(default="kling-v1-6", validator=checks.required_text(200))
    negative_prompt: str | None = attrs.field(
        default=None, validator=checks.text(MAX_PROMPT), repr=hidden
    )
    duration: int | None = attrs.field(
        default=None, converter=converters.to_seconds, validator=checks.seconds(5, 10)
    )
    mode: Mode | str | None = attrs.field(default=None, validator=checks.one_of(Mode))
    aspect_ratio: AspectRatio | str | None = attrs.field(
        default=None, validator=checks.one_of(AspectRatio)
    )
