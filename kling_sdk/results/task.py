"""Results of the API: tasks, videos, pages. They are values without a client inside.

Every class is frozen and pickles. Fields the vendor adds later stay reachable in `raw`,
and a status we do not know is kept as text: nothing here makes a response unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import attrs

from kling_sdk.errors import KlingError
from kling_sdk.text.scalars import decimal, objects_of, text
from kling_sdk.text.spelling import Suggesting

if TYPE_CHECKING:
    from kling_sdk.results.library_items import Element, Voice

TaskStatus = Literal["submitted", "processing", "succeed", "failed"]
#: The statuses after which a task never changes. The interface with the model in the path spells
#: success `succeeded`; its responses are read as `succeed`, but a task that was made by hand may
#: have either.
SUCCEED: Final = frozenset({"succeed", "succeeded"})
FAILED: Final = frozenset({"failed", "cancelled", "canceled", "expired"})

_RESULTS_KEPT: Final = timedelta(days=30)

#: Attributes that a task is expected to have, as those of other services do -> what to use.
_INSTEAD: Final[dict[str, str]] = {
    "id": "task.task_id",
    "state": "task.status",
    **dict.fromkeys(("error", "message", "reason"), "task.status_msg"),
    **dict.fromkeys(("result", "results", "task_result"), "task.videos, or task.outputs"),
    **dict.fromkeys(("url", "urls", "video_url"), "task.videos[0].url"),
    "video": "task.videos[0]",
    "image_url": "task.images[0].url",
    "image": "task.images[0]",
    "audio_url": "task.audios[0].url",
    "audio": "task.audios[0]",
    "wait": "kling.tasks.wait(task)",
    **dict.fromkeys(("get", "refresh", "reload"), "kling.tasks.get(task)"),
    **dict.fromkeys(("download", "save"), "kling.download(task.videos[0], to)"),
}


def redact_url(url: str) -> str:
    """Return *url* without user info, query and fragment: these hold the signature."""
    head = url.partition("#")[0].partition("?")[0]
    scheme, separator, rest = head.partition("://")
    if not separator:
        return head
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def shown_url(url: str) -> str:
    """Return *url* as `redact_url` does, with a mark for what was left out."""
    redacted = redact_url(url)
    return redacted if redacted == url else f"{redacted}?<hidden>"


def _url_repr(url: str) -> str:
    return repr(shown_url(url))


def _as_text(value: object) -> str:
    return str(value) if isinstance(value, datetime | Decimal) else repr(value)


@attrs.frozen
class Video:
    """One video of a finished task.

    Attributes:
        id: The platform's id of the video, unique in the platform.
        url: URL of the video. It is signed and expires 30 days after the task
            (vendor page, several copies agree); its repr has `?<hidden>` for the signature.
        duration: Length in seconds, or None when the response does not say.
        watermark_url: URL of the copy with a watermark, or None if none was requested.
        raw: The object as received.
    """

    id: str
    url: str = attrs.field(repr=_url_repr)
    duration: Decimal | None = None
    watermark_url: str | None = attrs.field(default=None, repr=False)
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)


@attrs.frozen
class Image:
    """One picture of a finished task.

    Attributes:
        url: URL of the file; it is signed and expires as a video's does.
        index: Its number within the task, or None when the response does not say; for
            `ai_multi_shot`, the number of its set.
        watermark_url: URL of the copy with a watermark, or None if none was requested.
        raw: The object as received.
        view: Its number, from 1, among the pictures with the same index: `ai_multi_shot` has
            several of each. None where there is only one.
    """

    url: str = attrs.field(repr=_url_repr)
    index: int | None = None
    watermark_url: str | None = attrs.field(default=None, repr=False)
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)
    view: int | None = None


@attrs.frozen
class Audio:
    """One sound of a finished task, or of a call of text-to-speech.

    Attributes:
        id: The platform's id of the sound. `Avatar.audio_id` and `FaceChoice.audio_id` take one
            from text-to-speech for 30 days.
        url: URL of the MP3. For text-to-speech it is the only file, and the vendor's page
            does not state its type. It is signed and expires as a video's does.
        duration: Its length in seconds, or None when the response does not say.
        wav_url: URL of the same sound as WAV, or None.
        wav_duration: The length of the WAV in seconds, or None.
        raw: The object as received.
    """

    id: str
    url: str = attrs.field(repr=_url_repr)
    duration: Decimal | None = None
    wav_url: str | None = attrs.field(default=None, repr=False)
    wav_duration: Decimal | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)


@attrs.frozen
class Subtitles:
    """A file of subtitles of a finished task.

    Attributes:
        url: URL of the file; it is signed and expires as a video's does.
        format: `srt` (SubRip) or `ass` (Advanced SubStation Alpha), as the response has it.
        raw: The object as received.
    """

    url: str = attrs.field(repr=_url_repr)
    format: str = ""
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)


#: A result that is a file.
ResultFile = Video | Image | Audio | Subtitles


#: Headers that may hold a secret.
_PRIVATE_HEADERS: Final = "(?i)auth|cookie|credential|key|secret|sign|token"


def _to_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return headers by their names in lower case, without secrets and signatures."""
    return {
        public: redact_url(value) if "://" in value else value
        for name, value in headers.items()
        if (public := _public_name(name))
    }


@lru_cache(maxsize=256)  # a server sends the same ones each time
def _public_name(header: str) -> str:
    """Return a header's name in lower case; "" for one that may hold a secret."""
    return "" if re.search(_PRIVATE_HEADERS, header) else header.lower()


@attrs.frozen
class Response:
    """The HTTP response that a task was read from.

    Attributes:
        status: HTTP status.
        headers: Headers by their names in lower case, without those that may hold a secret; URLs
            are without their query.
        request_id: The id to quote to the vendor's support; "" when the response had none.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(converter=_to_headers, repr=False)
    request_id: str = ""


class NoResults(tuple[Any, ...]):  # noqa: SLOT001 - a tuple with slots has no attributes
    """The results that a task does not have: an empty tuple whose `[0]` says why."""

    _task: tuple[str, str]

    def __new__(cls, task_id: str, status: str) -> Self:
        """Return the empty tuple of a task."""
        empty = super().__new__(cls)
        empty._task = task_id, status
        return empty

    def __getnewargs__(self) -> tuple[str, str]:
        """Return what a copy is made of."""
        return self._task

    def __getitem__(self, at: Any) -> Any:
        """Return an empty slice.

        Raises:
            IndexError: whatever else is asked for.
        """
        if isinstance(at, slice):
            return ()
        task_id, status = self._task
        if status in SUCCEED:
            why = "its results are of another kind; see task.outputs"
        elif status in FAILED:
            why = "it has no results; see task.status_msg"
        else:
            why = "it is not done and has no results yet; kling.tasks.wait(task) waits for them"
        raise IndexError(f"task {task_id} is {status}: {why}")


#: The fields of a task that hold its results.
_RESULTS: Final = (
    "videos",
    "images",
    "series_images",
    "audios",
    "subtitles",
    "voices",
    "elements",
)


@attrs.frozen(repr=False)
class Task(Suggesting):
    """A generation task as last seen.

    Attributes:
        task_id: The platform's id, decimal digits as text (a relay: `kling_<32 hex>`).
        external_task_id: The id the creator gave, or None when the response does not say.
        status: `submitted`, `processing`, `succeed` (not "success"), `failed`, or a new word as
            text: no comparison with a wrong word fails, so use `is_done` and `is_succeed`.
            `cancelled` and `expired` count as final, because the vendor uses them elsewhere.
        status_msg: Why a task failed, in the vendor's text; "" otherwise.
        videos: The videos. This and the next six are empty until the task succeeds, and for other
            kinds of products.
        images: The pictures.
        series_images: The pictures of a series (`omni_image` with `result_type` series).
        audios: The sounds.
        subtitles: The files of subtitles of `solutions.drama_subtitle`.
        voices: The voices of a task of `voices`.
        elements: The elements of a task of `elements`.
        created_at: When the task was accepted, aware UTC, or None when unknown.
        updated_at: When it last changed, aware UTC, or None when unknown.
        units: Units finally deducted, or None before the end.
        endpoint: The endpoint that made the task, such as `text2video`; "" when unknown.
        interface: The interface whose response this is, and where the task is queried: `v1`,
            `model-path`, `solutions`, `relay`; "" when unknown, which counts as /v1. A callback
            does not tell `solutions` from `model-path`.
        kling_task_id: Relay only: the id at Kling, or None.
        reused: True when `create` was given an `external_task_id` that an earlier create
            has used: this is the earlier task, whatever was requested now. Kling does not compare
            the requests; a relay does, and refuses a different one.
        raw: The object as received, in the form of its interface, with every field we do not
            know.
        response: The HTTP response that the task was read from; for a list, that of its page. None
            for a callback and for a task that was made by hand.
    """

    task_id: str
    status: TaskStatus | str
    """`succeed` (not "success") or another word; prefer `is_done` and `is_succeed`."""
    external_task_id: str | None = None
    status_msg: str = ""
    videos: tuple[Video, ...] = ()
    images: tuple[Image, ...] = ()
    series_images: tuple[Image, ...] = ()
    audios: tuple[Audio, ...] = ()
    voices: tuple[Voice, ...] = ()
    elements: tuple[Element, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None
    units: Decimal | None = None
    endpoint: str = ""
    interface: str = ""
    kling_task_id: str | None = None
    reused: bool = False
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)
    subtitles: tuple[Subtitles, ...] = ()
    response: Response | None = attrs.field(default=None, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        none = NoResults(self.task_id, self.status)
        for name in _RESULTS:
            if not getattr(self, name):
                object.__setattr__(self, name, none)

    if not TYPE_CHECKING:  # which would take any name for one that exists

        def __getattr__(self, name: str) -> object:
            use = _INSTEAD.get(name)
            if use is None:
                return super().__getattr__(name)
            text = f"Task has no attribute {name!r}; use {use}"
            if "[0]" in use and not self.outputs:
                text += f"; status is {self.status!r}"
                text += "" if self.is_done else ", wait for the end: kling.tasks.wait(task)"
            raise AttributeError(text)

    def __repr__(self) -> str:
        """Return the fields that are known; one that says nothing is left out."""
        values = {
            field.name: getattr(self, field.name) for field in attrs.fields(Task) if field.repr
        }
        known = (
            f"{name}={_as_text(value)}"
            for name, value in values.items()
            if value is not None and value is not False and value not in ("", ())
        )
        return f"Task({', '.join(known)})"

    def _repr_html_(self) -> str:
        """Return HTML for a notebook."""
        from kling_sdk.results.notebook import task_html

        return task_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the task as JSON can carry it: times as ISO 8601 text, numbers as text.

        It contains the signed URLs of the results and the response as received: treat it as a
        secret. `Task.from_dict` reads it, also in a later release.
        """
        from kling_sdk.results.task_json import to_json

        written: dict[str, Any] = to_json(self)
        return written

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the task that `to_dict` has written.

        Args:
            data: The result of `to_dict`. A key that this release does not know is ignored, and
                one that is missing takes its default, so releases read each other's tasks.

        Raises:
            ValueError: `task_id` or `status` is missing, or a value is of another type.
        """
        from kling_sdk.results.task_json import from_json

        return from_json(cls, data, "task")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let pydantic, and so FastAPI, read and write a task as `from_dict` and `to_dict` do."""
        from kling_sdk.results.task_json import pydantic_schema

        return pydantic_schema(cls)

    @property
    def request_id(self) -> str:
        """The id of the response that the task was read from, to quote to the vendor's support."""
        return "" if self.response is None else self.response.request_id

    @property
    def is_done(self) -> bool:
        """True when the task has ended, well or not. A status we do not know is not final."""
        return self.status in SUCCEED or self.status in FAILED

    @property
    def expires_at(self) -> datetime | None:
        """The time at which the vendor deletes the files, aware UTC: 30 days after the task ended.

        None for a task without files, or whose end is not known. Source: the vendor's pages,
        several copies of which agree on the 30 days; counting them from the end is an assumption. A
        relay's own link may stay valid for longer.
        """
        if not self.files or self.updated_at is None:
            return None
        try:
            return self.updated_at + _RESULTS_KEPT
        except OverflowError:  # the server's clock is at the end of the calendar
            return None

    @property
    def files(self) -> tuple[ResultFile, ...]:
        """The results that are files, which `download` takes."""
        return (*self.videos, *self.images, *self.series_images, *self.audios, *self.subtitles)

    @property
    def outputs(self) -> tuple[ResultFile | Voice | Element, ...]:
        """All results, of every kind."""
        return (*self.files, *self.voices, *self.elements)

    @property
    def is_succeed(self) -> bool:
        """True when the task has ended well: its status is `succeed`, not "success"."""
        return self.status in SUCCEED


@attrs.frozen
class Page:
    """One page of tasks.

    Attributes:
        tasks: The tasks of the page, in the server's order.
        page: Number of the page, counted from 1.
        page_size: The number of tasks requested.
        next_before: Relay only: key of the next page, or None after the last.
        has_next: True when another page may follow.
        next_cursor: `kling.tasks`, `kling.solutions` and a relay: key of the next page, or None
            after the last.
    """

    tasks: tuple[Task, ...]
    page: int
    page_size: int
    next_before: int | None = None
    has_next: bool = False
    next_cursor: str | None = None

    def __iter__(self) -> Iterator[Task]:
        return iter(self.tasks)

    def _repr_html_(self) -> str:
        """Return HTML for a notebook."""
        from kling_sdk.results.notebook import tasks_html

        return tasks_html(self.tasks)

    def __len__(self) -> int:
        return len(self.tasks)


@attrs.frozen
class Outcome:
    """The outcome of one of many tasks.

    Attributes:
        index: Its position in the input, counted from 0.
        task: The task as last seen, or None when none is known.
        error: What went wrong, or None when it ended well.
        name: The request's name in a `run_many` of named requests; else None.
    """

    index: int
    task: Task | None = None
    error: KlingError | None = None
    name: str | None = None

    def result(self) -> Task:
        """Return the finished task.

        Raises:
            KlingError: the task did not end well.
        """
        if self.error is not None:
            raise self.error
        assert self.task is not None  # noqa: S101 - one of the two is always there
        return self.task


@attrs.frozen
class Download:
    """A file that was fetched whole.

    Attributes:
        path: Its path.
        size: Its length in bytes.
        sha256: Its SHA-256 in hex.
    """

    path: Path
    size: int
    sha256: str

    def _repr_html_(self) -> str:
        """Return HTML for a notebook: the video, sound or picture itself, up to 20 MiB."""
        from kling_sdk.results.notebook import download_html

        return download_html(self)


def audios_from(items: object) -> tuple[Audio, ...]:
    """Return the sounds in a list of a response; entries without a URL are left out.

    The sounds of a task have `url_mp3` and `url_wav`, those of text-to-speech `url`, and those of
    the interface with the model in the path `mp3_url` and `wav_url` (vendor's pages).
    """
    audios: list[Audio] = []
    for item in objects_of(items):
        mp3 = text(item.get("url_mp3")) or text(item.get("mp3_url")) or text(item.get("url"))
        wav = text(item.get("url_wav")) or text(item.get("wav_url"))
        lengths = [
            decimal(next((item[name] for name in names if name in item), None))
            for names in (
                ("duration_mp3", "mp3_duration", "duration"),
                ("duration_wav", "wav_duration"),
            )
        ]
        if mp3 or wav:
            audios.append(
                Audio(
                    id=text(item.get("id")),
                    url=mp3 or wav,
                    duration=lengths[0] if mp3 else lengths[1],
                    wav_url=wav or None,
                    wav_duration=lengths[1],
                    raw=item,
                )
            )
    return tuple(audios)
