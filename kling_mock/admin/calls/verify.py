"""Assertions for tests in other languages: those of the Python controls, including the texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from kling_mock.admin.context import AdminContext
from kling_mock.admin.views import DELIVERY, ENTRY, numbered, show_entry
from kling_mock.kling.journal.calls import Call, CallFilters
from kling_mock.kling.journal.entries import Entry
from kling_mock.kling.journal.matching import STATUSES
from kling_mock.web.errors import ApiError
from kling_mock.web.json_schema import EVERY, array, closed, flag, integer, text
from kling_mock.web.operations import ApiCall, Parameters

_FILTERS = frozenset(CallFilters.__annotations__)


def _sequence(context: AdminContext, calls: Any = (), **named: Any) -> list[Entry]:
    patterns = [call if isinstance(call, str) else _call(call) for call in calls]
    return context.journal.assert_sequence(patterns, **named)


def _call(members: Any) -> Call:
    if not isinstance(members, Mapping):
        raise ValueError(f"calls: must be a list of matches or objects, got {members!r} in it")  # noqa: TRY004 - one kind for all
    unknown = sorted(members.keys() - _FILTERS - {"match"})
    if unknown:
        raise ValueError(
            f"calls: {unknown[0]}: unknown; the members are {', '.join(('match', *_FILTERS))}"
        )
    return Call(**members)


#: Assertion -> its function, and the members that it accepts.
_CHECKS: Final[Mapping[str, tuple[Callable[..., Any], frozenset[str]]]] = {
    "called": (
        lambda context, **named: context.journal.assert_called(**named),
        _FILTERS | {"match", "times"},
    ),
    "not_called": (
        lambda context, **named: context.journal.assert_not_called(**named),
        _FILTERS | {"match"},
    ),
    "sequence": (_sequence, frozenset({"calls", "exact"})),
    "no_unexpected": (
        lambda context, **named: context.journal.assert_no_unexpected(**named),
        frozenset({"late"}),
    ),
    "unexpected": (
        lambda context, **named: context.journal.assert_unexpected(**named),
        _FILTERS | {"match"},
    ),
    "faults_used": (
        lambda context, **named: context.faults.assert_used(**named),
        frozenset(),
    ),
    "delivered": (
        lambda context, task_id="", **named: context.deliveries.assert_delivered(task_id, **named),
        frozenset({"task_id", "statuses"}),
    ),
    "refused": (
        lambda context, task_id="", **named: context.deliveries.assert_refused(task_id, **named),
        frozenset({"task_id", "status"}),
    ),
}


async def verify(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Make an assertion; return the calls or deliveries that it is about, the oldest first.

    Raises:
        ApiError: 422, the assertion fails.
        IncompleteJournalError: The result depends on calls that are no longer kept.
        ValueError: Nothing that could happen here would change the result.
    """
    named = dict(parameters)
    function, takes = _CHECKS[named.pop("assertion")]
    for name in named:
        if name not in takes:
            known = ", ".join(sorted(takes)) or "nothing else"
            raise ValueError(f"{name}: this assertion does not take it; it takes {known}")
    is_of_callbacks = parameters["assertion"] in {"delivered", "refused"}
    if is_of_callbacks:
        await context.clock.drain()
    try:
        records = function(context, **named) or []
    except AssertionError as error:
        raise ApiError(422, "assertion_failed", str(error)) from None
    if is_of_callbacks:
        newest = numbered(list(context.deliveries), context.deliveries.total)
        rows = [context.delivery(at, delivery) for at, delivery in newest if delivery in records]
        return {"data": [], "deliveries": rows[::-1]}
    numbers = {id(entry): number for number, entry in context.journal.numbered()}
    return {"data": [show_entry(numbers[id(entry)], entry) for entry in records]}


_ANY_OBJECT = {"type": "object"}
_PATTERN: Final[Mapping[str, Any]] = {
    "match": text("A method, a path or both; `*` stands for anything in a path."),
    "method": text("The HTTP method, in capitals."),
    "path": text("The path without the query."),
    "status": integer(about="The HTTP status of the response; for `refused`, of each."),
    "code": integer(about="The service code of the response; 0 is success."),
    "account": text("The account's name; empty for calls that were not authenticated."),
    "task_id": text("The task that the call created or queried."),
    "external_task_id": text("The caller's own id."),
    "fault": text("A fault that happened to the call."),
    "body": {**_ANY_OBJECT, "description": "Members that the request's body has, among others."},
    "kind": text("`api`, `download` or `*` for both."),
}
_WANTED = closed(
    EVERY,
    **_PATTERN,
    times=integer(about="For `called`: the exact number of calls; default: one or more."),
    calls={
        "type": "array",
        "items": {},
        "description": "For `sequence`: patterns in order, each a text like `match` or an object.",
    },
    exact=flag("For `sequence`: whether nothing else may have been called."),
    statuses=array(
        text(enum=STATUSES),
        about="For `delivered`: the statuses that were reported, in order; default: any.",
    ),
    late=flag("For `no_unexpected`: whether calls of tests that had ended count."),
)
_BODY = {
    **_WANTED,
    "properties": {
        "assertion": text("What must be true.", enum=tuple(_CHECKS)),
        **_WANTED["properties"],
    },
    "required": ["assertion"],
}

CALLS: tuple[ApiCall[AdminContext], ...] = (
    ApiCall(
        "POST",
        "/verify",
        verify,
        "Check what was called and delivered, with the assertions of the Python controls",
        closed(
            ("deliveries",),
            data=array(ENTRY, about="The calls that match, as far as they are kept."),
            deliveries=array(
                DELIVERY, about="For `delivered` and `refused`: the callbacks about the task."
            ),
        ),
        _BODY,
        errors={
            404: "For `delivered` and `refused`: there is no such task.",
            409: "The result depends on calls that are no longer kept.",
            422: "The assertion fails; the text shows the nearest call and what differs.",
        },
        examples={
            "called": {
                "assertion": "called",
                "match": "POST /v1/videos/text2video",
                "times": 1,
                "body": {"duration": "5"},
            },
            "delivered": {"assertion": "delivered", "task_id": "order-7"},
            "sequence": {
                "assertion": "sequence",
                "calls": ["POST /v1/videos/*", {"match": "GET /v1/videos/*", "code": 0}],
            },
            "not_called": {
                "assertion": "not_called",
                "match": "POST /v1/videos/text2video",
                "code": 1303,
            },
        },
    ),
)
