"""The admin API as rows of the OpenAPI document, made from its table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kling_mock.admin.api import EVENTS, PREFIX
from kling_mock.admin.calls import CALLS
from kling_mock.admin.context import AdminContext
from kling_mock.admin.views import ACCOUNT, DELIVERY, ENTRY, FAULT, TASK
from kling_mock.kling.faults.declaring import schema_of
from kling_mock.kling.faults.kinds import KINDS
from kling_mock.kling.http.handler import ADMIN
from kling_mock.kling.wire.v1_schemas import reference
from kling_mock.web.errors import TYPES
from kling_mock.web.json_schema import Schema, closed, text
from kling_mock.web.openapi import ApiOperation, ApiReply, Parameter
from kling_mock.web.operations import ApiCall

_PATHS: Mapping[str, str] = {
    "task_id": "The task id, or the external id of a task of one account.",
    "fault_id": "As in the list of faults.",
    "account": "The account's name, percent-encoded.",
    "delivery_id": "As in the list of deliveries.",
    "snapshot_id": "The name that it was given, or that was made for it.",
    "folder": "The part of a result's `path` before the slash.",
    "name": "The part of a result's `path` after the slash.",
    "place": "Which of the task's `inputs`, from 0.",
}
_ABOUT: Mapping[int, str] = {
    400: "A parameter or the body is invalid; the message says what it must be.",
    401: "The admin token is missing or wrong.",
    403: "The call came from another computer, or through a proxy.",
    404: "It does not exist.",
    413: "The body is too large.",
}

_SHOWN: Mapping[str, Schema] = {
    "AdminAccount": ACCOUNT,
    "AdminDelivery": DELIVERY,
    "AdminEntry": ENTRY,
    "AdminFault": FAULT,
    "AdminTask": TASK,
}
SCHEMAS: Mapping[str, Schema] = {
    **_SHOWN,
    "FaultWanted": schema_of(KINDS),
    "AdminError": closed(
        error=closed(
            message=text("What was wrong, what it must be, what to do.", min_length=1),
            type=text(enum=list(TYPES.values())),
            code=text("What it is, for programs."),
        )
    ),
}


def _operation(row: ApiCall[AdminContext]) -> ApiOperation:
    return ApiOperation(
        row.method,
        f"{PREFIX}{row.path}",
        f"admin-{row.name.replace('_', '-')}",
        "admin",
        row.summary,
        None,
        dict(_answers(row)),
        parameters=tuple(_parameters(row)),
        body=row.body,
        optional_body=row.body is not None and not row.needs_body,
        examples=row.examples,
        security="admin",
    )


def _answers(row: ApiCall[AdminContext]) -> Iterator[tuple[int, ApiReply]]:
    yield row.status, ApiReply(row.summary + ".", _named(row.reply))
    for status in _ABOUT:
        sent = row.body is not None
        applies = {400: sent or bool(row.query), 404: bool(row.path_parameters), 413: sent}
        if applies.get(status, True):
            yield status, _refused(status)
    for status, about in row.errors.items():
        yield status, ApiReply(about, reference("AdminError"))


def _refused(status: int) -> ApiReply:
    return ApiReply(_ABOUT[status], reference("AdminError"), name=f"AdminRefused{status}")


def _named(schema: Any) -> Any:
    """Return *schema* with references to the named schemas."""
    for name, component in _SHOWN.items():
        if schema is component:
            return reference(name)
    if isinstance(schema, Mapping):
        return {key: _named(inner) for key, inner in schema.items()}
    return schema


def _parameters(row: ApiCall[AdminContext]) -> Iterator[Parameter]:
    for name in row.path_parameters:
        yield Parameter(name, "path", {"type": "string", "minLength": 1}, _PATHS[name])
    for name, schema in row.query.items():
        yield Parameter(name, "query", schema, schema.get("description", name))


_DASHBOARD = ApiOperation(
    "GET",
    ADMIN,
    "dashboard",
    "admin",
    "Get the dashboard: a page that works with the admin token",
    None,
    {
        200: ApiReply("The page.", {"type": "string"}, "text/html"),
        403: _refused(403),
    },
)
_EVENTS = ApiOperation(
    "GET",
    EVENTS,
    "admin-events",
    "admin",
    "Follow what happens, as server-sent events; `Last-Event-ID` resumes after a break",
    None,
    {
        200: ApiReply("Events, until the server stops.", {"type": "string"}, "text/event-stream"),
        401: _refused(401),
        403: _refused(403),
        429: ApiReply("Too many streams are open.", reference("AdminError")),
    },
    security="admin",
)


def _file(path: str, name: str, summary: str, media_type: str, *names: str) -> ApiOperation:
    return ApiOperation(
        "GET",
        f"{PREFIX}{path}",
        name,
        "admin",
        summary,
        None,
        {
            200: ApiReply("The file.", {"type": "string", "format": "binary"}, media_type),
            **{status: _refused(status) for status in (401, 403, 404)},
        },
        parameters=tuple(
            Parameter(parameter, "path", {"type": "string", "minLength": 1}, _PATHS[parameter])
            for parameter in names
        ),
        security="admin",
    )


_RESULT = _file(
    "/media/{folder}/{name}",
    "admin-result-file",
    "Get a file of a result; the request is not in the journal, and faults do not affect it",
    "*/*",
    "folder",
    "name",
)
_INPUT = _file(
    "/tasks/{task_id}/inputs/{place}",
    "admin-input-picture",
    "Get a picture that came inline with the request of a task",
    "image/*",
    "task_id",
    "place",
)
OPERATIONS = (_DASHBOARD, _EVENTS, _RESULT, _INPUT, *(_operation(row) for row in CALLS))
