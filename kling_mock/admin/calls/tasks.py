"""Tasks, and moving them on by hand."""

from __future__ import annotations

from typing import Any

from kling_mock.admin.context import AdminContext, settled
from kling_mock.admin.views import PAGING, TASK, TASK_ID, page, page_of, show_task
from kling_mock.journal.matching import STATUSES
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.service_codes import CODES
from kling_mock.web.json_schema import EVERY, closed, integer, text
from kling_mock.web.operations import ApiCall, Parameters

__all__ = ["CALLS"]

_ENDED = "The task has ended already."


def list_tasks(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Return one page of tasks of all accounts, the newest first."""
    wanted = {name: parameters[name] for name in _FILTERS if name in parameters}
    rows = (show_task(task) for task in reversed(tuple(context.world.tasks)))
    found = (row for row in rows if all(row[name] == one for name, one in wanted.items()))
    return page(found, parameters, "task_id")


def get_task(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Return one task."""
    return show_task(context.world.tasks.any(parameters["task_id"]))


@settled
def process_task(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Let a task be processed."""
    world = context.world
    world.start(world.tasks.any(parameters["task_id"]))
    return get_task(context, parameters)


@settled
def complete_task(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Let a task succeed."""
    world = context.world
    world.complete(world.tasks.any(parameters["task_id"]))
    return get_task(context, parameters)


@settled
def fail_task(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Let a task fail."""
    world, code = context.world, parameters.get("code", 1301)
    world.fail(world.tasks.any(parameters["task_id"]), code, parameters.get("message"))
    return get_task(context, parameters)


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

CALLS: tuple[ApiCall[AdminContext], ...] = (
    ApiCall(
        "GET",
        "/tasks",
        list_tasks,
        "List tasks of all accounts, the newest first",
        page_of(TASK, "task_id"),
        query={**PAGING, "before": TASK_ID, **_FILTERS},
    ),
    ApiCall("GET", "/tasks/{task_id}", get_task, "Query a task of any account", TASK),
    ApiCall(
        "POST",
        "/tasks/{task_id}/process",
        process_task,
        "Let a submitted task be processed now",
        TASK,
        errors={409: "The task is processed already, or has ended."},
    ),
    ApiCall(
        "POST",
        "/tasks/{task_id}/complete",
        complete_task,
        "Let a task succeed now; answered when its callbacks are delivered",
        TASK,
        errors={409: _ENDED},
    ),
    ApiCall(
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
        errors={409: _ENDED},
        examples={"withheld": {"code": 1301, "message": "withheld"}},
    ),
)
