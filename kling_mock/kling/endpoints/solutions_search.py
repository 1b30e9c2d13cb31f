"""`POST /solutions`: the tasks of an account that were made under `/solutions`, in pages."""

from __future__ import annotations

from typing import Final

from kling_mock.kling.endpoints.cursors import PagePosition, encode
from kling_mock.kling.endpoints.record import DirectCall, EmulatedEndpoint
from kling_mock.kling.endpoints.tasks_search import Words, page_of_tasks, search_fields
from kling_mock.kling.model.tasks import EmulatedTask
from kling_mock.kling.wire.model_path_schemas import page_of
from kling_mock.kling.wire.solutions import BEHAVIOURS, SOLUTIONS, words_of
from kling_mock.kling.wire.solutions_schemas import PAGE_OF, PATH
from kling_mock.web.facts import assumed

_USUAL: Final = 500


def _search(call: DirectCall) -> str:
    return page_of_tasks(call, _USUAL, _words)


def _words(task: EmulatedTask) -> Words | None:
    return {"status": words_of(task)} if task.is_solution else None


RECORD = EmulatedEndpoint(
    name="search-solutions",
    interface=SOLUTIONS,
    path=PATH,
    fact=PAGE_OF,
    summary="List the tasks of /solutions",
    fields=search_fields(PAGE_OF, PAGE_OF, _USUAL, None, "status"),
    examples={
        "everything": {},
        "filtered": {
            "start_time": 1781000000000,
            "end_time": 1789000000000,
            "limit": 20,
            "filters": [{"key": "status", "values": ["succeeded", "failed"]}],
        },
        "next-page": {"cursor": encode(PagePosition(0, 1789000000000, "850000000000000001"))},
    },
    reply=_search,
    reply_schema=page_of("SolutionTask"),
    behaviours=(
        *BEHAVIOURS,
        ("500 tasks on a page, which is the most; a limit of 0 or less counts as 1.", PAGE_OF),
        ("The tasks of the last 30 days, unless times are given; a cursor has them.", PAGE_OF),
        (
            "The newest task comes first, and an empty page has `count` and `has_more` only.",
            assumed("as in a list of /tasks", "solutions-2026-09"),
        ),
    ),
)
