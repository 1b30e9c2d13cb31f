"""`POST /tasks`: the tasks of an account on both interfaces, in pages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from kling_mock.kling.endpoints.cursors import PagePosition, decode, encode
from kling_mock.kling.endpoints.fields import Field, FieldShape, field_shape
from kling_mock.kling.endpoints.record import DirectCall, EmulatedEndpoint
from kling_mock.kling.model.tasks import EmulatedTask
from kling_mock.kling.wire.model_path import MODEL_PATH
from kling_mock.kling.wire.model_path_schemas import PAGE, STATUSES, TASKS
from kling_mock.web.facts import Fact, assumed, documented, observed

_PAGES = documented(
    "pages-2026-09",
    "probe-2026-09",
    as_of="2026-09-22",
    note="numbers and texts are both taken for times",
)
_FILTERS = documented(
    "pages-2026-09",
    as_of="2026-09-20",
    confidence="medium",
    note="that they are written as those of /account/billing is assumed",
)
_WINDOW: Final = 30 * 24 * 3600 * 1000  # milliseconds that are shown unless times are given
_USUAL: Final = 100
#: The words for a task, by the key of a filter.
Words = Mapping[str, Collection[str]]


def _search(call: DirectCall) -> str:
    return page_of_tasks(call, _USUAL, _words)


def _words(task: EmulatedTask) -> Words | None:
    """Return the words by which filters select a task; `None` for one that is not listed."""
    if task.is_solution:
        return None
    return {"status": (STATUSES[task.status],), "product_type": (task.plan.pack,)}


def page_of_tasks(
    call: DirectCall, usual: int, words: Callable[[EmulatedTask], Words | None]
) -> str:
    """Return one page, the newest task first.

    Args:
        usual: The number of tasks on it when the request does not name one.
        words: Returns the words by which filters select a task; `None` for one that is not listed.

    Raises:
        Refusal: 400/1201, the cursor was not made by this server.
    """
    fields = call.fields
    place, limit = _position(fields, int(call.now * 1000)), max(fields.get("limit", usual), 1)
    tasks = list(islice(_matching(call, place, words), limit + 1))
    page = tasks[:limit]
    if not page:
        return '{"count":0,"has_more":false}'
    more = "true" if len(tasks) > limit else "false"
    cursor = encode(place._replace(before=page[-1].task_id))
    rows = ",".join(call.show(task) for task in page)
    return f'{{"result":[{rows}],"count":{len(page)},"next_cursor":"{cursor}","has_more":{more}}}'


def _position(fields: Mapping[str, Any], now: int) -> PagePosition:
    if "cursor" in fields:
        return decode(fields["cursor"])
    end = fields.get("end_time", now)
    return PagePosition(fields.get("start_time", end - _WINDOW), end)


def _matching(
    call: DirectCall, place: PagePosition, words: Callable[[EmulatedTask], Words | None]
) -> Iterator[EmulatedTask]:
    filters: dict[str, set[str]] = {}
    for row in call.fields.get("filters", ()):
        filters.setdefault(row["key"], set()).update(row["values"])
    for task in call.tasks.newest(call.account):
        if not place.start <= task.created <= place.end:
            continue
        if place.before and task.task_id >= place.before:
            continue
        task_words = words(task)
        if task_words is not None and all(
            values & {*task_words[key]} for key, values in filters.items()
        ):
            yield task


def search_fields(fact: Fact, filters: Fact, usual: int, low: int | None, *keys: str) -> FieldShape:
    """Return the fields of a body that lists tasks.

    Args:
        fact: Where they come from.
        filters: Where the filters come from.
        usual: The number of tasks on a page when the request does not name one.
        low: The minimum that can be requested; `None` accepts anything, and counts as 1.
        keys: The keys of the filters.
    """
    return field_shape(
        Field("start_time", "integer", low=0, high=10**15, fact=fact),
        Field("end_time", "integer", low=0, high=10**15, fact=fact),
        Field("cursor", "string", fact=fact),
        Field("limit", "integer", low=low, high=500, fact=fact, default=usual),
        Field(
            "filters",
            "array",
            members=field_shape(
                Field("key", "string", required=True, enum=keys, fact=filters),
                Field("values", "texts", required=True, fact=filters),
            ),
            fact=filters,
        ),
    )


RECORD = EmulatedEndpoint(
    name="search-tasks",
    interface=MODEL_PATH,
    path=TASKS,
    fact=_PAGES,
    summary="List tasks of both interfaces",
    fields=search_fields(_PAGES, _FILTERS, _USUAL, 1, "status", "product_type"),
    examples={
        "everything": {},
        "filtered": {
            "start_time": 1781000000000,
            "end_time": 1789000000000,
            "limit": 20,
            "filters": [
                {"key": "status", "values": ["succeeded", "failed"]},
                {"key": "product_type", "values": ["video", "image", "try_on"]},
            ],
        },
        "next-page": {"cursor": encode(PagePosition(0, 1789000000000, "850000000000000001"))},
    },
    reply=_search,
    reply_schema=PAGE,
    behaviours=(
        (
            "The tasks of the last 30 days are listed unless times are given; a cursor has them.",
            _PAGES,
        ),
        ("100 tasks on a page, 500 at most.", _PAGES),
        (
            "An empty page has `count` and `has_more` only.",
            observed("probe-2026-09", as_of="2026-09-22"),
        ),
        ("The newest task comes first.", assumed("the order of a list")),
        ("`count` is that of the page.", assumed("what the number counts")),
        (
            "An invalid cursor and a limit out of range are 1201.",
            assumed("what a wrong page gives"),
        ),
    ),
)
