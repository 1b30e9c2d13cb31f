"""What the command prints: results on standard output, progress on standard error."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Generator, Iterable, Sequence
from typing import Any

import attrs
from rich.console import Console
from rich.text import Text

from kling_sdk.results import Download, ResourcePack, Task

__all__ = ["Screen"]


class Screen:
    """The two streams of the command.

    Args:
        as_json: True to print results as one JSON value per command.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._err = Console(file=sys.stderr, soft_wrap=True, highlight=False)

    # ------------------------------------------------------------ standard error

    def say(self, text: str) -> None:
        """Print a line for the person who watches."""
        self._err.print(Text(_plain(text)))

    @contextlib.contextmanager
    def waiting(self, task: Task) -> Generator[Any]:
        """Show that a task is waited for; yield what takes note of a change."""
        if not self._err.is_terminal:
            yield lambda now: self.say(f"{now.task_id} {now.status}")
            return
        with self._err.status(Text(_plain(f"{task.task_id} {task.status}"))) as status:
            yield lambda now: status.update(Text(_plain(f"{now.task_id} {now.status}")))

    # ------------------------------------------------------------ standard output

    def task(self, task: Task, file: Download | None = None) -> None:
        """Print a task and the file that was made of it."""
        if self.as_json:
            saved = {} if file is None else {"file": _file(file)}
            self._json(_task(task) | saved)
            return
        rows: list[tuple[str, object]] = [
            ("task_id", task.task_id),
            ("external_task_id", task.external_task_id),
            ("status", task.status),
            ("reason", task.status_msg),
            ("units", task.units),
        ]
        # A video's repr leaves the signature of its URL out; `--json` has it.
        rows += [("video", video) for video in task.videos]
        rows += [("file", f"{file.path} ({file.size} bytes, sha256 {file.sha256})")] if file else []
        self._rows(row for row in rows if row[1] not in {None, ""})

    def tasks(self, tasks: Iterable[Task]) -> None:
        """Print several tasks."""
        found = list(tasks)
        if self.as_json:
            self._json([_task(task) for task in found])
            return
        names = ("task_id", "external_task_id", "status", "created_at")
        self._rows([names, *([getattr(task, name) for name in names] for task in found)])

    def packs(self, packs: Iterable[ResourcePack]) -> None:
        """Print resource packs."""
        found = list(packs)
        if self.as_json:
            self._json([dict(pack.raw) for pack in found])
            return
        names = ("name", "status", "total", "remaining", "invalid_at")
        self._rows([names, *([getattr(pack, name) for name in names] for pack in found)])

    def file(self, file: Download) -> None:
        """Print what was downloaded."""
        if self.as_json:
            self._json(_file(file))
        else:
            self._rows([(file.path, f"{file.size} bytes", f"sha256 {file.sha256}")])

    def _json(self, value: Any) -> None:
        # Past rich, which would fold and colour it.
        sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def _rows(self, rows: Iterable[Sequence[object]]) -> None:
        """Print rows as columns, for people and for `cut`: nothing is folded or shortened."""
        shown = [[_plain("" if value is None else value) for value in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        for row in shown:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _task(task: Task) -> dict[str, Any]:
    shown = attrs.asdict(task, filter=lambda field, _: field.name != "raw")
    return {name: value for name, value in shown.items() if value is not None}


def _file(file: Download) -> dict[str, Any]:
    return {"path": str(file.path), "size": file.size, "sha256": file.sha256}


def _plain(value: object) -> str:
    """Return a server's text without what could steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in str(value))
