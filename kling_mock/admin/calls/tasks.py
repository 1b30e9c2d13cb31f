"""Tasks, and moving them on by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kling_mock.admin.context import AdminContext, settled
from kling_mock.admin.views import PAGING, TASK, TASK_ID, page, page_of
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.journal.matching import STATUSES
from kling_mock.kling.model.tasks import EmulatedTask
from kling_mock.kling.service_codes import CODES
from kling_mock.web.json_schema import EVERY, closed, integer, text
from kling_mock.web.operations import ApiCall, Parameters

_ENDED = "The task has ended already."


def list_tasks(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Return one page of tasks of all accounts, the newest first."""
    filters = {name: parameters[name] for name in _FILTERS if name in parameters}
    text = parameters.get("search", "").casefold()
    tasks = [
        task
        for task in context.world.tasks
        if all(_FILTERED[name](task) == expected for name, expected in filters.items())
        and (not text or _contains(task, text))
    ]
    rows = (
        context.task(task, parameters) for task in reversed(tasks) if _is_older(task, parameters)
    )
    return {**page(rows, parameters, "task_id"), "total": len(tasks)}


def _contains(task: EmulatedTask, text: str) -> bool:
    """Return whether *text* starts the id of a task, or is in its external id or prompt."""
    plan = task.plan
    return (
        task.task_id.startswith(text)
        or text in plan.external_task_id.casefold()
        or text in plan.prompt.casefold()
    )


def _is_older(task: EmulatedTask, parameters: Parameters) -> bool:
    """Return whether a task belongs to this page or a later one, so that its view is needed."""
    return "before" not in parameters or task.task_id < parameters["before"]


def get_task(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Return one task."""
    return context.task(context.world.tasks.any(parameters["task_id"]), parameters)


@settled
def process_task(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Let a task be processed."""
    context.process(parameters["task_id"])
    return get_task(context, parameters)


@settled
def complete_task(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Let a task succeed."""
    context.complete(parameters["task_id"])
    return get_task(context, parameters)


@settled
def fail_task(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Let a task fail."""
    code, message = parameters.get("code", 1301), parameters.get("message")
    context.fail(parameters["task_id"], code, message)
    return get_task(context, parameters)


_FILTERS = {
    "status": text("Only tasks in this status.", enum=STATUSES),
    "endpoint": text("Only tasks of this endpoint.", enum=ENDPOINTS.with_tasks),
    "account": text("Only tasks of the account of this name."),
    "external_task_id": text("Only the task with this external id."),
}
_FILTERED: Mapping[str, Callable[[EmulatedTask], str]] = {
    "status": lambda task: task.status,
    "endpoint": lambda task: task.plan.endpoint,
    "account": lambda task: task.account.name,
    "external_task_id": lambda task: task.plan.external_task_id,
}
_SEARCH = text(
    "Only tasks whose id begins with this, or whose external id or prompt contains it, in any "
    "case.",
    max_length=200,
)
_INCLUDE = text(
    "`made_at`: the real time of creation, which differs in each run.", enum=("made_at",)
)
_PAGE = closed(
    **page_of(TASK, "task_id")["properties"],
    total=integer(0, about="How many tasks match, on this page and all others."),
)
_CODE = {
    **integer(about="A service code of Kling; default 1301."),
    "enum": [code for code in CODES if code],
}

CALLS: tuple[ApiCall[AdminContext], ...] = (
    ApiCall(
        "GET",
        "/tasks",
        list_tasks,
        "List tasks of all accounts, the newest first",
        _PAGE,
        query={
            **PAGING,
            "before": TASK_ID,
            **_FILTERS,
            "search": _SEARCH,
            "include": _INCLUDE,
        },
    ),
    ApiCall(
        "GET",
        "/tasks/{task_id}",
        get_task,
        "Query a task of any account",
        TASK,
        query={"include": _INCLUDE},
    ),
    ApiCall(
        "POST",
        "/tasks/{task_id}/process",
        process_task,
        "Start the processing of a submitted task now",
        TASK,
        errors={409: "The task is already being processed, or has ended."},
    ),
    ApiCall(
        "POST",
        "/tasks/{task_id}/complete",
        complete_task,
        "Let a task succeed now; responds when its callbacks are delivered",
        TASK,
        errors={409: _ENDED},
    ),
    ApiCall(
        "POST",
        "/tasks/{task_id}/fail",
        fail_task,
        "Let a task fail now; responds when its callbacks are delivered",
        TASK,
        closed(
            EVERY,
            code=_CODE,
            message=text(
                "The reason that queries show; default: that of the code.", max_length=1000
            ),
        ),
        errors={409: _ENDED},
        examples={"withheld": {"code": 1301, "message": "withheld"}},
    ),
)
