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
from kling_mock.journal.calls import Call
from kling_mock.web.json_schema import EVERY, array, closed, flag, integer, number, text
from kling_mock.web.operations import ApiCall, Parameters

__all__ = ["CALLS"]

# ---------------------------------------------------------------- journal

_FILTERS = {
    "match": text("Only these requests: a method, a path or both; `*` stands for anything."),
    "account": text("Only requests of the account of this name."),
    "status": integer(0, 599, "Only answers with this HTTP status."),
    "code": integer(0, 99999, "Only answers with this service code."),
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
    given = {name: parameters[name] for name in _FILTERS if name in parameters}
    filters: Any = {"kind": "*"} | given
    call = Call(filters.pop("match", "*"), **filters)
    kept = reversed(journal.numbered())  # before the count: nothing may be missing in both
    found = page((show_entry(at, entry) for at, entry in kept if call.accepts(entry)), parameters)
    return found | {"forgotten": sum(journal.forgotten_kinds.matching(call).values())}


def list_forgotten(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Return how many requests of each kind are no longer kept."""
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
    wanted = {name: parameters[name] for name in ("task_id", "state") if name in parameters}
    rows = (
        context.delivery(at, one)
        for at, one in numbered(list(deliveries), deliveries.total)
        if all(getattr(one, name) == value for name, value in wanted.items())
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
    timeout=number(None, 600, "Seconds of real time that an answer may take.", above=0),
    timestamps=text("What signatures are dated by.", enum=("clock", "real")),
)


def get_callbacks(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Return how callbacks are sent."""
    callbacks = context.callbacks
    return {
        "retries": list(callbacks.retries),
        "timeout": callbacks.timeout,
        "timestamps": callbacks.timestamps,
    }


def set_callbacks(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Send callbacks in another way."""
    for name, value in parameters.items():
        setattr(context.callbacks, name, value)
    return get_callbacks(context, parameters)


_RESIGN = closed(
    EVERY, resign=flag("Whether it gets a new timestamp and signature; else no byte is new.")
)
_REPLAY_OR_CHANGE = closed(
    EVERY,
    **_RESIGN["properties"],
    body=text("What is sent instead of its body. It is a new delivery then."),
    url=text("Where it is sent instead. It is a new delivery then."),
)
_REPLAYED = closed(replayed=integer(1, about="How many deliveries were sent."))
_REPLAYED_ONE = closed(
    **_REPLAYED["properties"], delivery_id=text("The delivery: a new one if it was changed.")
)

_JOURNAL_PAGE = closed(
    **page_of(ENTRY)["properties"],
    forgotten=integer(
        0,
        about="How many of the requests that are no longer kept may be such ones: while it is "
        "not 0, what is here is not all.",
    ),
)
_FORGOTTEN = closed(
    method=text("`*` is any, where there were too many kinds; so is it for the other texts."),
    path=text("With `*` for an id."),
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
        "List requests and their answers, the newest first",
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
        "List the calls that were refused before it was known whose they are, with what is nearest",
        closed(data=array(text("The call, and what comes nearest to it."))),
    ),
    ApiCall(
        "DELETE",
        "/journal",
        clear_journal,
        "Forget all requests; their numbers go on",
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
            "task_id": text("Only those about this task."),
            "state": DELIVERY["properties"]["state"],
        },
    ),
    ApiCall(
        "POST",
        "/deliveries/{delivery_id}/replay",
        replay_delivery,
        "Send one callback once more, or changed; answered when that is done",
        _REPLAYED_ONE,
        _REPLAY_OR_CHANGE,
    ),
    ApiCall(
        "POST",
        "/tasks/{task_id}/replay",
        replay_task,
        "Send all callbacks of a task once more, in order; answered when that is done",
        _REPLAYED,
        _RESIGN,
    ),
    ApiCall("GET", "/callbacks", get_callbacks, "Read how callbacks are sent", CALLBACKS),
    ApiCall(
        "PATCH",
        "/callbacks",
        set_callbacks,
        "Send callbacks in another way from now on",
        CALLBACKS,
        closed(EVERY, **CALLBACKS["properties"]),
        examples={"once": {"retries": []}},
    ),
)
