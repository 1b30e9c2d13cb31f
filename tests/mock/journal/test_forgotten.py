"""A journal that had to let entries go asserts nothing about them that it cannot know."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, example, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from kling_mock import Call, IncompleteJournalError, KlingMock
from kling_mock.journal.entries import BODY_KEPT, Entry, keep
from kling_mock.journal.forgotten import Forgotten, ForgottenKind, could_be
from kling_mock.journal.journal import Journal
from kling_mock.kling.endpoints.registry import ENDPOINTS
from tests.mock.admin_client import Admin

LIST = "/v1/videos/text2video"
CREATE = f"POST {LIST}"
OTHER = "/v1/videos/image2video"

# ------------------------------------------------------------ the property

PATHS = (LIST, OTHER, f"{LIST}/1", f"{LIST}/2", "/account/costs", "/x", "/x/*/y")
PATTERNS = (*PATHS, "*", "/v1/*", "/v1/videos/*", f"{LIST}/*", "*/1", f"{LIST}/[12]", "/x/?/y")
# A list of numbers is not shortened: a long body is cut, and its members are unknown.
LONG = {"duration": "5", "others": list(range(2000))}
BODIES: tuple[dict[str, Any], ...] = ({}, {"duration": "5"}, {"duration": "10"}, LONG)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    method = draw(st.sampled_from(["GET", "GET", "POST", "PURGE"]))
    body = draw(st.sampled_from(BODIES)) if method == "POST" else {}
    code = draw(st.sampled_from([0, 0, 1201, 1303]))
    task = {"task_id": draw(st.sampled_from(["1", "2"])), "task_status": "submitted"}
    return Entry(
        0.0,
        method,
        draw(st.sampled_from(PATHS)),
        "",
        200 if code == 0 else 400,
        code,
        "",
        draw(st.sampled_from(["", "default"])),
        json.dumps(body).encode() if body else b"",
        json.dumps({"code": code, "data": task}).encode(),
        draw(st.sampled_from(["", "", "latency", "latency+status"])),
    )


@st.composite
def calls(draw: st.DrawFn) -> Call:
    filters: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "method": st.sampled_from(["GET", "POST"]),
                "path": st.sampled_from(PATTERNS),
                "status": st.sampled_from([200, 400]),
                "code": st.sampled_from([0, 1201, 1303]),
                "account": st.sampled_from(["", "default"]),
                "task_id": st.sampled_from(["1", "2"]),
                "external_task_id": st.sampled_from(["1", "order"]),
                "fault": st.sampled_from(["", "latency"]),
                "body": st.sampled_from([{"duration": "5"}, {"duration": "10"}]),
            },
        )
    )
    return Call(**filters)


Question = Callable[[Journal], object]


def _arguments(call: Call) -> dict[str, Any]:
    body = {"body": call.body} if call.body else {}
    return {"method": call.method, "path": call.path, **call.filters, **body}


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Return what a test may say of a journal."""
    kind = draw(st.sampled_from(["called", "times", "never", "sequence", "exact", "none"]))
    if kind in {"sequence", "exact"}:
        wanted = draw(st.lists(calls(), max_size=4))
        return lambda journal: journal.assert_sequence(wanted, exact=kind == "exact")
    given = _arguments(draw(calls()))
    times = draw(st.integers(0, 4))
    match kind:
        case "called":
            return lambda journal: journal.assert_called(**given)
        case "times":
            return lambda journal: journal.assert_called(times=times, **given)
        case "never":
            return lambda journal: journal.assert_not_called(**given)
        case _:
            return lambda journal: _nothing(journal.where(**given))


def _nothing(found: list[Entry]) -> None:
    assert found == []


def verdict(question: Question, journal: Journal) -> str:
    try:
        question(journal)
    except AssertionError:
        return "fails"
    except IncompleteJournalError:
        return "unknown"
    return "passes"


def filled(journal: Journal, history: Sequence[Entry], cleared: int | None) -> Journal:
    for number, entry in enumerate(history):
        if number == cleared:
            journal.clear()
        whole = isinstance(journal, Whole)
        journal.add(entry if whole else entry._replace(request=keep(entry.request)))
    return journal


class Whole(Journal):
    """The oracle: it keeps everything, also bodies that are too long for others."""

    def __init__(self) -> None:
        super().__init__(10**6, ENDPOINTS.served)


def is_honest(
    make: Callable[[int], Journal],
    size: int,
    history: Sequence[Entry],
    cleared: int | None,
    question: Question,
) -> bool:
    """Return whether a bounded journal says what the whole history says, or that it cannot."""
    whole = verdict(question, filled(Whole(), history, cleared))
    bounded = verdict(question, filled(make(size), history, cleared))
    return bounded in {"unknown", whole}


def made(size: int) -> Journal:
    return Journal(size, ENDPOINTS.served)


HISTORIES = st.lists(entries(), max_size=12)


@settings(max_examples=1500, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 6), HISTORIES, st.none() | st.integers(0, 12), questions())
@pytest.mark.slow
def test_no_verdict_differs_from_that_of_the_whole_history(
    size: int, history: list[Entry], cleared: int | None, question: Question
) -> None:
    """What passes would pass, what fails would fail, and the rest is `IncompleteJournalError`."""
    assert is_honest(made, size, history, cleared, question)


class Naive(Journal):
    """As many write it, and as this one was: the oldest entry goes, without a word."""

    def add(self, entry: Entry) -> None:
        super().add(entry)
        self._forgotten.clear()


@pytest.mark.slow
def test_the_property_catches_a_journal_that_forgets_silently() -> None:
    """Canary: without the counts of what is forgotten, an assertion passes wrongly."""

    def is_caught(case: tuple[int, list[Entry], Question]) -> bool:
        size, history, question = case
        return not is_honest(
            lambda size: Naive(size, ENDPOINTS.served), size, history, None, question
        )

    cases = st.tuples(st.integers(1, 6), HISTORIES, questions())
    with contextlib.suppress(NoSuchExample):
        find(cases, is_caught, settings=settings(max_examples=3000, database=None))
        return
    pytest.fail("the naive journal passed")


@given(HISTORIES, questions())
@pytest.mark.slow
def test_a_journal_that_has_forgotten_nothing_always_decides(
    history: list[Entry], question: Question
) -> None:
    """No question is left open that the kept entries answer, unless a body was cut."""
    kept = [entry for entry in history if len(entry.request) < BODY_KEPT]
    assert verdict(question, filled(made(100), kept, None)) != "unknown"


@given(calls(), entries())
@example(Call(path="/x/?/y"), Entry(0.0, "GET", "/x/*/y", "", 200, 0, "", "", b"", b"{}"))
def test_a_kind_that_cannot_match_has_no_entry_that_does(call: Call, entry: Entry) -> None:
    """What is proven of a kind is true of each entry that was counted in it."""
    forgotten = Forgotten(ENDPOINTS.served)
    forgotten.add(entry)
    if call.accepts(entry):
        assert forgotten.matching(call)


@given(st.lists(entries(), min_size=1, max_size=30), st.integers(1, 6))
@pytest.mark.slow
def test_queries_make_room_before_everything_else(history: list[Entry], size: int) -> None:
    """No create, refusal or faulty call goes while a successful query is kept, but the newest."""
    journal = filled(made(size), history, None)
    assert len(journal) == min(size, len(history))
    assert len(journal) + journal.forgotten == journal.total == len(history)
    assert journal[-1].path == history[-1].path
    others = any(
        kind.method != "GET" or kind.code or kind.fault for kind, _ in journal.forgotten_kinds
    )
    if others:
        kept = list(journal)[:-1]
        assert all(entry.method != "GET" or entry.code or entry.fault for entry in kept)


# ------------------------------------------------------------ a real server


@pytest.fixture
def small() -> Iterator[KlingMock]:
    with KlingMock(seed=1, journal_size=10) as mock:
        yield mock


def poll(mock: KlingMock, times: int) -> None:
    with mock.client() as kling:
        for _ in range(times):
            kling.text2video.list()


def test_a_double_payment_is_seen_however_many_queries_follow(small: KlingMock) -> None:
    """Creates outlive thousands of queries: "paid only once" never passes on two creates."""
    with small.client() as kling:
        kling.text2video.create(prompt="a kitten")
        kling.text2video.create(prompt="a kitten")
    poll(small, 30)
    journal = small.journal
    assert (journal.forgotten, journal.total) == (22, 32)
    assert len(journal.assert_called(CREATE, times=2)) == 2
    with pytest.raises(AssertionError, match="there were 2"):
        journal.assert_called(CREATE, times=1)
    with pytest.raises(AssertionError, match="there were 2"):
        journal.assert_not_called("POST *")
    assert journal.where(code=1303) == []
    journal.assert_not_called(f"GET {OTHER}")
    journal.assert_not_called("GET *", account="nobody")
    journal.assert_called("GET *")
    with pytest.raises(AssertionError, match="expected 2 calls in all, there were 32"):
        journal.assert_sequence([CREATE, CREATE], exact=True)


def test_what_depends_on_forgotten_creates_is_not_decided(small: KlingMock) -> None:
    """The message says how many are forgotten, of which kinds, and what to do about it."""
    with small.client() as kling:
        for number in range(14):
            kling.text2video.create(prompt="a kitten", external_task_id=f"order-{number}")
            small.clock.advance(600)
    journal = small.journal
    assert repr(journal) == "<Journal of 14 requests, 10 kept, 4 forgotten>"
    journal.assert_called(CREATE)
    journal.assert_not_called("POST *", status=400)
    with pytest.raises(IncompleteJournalError) as failure:
        journal.assert_not_called(CREATE, external_task_id="order-1")
    text = str(failure.value)
    assert text.startswith(
        "it cannot be known whether there was no call of POST /v1/videos/text2video with "
        'external_task_id="order-1". 4 of 14 calls are forgotten, as the journal keeps 10; among '
        "them may be such ones: 4 x POST /v1/videos/text2video, answered 200/0. Keep more: "
        "KlingMock(journal_size=...), "
    )
    unanswered: tuple[Callable[[], object], ...] = (
        lambda: journal.assert_called(CREATE, times=10),
        lambda: journal.assert_called(CREATE, times=12),
        lambda: journal.assert_called(CREATE, external_task_id="order-1"),
        lambda: journal.assert_sequence([CREATE] * 14),
        lambda: journal.assert_sequence([CREATE] * 14, exact=True),
        lambda: journal.where(CREATE),
    )
    for question in unanswered:
        with pytest.raises(IncompleteJournalError):
            question()
    with pytest.raises(AssertionError):
        journal.assert_called(CREATE, times=9)
    with pytest.raises(AssertionError):
        journal.assert_called(CREATE, times=15)
    with pytest.raises(AssertionError):
        journal.assert_sequence([CREATE, f"POST {OTHER}"])
    with pytest.raises(AssertionError):
        journal.assert_sequence([f"POST {OTHER}", *[CREATE] * 13], exact=True)


def test_a_body_that_was_cut_is_not_taken_for_another(small: KlingMock) -> None:
    """A body too long to be kept may have any member: neither "called" nor "not called"."""
    with small.client() as kling:
        pictures = [{"subject_image": f"https://h.example/{n}.png"} for n in range(4)]
        kling.request_raw("POST", LIST, json={"prompt": "a", "x": list(range(5000)), "y": pictures})
    with pytest.raises(IncompleteJournalError, match="bodies were too long to be kept"):
        small.journal.assert_not_called(CREATE, body={"duration": "5"})
    with pytest.raises(IncompleteJournalError):
        small.journal.assert_called(CREATE, body={"duration": "5"}, times=1)
    small.journal.assert_not_called(f"POST {OTHER}", body={"duration": "5"})


def test_reset_clear_and_restore_carry_the_counts(small: KlingMock) -> None:
    """A snapshot remembers what was forgotten; a reset and a clear forget that, too."""
    poll(small, 12)
    kept = small.snapshot()
    assert small.journal.forgotten == 2
    small.journal.clear()
    assert (small.journal.forgotten, len(small.journal)) == (0, 0)
    small.journal.assert_not_called("*")
    small.restore(kept)
    assert small.journal.forgotten == 2
    with pytest.raises(IncompleteJournalError):
        small.journal.assert_called("GET *", times=10)
    small.reset()
    assert small.journal.forgotten == 0
    poll(small, 11)
    assert (small.journal.forgotten, small.journal.size) == (1, 10)


def test_many_kinds_are_still_bounded() -> None:
    """A client that invents paths fills no memory, and its queries never pass for creates."""
    forgotten = Forgotten(ENDPOINTS.served)
    for number in range(2000):
        forgotten.add(Entry(0.0, "GET", f"/{number}", "", 404, 1203, "", "", b"", b""))
        forgotten.add(Entry(0.0, f"M{number}", "/", "", 404, 1202, "", "", b"", b""))
    kinds = dict(forgotten)
    assert (len(kinds) < 400, sum(kinds.values()), forgotten.total) == (True, 4000, 4000)
    assert forgotten.matching(Call("GET /1999"))
    assert forgotten.matching(Call("M"))
    assert not forgotten.matching(Call("*", code=0))
    assert not could_be(
        Call("POST"), ForgottenKind("GET", "*", 404, 1203, "*", "*", has_body=False)
    )


def test_unexpected_calls_are_counted_beyond_those_that_are_shown() -> None:
    """The headline has the true number, also when only the newest 100 are kept."""
    journal = Journal(5)
    for _ in range(150):
        journal.add(Entry(0.0, "GET", "/x", "", 404, 1203, "", "", b"", b""))
    with pytest.raises(AssertionError, match=r"^150 calls unexpected, of which the newest 100 are"):
        journal.assert_no_unexpected()
    journal.clear()
    journal.assert_no_unexpected()


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "10", None])
def test_a_wrong_size_is_refused(size: Any) -> None:
    """A journal keeps a whole number of requests, 1 or more."""
    with pytest.raises(ValueError, match="journal_size: must be a whole number of 1 or more"):
        KlingMock(journal_size=size)


def test_the_admin_api_tells_what_is_forgotten(small: KlingMock) -> None:
    """A page says how many more there may be, and the kinds can be listed."""
    with Admin(small) as admin:
        with small.client() as kling:
            kling.text2video.create(prompt="a kitten")
        poll(small, 12)
        assert admin.ask("GET", "/journal")["forgotten"] == 3
        assert admin.ask("GET", "/journal?match=GET%20*&code=0")["forgotten"] == 3
        rows = admin.ask("GET", "/journal?match=POST%20*")
        assert (rows["forgotten"], [row["number"] for row in rows["data"]]) == (0, [1])
        assert admin.ask("GET", "/journal/forgotten")["data"] == [
            {
                "method": "GET",
                "path": LIST,
                "status": 200,
                "code": 0,
                "account": "default",
                "fault": "",
                "has_body": False,
                "count": 3,
            }
        ]
