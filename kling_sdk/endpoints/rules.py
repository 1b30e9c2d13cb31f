"""Rules between fields of one request, checked when the request is made.

Each rule takes a request and raises `RequestValidationError`. They hold for the models
the capability table knows; what depends on the model itself stands in that table.
Source: the vendor's endpoint pages (several copies agree, unless a rule says otherwise).
"""

from __future__ import annotations

from typing import Any

from kling_sdk.endpoints.checks import check_image
from kling_sdk.errors import RequestValidationError

__all__ = [
    "camera_config",
    "exclusive_controls",
    "mask_points",
    "multi_shot_or_prompt",
    "omni_references",
    "one_picture",
    "optional_multi_shot",
    "subject_pictures",
    "voices_or_elements",
]

MAX_SHOT_PROMPT = 512
MAX_POINTS = 77
MAX_OMNI_REFERENCES = 7
MAX_OMNI_REFERENCES_WITH_VIDEO = 4
MAX_OMNI_FRAME_ELEMENTS = 3


def multi_shot_or_prompt(request: Any) -> None:
    """One prompt, or shots: `customize` takes `multi_prompt`, everything else `prompt`."""
    if not request.multi_shot:
        _need_prompt(request, "multi_shot is off")
        return
    if request.shot_type is None:
        raise RequestValidationError(
            "shot_type", "is missing with multi_shot", "customize, intelligence"
        )
    if request.shot_type == "customize":
        _check_shots(request)
    else:
        _need_prompt(request, f"shot_type is {request.shot_type}")


def optional_multi_shot(request: Any) -> None:
    """As `multi_shot_or_prompt`, where one shot needs no prompt: image2video's older page."""
    if request.multi_shot:
        multi_shot_or_prompt(request)


def _need_prompt(request: Any, why: str) -> None:
    if not request.prompt:
        raise RequestValidationError("prompt", f"is missing while {why}", "text")


def _check_shots(request: Any) -> None:
    shots = request.multi_prompt
    if not shots:
        raise RequestValidationError(
            "multi_prompt", "is missing while shot_type is customize", "1 to 6 shots"
        )
    for shot in shots:
        if not isinstance(shot.prompt, str) or not 1 <= len(shot.prompt) <= MAX_SHOT_PROMPT:
            raise RequestValidationError(
                "multi_prompt.prompt", "is empty, too long or no text", "1 to 512 characters"
            )
        if shot.duration < 1:
            raise RequestValidationError(
                "multi_prompt.duration", f"is {shot.duration} s", "at least 1 s"
            )
    total = sum(shot.duration for shot in shots)
    if request.duration is not None and total != request.duration:
        raise RequestValidationError(
            "multi_prompt.duration",
            f"adds up to {total} s",
            f"the video's duration, {request.duration} s",
        )


def one_picture(request: Any) -> None:
    """image2video needs a first or a last frame."""
    if request.image is None and request.image_tail is None:
        raise RequestValidationError("image", "is missing", "image, image_tail or both")


def exclusive_controls(request: Any) -> None:
    """A last frame, masks and a camera movement exclude each other."""
    used = [
        name
        for name in ("image_tail", "static_mask", "dynamic_masks", "camera_control")
        if getattr(request, name)
    ]
    if len(used) > 1 and set(used) != {"static_mask", "dynamic_masks"}:
        raise RequestValidationError(
            used[1],
            f"is given beside {used[0]}",
            "one of image_tail, static_mask/dynamic_masks, camera_control",
        )


def voices_or_elements(request: Any) -> None:
    """Voices and elements exclude each other."""
    if request.voice_list and request.element_list:
        raise RequestValidationError(
            "voice_list", "is given beside element_list", "voice_list or element_list"
        )


def mask_points(request: Any) -> None:
    """A moving area has a picture within the limits and a trajectory of 2 to 77 points."""
    for mask in request.dynamic_masks or ():
        check_image("dynamic_masks.mask", mask.mask)
        if not 2 <= len(mask.trajectories) <= MAX_POINTS:
            raise RequestValidationError(
                "dynamic_masks.trajectories",
                f"has {len(mask.trajectories)} points",
                f"2 to {MAX_POINTS} points",
            )


def camera_config(request: Any) -> None:
    """`simple` moves along exactly one axis; the named movements take no config."""
    camera = request.camera_control
    if camera is None:
        return
    if camera.type != "simple":
        if camera.config is not None:
            raise RequestValidationError(
                "camera_control.config", f"is given with type {camera.type}", "no config"
            )
        return
    axes = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
    moved = {axis: value for axis in axes if (value := getattr(camera.config, axis, None))}
    accepted = "exactly one axis other than 0"
    if len(moved) != 1:
        raise RequestValidationError(
            "camera_control.config", f"moves {len(moved)} axes with type simple", accepted
        )
    for axis, value in moved.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 10:
            raise RequestValidationError(
                f"camera_control.config.{axis}", f"is {value!r:.40}", "a number from -10 to 10"
            )


def subject_pictures(request: Any) -> None:
    """Each subject's picture keeps the limits of a picture."""
    for item in request.image_list:
        check_image("image_list.image", item.image)


def omni_references(request: Any) -> None:
    """Pictures, elements and a video of omni-video, in the numbers that go together."""
    images, elements = request.image_list or (), request.element_list or ()
    videos = request.video_list or ()
    kinds = [item.type for item in images if item.type]
    for item in images:
        check_image("image_list.image_url", item.image_url)
    if "end_frame" in kinds and "first_frame" not in kinds:
        raise RequestValidationError(
            "image_list.type", "has an end_frame alone", "first_frame, or both"
        )
    if kinds and any((item.refer_type or "base") == "base" for item in videos):
        raise RequestValidationError(
            "image_list.type",
            f"is {kinds[0]} beside a base video",
            "no type with a base video, or refer_type feature",
        )
    most = MAX_OMNI_REFERENCES_WITH_VIDEO if videos else MAX_OMNI_REFERENCES
    if len(images) + len(elements) > most:
        raise RequestValidationError(
            "image_list",
            f"and element_list hold {len(images) + len(elements)} references",
            f"at most {most} {'with' if videos else 'without'} a video",
        )
    if kinds and len(elements) > MAX_OMNI_FRAME_ELEMENTS:
        raise RequestValidationError(
            "element_list",
            f"has {len(elements)} elements beside a frame",
            f"at most {MAX_OMNI_FRAME_ELEMENTS}",
        )
