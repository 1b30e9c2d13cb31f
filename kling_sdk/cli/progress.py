"""The line on a terminal while a command waits or fetches."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from kling_sdk.results.task import Task
from kling_sdk.text.printable import printable


def _line(console: Console, *columns: ProgressColumn) -> Progress:
    text = TextColumn("{task.description}", markup=False)
    return Progress(SpinnerColumn(), text, *columns, console=console, transient=True)


@contextlib.contextmanager
def waiting(console: Console, task: Task) -> Generator[Callable[[Task], None]]:
    """Show a task's id, its status and how long it has been waited for.

    Yields:
        A function to be called with the task at each change.
    """

    def label(now: Task) -> str:
        return printable(f"{now.task_id} {now.status}")

    with _line(console, TimeElapsedColumn()) as progress:
        row = progress.add_task(label(task), total=None)
        yield lambda now: progress.update(row, description=label(now))


@contextlib.contextmanager
def fetching(console: Console, name: str) -> Generator[Callable[[int, int | None], None]]:
    """Show how much of a file has come.

    Yields:
        The `on_progress` of the download.
    """
    with _line(console, BarColumn(), DownloadColumn(), TransferSpeedColumn()) as progress:
        row = progress.add_task(printable(name), total=None)
        yield lambda received, total: progress.update(row, completed=received, total=total)
