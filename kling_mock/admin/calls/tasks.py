"""Tasks, and moving them on by hand."""

from __future__ import annotations

from typing import Any

from kling_mock.admin.routes import Desk, Route, Said
from kling_mock.admin.views import PAGING, TASK, TASK_ID, page, page_of, show_task
from kling_mock.journal.matching import STATUSES
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.service_codes import CODES
from kling_mock.web.json_schema import EVERY, closed, integer, text

__all__ = ["ROUTES"]

_ENDED = "The task has ended already."


def list_tasks(desk: Desk, said: Said) -> dict[str, Any]:
    """Return one page of tasks of all accounts, the newest first."""
    wanted = {name: said[name] for name in _FILTERS if name in said}
    rows = (show_task(task) for task in reversed(tuple(desk.world.tasks)))
    found = (row for row in rows if all(row[name] == one for name, one in wanted.items()))
    return page(found, said, "task_id")


def get_task(desk: Desk, said: Said) -> dict[str, Any]:
    """Return one task."""
    return show_task(desk.world.tasks.any(said["task_id"]))


def process_task(desk: Desk, said: Said) -> dict[str, Any]:
    """Let a task be processed."""
    desk.mock.process(said["task_id"])
    return get_task(desk, said)


def complete_task(desk: Desk, said: Said) -> dict[str, Any]:
    """Let a task succeed."""
    desk.mock.complete(said["task_id"])
    return get_task(desk, said)


def fail_task(desk: Desk, said: Said) -> dict[str, Any]:
    """Let a task fail."""
    desk.mock.fail(said["task_id"], said.get("code", 1301), said.get("message"))
    return get_task(desk, said)


_FILTERS = {
    "status": text("Only tasks in this status.", enum=STATUSES),
    "endpoint": text("Only tasks of this endpoint.", enum=ENDPOINTS.with_tasks),
    "account": text("Only tasks of the account of this name."),
    "external_task_id": text("Only the task with this external id."),
}
_CODE = {
    **integer(about="A service code of Kling; 1301 without it."),
    "enum": [code for code in CODES if code],
}

ROUTES = (
    Route(
        "GET",
        "/tasks",
        list_tasks,
        "List tasks of all accounts, the newest first",
        page_of(TASK, "task_id"),
        query={**PAGING, "before": TASK_ID, **_FILTERS},
    ),
    Route("GET", "/tasks/{task_id}", get_task, "Query a task of any account", TASK),
    Route(
        "POST",
        "/tasks/{task_id}/process",
        process_task,
        "Let a submitted task be processed now",
        TASK,
        conflict="The task is processed already, or has ended.",
        settles=True,
    ),
    Route(
        "POST",
        "/tasks/{task_id}/complete",
        complete_task,
        "Let a task succeed now; answered when its callbacks are delivered",
        TASK,
        conflict=_ENDED,
        settles=True,
    ),
    Route(
        "POST",
        "/tasks/{task_id}/fail",
        fail_task,
        "Let a task fail now; answered when its callbacks are delivered",
        TASK,
        closed(
            EVERY,
            code=_CODE,
            message=text("The reason that queries show; without it the code's own.", most=1000),
        ),
        conflict=_ENDED,
        settles=True,
        examples={"withheld": {"code": 1301, "message": "withheld"}},
    ),
)
