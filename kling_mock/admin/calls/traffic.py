"""The journal, and callbacks."""

from __future__ import annotations

from typing import Any

from kling_mock.admin.context import AdminContext, settled
from kling_mock.admin.views import (
    DELIVERY,
    ENTRY,
    PAGING,
    numbered,
    page,
    page_of,
    show_entry,
)
from kling_mock.kling.journal.calls import Call
from kling_mock.web.json_schema import EVERY, array, closed, encode, flag, integer, number, text
from kling_mock.web.operations import ApiCall, Parameters

# ---------------------------------------------------------------- journal

_FILTERS = {
    "match": text("Only these requests: a method, a path or both; `*` stands for anything."),
    "account": text("Only requests of the account of this name."),
    "status": integer(0, 599, "Only responses with this HTTP status."),
    "code": integer(0, 99999, "Only responses with this service code."),
    "task_id": text("Only requests that created this task, or queried it."),
    "external_task_id": text("Only requests with this external id."),
    "fault": text("Only requests that this kind of fault happened to."),
    "kind": text(
        "Only calls of the API (`api`), or downloads of result files; `*` is both.",
        enum=("api", "download", "*"),
    ),
}


def list_journal(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Return one page of requests, the newest first."""
    journal = context.journal
    arguments = {name: parameters[name] for name in _FILTERS if name in parameters}
    filters: Any = {"kind": "*"} | arguments
    call = Call(filters.pop("match", "*"), **filters)
    newest_first = reversed(journal.numbered())  # before the count: nothing may be missing in both
    rows = [(at, entry) for at, entry in newest_first if call.accepts(entry)]
    forgotten = sum(journal.forgotten_kinds.matching(call).values())
    if not (rows or forgotten):
        context.world.possible.check(call)
    older = (row for row in rows if row[0] < parameters.get("before", row[0] + 1))
    return {
        **page((show_entry(at, entry) for at, entry in older), parameters),
        "total": len(rows),
        "forgotten": forgotten,
    }


def list_forgotten(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Return the number of requests of each kind that are no longer kept."""
    kinds = context.journal.forgotten_kinds
    return {"data": [{**kind._asdict(), "count": count} for kind, count in kinds]}


def list_unexpected(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Return why each unexpected call is one."""
    journal = context.journal
    return {"data": [journal.explain(entry) for entry in journal.unexpected]}


def clear_journal(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Forget all requests."""
    count = len(context.journal)
    context.journal.clear()
    return {"removed": count}


# ---------------------------------------------------------------- callbacks


def list_deliveries(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Return one page of deliveries, the newest first."""
    deliveries = context.deliveries
    filters = {name: parameters[name] for name in ("task_id", "state") if name in parameters}
    if "task_id" in filters:
        filters["task_id"] = context.world.tasks.id_of(filters["task_id"])
    rows = (
        context.delivery(at, delivery)
        for at, delivery in numbered(list(deliveries), deliveries.total)
        if all(getattr(delivery, name) == value for name, value in filters.items())
    )
    return page(rows, parameters)


@settled
def replay_delivery(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Send one delivery once more, or once with changes."""
    delivery = context.deliveries.find(parameters["delivery_id"])
    resign = parameters.get("resign", False)
    changes = {name: parameters[name] for name in ("body", "url") if name in parameters}
    if changes:
        delivery = context.deliveries.send_changed(delivery, **changes, resign=resign)
    else:
        context.deliveries.replay(delivery, resign=resign)
    return {"replayed": 1, "delivery_id": delivery.delivery_id}


@settled
def replay_task(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Send all deliveries of a task once more."""
    count = len(context.deliveries.of(parameters["task_id"]))
    context.deliveries.replay(parameters["task_id"], resign=parameters.get("resign", False))
    return {"replayed": count}


CALLBACKS = closed(
    retries=array(number(0, 10**9), 100, "Seconds from one attempt to the next."),
    timeout=number(None, 600, "Seconds of real time that a response may take.", above=0),
    timestamps=text("The clock by which signatures are dated.", enum=("clock", "real")),
)


def get_callbacks(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Return the settings of callbacks."""
    return encode(CALLBACKS, context.callbacks)


def set_callbacks(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Send callbacks in another way."""
    for name, value in parameters.items():
        setattr(context.callbacks, name, value)
    return get_callbacks(context, parameters)


_RESIGN = closed(
    EVERY,
    resign=flag(
        "Whether it gets a new timestamp and signature; otherwise all bytes stay the same."
    ),
)
_REPLAY_OR_CHANGE = closed(
    EVERY,
    **_RESIGN["properties"],
    body=text("The body to send instead of its own; it is then a new delivery."),
    url=text("The URL to send it to instead of its own; it is then a new delivery."),
)
_REPLAYED = closed(replayed=integer(1, about="How many deliveries were sent."))
_REPLAYED_ONE = closed(
    **_REPLAYED["properties"], delivery_id=text("The delivery: a new one if it was changed.")
)

_JOURNAL_PAGE = closed(
    **page_of(ENTRY)["properties"],
    total=integer(0, about="How many requests match, on this page and all others."),
    forgotten=integer(
        0,
        about="How many of the requests that are no longer kept may match: unless it is 0, the "
        "list may be incomplete.",
    ),
)
_FORGOTTEN = closed(
    method=text("`*` stands for any, if there were too many kinds; also in the other texts."),
    path=text("Ids are replaced by `*`."),
    status=integer(),
    code=integer(),
    account=text(),
    fault=text(),
    has_body=flag(),
    count=integer(1),
)

CALLS: tuple[ApiCall[AdminContext], ...] = (
    ApiCall(
        "GET",
        "/journal",
        list_journal,
        "List requests and their responses, the newest first",
        _JOURNAL_PAGE,
        query={**PAGING, **_FILTERS},
    ),
    ApiCall(
        "GET",
        "/journal/forgotten",
        list_forgotten,
        "List the requests that are no longer kept: how many of each kind",
        closed(data=array(_FORGOTTEN)),
    ),
    ApiCall(
        "GET",
        "/journal/unexpected",
        list_unexpected,
        "List the unexpected calls that belong to no account, each with the nearest known call",
        closed(data=array(text("The call, and the known call that is nearest to it."))),
    ),
    ApiCall(
        "DELETE",
        "/journal",
        clear_journal,
        "Forget all requests; the next ones are numbered on from here",
        closed(removed=integer(0)),
    ),
    ApiCall(
        "GET",
        "/deliveries",
        list_deliveries,
        "List callbacks that were sent, the newest first",
        page_of(DELIVERY),
        query={
            **PAGING,
            "task_id": text("Only those about the task with this task id or external id."),
            "state": DELIVERY["properties"]["state"],
        },
    ),
    ApiCall(
        "POST",
        "/deliveries/{delivery_id}/replay",
        replay_delivery,
        "Send one callback again, as it was or changed; responds when that is done",
        _REPLAYED_ONE,
        _REPLAY_OR_CHANGE,
    ),
    ApiCall(
        "POST",
        "/tasks/{task_id}/replay",
        replay_task,
        "Send all callbacks of a task again, in order; responds when that is done",
        _REPLAYED,
        _RESIGN,
    ),
    ApiCall("GET", "/callbacks", get_callbacks, "Read how callbacks are sent", CALLBACKS),
    ApiCall(
        "PATCH",
        "/callbacks",
        set_callbacks,
        "Change how callbacks are sent from now on",
        CALLBACKS,
        closed(EVERY, **CALLBACKS["properties"]),
        examples={"once": {"retries": []}},
    ),
)
