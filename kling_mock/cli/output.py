"""Output of the commands: JSON, lines for a person, errors; and a runner of work on a database."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from collections.abc import Mapping
from typing import Any

from kling_mock.relay.storage.errors import StorageError
from kling_mock.web.request_log import printable
from kling_sdk.cli.standard_output import write

_TASK_ID = re.compile(r'"task_id": ?"([^"]{1,64})"')
_REFUSED = 400


def run_on_database(url: str, work: Any) -> Any:
    """Return the result of *work* on the database, or `None` after printing an error."""
    import asyncio

    from kling_mock.relay.storage.connect import connect

    async def run() -> Any:
        storage = connect(url)
        await storage.open()
        try:
            return await work(storage)
        finally:
            await storage.close()

    try:
        return asyncio.run(run())
    except (StorageError, ImportError, OSError, ValueError) as error:
        print_error(error)
        return None


def print_json(document: dict[str, Any]) -> None:
    """Print *document* as one line of JSON."""
    print_line(json.dumps(document))


def print_line(text: str) -> None:
    """Print *text* and a newline; see `write` for the exceptions."""
    write(f"{text}\n")


def note(text: str) -> None:
    """Print a line on standard error; ignore a stream that is closed or full."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - for the person who watches


def print_error(error: Exception) -> None:
    """Print an error, on standard error."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:  # without the error number
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    note(f"kling-mock: {text}")


# ---------------------------------------------------------------- rows as lines


def request_line(row: Mapping[str, Any]) -> str:
    """Return the line of a request in the journal."""
    query = f"?{row['query']}" if row["query"] else ""
    parts = [_time(row["at"]), row["method"], f"{row['path']}{query}", str(row["status"])]
    match = _TASK_ID.search(row["response"]) if row["method"] == "POST" else None
    if match is not None:
        parts.append(f"task {match[1]}")
    if row["status"] >= _REFUSED and row["code"] != row["status"]:
        parts.append(f"code {row['code']}")
    if row["fault"]:
        parts.append(f"fault {row['fault']}")
    if row["account"] not in {"", "default"}:
        parts.append(f"account {row['account']}")
    parts += [f"{note['kind']} {note['field']}".rstrip() for note in row["notes"]]
    return printable("  ".join(parts))


def delivery_line(row: Mapping[str, Any], attempt: Mapping[str, Any], number: int) -> str:
    """Return the line of one attempt to deliver a callback.

    Args:
        row: The delivery.
        number: The number of the attempt, from 1.
    """
    answer = attempt["status"] or attempt["error"] or "no answer"
    parts = [
        _time(attempt["at"]),
        "callback",
        f"{row['task_status']} of {row['task_id']}",
        f"to {row['url']}",
        str(answer),
    ]
    if attempt["replayed"]:
        parts.append("replayed")
    elif number > 1:
        parts.append(f"attempt {number}")
    return printable("  ".join(parts))


def task_line(row: Mapping[str, Any]) -> str:
    """Return the line of a task."""
    parts = [
        row["task_id"],
        row["status"].ljust(len("processing")),
        row["endpoint"],
        row["model"],
        _time(row["created_at"] / 1000),
    ]
    if row["external_task_id"]:
        parts.append(f"external id {row['external_task_id']}")
    if row["message"]:
        parts.append(row["message"])
    return printable("  ".join(part for part in parts if part))


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
