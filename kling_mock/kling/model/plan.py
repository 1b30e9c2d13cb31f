"""What a create request comes to once it is valid: the input of everything after validation."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, NamedTuple

from kling_mock.kling.media.urls import OutputType
from kling_mock.kling.model.library import LibraryEntry

__all__ = [
    "ASPECT_RATIOS",
    "NO_SIZE",
    "ONE_VIDEO",
    "OUTPUT_TYPES",
    "LaterFailure",
    "PackType",
    "ParentVideo",
    "Plan",
    "ResultKey",
    "ResultList",
    "Resulting",
    "nearest_aspect_ratio",
    "seconds_text",
]

#: The lists that `task_result` can have on /v1.
ResultKey = Literal[
    "videos", "images", "series_images", "audios", "voices", "elements", "subtitles"
]
#: What the units of a task are taken from, as the vendor's filters name it.
PackType = Literal["video", "image", "audio", "try_on"]

#: What the items of each list are. A new list is one row here; what an item looks like is a row
#: in each of `wire.v1`, `wire.v1_schemas`, `wire.model_path`, and its file one in `media.urls` and
#: `http.media`.
OUTPUT_TYPES: Mapping[ResultKey, OutputType] = {
    "videos": "video",
    "images": "image",
    "series_images": "image",
    "audios": "audio",
    "voices": "voice",
    "elements": "element",
    "subtitles": "subtitles",
}

NO_SIZE = (0, 0)

# The shapes that results come in, as width / height.
ASPECT_RATIOS = {"16:9": 16 / 9, "1:1": 1.0, "9:16": 9 / 16}


def seconds_text(seconds: float) -> str:
    """Return the length of a sound as replies show it."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


class ResultList(NamedTuple):
    """One list of a finished task's results.

    Attributes:
        key: Its key in `task_result`; of two lists of a task, the items differ in their type.
        length: How many items it has.
        size: Width and height of each in pixels, where the plan's resolution and aspect ratio do
            not say it.
        seconds: Length of each sound in seconds; 0 of what is none.
        views: How many pictures each item has, with a URL each.
        members: What else is in each item on /v1, by key.
        words: What the items are called under `/solutions`, where that is not their type.
    """

    key: ResultKey
    length: int = 1
    size: tuple[int, int] = NO_SIZE
    seconds: float = 0.0
    views: int = 1
    members: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()

    @property
    def duration(self) -> str:
        """The length of each sound as replies show it."""
        return seconds_text(self.seconds)

    @property
    def files(self) -> int:
        """How many files it has, but for those with a watermark."""
        return self.length * self.views


class Resulting(NamedTuple):
    """What a task has when it succeeds.

    Attributes:
        lists: Its results; at least one list.
        members: What else is in `task_result`, by key.
    """

    lists: tuple[ResultList, ...]
    members: tuple[tuple[str, str], ...] = ()

    @property
    def total(self) -> int:
        """How many items it is in all."""
        return sum([one.length for one in self.lists])

    def of_type(self, wanted: OutputType) -> ResultList | None:
        """Return the list whose items are of this type, or `None`."""
        return next((one for one in self.lists if OUTPUT_TYPES[one.key] == wanted), None)


ONE_VIDEO = Resulting((ResultList("videos"),))


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
        resolution: `720p`, `1080p` or `4k`; of pictures `1k`, `2k` or `4k`; `none` of sounds.
        aspect_ratio: Of a video, a key of `ASPECT_RATIOS`.
        fps: Frames per second of the result.
        sound: Whether the result has an audio track.
        units: What it costs when it succeeds, in Kling units.
        prompt: The prompt, or the prompts of the shots; "" if there is none.
        external_task_id: The caller's own id; "" if there is none.
        callback_url: Where reports go; "" if nowhere.
        watermark: Whether a result with a watermark is wanted too; `None` where the endpoint has
            none.
        typical_seconds: How long such a task usually takes.
        result: What it has when it succeeds.
        pack: Which kind of resource pack pays for it.
        slots: How many slots of that kind it holds until it ends.
        parent_video: The earlier result that it works on; `None` if there is none.
        failure: Why the task fails when it would have succeeded; `None` if it does not.
        shows_duration: Whether its videos say how long they are.
        entry: The voice or element that it makes; `None` if it makes files.
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
    watermark: bool | None
    typical_seconds: float
    result: Resulting = ONE_VIDEO
    pack: PackType = "video"
    slots: int = 1
    parent_video: ParentVideo | None = None
    failure: LaterFailure | None = None
    shows_duration: bool = True
    entry: LibraryEntry | None = None


def nearest_aspect_ratio(width: int, height: int) -> str:
    """Return the key of `ASPECT_RATIOS` that is closest to an image of this size."""
    ratio = width / height
    return min(ASPECT_RATIOS, key=lambda name: max(r := ASPECT_RATIOS[name] / ratio, 1 / r))
