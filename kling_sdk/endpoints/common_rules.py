"""Rules between fields that more than one endpoint has, checked when the request is made.

Each rule takes a request and raises `RequestValidationError`. Rules hold for the models that an
endpoint knows; what depends on the model itself stands in its limits. Source: the vendor's
endpoint pages (several copies agree, unless a rule says otherwise).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, get_args

from kling_sdk.endpoints.values import CameraType
from kling_sdk.errors import RequestValidationError

__all__ = ["camera_config", "exactly_one", "multi_shot_or_prompt", "optional_multi_shot"]

MAX_SHOT_PROMPT: Final = 512  # characters
_DEFAULT_SECONDS: Final = 5  # of a video whose request names no `duration`


def exactly_one(first: str, second: str, within: str = "") -> Callable[[Any], None]:
    """Return the rule that one of two parameters is given, and not both.

    Args:
        first: The parameter.
        second: The other one.
        within: The parameter whose object has them; "" for the request itself.
    """

    def check(request: Any) -> None:
        holder = getattr(request, within) if within else request
        given = [name for name in (first, second) if getattr(holder, name)]
        if len(given) != 1:
            raise RequestValidationError(
                f"{within}.{first}".removeprefix("."),
                f"is given beside {second}" if given else f"is missing, and so is {second}",
                f"either {first} or {second}",
            )

    return check


def multi_shot_or_prompt(request: Any) -> None:
    """One prompt, or shots: `customize` takes `multi_prompt`, everything else `prompt`."""
    if not request.multi_shot:
        _need_prompt(request, "is missing", "text, or multi_shot with shots")
        return
    if request.shot_type is None:
        raise RequestValidationError(
            "shot_type", "is missing with multi_shot", "customize, intelligence"
        )
    if request.shot_type == "customize":
        _check_shots(request)
    else:
        _need_prompt(request, f"is missing while shot_type is {request.shot_type}", "text")


def optional_multi_shot(request: Any) -> None:
    """As `multi_shot_or_prompt`, where one shot needs no prompt: image2video's older page."""
    if request.multi_shot:
        multi_shot_or_prompt(request)


def _need_prompt(request: Any, limit: str, expected: str) -> None:
    if not request.prompt:
        raise RequestValidationError("prompt", limit, expected)


def _check_shots(request: Any) -> None:
    shots = request.multi_prompt
    if not shots:
        raise RequestValidationError(
            "multi_prompt", "is missing while shot_type is customize", "1 to 6 shots"
        )
    for shot in shots:
        if not 1 <= len(shot.prompt) <= MAX_SHOT_PROMPT:
            raise RequestValidationError(
                "multi_prompt.prompt", f"has {len(shot.prompt)} characters", "1 to 512 characters"
            )
        if shot.duration < 1:
            raise RequestValidationError(
                "multi_prompt.duration", f"is {shot.duration} s", "at least 1 s"
            )
    total = sum(shot.duration for shot in shots)
    if total != (request.duration or _DEFAULT_SECONDS):
        length = f"{request.duration} s" if request.duration else f"by default {_DEFAULT_SECONDS} s"
        raise RequestValidationError(
            "multi_prompt.duration", f"adds up to {total} s", f"the video's duration, {length}"
        )


def camera_config(request: Any) -> None:
    """`simple` moves along exactly one axis; the other movements take no config."""
    camera = request.camera_control
    if camera is None:
        return
    if camera.type not in get_args(CameraType):
        raise RequestValidationError(
            "camera_control.type", f"is {camera.type[:40]!r}", ", ".join(get_args(CameraType))
        )
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
        if not -10 <= value <= 10:
            raise RequestValidationError(
                f"camera_control.config.{axis}", f"is {value}", "a number from -10 to 10"
            )
