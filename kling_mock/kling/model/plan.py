"""The plan of a valid create request: the input of everything after validation."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, NamedTuple

from kling_mock.kling.media.urls import OutputType
from kling_mock.kling.model.library import LibraryEntry

#: The lists that `task_result` can have on /v1.
ResultKey = Literal[
    "videos", "images", "series_images", "audios", "voices", "elements", "subtitles"
]
#: The kinds of packs that pay for a task, as the vendor's filters name them.
PackType = Literal["video", "image", "audio", "try_on"]

#: The type of the items of each list. A new list is one row here; the form of an item is a row in
#: each of `wire.v1`, `wire.v1_schemas`, `wire.model_path`, and its file is one in `media.urls` and
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

# The shapes of results, as width / height.
ASPECT_RATIOS = {"16:9": 16 / 9, "1:1": 1.0, "9:16": 9 / 16}


def seconds_text(seconds: float) -> str:
    """Return the length of a sound as replies show it."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


class ResultList(NamedTuple):
    """One list of a finished task's results.

    Attributes:
        key: Its key in `task_result`; the items of two lists of a task differ in their type.
        length: The number of its items.
        size: Width and height of each in pixels, where the plan's resolution and aspect ratio do
            not determine them.
        seconds: Length of each sound in seconds; 0 if the items are not sounds.
        views: The number of images of each item, with a URL each.
        members: Other members of each item on /v1, by key.
        words: The names of the items under `/solutions`, where they differ from their type.
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
        """The number of files, not counting those with a watermark."""
        return self.length * self.views


class Resulting(NamedTuple):
    """The results of a task that succeeds.

    Attributes:
        lists: Its results; at least one list.
        members: Other members of `task_result`, by key.
    """

    lists: tuple[ResultList, ...]
    members: tuple[tuple[str, str], ...] = ()

    @property
    def total(self) -> int:
        """The total number of items."""
        return sum([result_list.length for result_list in self.lists])

    def of_type(self, output_type: OutputType) -> ResultList | None:
        """Return the list whose items are of this type, or `None`."""
        return next(
            (
                result_list
                for result_list in self.lists
                if OUTPUT_TYPES[result_list.key] == output_type
            ),
            None,
        )


ONE_VIDEO = Resulting((ResultList("videos"),))


class ParentVideo(NamedTuple):
    """The video that a task works on, as its replies show it.

    Attributes:
        id: 18 digits.
        seconds: Its length.
        url: Its address if it is not a result of this server; "" if it is.
    """

    id: str
    seconds: int
    url: str = ""


class LaterFailure(NamedTuple):
    """A failure that is found only when a task is processed.

    Attributes:
        code: The service code; it is never sent.
        message: The reason, as queries show it.
    """

    code: int
    message: str


class Plan(NamedTuple):
    """One valid request.

    Attributes:
        endpoint: The endpoint's name.
        path: The path of the request.
        model: The model, with the endpoint's default filled in; "" if there is none.
        mode: `std`, `pro`, `4k`, or `none` for a model without modes.
        seconds: Length of the result in whole seconds.
        resolution: `720p`, `1080p` or `4k`; `1k`, `2k` or `4k` for images; `none` for sounds.
        aspect_ratio: The aspect ratio of a video, a key of `ASPECT_RATIOS`.
        fps: Frames per second of the result.
        sound: Whether the result has an audio track.
        units: What it costs when it succeeds, in Kling units.
        prompt: The prompt, or the prompts of the shots; "" if there is none.
        external_task_id: The caller's own id; "" if there is none.
        callback_url: The target of reports; "" if there is none.
        watermark: Whether a result with a watermark is requested too; `None` where the endpoint
            does not offer one.
        typical_seconds: How long such a task usually takes.
        result: Its results if it succeeds.
        pack: The kind of resource pack that pays for it.
        slots: The number of slots of that kind that it holds until it ends.
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
