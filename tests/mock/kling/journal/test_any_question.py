"""A bounded journal answers each question as the whole history, or says that it cannot."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from kling_mock import Call, IncompleteJournalError
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.journal.entries import Entry
from kling_mock.kling.journal.journal import Journal
from tests.mock.kling.journal.histories import (
    HISTORIES,
    LONG,
    QUESTIONS,
    Made,
    Question,
    answer,
    entry_of,
    is_unexpected,
)

SIZES = st.integers(1, 6)
CLEARED = st.none() | st.integers(0, 12)
Make = Callable[[int], Journal]


def bounded(size: int) -> Journal:
    return Journal(size, ENDPOINTS.served)


class Silent(Journal):
    """A journal as it is often written, and as this one was: the oldest entry goes silently."""

    def add(self, entry: Entry, *, is_found: bool = False) -> None:
        super().add(entry, is_found=is_found)
        self._forgotten.clear()


def silent(size: int) -> Journal:
    return Silent(size, ENDPOINTS.served)


def ask(question: Question, journal: Journal) -> list[Entry] | None:
    """Ask *journal*; return what it returns."""
    calls = question.calls
    match question.kind:
        case "where":
            return journal.where(**calls[0])
        case "called":
            return journal.assert_called(times=question.times, **calls[0])
        case "not called":
            journal.assert_not_called(**calls[0])
        case "unexpected":
            journal.assert_no_unexpected()
        case _:
            expected = [Call(**call) for call in calls]
            return journal.assert_sequence(expected, exact=question.kind == "exact")
    return None


def recorded(journal: Journal, history: Sequence[Made], cleared: int | None) -> tuple[Journal, int]:
    """Return *journal* with these calls, and the number of the first one after it was cleared."""
    for number, request in enumerate(history):
        if number == cleared:
            journal.clear()
        journal.add(entry_of(request, number))
    return journal, cleared if cleared is not None and cleared < len(history) else 0


def lies(
    make: Make, size: int, history: Sequence[Made], cleared: int | None, question: Question
) -> str:
    """Return in what a bounded journal differs from a list of all calls; "" for nothing."""
    journal, first = recorded(make(size), history, cleared)
    known = answer(question, history[first:])
    try:
        entries = ask(question, journal)
    except IncompleteJournalError as error:
        cut = any(request.body is LONG for request in history[first:])
        return "" if journal.forgotten or cut else f"it knows everything, and says: {error}"
    except AssertionError as error:
        return f"it fails wrongly: {error}" if known.holds else ""
    if not known.holds:
        return "it passes wrongly"
    if entries is not None and known.positions is not None:
        numbers = [int(entry.at) - first for entry in entries]
        if question.kind == "called" and journal.forgotten and {*numbers} <= {*known.positions}:
            return ""  # those that were counted and not kept are missing
        return (
            "" if numbers == known.positions else f"it returns {numbers}, and not {known.positions}"
        )
    return ""


def check(size: int, history: list[Made], cleared: int | None, question: Question) -> None:
    assert lies(bounded, size, history, cleared, question) == ""


@given(SIZES, HISTORIES, CLEARED, QUESTIONS)
@settings(max_examples=40)
def test_no_answer_differs_from_that_of_a_list_of_all_calls(
    size: int, history: list[Made], cleared: int | None, question: Question
) -> None:
    """What passes would pass, what fails would fail, and the rest is `IncompleteJournalError`."""
    check(size, history, cleared, question)


@given(SIZES, HISTORIES, CLEARED, QUESTIONS)
@settings(max_examples=1500, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.slow
def test_the_same_with_many_more_questions(
    size: int, history: list[Made], cleared: int | None, question: Question
) -> None:
    """The fast test draws too few to meet rare combinations of filters."""
    check(size, history, cleared, question)


PAID = Made("POST", "/v1/videos/text2video", 0, "default", "", {}, "1")
ANY = {"method": "POST"}
LIES = {
    "a double payment": (Question("called", [ANY], times=1), "it passes wrongly"),
    "called": (Question("called", [ANY | {"task_id": "2"}]), "it fails wrongly"),
    "where": (Question("where", [ANY]), "it returns"),
    "not called": (Question("not called", [ANY | {"task_id": "2"}]), "it passes wrongly"),
    "sequence": (Question("sequence", [ANY, ANY]), "it fails wrongly"),
    "exact": (Question("exact", [ANY, ANY]), "it fails wrongly"),
}


@pytest.mark.parametrize("case", LIES)
def test_a_journal_that_forgets_silently_is_caught(case: str) -> None:
    """Control: without the counts of what is forgotten, each kind of question is answered wrong."""
    question, lie = LIES[case]
    history = [PAID._replace(task_id="2"), PAID]
    assert lies(silent, 1, history, None, question).startswith(lie)
    assert lies(bounded, 1, history, None, question) == ""


@pytest.mark.slow
def test_the_property_finds_it_by_itself() -> None:
    """Control: the same draws come upon a case in which the silent journal lies."""
    cases = st.tuples(SIZES, HISTORIES, QUESTIONS)
    with contextlib.suppress(NoSuchExample):
        find(
            cases,
            lambda case: bool(lies(silent, case[0], case[1], None, case[2])),
            settings=settings(max_examples=1000, database=None),
        )
        return
    pytest.fail("the silent journal passed")


@given(SIZES, HISTORIES, CLEARED)
@pytest.mark.slow
def test_the_numbers_add_up(size: int, history: list[Made], cleared: int | None) -> None:
    """Kept and forgotten calls are all calls, by kind too, and unexpected ones are counted."""
    journal, first = recorded(bounded(size), history, cleared)
    known = history[first:]
    kinds = dict(journal.forgotten_kinds)
    assert journal.total == len(history)
    assert len(journal) + journal.forgotten == len(known)
    assert sum(kinds.values()) == journal.forgotten
    numbers = {int(entry.at) for entry in journal}
    assert [number - 1 for number, _ in journal.numbered()] == sorted(numbers)
    for method, code in {(request.method, request.code) for request in known}:
        lost = sum(
            (request.method, request.code) == (method, code)
            for number, request in enumerate(known, first)
            if number not in numbers
        )
        of_kind = {kind: count for kind, count in kinds.items() if kind.method == method}
        assert lost == sum(count for kind, count in of_kind.items() if kind.code == code)
    assert journal.unexpected_total == sum(map(is_unexpected, known))
    assert len(journal.unexpected) == journal.unexpected_total
