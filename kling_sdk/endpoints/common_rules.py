"""Rules between fields that more than one endpoint has, checked when the request is made.

Each rule takes a request and yields what is wrong with it. Rules hold for the models that an
endpoint knows; what depends on the model itself stands in its limits. Source: the vendor's
endpoint pages (several copies agree, unless a rule says otherwise).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, get_args

from kling_sdk.endpoints.checks import Problems
from kling_sdk.endpoints.from_facts import maximum
from kling_sdk.endpoints.values import CameraType
from kling_sdk.facts.fields import SHOTS

__all__ = ["camera_config", "exactly_one", "multi_shot_or_prompt", "optional_multi_shot"]

_MAX_SHOT: Final = maximum(SHOTS, "multi_prompt.prompt")


def exactly_one(first: str, second: str, within: str = "") -> Callable[[Any], Problems]:
    """Return the rule that one of two parameters is given, and not both.

    Args:
        first: The parameter.
        second: The other one.
        within: The parameter whose object has them; "" for the request itself.
    """

    def check(request: Any) -> Problems:
        holder = getattr(request, within) if within else request
        present = [name for name in (first, second) if getattr(holder, name)]
        if len(present) != 1:
            yield (
                f"{within}.{first}".removeprefix("."),
                f"is given with {second}" if present else f"is missing, and so is {second}",
                f"either {first} or {second}",
            )

    return check


def multi_shot_or_prompt(request: Any) -> Problems:
    """One prompt, or shots: `customize` takes `multi_prompt`, everything else `prompt`."""
    if not request.multi_shot:
        if not request.prompt:
            yield "prompt", "is missing", "text, or multi_shot with shots"
        return
    if request.shot_type is None:
        yield "shot_type", "is missing with multi_shot", "customize, intelligence"
    if request.shot_type == "customize":
        yield from _check_shots(request)
    elif not request.prompt:
        yield "prompt", f"is missing while shot_type is {request.shot_type}", "text"


def optional_multi_shot(request: Any) -> Problems:
    """As `multi_shot_or_prompt`, where one shot needs no prompt: image2video's older page."""
    if request.multi_shot:
        yield from multi_shot_or_prompt(request)


def _check_shots(request: Any) -> Problems:
    shots = request.multi_prompt
    if not shots:
        yield "multi_prompt", "is missing while shot_type is customize", "1 to 6 shots"
    for shot in shots:
        if not 1 <= len(shot.prompt) <= _MAX_SHOT:
            yield (
                "multi_prompt.prompt",
                f"has {len(shot.prompt)} characters",
                f"1 to {_MAX_SHOT} characters",
            )
        if shot.duration < 1:
            yield "multi_prompt.duration", f"is {shot.duration} s", "at least 1 s"
    total = sum(shot.duration for shot in shots)
    usual = request.record.default_seconds
    if total != (request.duration or usual):
        length = f"{request.duration} s" if request.duration else f"by default {usual} s"
        yield "multi_prompt.duration", f"adds up to {total} s", f"the video's duration, {length}"


def camera_config(request: Any) -> Problems:
    """`simple` moves along exactly one axis; the other movements take no config."""
    camera = request.camera_control
    if camera is None:
        return
    if camera.type not in get_args(CameraType):
        yield "camera_control.type", f"is {camera.type[:40]!r}", ", ".join(get_args(CameraType))
    if camera.type != "simple":
        if camera.config is not None:
            yield "camera_control.config", f"is given with type {camera.type}", "no config"
        return
    axes = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
    moved = {axis: value for axis in axes if (value := getattr(camera.config, axis, None))}
    accepted = "exactly one axis other than 0"
    if len(moved) != 1:
        yield "camera_control.config", f"moves {len(moved)} axes with type simple", accepted
    for axis, value in moved.items():
        if not -10 <= value <= 10:
            yield f"camera_control.config.{axis}", f"is {value}", "a number from -10 to 10"
