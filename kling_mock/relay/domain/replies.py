"""The queries of the relay's lists, and its replies about tasks.

A reply about one task has the members of the guide and, beside them, Kling's envelope, whose task
has the relay's id: clients of Kling, and of other relays, read that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from kling_mock.relay.domain.errors import invalid
from kling_mock.relay.domain.other_results import other_results, task_result
from kling_mock.relay.storage.values import VideoRow

MAX_PAGE: Final = 100
_DEFAULT_PAGE: Final = 20
MAX_KEY: Final = 2**63 - 1
#: Kling's envelope, without the id of the request.
_SUCCEED: Final = {"code": 0, "message": "SUCCEED"}
# `json.dumps` with settings makes an encoder for each call.
_JSON: Final = json.JSONEncoder(ensure_ascii=False)


class ListQuery(NamedTuple):
    """One page of tasks.

    Attributes:
        limit: Maximum number of tasks on it.
        before: Only rows with a smaller key; `None` for the newest.
        status: Only tasks of this status; `None` for all.
    """

    limit: int
    before: int | None
    status: str | None


#: The query parameters of a list.
LIST_QUERY: Final = ("limit", "before", "status")


def read_list(query: Mapping[str, str]) -> ListQuery:
    """Return the requested page.

    Raises:
        RelayError: 400 naming the parameter and what it must be.
    """
    limit = _count(query, "limit", MAX_PAGE) or _DEFAULT_PAGE
    return ListQuery(limit, _count(query, "before", MAX_KEY), query.get("status") or None)


class PageQuery(NamedTuple):
    """One page of Kling's list.

    Attributes:
        number: The page, from 1.
        size: Maximum number of tasks on it.
    """

    number: int
    size: int


#: The query parameters of Kling's list.
PAGE_QUERY: Final = ("pageNum", "pageSize")
#: Kling's limits and default (vendor's pages; confidence high).
MAX_PAGE_NUMBER: Final = 1000
MAX_PAGE_SIZE: Final = 500
_DEFAULT_PAGE_SIZE: Final = 30


def read_page(query: Mapping[str, str]) -> PageQuery:
    """Return the requested page of Kling's list.

    Raises:
        RelayError: 400 naming the parameter and what it must be.
    """
    number = _count(query, "pageNum", MAX_PAGE_NUMBER) or 1
    return PageQuery(number, _count(query, "pageSize", MAX_PAGE_SIZE) or _DEFAULT_PAGE_SIZE)


def _count(query: Mapping[str, str], name: str, maximum: int) -> int | None:
    value = query.get(name, "")
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 20 and 1 <= int(value) <= maximum):
        raise invalid(name, f"must be a whole number from 1 to {maximum}")
    return int(value)


def create_reply(task: VideoRow) -> dict[str, Any]:
    """Return the reply to a create."""
    return _guide_reply(task) | _SUCCEED | {"data": _new_kling_task(task)}


def task_reply(task: VideoRow) -> dict[str, Any]:
    """Return the reply to a query, with images and sounds also in lists under Kling's own names."""
    return _listed_task(task) | _SUCCEED | {"data": _kling_task(task)}


def list_reply(tasks: Sequence[VideoRow], next_before: int | None) -> dict[str, Any]:
    """Return the reply to a list, which has the guide's members only."""
    return {"data": [_listed_task(task) for task in tasks], "next_before": next_before}


def page_reply(tasks: Sequence[VideoRow]) -> dict[str, Any]:
    """Return the reply to Kling's list."""
    return _SUCCEED | {"data": [_kling_task(task) for task in tasks]}


def _guide_reply(task: VideoRow) -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "kling_task_id": task.kling_task_id or "",
        "status": task.status,
    }


def _listed_task(task: VideoRow) -> dict[str, Any]:
    """Return a task in the guide's members.

    The duration is shown once there is a result; before that, the row has only the requested one.
    """
    ended = task.status == "succeed"
    return {
        **_guide_reply(task),
        "video_url": task.store_url if ended else "",
        "duration": task.duration if ended else "",
        "fail_reason": task.fail_reason,
        **(other_results(task.type, task.json_data) if ended else {}),
    }


def _new_kling_task(task: VideoRow) -> dict[str, Any]:
    """Return a task in the members that Kling's reply to a create has."""
    return {
        "task_id": task.task_id,
        "task_status": task.status,
        "task_info": {"external_task_id": task.external_task_id or ""},
        "created_at": task.created_at * 1000,
        "updated_at": task.updated_at * 1000,
    }


def _kling_task(task: VideoRow) -> dict[str, Any]:
    members = _new_kling_task(task) | {"task_status_msg": task.fail_reason}
    if task.status == "succeed":
        members["task_result"] = task_result(
            task.type, task.json_data, task.video_id, task.store_url, task.duration
        )
    return members


def to_json(body: Mapping[str, Any]) -> bytes:
    """Return *body* as JSON."""
    return _JSON.encode(body).encode("utf-8", "backslashreplace")  # as JSON's \\u
