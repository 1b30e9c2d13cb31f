"""The command's output: results on standard output, progress on standard error."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs
from rich.console import Console

from kling_sdk.cli.models import ModelRow, seconds_text
from kling_sdk.cli.progress import fetching, waiting
from kling_sdk.cli.standard_output import write
from kling_sdk.results.bills import ResourcePack
from kling_sdk.results.task import Download, Image, ResultFile, Subtitles, Task, redact_url
from kling_sdk.text.printable import printable

_PACK = ("name", "id", "type", "status", "total", "remaining", "effective_at", "invalid_at")
_TASK = (
    "task_id",
    "external_task_id",
    "kling_task_id",
    "endpoint",
    "status",
    "status_msg",
    "created_at",
    "updated_at",
    "units",
    "reused",
)
#: The lists of files of a task, and what is shown of each file.
_OUTPUTS = {
    "videos": ("id", "url", "duration", "watermark_url"),
    "images": ("index", "url", "watermark_url"),
    "series_images": ("index", "url", "watermark_url"),
    "audios": ("id", "url", "duration", "wav_url", "wav_duration"),
    "subtitles": ("format", "url"),
}


class Screen:
    """The two streams of the command.

    Args:
        as_json: True to print results as one JSON value per command.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        # A process may be started without the stream.
        self._err = Console(file=sys.stderr, soft_wrap=True) if sys.stderr is not None else None
        for stream in (sys.stdout, sys.stderr):
            # Characters that the stream's encoding lacks are shown as escapes.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")

    # ------------------------------------------------------------ standard error

    def say(self, text: str) -> None:
        """Print lines for the person who watches; a closed or full stream is not an error."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            for line in text.splitlines():
                sys.stderr.write(f"{printable(line)}\n")
            sys.stderr.flush()

    @contextlib.contextmanager
    def waiting(self, task: Task) -> Generator[Callable[[Task], None]]:
        """Show that a task is waited for; yield a function for each change."""
        if self._err is None or not self._err.is_terminal:
            yield lambda now: self.say(f"{now.task_id} {now.status}")
            return
        with waiting(self._err, task) as note:
            yield note

    @contextlib.contextmanager
    def fetching(self, name: str) -> Generator[Callable[[int, int | None], None] | None]:
        """Show that a file is fetched; yield `on_progress`, or None."""
        if self._err is None or not self._err.is_terminal:
            yield None
            return
        with fetching(self._err, name) as note:
            yield note

    # ------------------------------------------------------------ standard output

    def task(self, task: Task, files: Sequence[Download] = ()) -> None:
        """Print a task and the files that were made of it."""
        view = _task(task) | ({"file": _file(files[0])} if files else {})
        rows: list[tuple[str, object]] = [
            ("task_id", task.task_id),
            ("external_task_id", task.external_task_id),
            ("status", task.status),
            ("reason", task.status_msg),
            ("units", task.units),
        ]
        rows += [("video", _output(video)) for video in task.videos]
        rows += [("image", _output(image)) for image in task.images]
        rows += [("series image", _output(image)) for image in task.series_images]
        rows += [("audio", _output(audio)) for audio in task.audios]
        rows += [("voice", f"{voice.voice_id}  {voice.name}") for voice in task.voices]
        rows += [("element", f"{element.element_id}  {element.name}") for element in task.elements]
        rows += [
            ("file", f"{file.path} ({file.size} bytes, sha256 {file.sha256})") for file in files
        ]
        self._print(
            view | ({"files": [*map(_file, files)]} if len(files) > 1 else {}),
            (row for row in rows if row[1] not in {None, ""}),
        )

    def tasks(self, tasks: Iterable[Task]) -> None:
        """Print several tasks."""
        names = ("task_id", "external_task_id", "status", "created_at")
        views = [_task(task) for task in tasks]
        self._print(views, [names, *([view[name] for name in names] for view in views)])

    def items(self, tasks: Iterable[Task]) -> None:
        """Print the voices or elements of a library; of a task without one, its status."""
        tasks = list(tasks)
        rows: list[Sequence[object]] = [("id", "name", "owned_by", "status", "task_id")]
        for task in tasks:
            items = [
                (voice.voice_id, voice.name, voice.owned_by, task.status) for voice in task.voices
            ]
            items += [
                (element.element_id, element.name, element.owned_by, element.status)
                for element in task.elements
            ]
            rows += [(*item, task.task_id) for item in items or [("-", "", "", task.status)]]
        self._print([_task(task) for task in tasks], rows)

    def deleted(self, item_id: str) -> None:
        """Print that an item of a library is gone."""
        self._print({"deleted": item_id}, [("deleted", item_id)])

    def packs(self, packs: Iterable[ResourcePack]) -> None:
        """Print resource packs."""
        views = [_fields(pack, _PACK) for pack in packs]
        names = ("name", "status", "total", "remaining", "invalid_at")
        self._print(views, [names, *([view[name] for name in names] for view in views)])

    def models(self, rows: Iterable[ModelRow]) -> None:
        """Print the capabilities of models."""
        rows = list(rows)
        lines = (
            (
                row.endpoint,
                f"{row.model}{' (default)' if row.default else ''}" if row.model else "-",
                row.mode or "-",
                row.resolution or "-",
                seconds_text(row.durations) or "-",
                "yes" if row.audio else "no",
                row.note,
            )
            for row in rows
        )
        names = ("endpoint", "model", "mode", "resolution", "duration", "audio", "note")
        self._print([attrs.asdict(row) for row in rows], [names, *lines])

    def estimate(self, row: Mapping[str, Any]) -> None:
        """Print what a request would cost, as `estimate_row` has it."""
        self._print(dict(row), row.items())

    def files(self, files: Sequence[Download]) -> None:
        """Print the files that were fetched."""
        views = [*map(_file, files)]
        rows = ((file.path, f"{file.size} bytes", f"sha256 {file.sha256}") for file in files)
        self._print(views if len(views) > 1 else views[0], rows)

    def result(self, result: Any, files: Sequence[Download] = ()) -> None:
        """Print what a call without a task has returned; signatures of URLs only as JSON.

        Args:
            result: The result of the call.
            files: The files that were made of it.
        """
        view = _plain(result) | ({"files": [*map(_file, files)]} if files else {})
        if self.as_json:
            self._json(view)
            return
        for name, value in _lines(view):
            write(f"{printable(name)}  {printable(value)}\n")

    def text(self, text: str) -> None:
        """Print text as it is.

        Raises:
            PipeClosedError: the pipe was closed.
            OutputError: it cannot be written.
        """
        write(text)

    def _json(self, value: Any) -> None:
        is_unicode = "utf" in (getattr(sys.stdout, "encoding", None) or "").lower()
        text = json.dumps(value, ensure_ascii=not is_unicode)
        write((text if text.isprintable() else json.dumps(value)) + "\n")

    def _print(self, value: Any, rows: Iterable[Sequence[object]]) -> None:
        """Print a value as JSON, or else rows as columns.

        They are for people and for `cut`: nothing is folded or shortened.
        """
        if self.as_json:
            self._json(value)
            return
        table = [[printable("" if value is None else value) for value in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            write("  ".join(cells).rstrip() + "\n")


def _value(value: object) -> Any:
    """Return a value as JSON has it: times as ISO 8601, numbers of units as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _plain(value: Any) -> Any:
    """Return a result as JSON has it, without the response from which it was read."""
    if attrs.has(type(value)):
        names = (
            field.name
            for field in attrs.fields(type(value))
            if field.name not in {"raw", "response"}
        )
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _value(value)


def _lines(value: Any, name: str = "") -> Iterator[tuple[str, object]]:
    """Yield a name and a value for each leaf of a result, as `faces.0.face_id`."""
    inner: Iterable[tuple[object, Any]]
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    else:
        leaf = redact_url(value) if str(value).startswith("http") else value
        yield name or "result", "" if leaf is None else leaf
        return
    for key, item in inner:
        yield from _lines(item, f"{name}.{key}".removeprefix("."))


def _fields(owner: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: _value(getattr(owner, name)) for name in names}


def _task(task: Task) -> dict[str, Any]:
    view = _fields(task, _TASK)
    for name, fields in _OUTPUTS.items():
        view[name] = [_fields(output, fields) for output in getattr(task, name)]
    return view | {name: _plain(getattr(task, name)) for name in ("voices", "elements")}


def _output(output: ResultFile) -> str:
    """Return a result in one line, without the signature of its URL; `--json` has it."""
    name, seconds = "", ""
    if isinstance(output, Image):
        name = _value(output.index)
    elif isinstance(output, Subtitles):
        name = output.format
    else:
        name, seconds = output.id, f"{output.duration} s" if output.duration else ""
    url = redact_url(output.url)
    signed = "?..." if url != output.url else ""
    return "  ".join(str(part) for part in (name, seconds, f"{url}{signed}") if part)


def _file(file: Download) -> dict[str, Any]:
    return _fields(file, ("path", "size", "sha256"))
