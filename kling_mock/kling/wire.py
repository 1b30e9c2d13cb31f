"""How answers look on the wire: the envelope, and a task in it."""

from __future__ import annotations

import json
from typing import Any

from kling_mock.kling.facts import documented, observed
from kling_mock.kling.media_urls import video_url
from kling_mock.kling.prices import FREE
from kling_mock.kling.tasks import Task

__all__ = ["ENVELOPE", "FAILED", "created", "envelope", "queried"]

ENVELOPE = observed("wire", "probe-2026-09", as_of="2026-09-22", confidence="high")
TASK = documented("pages-2026-04", "pages-2026-09", as_of="2026-09-20")
# A failed task came back with empty task_info and task_result; the reason is in the task only.
FAILED = observed("wire", as_of="2025-12-26")

_encode = json.JSONEncoder(separators=(",", ":")).encode


def envelope(code: int, message: str, request_id: str, data: Any = None) -> bytes:
    """Return the body of an answer; a refusal has no `data` (seen so for 1303)."""
    body: dict[str, Any] = {"code": code, "message": message, "request_id": request_id}
    if data is not None:
        body["data"] = data
    return _encode(body).encode("ascii")


def created(task: Task) -> dict[str, Any]:
    """Return the `data` of the answer to a create request."""
    return {
        "task_id": task.task_id,
        "task_status": task.status,
        "task_info": _info(task),
        "created_at": task.created,
        "updated_at": task.updated,
    }


def queried(task: Task, origin: str) -> dict[str, Any]:
    """Return a task as queries and lists show it.

    Args:
        task: The task.
        origin: Scheme, host and port that its result URLs begin with.
    """
    status = task.status
    data: dict[str, Any] = {
        "task_id": task.task_id,
        "task_status": status,
        "task_status_msg": task.message,
        "task_info": {} if status == "failed" else _info(task),
        "task_result": {"videos": [_video(task, origin)]} if status == "succeed" else {},
        "watermark_info": {"enabled": task.plan.watermark},
        "created_at": task.created,
        "updated_at": task.updated,
    }
    if task.is_done:
        # Units are taken when a task ends, and only for a success.
        spent = task.plan.units if status == "succeed" else FREE
        data["final_unit_deduction"] = f"{spent.normalize():f}"
    return data


def _info(task: Task) -> dict[str, str]:
    external_id = task.plan.external_task_id
    return {"external_task_id": external_id} if external_id else {}


def _video(task: Task, origin: str) -> dict[str, str]:
    marked = task.plan.watermark
    return {
        "id": task.video_id,
        "url": video_url(origin, task.video_id),
        "watermark_url": video_url(origin, task.video_id, watermark=True) if marked else "",
        "duration": str(task.plan.seconds),
    }
