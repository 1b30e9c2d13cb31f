"""What the command prints: results on standard output, progress on standard error."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs
from rich.console import Console

from kling_sdk.bills import ResourcePack
from kling_sdk.cli.exits import OutputError, PipeClosedError
from kling_sdk.cli.models import ModelRow, seconds_text
from kling_sdk.cli.progress import fetching, plain, waiting
from kling_sdk.results import Download, Image, ResultFile, Subtitles, Task, redact_url

__all__ = ["Screen"]

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
            # What the stream's encoding lacks is shown as an escape.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")

    # ------------------------------------------------------------ standard error

    def say(self, text: str) -> None:
        """Print lines for the person who watches; a closed or full stream is no error."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            for line in text.splitlines():
                sys.stderr.write(f"{plain(line)}\n")
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
        if self.as_json:
            shown = _task(task) | ({"file": _file(files[0])} if files else {})
            self._json(shown | ({"files": [*map(_file, files)]} if len(files) > 1 else {}))
            return
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
        rows += [("voice", f"{one.voice_id}  {one.name}") for one in task.voices]
        rows += [("element", f"{one.element_id}  {one.name}") for one in task.elements]
        rows += [
            ("file", f"{file.path} ({file.size} bytes, sha256 {file.sha256})") for file in files
        ]
        self._rows(row for row in rows if row[1] not in {None, ""})

    def tasks(self, tasks: Iterable[Task]) -> None:
        """Print several tasks."""
        found = list(tasks)
        if self.as_json:
            self._json([_task(task) for task in found])
            return
        names = ("task_id", "external_task_id", "status", "created_at")
        self._rows([names, *([_value(getattr(task, name)) for name in names] for task in found)])

    def items(self, tasks: Iterable[Task]) -> None:
        """Print the voices or elements of a library; of a task without one, its status."""
        found = list(tasks)
        if self.as_json:
            self._json([_task(task) for task in found])
            return
        rows: list[Sequence[object]] = [("id", "name", "owned_by", "status", "task_id")]
        for task in found:
            items = [(one.voice_id, one.name, one.owned_by, task.status) for one in task.voices]
            items += [(one.element_id, one.name, one.owned_by, one.status) for one in task.elements]
            rows += [(*item, task.task_id) for item in items or [("-", "", "", task.status)]]
        self._rows(rows)

    def deleted(self, item_id: str) -> None:
        """Print that an item of a library is gone."""
        if self.as_json:
            self._json({"deleted": item_id})
        else:
            self._rows([("deleted", item_id)])

    def packs(self, packs: Iterable[ResourcePack]) -> None:
        """Print resource packs."""
        found = [{name: _value(getattr(pack, name)) for name in _PACK} for pack in packs]
        if self.as_json:
            self._json(found)
            return
        names = ("name", "status", "total", "remaining", "invalid_at")
        self._rows([names, *([pack[name] for name in names] for pack in found)])

    def models(self, rows: Iterable[ModelRow]) -> None:
        """Print what models can do."""
        found = list(rows)
        if self.as_json:
            self._json([attrs.asdict(row) for row in found])
            return
        names = ("endpoint", "model", "mode", "resolution", "duration", "audio", "note")
        self._rows(
            [
                names,
                *(
                    (
                        row.endpoint,
                        f"{row.model}{' (default)' if row.default else ''}" if row.model else "-",
                        row.mode or "-",
                        row.resolution or "-",
                        seconds_text(row.durations) or "-",
                        "yes" if row.audio else "no",
                        row.note,
                    )
                    for row in found
                ),
            ]
        )

    def estimate(self, row: Mapping[str, Any]) -> None:
        """Print what a request would cost, as `estimate_row` has it."""
        if self.as_json:
            self._json(dict(row))
        else:
            self._rows(row.items())

    def files(self, files: Sequence[Download]) -> None:
        """Print the files that were fetched."""
        if self.as_json:
            shown = [*map(_file, files)]
            self._json(shown if len(shown) > 1 else shown[0])
            return
        self._rows((file.path, f"{file.size} bytes", f"sha256 {file.sha256}") for file in files)

    def result(self, result: Any, files: Sequence[Download] = ()) -> None:
        """Print what a call without a task has returned; signatures of URLs only as JSON.

        Args:
            result: What was returned.
            files: The files that were made of it.
        """
        shown = _plain(result) | ({"files": [*map(_file, files)]} if files else {})
        if self.as_json:
            self._json(shown)
            return
        for name, value in _lines(shown):
            self._write(f"{plain(name)}  {plain(value)}\n")

    def text(self, text: str) -> None:
        """Print text as it is.

        Raises:
            PipeClosedError: the pipe was closed.
            OutputError: it cannot be written.
        """
        self._write(text)

    def _json(self, value: Any) -> None:
        is_unicode = "utf" in (getattr(sys.stdout, "encoding", None) or "").lower()
        self._write(json.dumps(value, ensure_ascii=not is_unicode) + "\n")

    def _rows(self, rows: Iterable[Sequence[object]]) -> None:
        """Print rows as columns, for people and for `cut`: nothing is folded or shortened."""
        shown = [[plain("" if value is None else value) for value in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        for row in shown:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self._write("  ".join(cells).rstrip() + "\n")

    def _write(self, text: str) -> None:
        if sys.stdout is None:
            raise OutputError("standard output is closed")
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            _drop_output()
            raise PipeClosedError from None
        except OSError as error:
            _drop_output()
            raise OutputError(f"cannot print the result: {error.strerror}") from None


def _drop_output() -> None:
    """Let what is left in the buffer go nowhere: at its end Python tries to write it again."""
    with contextlib.suppress(OSError, ValueError):  # a stream without a descriptor, as in a test
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _value(value: object) -> Any:
    """Return a value as JSON has it: times as ISO 8601, numbers of units as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _plain(value: Any) -> Any:
    """Return a result as JSON has it, without what it was read from."""
    if attrs.has(type(value)):
        names = (field.name for field in attrs.fields(type(value)) if field.name != "raw")
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
        shown = redact_url(value) if str(value).startswith("http") else value
        yield name or "result", "" if shown is None else shown
        return
    for key, item in inner:
        yield from _lines(item, f"{name}.{key}".removeprefix("."))


def _task(task: Task) -> dict[str, Any]:
    shown = {name: _value(getattr(task, name)) for name in _TASK}
    shown["videos"] = [
        {"id": one.id, "url": one.url, "duration": _value(one.duration)}
        | {"watermark_url": one.watermark_url}
        for one in task.videos
    ]
    for name in ("images", "series_images"):
        shown[name] = [
            {"index": one.index, "url": one.url, "watermark_url": one.watermark_url}
            for one in getattr(task, name)
        ]
    shown["audios"] = [_plain(one) for one in task.audios]
    shown["subtitles"] = [{"format": one.format, "url": one.url} for one in task.subtitles]
    shown["voices"] = _plain(task.voices)
    shown["elements"] = _plain(task.elements)
    return shown


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
    return {"path": str(file.path), "size": file.size, "sha256": file.sha256}
