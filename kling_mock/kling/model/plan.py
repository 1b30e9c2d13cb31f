"""What a create request comes to once it is valid: the input of everything after validation."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, NamedTuple

__all__ = [
    "ASPECT_RATIOS",
    "LaterFailure",
    "ParentVideo",
    "Plan",
    "ResultKind",
    "nearest_aspect_ratio",
]

ResultKind = Literal["videos", "images"]

# The shapes that results come in, as width / height.
ASPECT_RATIOS = {"16:9": 16 / 9, "1:1": 1.0, "9:16": 9 / 16}


class ParentVideo(NamedTuple):
    """The video that a task works on, as its replies show it.

    Attributes:
        id: 18 digits.
        seconds: Its length.
        url: Its address where it is no result of this server; "" for one.
    """

    id: str
    seconds: int
    url: str = ""


class LaterFailure(NamedTuple):
    """What is found out only when a task is processed.

    Attributes:
        code: The service code; it is on no wire.
        message: The reason, as queries show it.
    """

    code: int
    message: str


class Plan(NamedTuple):
    """One valid request.

    Attributes:
        endpoint: The endpoint's name.
        path: The path of the request.
        model: The model, with the endpoint's default filled in; "" if it has none.
        mode: `std`, `pro`, `4k`, or `none` for a model without modes.
        seconds: Length of the result in whole seconds.
        resolution: `720p`, `1080p` or `4k`.
        aspect_ratio: A key of `ASPECT_RATIOS`.
        fps: Frames per second of the result.
        sound: Whether the result has an audio track.
        units: What it costs when it succeeds, in Kling units.
        prompt: The prompt, or the prompts of the shots; "" if there is none.
        external_task_id: The caller's own id; "" if there is none.
        callback_url: Where reports go; "" if nowhere.
        watermark: Whether a result with a watermark is wanted too.
        typical_seconds: How long such a task usually takes.
        result: What it has when it succeeds.
        results: How many of these.
        parent_video: The earlier result that it works on; `None` if there is none.
        failure: Why the task fails when it would have succeeded; `None` if it does not.
        shows_duration: Whether its videos say how long they are.
    """

    endpoint: str
    path: str
    model: str
    mode: str
    seconds: int
    resolution: str
    aspect_ratio: str
    fps: int
    sound: bool
    units: Decimal
    prompt: str
    external_task_id: str
    callback_url: str
    watermark: bool
    typical_seconds: float
    result: ResultKind = "videos"
    results: int = 1
    parent_video: ParentVideo | None = None
    failure: LaterFailure | None = None
    shows_duration: bool = True


def nearest_aspect_ratio(width: int, height: int) -> str:
    """Return the key of `ASPECT_RATIOS` that is closest to an image of this size."""
    ratio = width / height
    return min(ASPECT_RATIOS, key=lambda name: max(r := ASPECT_RATIOS[name] / ratio, 1 / r))
