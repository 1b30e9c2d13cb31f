"""What `kling-mock tail` and `tasks` print of a row: one line, for a person."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from kling_mock.web.request_log import printable

__all__ = ["delivery_line", "request_line", "task_line"]

_TASK_ID = re.compile(r'"task_id": ?"([^"]{1,64})"')
_REFUSED = 400


def request_line(row: Mapping[str, Any]) -> str:
    """Return the line of a request in the journal."""
    query = f"?{row['query']}" if row["query"] else ""
    parts = [_time(row["at"]), row["method"], f"{row['path']}{query}", str(row["status"])]
    made = _TASK_ID.search(row["response"]) if row["method"] == "POST" else None
    if made is not None:
        parts.append(f"task {made[1]}")
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
        attempt: The attempt.
        number: Which one it is, from 1.
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
