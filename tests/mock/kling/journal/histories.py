"""Histories of calls and questions about them, and what a naive list answers.

Nothing of the journal is used here: a mistake that both share would pass every test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import attrs
from hypothesis import strategies as st

from kling_mock.kling.journal.entries import Entry, keep

LIST: Final = "/v1/videos/text2video"
OTHER: Final = "/v1/videos/image2video"
PATHS: Final = (LIST, OTHER, f"{LIST}/1", f"{LIST}/2", "/account/costs", "/media/1.mp4", "/x/*/y")
PATTERNS: Final = (
    *("*", "/v1/*", "/v1/videos/*", f"{LIST}/*", "*/1", f"{LIST}/[12]", "/x/?/y", "/media/*"),
    *PATHS,
)
# A list of numbers is not shortened: a long body is cut, and its members are unknown.
LONG: Final = {"duration": "5", "others": list(range(2000))}
BODIES: Final[tuple[dict[str, Any], ...]] = (
    *({}, {"duration": "5"}, {"duration": "10"}, LONG),
    {"duration": "5", "external_task_id": "order"},
)
Filters = Mapping[str, Any]


class Made(NamedTuple):
    """One call, as its maker knows it."""

    method: str
    path: str
    code: int
    account: str
    fault: str
    body: dict[str, Any]
    task_id: str

    @property
    def status(self) -> int:
        return 200 if self.code == 0 else 400


class Question(NamedTuple):
    """The questions and assertions that a test may put to a journal.

    Attributes:
        kind: `where`, `called`, `not called`, `sequence`, `exact` or `unexpected`.
        calls: The filters of the calls that it is about.
        times: How many there have to be; `None` for any number.
    """

    kind: str
    calls: Sequence[Filters] = ()
    times: int | None = None


@attrs.frozen
class Answer:
    """The answers of a list of all calls.

    Attributes:
        holds: Whether the assertion passes.
        positions: The positions of the calls that are returned, where that is one list only.
    """

    holds: bool
    positions: list[int] | None = None


# ------------------------------------------------------------ what there may be

METHODS: Final = ("GET", "GET", "POST", "PURGE")
MADE: Final = st.builds(
    Made,
    st.sampled_from(METHODS),
    st.sampled_from(PATHS),
    st.sampled_from([0, 0, 1201, 1303]),
    st.sampled_from(["", "default"]),
    st.sampled_from(["", "", "latency", "latency+status"]),
    st.sampled_from(BODIES),
    st.sampled_from(["1", "2"]),
).map(lambda request: request if request.method == "POST" else request._replace(body={}))
HISTORIES: Final = st.lists(MADE, max_size=12)


def wanted_calls() -> st.SearchStrategy[dict[str, Any]]:
    """Return filters, as of `where`."""
    return st.fixed_dictionaries(
        {},
        optional={
            "method": st.sampled_from(["GET", "POST"]),
            "path": st.sampled_from(PATTERNS),
            "status": st.sampled_from([200, 400]),
            "code": st.sampled_from([0, 1201, 1303]),
            "account": st.sampled_from(["", "default"]),
            "task_id": st.sampled_from(["1", "2", "*"]),
            "external_task_id": st.sampled_from(["1", "order", "or*", "?*"]),
            "fault": st.sampled_from(["", "latency", "status"]),
            "body": st.sampled_from([{"duration": "5"}, {"duration": "10"}]),
            "kind": st.sampled_from(["api", "download", "*"]),
        },
    )


_ONE: Final = wanted_calls().map(lambda call: [call])
_SOME: Final = st.lists(wanted_calls(), min_size=1, max_size=4).filter(
    lambda calls: any(call.keys() - {"kind"} and call != {"path": "*"} for call in calls)
)
QUESTIONS: Final = st.one_of(
    st.builds(Question, st.just("where"), _ONE),
    st.builds(Question, st.just("called"), _ONE, st.none() | st.integers(0, 4)),
    st.builds(Question, st.just("not called"), _ONE),
    st.builds(Question, st.just("sequence"), _SOME),
    st.builds(Question, st.just("exact"), _SOME),
    st.just(Question("unexpected")),
)


def entry_of(request: Made, number: int) -> Entry:
    """Return the entry of a call; its time is its number, which identifies it."""
    return Entry(
        float(number),
        request.method,
        request.path,
        "",
        request.status,
        request.code,
        "",
        request.account,
        keep(json.dumps(request.body).encode() if request.body else b""),
        json.dumps({"code": request.code, "data": {"task_id": request.task_id}}).encode(),
        request.fault,
    )


# ------------------------------------------------------------ the naive list


def answer(question: Question, history: Sequence[Made]) -> Answer:
    """Return what a list of all calls says to a question."""
    calls = question.calls
    positions = _matching(calls[0], history) if len(calls) == 1 else []
    match question.kind:
        case "where":
            result = Answer(holds=True, positions=positions)
        case "called" if question.times is None:
            result = Answer(holds=bool(positions))
        case "called":
            result = Answer(len(positions) == question.times, positions)
        case "not called":
            result = Answer(holds=not positions)
        case "sequence":
            left = list(calls)
            for request in history:
                if left and _accepts(left[0], request):
                    left.pop(0)
            result = Answer(holds=not left)
        case "exact":
            all_count = any(_kind(call) != "api" for call in calls)
            places = [
                at for at, request in enumerate(history) if all_count or not _is_download(request)
            ]
            requests = [history[at] for at in places]
            same = len(calls) == len(requests) and all(map(_accepts, calls, requests))
            result = Answer(same, places)
        case _:
            result = Answer(holds=not any(map(is_unexpected, history)))
    return result


def is_unexpected(request: Made) -> bool:
    """Return whether a call was refused before its account was known."""
    refused = request.code != 0
    return (
        refused
        and not request.account
        and "status" not in request.fault.split("+")
        and not request.path.startswith("/media/")
    )


def _matching(call: Filters, history: Sequence[Made]) -> list[int]:
    return [at for at, request in enumerate(history) if _accepts(call, request)]


def _is_download(request: Made) -> bool:
    return request.method == "GET" and request.path.startswith("/media/")


def _kind(call: Filters) -> str:
    """Return which kind of calls a pattern is for: downloads only if it is about them."""
    is_about_files = call.get("path", "").startswith("/media/") or call.get("fault", "") != ""
    kind: str = call.get("kind", "*" if is_about_files else "api")
    return kind


def _accepts(call: Filters, request: Made) -> bool:
    if _kind(call) not in {"*", "download" if _is_download(request) else "api"}:
        return False
    queried_id = request.path.split("/")[-1] if request.method == "GET" else None
    has: dict[str, tuple[Any, ...]] = {
        "method": (request.method,),
        "status": (request.status,),
        "code": (request.code,),
        "account": (request.account,),
        "task_id": (request.task_id, queried_id),
        "external_task_id": (request.body.get("external_task_id"), queried_id),
        "fault": tuple(request.fault.split("+")),
    }
    for name, value in call.items():
        if name == "kind":
            continue
        if name == "path":
            if not _is_like(value, request.path):
                return False
        elif name == "body":
            if not all(request.body.get(member) == expected for member, expected in value.items()):
                return False
        elif not (value in has[name] or _has_id(name, value, has[name])):
            return False
    return True


def _has_id(name: str, pattern: Any, ids: Sequence[Any]) -> bool:
    is_id = name in {"task_id", "external_task_id"}
    return is_id and any(text and _is_like(pattern, text) for text in ids)


def _is_like(pattern: str, path: str) -> bool:
    return bool(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), path))
