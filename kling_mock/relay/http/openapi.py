"""The OpenAPI document of the relay, made from the tables that the relay itself uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from kling_mock.relay.domain.channels import DEGRADED
from kling_mock.relay.domain.replies import MAX_KEY, MAX_PAGE, MAX_PAGE_NUMBER, MAX_PAGE_SIZE
from kling_mock.relay.domain.shared_time import ClockFault
from kling_mock.relay.domain.wire import ENDPOINTS, IDEMPOTENCY_KEY, MAX_EXTERNAL_ID
from kling_mock.relay.http.kling_paths import PATHS, PREFIXES, VIDEOS
from kling_mock.relay.http.openapi_schemas import SCHEMAS, named
from kling_mock.relay.http.routes import (
    CALLBACK,
    HEALTH,
    INTERNAL_CALLBACK,
    METRICS,
    OPENAPI,
    OPERATOR,
)
from kling_mock.relay.operator.operations import CALLS
from kling_mock.relay.operator.service import OperatorService
from kling_mock.web.json_schema import Schema, array, closed, flag, integer, text
from kling_mock.web.json_schema import optional as nullable
from kling_mock.web.openapi import ApiOperation, ApiReply, Parameter, Security, document, encode
from kling_mock.web.operations import ApiCall
from kling_mock.web.request_log import REQUEST_ID_HEADER

_INFO: Final = {
    "title": "Kling relay",
    "version": "1",
    "summary": "The API of the relay of kling_mock.",
    "description": "A one-api style relay in front of the Kling AI video API: its users' calls, "
    "Kling's callbacks, monitoring, and its operator's calls.",
}
_ABOUT: Final[Mapping[int, str]] = {
    400: "A parameter is invalid, or Kling has refused the request: then `code` is Kling's.",
    401: "The token is missing, unknown, disabled or expired.",
    402: "The quota is insufficient.",
    403: "The user is disabled, or the operator's API does not serve this computer.",
    404: "It does not exist, or belongs to another user.",
    405: "The path supports another method.",
    409: "Something unique is taken, or a name is also the id of another.",
    408: "The body did not arrive in time; the connection is closed.",
    413: "The body is too large.",
    429: "Kling limits the rate, or the token is at a limit of the relay; try again later.",
    501: "An extra is not installed; the message names the command.",
    502: "Kling has refused the relay's channel.",
    503: "No channel takes it, Kling cannot be reached, or the database is unavailable.",
}
_WITH_RETRY_AFTER: Final = frozenset({429})

_NAME: Final = Parameter(
    "task_id", "path", text(min_length=1), "The relay's id of the task, or the user's own."
)
_ENDPOINT: Final = Parameter(
    "endpoint", "path", text(enum=[*ENDPOINTS]), "The endpoint that made the task."
)
_ID: Final = Parameter(
    "id",
    "path",
    text(min_length=1),
    "The id, plain or as `id:7`; also the name of a user or channel.",
)
_KEY: Final = Parameter(
    IDEMPOTENCY_KEY,
    "header",
    text(max_length=MAX_EXTERNAL_ID, pattern="^[!-~]*$"),
    "Another name for `external_task_id`.",
)
_EXAMPLE: Final = {
    "text": {
        "model": "kling-v1-6-std",
        "prompt": "a kitten on the grass",
        "duration": 5,
        "aspect_ratio": "16:9",
    }
}


def _refused(*statuses: int) -> dict[int, ApiReply]:
    replies: dict[int, ApiReply] = {}
    for status in statuses:
        headers: Mapping[str, Schema] = (
            {"Retry-After": {"type": "integer"}} if status in _WITH_RETRY_AFTER else {}
        )
        replies[status] = ApiReply(
            _ABOUT[status], named("Error"), headers=headers, name=f"Refused{status}"
        )
    return replies


def _operation(
    method: str,
    path: str,
    name: str,
    group: str,
    summary: str,
    answer: ApiReply,
    refusals: tuple[int, ...],
    security: Security = "",
    **more: Any,
) -> ApiOperation:
    late = (408,) if 413 in refusals else ()
    answers = {200: answer} | _refused(*refusals, *late)
    return ApiOperation(
        method, path, name, group, summary, None, answers, security=security, **more
    )


def _users() -> Iterator[ApiOperation]:
    conflict = ApiReply(
        "Another request has used the `external_task_id`; or, with `Retry-After`, the first "
        "request with it is still being sent (`request_in_progress`).",
        named("Error"),
        headers={"Retry-After": {"type": "integer"}},
        name="Conflict",
    )
    created = ApiReply(
        "The task, or the first one of this `external_task_id`.",
        named("Created"),
        name="Created",
    )
    task = ApiReply("The task.", named("Task"), name="Task")
    paths = [(f"{VIDEOS}/{endpoint}", endpoint) for endpoint in ENDPOINTS]
    names = {
        path: f"{endpoint}-as-kling"
        for path, endpoint in PATHS.items()
        if not path.startswith(PREFIXES)
    }
    for path, name in (*paths, *names.items()):
        create = _operation(
            "POST",
            path,
            f"create-{name}",
            "tasks",
            "Create a task",
            created,
            (400, 401, 402, 403, 413, 429, 502, 503),
            "token",
            parameters=(_KEY,),
            body=named("Create"),
            examples=_EXAMPLE,
            extra=_places(path),
        )
        yield create._replace(answers={**create.answers, 409: conflict})
    parameters = (
        Parameter(
            "limit", "query", integer(1, MAX_PAGE), "The maximum number of tasks on the page."
        ),
        Parameter("before", "query", integer(1, MAX_KEY), "The last page's `next_before`."),
        Parameter("status", "query", text(), "Only tasks of this status."),
    )
    page = closed(data=array(named("ListedTask"), MAX_PAGE), next_before=nullable(integer()))
    yield _operation(
        "GET",
        VIDEOS,
        "list-tasks",
        "tasks",
        "List your own tasks, newest first",
        ApiReply("A page.", page),
        (400, 401, 403, 429),
        "token",
        parameters=parameters,
    )
    yield _operation(
        "GET",
        f"{VIDEOS}/{{task_id}}",
        "get-task",
        "tasks",
        "Query a task",
        task,
        (401, 403, 404, 405, 429),
        "token",
        parameters=(_NAME,),
    )
    pages = (
        Parameter("pageNum", "query", integer(1, MAX_PAGE_NUMBER), "The page, from 1."),
        Parameter("pageSize", "query", integer(1, MAX_PAGE_SIZE), "Tasks on it; 30 by default."),
    )
    listed = ApiReply("A page; empty behind the last one.", named("Page"), name="Page")
    for path, name in names.items():
        yield _operation(
            "GET",
            path,
            f"list-{name}",
            "tasks",
            "List your own tasks of one endpoint, newest first",
            listed,
            (400, 401, 403, 429),
            "token",
            parameters=pages,
            extra=_places(path),
        )
    for path, name in ((f"{VIDEOS}/{{endpoint}}", "endpoint"), *names.items()):
        yield _operation(
            "GET",
            f"{path}/{{task_id}}",
            f"get-{name}",
            "tasks",
            "Query a task of one endpoint",
            task,
            (401, 403, 404, 429),
            "token",
            parameters=(*([_ENDPOINT] if "{" in path else ()), _NAME),
            extra=_places(path),
        )


def _places(path: str) -> Mapping[str, Any]:
    """Return the `servers` of a path of Kling's, which is served below each prefix too."""
    if path.startswith(PREFIXES):
        return {}
    return {"servers": [{"url": prefix} for prefix in ("/", *PREFIXES)]}


def _callbacks() -> Iterator[ApiOperation]:
    done = ApiReply("It is processed.", closed(message=text(enum=["success", "already processed"])))
    for path, name in ((f"{CALLBACK}{{task_id}}", "callback"), (INTERNAL_CALLBACK, "callback-own")):
        yield _operation(
            "POST",
            path,
            name,
            "callbacks",
            "Report a task, as Kling does",
            done,
            (400, 404, 413),
            parameters=(_NAME,) if "{" in path else (),
            body=named("Callback"),
        )


def _monitoring() -> Iterator[ApiOperation]:
    status = text(enum=["ok", "unavailable"])
    degraded = array(closed(channel=integer(), reason=text(enum=[*DEGRADED])))
    clock = closed(
        fault=text(enum=[fault.value for fault in ClockFault]),
        ahead_seconds=integer(),
        jumped_seconds=integer(),
        apart_seconds=integer(),
    )
    health = closed(
        ("cause", "node", "degraded", "clock"),
        cause=text(),
        node=closed(name=text(), writable=flag()),
        degraded=degraded,
        clock=clock,
        status=status,
        database=status,
        upstream=text(enum=["ok", "unreachable", "unknown"]),
    )
    yield ApiOperation(
        "GET",
        HEALTH,
        "health",
        "monitoring",
        "Whether the relay can serve",
        None,
        {200: ApiReply("It can.", health), 503: ApiReply("The database is unavailable.", health)},
    )
    yield _operation(
        "GET",
        METRICS,
        "metrics",
        "monitoring",
        "Get the metrics; open to this computer, to others with the admin token",
        ApiReply("Prometheus' text.", {"type": "string"}, "text/plain"),
        (401, 429, 501),
    )
    yield _operation(
        "GET",
        OPENAPI,
        "openapi",
        "monitoring",
        "Get this document",
        ApiReply("This document.", {"type": "object"}),
        (),
    )


def _operator_call(row: ApiCall[OperatorService]) -> ApiOperation:
    by_id = bool(row.path_parameters)
    parameters = [_ID] if by_id else []
    for name, schema in row.query.items():
        parameters.append(Parameter(name, "query", schema, schema.get("description", name)))
    takes = row.body is not None
    refusals = {401, 403, 429}
    if takes or row.query or by_id:
        refusals.add(400)
    if by_id or "user_id" in row.query:
        refusals.add(404)
    if by_id and row.path.startswith(("/users/", "/channels/")):
        refusals.add(409)
    if takes:
        refusals.add(413)
    operation = _operation(
        row.method,
        OPERATOR + row.path,
        f"operator-{row.name.replace('_', '-')}",
        "operator",
        row.summary,
        ApiReply(f"{row.summary}.", row.reply),
        tuple(refusals),
        "admin",
        parameters=tuple(parameters),
        body=row.body,
        optional_body=takes and not row.needs_body,
    )
    own = {status: ApiReply(text, named("Error")) for status, text in row.errors.items()}
    return operation._replace(answers={**operation.answers, **own})


OPERATIONS: Final = (
    *_users(),
    *_callbacks(),
    *_monitoring(),
    *(_operator_call(row) for row in CALLS),
)


def openapi(*, with_operator: bool = True) -> dict[str, Any]:
    """Return the OpenAPI document of the relay.

    Args:
        with_operator: Whether the operator's API is served.
    """
    served = [row for row in OPERATIONS if with_operator or row.group != "operator"]
    return document(map(_with_request_id, served), SCHEMAS, _INFO)


def _with_request_id(row: ApiOperation) -> ApiOperation:
    """Return *row* with the header that every reply has."""
    schema = text(
        "The request's own, or a new one.", min_length=1, max_length=128, pattern="^[!-~]+$"
    )
    answers = {
        status: answer._replace(headers={REQUEST_ID_HEADER: schema, **answer.headers})
        for status, answer in row.answers.items()
    }
    return row._replace(answers=answers)


@cache
def openapi_bytes(*, with_operator: bool = True) -> bytes:
    """Return the document as it is served and committed.

    Args:
        with_operator: Whether the operator's API is served.
    """
    return encode(openapi(with_operator=with_operator))
