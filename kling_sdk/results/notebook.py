"""Results as a notebook shows them: HTML without scripts and without secrets.

A notebook is saved and passed on together with the output of its cells, so the output has no signed
URL: a file is shown only after it was downloaded, and from its own bytes.
"""

from __future__ import annotations

import base64
import html
import mimetypes
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kling_sdk.results.task import Download, Task

from kling_sdk.text.printable import printable

#: Maximum size in bytes of a file that is embedded in the notebook; a larger one is only named.
_INSIDE: Final = 20 * 1024 * 1024
_FITS: Final = 'style="max-width: 100%; max-height: 480px"'
_ELEMENTS: Final = {
    "video": f'<video controls loop muted {_FITS} src="{{}}"></video>',
    "image": f'<img {_FITS} alt="{{name}}" src="{{}}">',
    "audio": '<audio controls src="{}"></audio>',
}
_COLUMNS: Final[tuple[str, ...]] = (
    "task",
    "endpoint",
    "status",
    "results",
    "units",
    "created",
    "expires",
)


def task_html(task: Task) -> str:
    """Return one task as a table of two columns."""
    more = {"external id": task.external_task_id or "", "why": task.status_msg}
    cells: dict[str, str] = {**dict(zip(_COLUMNS, _cells(task), strict=True)), **more}
    rows = "".join(
        f"<tr><th>{name}</th><td>{html.escape(printable(text))}</td></tr>"
        for name, text in cells.items()
        if text
    )
    return f"<table>{rows}</table>"


def tasks_html(tasks: Iterable[Task]) -> str:
    """Return tasks as a table, one per row."""
    head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    rows = "".join(f"<tr>{_row(_cells(task))}</tr>" for task in tasks)
    return f"<table><tr>{head}</tr>{rows}</table>"


def download_html(download: Download, max_bytes: int = _INSIDE) -> str:
    """Return a video, sound or picture as embedded HTML, any other file as its name.

    Args:
        download: The fetched file.
        max_bytes: Maximum size in bytes of a file that is embedded.
    """
    path = Path(download.path)
    caption = f"{html.escape(str(path))}, {download.size:,} bytes"
    kind = mimetypes.guess_type(path.name)[0] or ""
    element = _ELEMENTS.get(kind.partition("/")[0])
    source = _source(path, kind, max_bytes) if element else None
    if element is None or source is None:
        return f"<p>{caption}</p>"
    return f"<p>{element.format(source, name=html.escape(path.name))}<br>{caption}</p>"


def _cells(task: Task) -> Sequence[str]:
    results = [
        f"{len(outputs)} {name if len(outputs) == 1 else name + 's'}"
        for name, outputs in (
            ("video", task.videos),
            ("image", (*task.images, *task.series_images)),
            ("sound", task.audios),
            ("subtitle", task.subtitles),
            ("voice", task.voices),
            ("element", task.elements),
        )
        if outputs
    ]
    return (
        task.task_id,
        task.endpoint,
        task.status,
        ", ".join(results),
        "" if task.units is None else f"{task.units:f}",
        *("" if at is None else f"{at:%Y-%m-%d %H:%M} UTC" for at in _times(task)),
    )


def _times(task: Task) -> tuple[object, object]:
    return task.created_at, task.expires_at


def _row(cells: Iterable[str]) -> str:
    return "".join(f"<td>{html.escape(printable(text))}</td>" for text in cells)


def _source(path: Path, kind: str, max_bytes: int) -> str | None:
    """Return the file as a data-URI; `None` if it is gone or too large."""
    try:
        if path.stat().st_size > max_bytes:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
