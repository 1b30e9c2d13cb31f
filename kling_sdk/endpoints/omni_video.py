"""`POST /v1/videos/omni-video`, `POST /omni-video/{model}`: a video from words and references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, get_args

import attrs

from kling_sdk.endpoints import checks, common_rules, converters
from kling_sdk.endpoints.base import Rules, VideoRequest
from kling_sdk.endpoints.checks import is_web_url, picture_problems
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.interfaces import Audio, Resolution
from kling_sdk.endpoints.models import model_limits
from kling_sdk.endpoints.record import EndpointRecord, common_features
from kling_sdk.endpoints.values import (
    AspectRatio,
    ElementReference,
    FrameType,
    KeepSound,
    OmniImage,
    OmniVideoReference,
    QualityMode,
    ReferType,
    Shot,
    ShotType,
)
from kling_sdk.facts.products.omni_video import (
    MODELS,
    OMNI_ELEMENTS_WITH_FRAMES,
    OMNI_REFERENCES,
    OMNI_REFERENCES_WITH_VIDEO,
    PATH_MODELS,
    REQUEST,
)

__all__ = ["OmniVideo"]


def _features(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a request asks for: the common features, frames and references."""
    yield from common_features(parameters)
    images = parameters.get("image_list") or ()
    kinds = {getattr(image, "type", None) for image in images}
    videos = parameters.get("video_list") or ()
    if images:
        yield "image_list"
    if len(images) > 2:
        yield "more_than_two_images"
    if "first_frame" in kinds:
        yield "first_last_frame" if "end_frame" in kinds else "first_frame"
        if len(images) == 1 and not videos and not parameters.get("element_list"):
            yield "first_frame_only"
    if not (images or videos or parameters.get("element_list")):
        yield "text_only"
    for video in videos:
        yield f"video_{getattr(video, 'refer_type', None) or 'base'}"
        if getattr(video, "keep_original_sound", None) == "yes":
            yield "keep_original_sound"


_RECORD: Final = EndpointRecord(
    name="omni-video",
    path=REQUEST.path,
    fields=REQUEST.fields,
    product="omni-video",
    edited="video_list",
    default_mode="pro",
    default_model="kling-v3-omni",
    models=model_limits(*MODELS, *PATH_MODELS),
    features=_features,
    feature_fields={
        "first_last_frame": "image_list",
        "first_frame": "image_list",
        "video_feature": "video_list",
        "video_base": "video_list",
    },
    situations=frozenset({"first_frame_only", "text_only", "more_than_two_images"}),
)


def _check_word(field: str, value: str | None, literal: Any) -> checks.Problems:
    if value is not None and value not in get_args(literal):
        yield field, f"is {value[:40]!r}", f"{' or '.join(get_args(literal))}, or None"


def _video_reference(request: Any) -> checks.Problems:
    """The video is a public URL, with known words for what it is for."""
    for item in request.video_list or ():
        if not is_web_url(item.video_url):
            yield "video_list.video_url", "is not a URL", "the http(s) URL of an mp4 or mov file"
        yield from _check_word("video_list.refer_type", item.refer_type, ReferType)
        yield from _check_word(
            "video_list.keep_original_sound", item.keep_original_sound, KeepSound
        )


def _omni_references(request: Any) -> checks.Problems:
    """Pictures, elements and a video of omni-video, in the numbers that go together."""
    images, elements = request.image_list or (), request.element_list or ()
    videos = request.video_list or ()
    kinds = [item.type for item in images if item.type]
    for item in images:
        yield from picture_problems(request, "image_list.image_url", item.image_url)
        yield from _check_word("image_list.type", item.type, FrameType)
    for kind in get_args(FrameType):
        if kinds.count(kind) > 1:
            yield (
                "image_list.type",
                f"has {kinds.count(kind)} of type {kind}",
                f"at most one {kind}",
            )
    if "end_frame" in kinds and "first_frame" not in kinds:
        yield "image_list.type", "has an end_frame without a first_frame", "first_frame, or both"
    if kinds and any((item.refer_type or "base") == "base" for item in videos):
        yield (
            "image_list.type",
            f"is {kinds[0]} with a base video",
            "no type with a base video, or refer_type feature",
        )
    max_references = OMNI_REFERENCES_WITH_VIDEO if videos else OMNI_REFERENCES
    if len(images) + len(elements) > max_references:
        yield (
            "image_list",
            f"and element_list hold {len(images) + len(elements)} references",
            f"at most {max_references} {'with' if videos else 'without'} a video",
        )
    if kinds and len(elements) > OMNI_ELEMENTS_WITH_FRAMES:
        yield (
            "element_list",
            f"has {len(elements)} elements with a frame",
            f"at most {OMNI_ELEMENTS_WITH_FRAMES}",
        )


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class OmniVideo(VideoRequest):
    """A video from words and references: `POST /v1/videos/omni-video`.

    With the model in the path it is `POST /omni-video/{model}`.

    Attributes:
        prompt: What to show, at most 2500 characters (`kling-3.0-omni`: 3072);
            `<<<image_1>>>`, `<<<element_1>>>` and `<<<video_1>>>` name the references,
            counted from 1.
        model_name: Always sent. Known: `kling-v3-omni`, `kling-video-o1`, `kling-3.0-omni`,
            `kling-o1`.
        image_list: Pictures, or `OmniImage` objects that say which frame they are. With
            elements at most 7, beside a video at most 4.
        element_list: Elements, as ids or objects.
        video_list: At most one video, as URL or `OmniVideoReference`.
        duration: Length in whole seconds, 3 to 15 (`kling-video-o1`: 3 to 10, and 5 or
            10 from text or a first frame alone), as int or text. None: 5 s. It has no
            effect with a base video.
        mode: `std` (720p), `pro` (1080p) or `4k` (2160p). None: `pro`.
        resolution: `720p`, `1080p` or `4k`: another name for `mode`.
        aspect_ratio: `16:9`, `9:16` or `1:1`. The vendor's pages disagree on whether it
            may be absent without a first frame or base video; `16:9`, the default one of
            them states, is then sent.
        sound: `on` or `off`, or a bool; off beside a video. None: `off`.
        audio: `native`, `off` or `original`: another name for `sound`, and for whether the
            sound of the video is kept.
        multi_shot: True for a video of several shots; `kling-v3-omni`, `kling-3.0-omni`. None:
            one shot.
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
        common_rules.multi_shot_or_prompt,
        _video_reference,
        _omni_references,
    )

    prompt: str | None = attrs.field(default=None, validator=checks.prompt)
    model_name: str = attrs.field(default=_RECORD.default_model, validator=checks.required_text())
    image_list: tuple[OmniImage, ...] | None = attrs.field(
        default=None, converter=converters.to_omni_images
    )
    element_list: tuple[ElementReference, ...] | None = attrs.field(
        default=None, converter=converters.to_elements
    )
    video_list: tuple[OmniVideoReference, ...] | None = attrs.field(
        default=None, converter=converters.to_omni_videos
    )
    duration: int | None = attrs.field(default=None, converter=converters.to_seconds)
    mode: QualityMode | str | None = None
    resolution: Resolution | str | None = attrs.field(
        default=None, validator=checks.one_of(Resolution)
    )
    aspect_ratio: AspectRatio | str | None = None
    sound: str | None = attrs.field(default=None, converter=converters.to_switch)
    audio: Audio | str | None = attrs.field(default=None, validator=checks.one_of(Audio))
    multi_shot: bool | None = None
    shot_type: ShotType | str | None = None
    multi_prompt: tuple[Shot, ...] | None = attrs.field(default=None, converter=converters.to_shots)

    def _complete(self) -> None:
        """Fill in the aspect ratio where neither a frame nor a base video decides it."""
        images, videos = self.image_list or (), self.video_list or ()
        lists: tuple[object, object] = (images, videos)
        # What is sent unchecked may not be a tuple of our objects.
        if self.aspect_ratio is not None or not all(
            isinstance(references, tuple) for references in lists
        ):
            return
        framed = any(image.type for image in images)
        based = any((video.refer_type or "base") == "base" for video in videos)
        if not framed and not based:
            # attrs' own way to complete a frozen instance; type checkers do not understand
            # its default decorator and would ask callers for the field.
            object.__setattr__(self, "aspect_ratio", "16:9")
