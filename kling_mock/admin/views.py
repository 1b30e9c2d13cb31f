"""JSON views of the admin API, each next to its schema.

A secret is returned once, by the call that makes it; views do not contain secrets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, get_args

from kling_mock.kling.callbacks.log import Delivery, State
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.faults.kinds import KINDS
from kling_mock.kling.faults.matching import Fault
from kling_mock.kling.journal.entries import Entry, EntryKind
from kling_mock.kling.journal.matching import STATUSES, Where
from kling_mock.kling.journal.notes import NoteKind
from kling_mock.kling.media.urls import FILES, MEDIA, NamedFile, file_url
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.inputs import InputPicture
from kling_mock.kling.model.packs import PackStatus, left, slots
from kling_mock.kling.model.plan import OUTPUT_TYPES, PackType
from kling_mock.kling.model.tasks import EmulatedTask
from kling_mock.web.addresses import shown_reply, shown_url
from kling_mock.web.json_schema import (
    Schema,
    array,
    closed,
    encode,
    flag,
    integer,
    number,
    optional,
    text,
)
from kling_mock.web.webhook_signing import Verdict, verdict

_SECONDS = "Unix seconds on the server's clock."
_MILLISECONDS = integer(about="Unix time in milliseconds.")

# ---------------------------------------------------------------- pages

_PAGE = 50  # rows of a page by default
PAGING: Mapping[str, Schema] = {
    "limit": integer(1, 200, f"Rows of a page; default {_PAGE}."),
    "before": integer(1, None, "Only rows with a smaller number: `next_before` of the last page."),
}


def page_of(row: Schema, key: str = "number") -> Schema:
    """Return the schema of a page: rows, the newest first, and the start of the next page.

    Args:
        row: The schema of a row.
        key: The member that grows from row to row.
    """
    return closed(data=array(row, 200), next_before=optional(row["properties"][key]))


def page(
    rows: Iterable[Mapping[str, Any]], arguments: Mapping[str, Any], key: str = "number"
) -> dict[str, Any]:
    """Return one page.

    Args:
        rows: The rows that match, the newest first.
        arguments: `limit` and `before`, if given.
        key: The member that grows from row to row.
    """
    limit, before = arguments.get("limit", _PAGE), arguments.get("before")
    older = rows if before is None else (row for row in rows if row[key] < before)
    window = list(islice(older, limit + 1))
    visible = window[:limit]
    return {"data": visible, "next_before": visible[-1][key] if len(window) > limit else None}


# ---------------------------------------------------------------- tasks

TASK_ID = text(pattern="^[0-9]{18}$")
RESULT = closed(
    type=text("What it is.", enum=list(FILES)),
    path=text(
        "Under `/__kling/media/`, where it is served; empty for a result that a test has given."
    ),
    url=text("The URL of a result that a test has given; otherwise empty."),
)
INPUT = closed(
    field=text("Where it stood in the request, with a dot between names and places."),
    content_type=text(),
)
TASK = closed(
    ("made_at",),
    task_id=TASK_ID,
    external_task_id=text(),
    account=text(),
    endpoint=text(enum=ENDPOINTS.with_tasks),
    model=text(),
    mode=text(),
    status=text(enum=STATUSES),
    code=integer(about="The service code of a failure; else 0."),
    message=text("Why it failed; else empty."),
    pace=text("How it progresses; see the progress rules."),
    due=optional(number(about=f"When it ends by itself, {_SECONDS}")),
    created_at=_MILLISECONDS,
    started_at=optional(integer(about="When it began to be processed, Unix milliseconds.")),
    updated_at=_MILLISECONDS,
    made_at=number(about="Real time of its creation, Unix seconds; only if it was asked for."),
    prompt=text(),
    seconds=integer(0, about="Length of the result."),
    resolution=text(),
    aspect_ratio=text(),
    sound=flag("Whether the result has an audio track."),
    units=number(0, about="What it costs if it succeeds, in Kling units."),
    pack=text("What kind of pack pays for it.", enum=get_args(PackType)),
    callback_url=text("Without user info, query and fragment; empty for none."),
    results=array(RESULT, about="The files, once it has succeeded."),
    inputs=array(INPUT, about="Pictures that came inline and are still kept."),
)


def show_task(
    task: EmulatedTask, inputs: Sequence[InputPicture] = (), *, with_made_at: bool = False
) -> dict[str, Any]:
    """Return the view of a task.

    Args:
        inputs: The pictures of its request, as far as they are kept.
        with_made_at: Whether to show the real time of its creation, which differs in each run.
    """
    plan = task.plan
    members: dict[str, Any] = {
        "account": task.account.name,
        "pace": task.progress.kind,
        "due": None if task.is_done or math.isinf(task.due) else task.due,
        "created_at": task.created,
        "started_at": task.started or None,
        "updated_at": task.updated,
        "units": float(plan.units),
        "callback_url": shown_url(plan.callback_url) if plan.callback_url else "",
        "results": list(_results(task)) if task.status == "succeed" else [],
        "inputs": [encode(INPUT, picture) for picture in inputs],
    }
    view = encode(TASK, task, **plan._asdict() | members)
    if not with_made_at:
        del view["made_at"]
    return view


def _results(task: EmulatedTask) -> Iterator[dict[str, Any]]:
    if task.test_video is not None:
        yield {"type": "video", "path": "", "url": shown_url(task.test_video.url)}
        return
    for result_list in task.plan.result.lists:
        kind = OUTPUT_TYPES[result_list.key]
        form = FILES.get(kind)
        if form is None:  # an element is not a file
            continue
        files = [
            NamedFile(kind, task.result_id(kind), place)
            for place in range(result_list.files if form.is_numbered else 1)
        ]
        if kind == "subtitles":  # one text in several formats, each an output
            files = [files[0]._replace(suffix=suffix) for suffix in form.media_types]
        for file in files:
            path = file_url("", file).removeprefix(MEDIA)
            yield {"type": kind, "path": path, "url": ""}


# ---------------------------------------------------------------- rules

TARGET: Mapping[str, Schema] = {
    "match": text("A method, a path or both; `*` stands for anything."),
    "prompt": optional(text("Text that the prompt contains, in any case.")),
    "external_id": optional(text("The external id; `*` stands for anything.")),
    "account": optional(text("The account's name.")),
}


def show_target(where: Where) -> dict[str, Any]:
    """Return the view of a target."""
    match = f"{where.method} {where.path}"
    return encode(closed(**TARGET), where, match=match)


FAULT = closed(
    fault_id=text(),
    kind=text(enum=list(KINDS)),
    **TARGET,
    statuses=array(
        text(enum=STATUSES), about="The statuses of the reports that it affects; empty means any."
    ),
    after=integer(0, about="Matching requests that pass unaffected first."),
    times=optional(integer(1, about="The maximum number of requests that it happens to.")),
    probability=number(0, 1),
    seen=integer(0, about="Requests that have matched."),
    acted=integer(0, about="Requests that it has happened to."),
    settings={"type": "object", "description": "All settings of the kind."},
)


def show_fault(fault: Fault) -> dict[str, Any]:
    """Return the view of a fault."""
    where = fault.where
    kind, statuses = fault.kind.name, sorted(where.statuses)
    return encode(FAULT, fault, kind=kind, statuses=statuses, **show_target(where))


# ---------------------------------------------------------------- traffic

ENTRY = closed(
    number=integer(1),
    at=number(about=_SECONDS),
    method=text(),
    path=text(),
    query=text("`<hidden>` stands for the values of parameters that the call does not have."),
    status=integer(about="The HTTP status; 0 if a fault kept the response from being sent."),
    code=integer(about="The service code; 0 is success. Without an envelope the HTTP status."),
    request_id=text(),
    account=text("Empty if the request was not authenticated."),
    kind=text(
        "Whether it is a call of the API or the download of a file.", enum=get_args(EntryKind)
    ),
    request=text("The first bytes of the body; its URLs are without user info and query."),
    request_json={
        "description": "The body as JSON; null if it is not JSON, or too long to be kept."
    },
    response=text("The first bytes of the body."),
    response_json={"description": "The body as JSON; null as above."},
    fault=text("The faults that happened to it, with `+` between."),
    notes=array(
        closed(
            kind=text(enum=get_args(NoteKind)),
            field=text(),
            text=text(),
            unexpected=flag("Whether it makes its call an unexpected one."),
        ),
    ),
)


def show_entry(number: int, entry: Entry) -> dict[str, Any]:
    """Return the view of the *number*-th request."""
    sent, answered = entry.sent, entry.answered
    return encode(ENTRY, entry, number=number, request_json=sent, response_json=answered)


DELIVERY = closed(
    number=integer(1),
    delivery_id=text(),
    task_id=text(),
    account=text("The name of the account whose task it is."),
    task_status=text(enum=STATUSES),
    url=text("Where it goes, without user info, query and fragment."),
    body=text("The bytes that are sent."),
    at=number(about=f"When it was made, {_SECONDS}"),
    truthful=flag("False if it contradicts the task, for a fault."),
    signature=text(
        "What a receiver with today's secrets finds in the last attempt: `unsigned`, `valid`, or "
        "`unknown` if none of them has signed it.",
        enum=get_args(Verdict),
    ),
    state=text(enum=get_args(State)),
    headers=array(array(text(), 2), about="Name and value of each, of the last attempt."),
    attempts=array(
        closed(
            at=number(about=_SECONDS),
            status=integer(about="The HTTP status of the response; 0 if there was none."),
            error=text(),
            response=text("The first bytes of the response's body."),
            replayed=flag(),
        )
    ),
)


def show_delivery(number: int, delivery: Delivery, secrets: Sequence[str]) -> dict[str, Any]:
    """Return the view of the *number*-th delivery.

    Args:
        number: Its number.
        secrets: The secrets with which its account signs now.
    """
    attempts = [
        {**attempt._asdict(), "response": shown_reply(attempt.response, delivery.url)}
        for attempt in delivery.attempts
    ]
    return {
        "number": number,
        **delivery._asdict(),
        "url": shown_url(delivery.url),
        "body": delivery.body.decode("utf-8", "replace"),
        "signature": verdict(secrets, dict(delivery.headers), delivery.body),
        "headers": [list(header) for header in delivery.headers],
        "attempts": attempts,
    }


# ---------------------------------------------------------------- accounts

RATE_LIMIT = closed(
    ("seconds", "retry_after", "creates_only"),
    requests=integer(1, 10**9, "The number of calls that are accepted within any `seconds`."),
    seconds=number(None, 10**9, "Seconds on the server's clock; default 1.", above=0),
    retry_after=flag("Whether a refusal carries `Retry-After`."),
    creates_only=flag("Whether only create calls count."),
)

SETTINGS: Mapping[str, Schema] = {
    "slots": optional(
        integer(0, 10**9, "Slots per type of pack; null means as many as the packs allow.")
    ),
    "disabled": flag("Whether every call is refused with 1100."),
    "in_arrears": flag("Whether create calls are refused with 1101."),
    "denied": array(text(), 100, "Models and endpoints whose create calls are refused with 1103."),
    "allowed_ips": optional(
        array(text(), 1000, "Addresses and networks; calls from others are refused with 1304.")
    ),
    "rate_limit": optional(RATE_LIMIT),
    "units": optional(
        number(0, 10**12, "Units of the video packs; null means postpaid, without packs.")
    ),
}

_PACK = closed(
    pack_id=text(),
    name=text(),
    total=number(0),
    remaining=number(0),
    slots=optional(integer(0)),
    type=text(enum=get_args(PackType)),
    status=text(enum=get_args(PackStatus)),
)
ACCOUNT = closed(
    account=text(),
    **SETTINGS,
    open_tasks=integer(0),
    usage=array(
        closed(
            type=text("The type of its packs; each type has slots.", enum=get_args(PackType)),
            busy=integer(0, about="Slots that open tasks hold."),
            slots=optional(integer(0, about="The number of slots; null means no limit.")),
            reserved=number(0, about="Units that open tasks cost if they succeed."),
        )
    ),
    packs=array(_PACK),
    key_pairs=array(closed(access_key=text(), active=flag())),
    api_keys=array(closed(ends_with=text("Its last characters."), active=flag())),
    webhook_secrets=integer(0, about="How many sign callbacks now."),
)


def show_account(account: Account, now: float) -> dict[str, Any]:
    """Return the view of an account at the instant *now*."""
    limit, networks = account.slots, account.allowed_ips
    return encode(
        ACCOUNT,
        account,
        account=account.name,
        denied=sorted(account.denied),
        allowed_ips=None if networks is None else [str(network) for network in networks],
        units=float(left(account.packs, now)) if account.packs else None,
        open_tasks=account.open,
        usage=[
            {
                "type": kind,
                "busy": account.busy.get(kind, 0),
                "slots": slots(account.packs, now, kind) if limit is None else limit,
                "reserved": float(account.reserved.get(kind, Decimal(0))),
            }
            for kind in get_args(PackType)
            if kind in account.busy or any(pack.type == kind for pack in account.packs)
        ],
        packs=[encode(_PACK, pack, status=pack.status(now)) for pack in account.packs],
        api_keys=[{"ends_with": key.key[-4:], "active": key.active} for key in account.api_keys],
        webhook_secrets=len(account.signing_secrets(now)),
    )


def numbered(records: Sequence[Any], total: int) -> Iterator[tuple[int, Any]]:
    """Yield the newest of *records* first, each with its number among the *total* ever added."""
    return zip(range(total, total - len(records), -1), reversed(records), strict=True)
