"""A journal that has forgotten entries does not assert anything unknown about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kling_mock import Call, IncompleteJournalError, KlingMock
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.journal.entries import Entry
from kling_mock.kling.journal.forgotten import Forgotten, ForgottenKind, could_be
from kling_mock.kling.journal.journal import Journal
from kling_sdk import KlingError
from tests.mock.admin_client import Admin
from tests.mock.kling.journal.histories import MADE, Made, entry_of, wanted_calls

LIST = "/v1/videos/text2video"
CREATE = f"POST {LIST}"
OTHER = "/v1/videos/image2video"


@given(wanted_calls(), MADE)
@example({"path": "/x/?/y"}, Made("GET", "/x/*/y", 0, "", "", {}, "1"))
def test_a_kind_that_cannot_match_has_no_entry_that_does(filters: Any, http_request: Made) -> None:
    """What is proven of a kind is true of each entry that was counted in it."""
    call, entry = Call(**filters), entry_of(http_request, 0)
    forgotten = Forgotten(ENDPOINTS.served)
    forgotten.add(entry)
    if call.accepts(entry):
        assert forgotten.matching(call)


@given(st.lists(MADE, min_size=1, max_size=30), st.integers(1, 6))
@pytest.mark.slow
def test_queries_make_room_before_everything_else(history: list[Made], size: int) -> None:
    """No create, refusal or faulty call goes while a successful query is kept, but the newest."""
    journal = Journal(size, ENDPOINTS.served)
    for number, request in enumerate(history):
        journal.add(entry_of(request, number))
    assert len(journal) == min(size, len(history))
    assert len(journal) + journal.forgotten == journal.total == len(history)
    assert journal[-1].path == history[-1].path
    others = any(
        kind.method != "GET" or kind.code or kind.fault for kind, _ in journal.forgotten_kinds
    )
    if others:
        entries = list(journal)[:-1]
        assert all(entry.method != "GET" or entry.code or entry.fault for entry in entries)


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
    journal.assert_not_called("GET *", account="")
    journal.assert_called("GET *")
    with pytest.raises(AssertionError, match="expected 2 calls in all, there were 32"):
        journal.assert_sequence([CREATE, CREATE], exact=True)


def test_a_number_that_is_known_is_asserted(small: KlingMock) -> None:
    """Forgotten calls are counted by kind, so a number of all calls of one kind can be asserted."""
    with small.client() as kling:
        for _ in range(25):
            kling.text2video.create(prompt="a kitten")
        small.account.in_arrears = True
        with pytest.raises(KlingError):
            kling.text2video.create(prompt="a kitten")
    journal = small.journal
    assert journal.forgotten == 16
    journal.assert_called(CREATE, times=26)
    journal.assert_called("POST /v1/videos/*", times=25, code=0)
    journal.assert_called("POST", times=25, status=200, account="default")
    with pytest.raises(AssertionError, match=r"expected 25 calls of .*, there were 26"):
        journal.assert_called(CREATE, times=25)
    with pytest.raises(AssertionError, match=r"expected no call of .*, there were 25"):
        journal.assert_not_called(CREATE, status=200)


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
        'external_task_id="order-1". 4 of 14 calls are forgotten, because the '
        "journal keeps 10; among them, these may match: 4 x POST /v1/videos/text2video, answered "
        "200/0. Keep more: KlingMock(journal_size=...), "
    )
    unanswered: tuple[Callable[[], object], ...] = (
        lambda: journal.assert_called(CREATE, external_task_id="order-1"),
        lambda: journal.assert_called(CREATE, times=14, body={"prompt": "a kitten"}),
        lambda: journal.assert_called("POST *", times=1, task_id="order-1"),
        lambda: journal.assert_sequence([CREATE] * 14),
        lambda: journal.assert_sequence([CREATE] * 14, exact=True),
        lambda: journal.where(CREATE),
    )
    for question in unanswered:
        with pytest.raises(IncompleteJournalError):
            question()
    for number in (9, 10, 13, 15):
        with pytest.raises(AssertionError, match=f"expected {number} calls .* there were 14"):
            journal.assert_called(CREATE, times=number)
    with pytest.raises(AssertionError):
        journal.assert_sequence([CREATE, f"POST {OTHER}"])
    with pytest.raises(AssertionError):
        journal.assert_sequence([f"POST {OTHER}", *[CREATE] * 13], exact=True)


def test_a_failure_says_what_is_forgotten(small: KlingMock) -> None:
    """Kinds, and how many of each, the most frequent first; no such text if nothing is."""
    with small.client() as kling:
        kling.text2video.create(prompt="a kitten")
    with pytest.raises(AssertionError) as failure:
        small.journal.assert_not_called(CREATE)
    assert "forgotten" not in str(failure.value)
    assert repr(small.journal.forgotten_kinds) == "<Forgotten none>"
    poll(small, 12)
    with small.client() as kling:
        kling.image2video.list()
        kling.image2video.list()
    with pytest.raises(AssertionError) as failure:
        small.journal.assert_not_called(CREATE)
    kinds = f"5 x GET {LIST}, answered 200/0"
    assert str(failure.value).endswith(f"\nand has forgotten 5 calls: {kinds}")
    assert repr(small.journal.forgotten_kinds) == f"<Forgotten 5: {kinds}>"
    poll(small, 10)
    assert (
        str(small.journal.forgotten_kinds)
        == f"13 x GET {LIST}, answered 200/0; 2 x GET {OTHER}, answered 200/0"
    )


def test_a_body_that_was_cut_is_not_taken_for_another(small: KlingMock) -> None:
    """A body too long to be kept may have any member: neither "called" nor "not called" holds."""
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
    snapshot = small.snapshot()
    assert small.journal.forgotten == 2
    small.journal.clear()
    assert (small.journal.forgotten, len(small.journal)) == (0, 0)
    small.journal.assert_not_called("*")
    small.restore(snapshot)
    assert small.journal.forgotten == 2
    with pytest.raises(IncompleteJournalError):
        small.journal.where("GET *")
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
