"""`POST /v1/videos/motion-control`, `POST /motion-control/{model}`: a picture moves as a video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, Literal

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Rules, VideoRequest
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.interfaces import Resolution
from kling_sdk.endpoints.models import model_limits
from kling_sdk.endpoints.record import ContentItem, EndpointRecord, InputLength
from kling_sdk.endpoints.values import ElementReference, QualityMode
from kling_sdk.facts.products.motion_control import MODELS, PATH_MODELS, REQUEST

__all__ = ["MotionAudio", "MotionControl", "Orientation"]

Orientation = Literal["image", "video"]
MotionAudio = Literal["original", "off"]


def _features(parameters: Mapping[str, Any]) -> Iterator[str]:
    if parameters.get("element_list"):
        yield "element_list"


_RECORD: Final = EndpointRecord(
    name="motion-control",
    path=REQUEST.path,
    fields=REQUEST.fields,
    product="motion-control",
    contents=(
        ContentItem("image_url", "image", "url"),
        ContentItem("video_url", "video", "url"),
    ),
    default_model="kling-v2-6",
    input_length=InputLength("video", 30),
    features=_features,
    models=model_limits(*MODELS, *PATH_MODELS),
)


def _element(request: Any) -> checks.Problems:
    """With an element the person is turned as in the video."""
    if request.element_list and request.character_orientation != "video":
        yield (
            "character_orientation",
            f"is {request.character_orientation!r:.40} with element_list",
            "video",
        )


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class MotionControl(VideoRequest):
    """A picture that moves as somebody in a video does: `POST /v1/videos/motion-control`.

    With the model in the path it is `POST /motion-control/{model}`. The result is as long as the
    video. Source: one official copy of each page (confidence medium; the page of /v1 is gone
    since 2026-09). Beta: its limits may be out of date.

    Attributes:
        image_url: The picture, with sides of 300 to 65536 px: a path object, bytes, binary file,
            URL, data-URI or base64.
        video_url: Public URL of the video to follow, an mp4 or mov: at most 100 MB, sides of 340
            to 3850 px, 3 to 30 s (10 s with `character_orientation` `image`).
        character_orientation: Which way the person looks: `image` (as in the picture) or `video`.
        model_name: Always sent. Known: `kling-v2-6`, `kling-v3`, `kling-2.6`, `kling-3.0`.
        prompt: What else to show, at most 2500 characters.
        mode: `std` (720p) or `pro` (1080p). None: `std`, which is sent, as the vendor wants one.
        resolution: `720p` or `1080p`: another name for `mode`.
        keep_original_sound: `yes` or `no`, or a bool: whether the result has the video's sound.
            None: `yes`.
        audio: `original` or `off`: another name for `keep_original_sound`.
        element_list: At most one element, as ids or objects; `kling-v3` and `kling-3.0`, and
            `character_orientation` must be `video`.
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
    rules: ClassVar[Rules] = (_element,)

    # Its picture has limits of its own.
    image_url: str = attrs.field(
        converter=converters.needed_image, validator=checks.required_text()
    )
    video_url: str
    character_orientation: Orientation | str
    model_name: str = attrs.field(default=_RECORD.default_model, validator=checks.required_text())
    prompt: str | None = attrs.field(default=None, validator=checks.prompt)
    mode: QualityMode | str | None = attrs.field(default=None, validator=checks.one_of(QualityMode))
    resolution: Resolution | str | None = attrs.field(
        default=None, validator=checks.one_of(Resolution)
    )
    keep_original_sound: str | None = attrs.field(default=None, converter=converters.to_keep)
    audio: MotionAudio | str | None = attrs.field(
        default=None, validator=checks.one_of(MotionAudio)
    )
    element_list: tuple[ElementReference, ...] | None = attrs.field(
        default=None, converter=converters.to_elements
    )

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the vendor's that are not None; /v1 must be told the mode."""
        fields = super().parameters()
        if "mode" not in fields and "resolution" not in fields:
            fields["mode"] = self.record.default_mode
        return fields
