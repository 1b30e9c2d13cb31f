"""`omni-video`: a video from text, frames, reference images, elements and a video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kling_mock.kling.endpoints.common_rules import (
    check_prompt_or_shots,
    check_sound,
    require,
)
from kling_mock.kling.endpoints.example_parts import CALLBACK, ELEMENT_IDS, IMAGE, SITE, shots
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.images import check_reachable, inspect
from kling_mock.kling.endpoints.models import of_videos
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import (
    CallContext,
    CreateRequest,
    EmulatedEndpoint,
)
from kling_mock.kling.model.plan import nearest_aspect_ratio
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed, documented
from kling_sdk.facts.products.omni_video import (
    MODELS,
    OMNI_CHARACTERS,
    OMNI_ELEMENTS_WITH_FRAMES,
    OMNI_REFERENCES,
    OMNI_REFERENCES_WITH_VIDEO,
    REQUEST,
)

_O1_MAX_IMAGES_WITH_FRAMES = 2
_O1_PLAIN_SECONDS = (5, 10)
_SECONDS_OF_A_VIDEO = 5  # assumed for every input video, since none is ever fetched


_CAPABILITIES = of_videos(
    MODELS, {"first_last_frame": "end_frame"}, {"kling-v3-omni": "character_element"}
)

_EXAMPLES: Mapping[str, Any] = {
    "text": {
        "model_name": "kling-video-o1",
        "prompt": "A boat on a lake.",
        "aspect_ratio": "16:9",
        "duration": "5",
        "mode": "pro",
    },
    "images-and-elements": {
        "model_name": "kling-video-o1",
        "prompt": "<<<image_1>>> meets <<<element_1>>> and <<<element_2>>>.",
        "image_list": [{"image_url": IMAGE}, {"image_url": IMAGE}],
        "element_list": [
            {"element_id": ELEMENT_IDS[0]},
            {"element_id": ELEMENT_IDS[1]},
        ],
        "mode": "pro",
        "aspect_ratio": "1:1",
        "duration": "7",
    },
    "edited-video": {
        "model_name": "kling-video-o1",
        "prompt": "Put the crown of <<<image_1>>> on the girl in <<<video_1>>>.",
        "image_list": [{"image_url": IMAGE}],
        "video_list": [
            {
                "video_url": f"{SITE}/girl.mp4",
                "refer_type": "base",
                "keep_original_sound": "yes",
            }
        ],
        "mode": "pro",
    },
    "video-as-reference": {
        "model_name": "kling-v3-omni",
        "prompt": "Make the shot that follows <<<video_1>>>.",
        "video_list": [
            {
                "video_url": f"{SITE}/girl.mp4",
                "refer_type": "feature",
                "keep_original_sound": "no",
            }
        ],
        "mode": "pro",
        "aspect_ratio": "1:1",
        "duration": "10",
    },
    "first-and-last-frame": {
        "model_name": "kling-v3-omni",
        "prompt": "The flower opens.",
        "image_list": [
            {"image_url": IMAGE, "type": "first_frame"},
            {"image_url": IMAGE, "type": "end_frame"},
        ],
        "mode": "pro",
        "duration": "5",
        "sound": "on",
    },
    "own-shots": {
        "model_name": "kling-v3-omni",
        **shots(("<<<image_1>>> walks.", "2"), ("It rains.", "3")),
        "image_list": [{"image_url": IMAGE}],
        "sound": "on",
        "mode": "std",
        "aspect_ratio": "9:16",
        "duration": "5",
        "watermark_info": {"enabled": True},
        "callback_url": CALLBACK,
        "external_task_id": "omni-video-1",
    },
}


class _Inputs(NamedTuple):
    """The inputs of the request, counted and sorted once for all rules."""

    images: list[dict[str, Any]]
    first: bool
    end: bool
    elements: list[int]
    characters: list[int]
    video: str  # "", "base" or "feature"
    is_o1: bool


def _check_inputs(request: CreateRequest) -> None:
    """Check the images, elements and video, and how they go together."""
    inputs = _read(request)
    _check_frames(inputs)
    _check_video(request, inputs)
    _check_counts(request, inputs)
    if inputs.is_o1:
        _check_o1_seconds(request, inputs)


def _aspect_ratio(request: CreateRequest) -> str:
    """Return the shape of the result: the first frame's if there is one, else the stated one.

    Whether aspect_ratio may be left out otherwise is unresolved: one page requires it, a newer
    table gives 16:9 as the default. It may (assumed).

    Raises:
        Refusal: 400/1201, an image is not one that Kling takes.
    """
    shape = str(request.fields.get("aspect_ratio", "16:9"))
    noticed = request.context.reader.noticed
    for number, row in enumerate(request.fields.get("image_list", ())):
        size = inspect(row["image_url"], f"image_list[{number}].image_url", noticed)
        if size is not None and row.get("type") == "first_frame":
            shape = nearest_aspect_ratio(size.width, size.height)
    return shape


def _video_use(fields: Mapping[str, Any]) -> str:
    """Return what the input video is for: `base` (to be edited), `feature`, or "" without one."""
    videos = fields.get("video_list")
    return (videos[0].get("refer_type") or "base") if videos else ""


def _fixed_seconds(fields: Mapping[str, Any], _context: CallContext) -> int | None:
    """Return the length of a base video, with which `duration` is ignored."""
    return _SECONDS_OF_A_VIDEO if _video_use(fields) == "base" else None


def _read(request: CreateRequest) -> _Inputs:
    images: list[dict[str, Any]] = request.fields.get("image_list", [])
    ids = [int(row["element_id"]) for row in request.fields.get("element_list", ())]
    kinds = [row.get("type") for row in images]
    for kind in ("first_frame", "end_frame"):
        if kinds.count(kind) > 1:
            raise invalid("image_list", f"must have at most one {kind}", kinds.count(kind))
    return _Inputs(
        images=images,
        first="first_frame" in kinds,
        end="end_frame" in kinds,
        elements=ids,
        characters=[number for number in ids if request.context.is_character(number)],
        video=_video_use(request.fields),
        is_o1=request.capability.model == "kling-video-o1",
    )


def _check_frames(inputs: _Inputs) -> None:
    if inputs.end and not inputs.first:
        raise invalid("image_list", "an end_frame is only possible with a first_frame")
    if not inputs.first:
        return
    if inputs.video == "base":
        raise invalid("image_list", "first_frame and end_frame are not possible with a base video")
    if inputs.is_o1 and len(inputs.images) > _O1_MAX_IMAGES_WITH_FRAMES:
        raise invalid(
            "image_list",
            f"must have at most {_O1_MAX_IMAGES_WITH_FRAMES} images with a first_frame on "
            "kling-video-o1",
            len(inputs.images),
        )
    if inputs.is_o1 and inputs.end and inputs.elements:
        raise invalid(
            "element_list", "must be empty with a first_frame and end_frame on kling-video-o1"
        )
    if len(inputs.elements) > OMNI_ELEMENTS_WITH_FRAMES:
        raise invalid(
            "element_list",
            f"must be at most {OMNI_ELEMENTS_WITH_FRAMES} with a first_frame",
            len(inputs.elements),
        )


def _check_video(request: CreateRequest, inputs: _Inputs) -> None:
    if not inputs.video:
        return
    video = request.fields["video_list"][0]
    check_reachable(video["video_url"], request.context.reader.noticed)
    if request.fields.get("sound") == "on":
        raise invalid("sound", "must be off with video_list", "on")
    if request.fields.get("multi_shot") is True:
        # Since 2026-06-17, and for kling-v3-omni only; no other model has multi_shot.
        if inputs.video == "base":
            raise invalid("multi_shot", "not possible with a base video")
        if request.fields.get("shot_type") != "intelligence":
            raise invalid("shot_type", "must be intelligence with a feature video")


def _check_counts(request: CreateRequest, inputs: _Inputs) -> None:
    if inputs.characters:
        require(request, "character_element", "element_list of video characters")
        if inputs.video:
            raise invalid("element_list", "video characters are not possible with video_list")
        if len(inputs.characters) > OMNI_CHARACTERS:
            limit = f"must have at most {OMNI_CHARACTERS} video characters"
            raise invalid("element_list", limit, len(inputs.characters))
    references = len(inputs.images) + len(inputs.elements) - len(inputs.characters)
    crowded = bool(inputs.video or inputs.characters)
    max_references = OMNI_REFERENCES_WITH_VIDEO if crowded else OMNI_REFERENCES
    if references > max_references:
        where = " with a video or a video character" if crowded else ""
        limit = f"must be at most {max_references} images and elements together{where}"
        raise invalid("image_list and element_list", limit, references)


def _check_o1_seconds(request: CreateRequest, inputs: _Inputs) -> None:
    """kling-video-o1 makes 5 or 10 seconds from text alone, or from a first frame alone.

    The capability maps state it for both; one FAQ allows 3 to 10 for text.
    """
    references = len(inputs.images) - inputs.first + len(inputs.elements)
    plain = not inputs.video and references == 0
    if plain and request.seconds not in _O1_PLAIN_SECONDS:
        possible = " or ".join(map(str, _O1_PLAIN_SECONDS))
        raise invalid(
            "duration",
            f"must be {possible} with text or a first frame alone on kling-video-o1",
            str(request.seconds),
        )


RECORD = EmulatedEndpoint(
    name="omni-video",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    fields=fields_of(REQUEST),
    examples=_EXAMPLES,
    rules=(check_sound, check_prompt_or_shots, _check_inputs),
    capabilities=_CAPABILITIES,
    default_model="kling-video-o1",
    default_mode="pro",
    fixed_seconds=_fixed_seconds,
    aspect_ratio=_aspect_ratio,
    prices=listed_prices("omni-video", _CAPABILITIES),
    behaviours=(
        (
            "7 images and elements, 4 beside a video or character, 3 elements beside a frame.",
            documented("pages-2026-06", "pages-2026-09", as_of="2026-09-20"),
        ),
        (
            "kling-video-o1 makes 5 or 10 seconds of text alone or of a first frame alone.",
            documented(
                "pages-2026-09",
                "digest-2026-01",
                as_of="2026-09-20",
                confidence="medium",
                note="one FAQ allows 3 to 10 seconds for text",
            ),
        ),
        (
            "With a base video `duration` is ignored.",
            documented("pages-2026-04", "pages-2026-06", as_of="2026-06-11"),
        ),
        (
            "A base video counts as 5 seconds long, and so does its result.",
            assumed("videos are never fetched, so their length is not known"),
        ),
        (
            "On omni-video `aspect_ratio` may be left out; it is then 16:9.",
            assumed("one page requires it, a newer table gives a default", "pages-2026-09"),
        ),
    ),
)
