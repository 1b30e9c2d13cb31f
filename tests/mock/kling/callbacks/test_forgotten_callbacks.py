"""A bounded log of callbacks answers each question as the whole history, or says that it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_mock import IncompleteJournalError
from kling_mock.controls.callbacks import DeliveriesHandle
from kling_mock.kling.callbacks.log import Deliveries, Delivery, DeliveryAttempt
from kling_mock.kling.journal.changes import ChangeLog
from kling_mock.kling.journal.findings import Findings

STATUSES = ("submitted", "processing", "succeed")


class Report(NamedTuple):
    """A callback: one status of one task, and the statuses of the responses to it; 0 for none."""

    task: int
    status: str
    responses: list[int]
    changed: bool
    replayed: int


class Question(NamedTuple):
    """What a test asks about one task: `of`, `delivered` or `refused`, with its argument."""

    kind: str
    task: int
    expected: Any = None


RESPONSES = st.lists(st.sampled_from([200, 204, 400, 500, 0]), max_size=3)
REPORTS = st.builds(
    Report,
    st.integers(1, 4),
    st.sampled_from(STATUSES),
    RESPONSES,
    st.sampled_from([False, False, True]),
    st.integers(0, 1),
)
HISTORIES = st.lists(REPORTS, max_size=8)
QUESTIONS = st.one_of(
    st.builds(Question, st.just("of"), st.integers(1, 4), st.none()),
    st.builds(
        Question,
        st.just("delivered"),
        st.integers(1, 4),
        st.none() | st.lists(st.sampled_from(STATUSES), min_size=1, max_size=3),
    ),
    st.builds(
        Question, st.just("refused"), st.integers(1, 4), st.none() | st.sampled_from([400, 500])
    ),
)


def handle_of(log: Deliveries, history: Sequence[Report]) -> DeliveriesHandle:
    """Return the handle of a server with these callbacks; each changes after all were created."""
    rows: list[Delivery] = []
    for number, report in enumerate(history):
        about = ("default", report.status, "http://a/", b"", 0.0, not report.changed)
        rows.append(Delivery(str(number), str(report.task), *about))  # type: ignore[arg-type] # a status
        log.add(rows[-1])
    for row, report in zip(rows, history, strict=True):
        first_replay = len(report.responses) - report.replayed
        attempts = tuple(
            DeliveryAttempt(0.0, status, replayed=at >= first_replay)
            for at, status in enumerate(report.responses)
        )
        log.update(row._replace(attempts=attempts))
    tasks = SimpleNamespace(id_of=lambda task: task, any=lambda task: task)
    world: Any = SimpleNamespace(
        tasks=tasks, callbacks=SimpleNamespace(log=log), findings=Findings()
    )
    proxy: Any = SimpleNamespace(world=world, settle=lambda: None, call=lambda work: work(world))
    return DeliveriesHandle(proxy)


def answer(question: Question, history: Sequence[Report]) -> list[str] | None:
    """Return the callbacks that a list of all would return; `None` if the assertion fails."""
    about = [
        (str(number), report)
        for number, report in enumerate(history)
        if report.task == question.task and not (report.changed and question.kind != "of")
    ]
    match question.kind:
        case "delivered":
            answered = all(row.responses and row.responses[-1] in {200, 204} for _, row in about)
            right = question.expected in (None, [row.status for _, row in about])
            return [number for number, _ in about] if about and answered and right else None
        case "refused":
            first = {n: row.responses[: len(row.responses) - row.replayed] for n, row in about}
            every = [status for responses in first.values() for status in responses]
            expected = [question.expected] if question.expected else [400, 500]
            if not every or not all(status in expected for status in every):
                return None
            return [number for number, responses in first.items() if responses]
        case _:
            return [number for number, _ in about]


def lies(log: Deliveries, history: Sequence[Report], question: Question) -> str:
    """Return in what a bounded log differs from a list of all callbacks; "" for nothing."""
    handle, known = handle_of(log, history), answer(question, history)
    task = str(question.task)
    try:
        match question.kind:
            case "delivered":
                rows = handle.assert_delivered(task, question.expected)
            case "refused":
                rows = handle.assert_refused(task, question.expected)
            case _:
                rows = handle.of(task)
    except IncompleteJournalError as error:
        return "" if handle.forgotten else f"it knows everything, and says: {error}"
    except AssertionError as error:
        return "" if known is None else f"it fails wrongly: {error}"
    got = [row.delivery_id for row in rows]
    return "" if got == known else f"it returns {got}, and not {known}"


@pytest.mark.slow
@given(st.integers(1, 4), HISTORIES, QUESTIONS)
@settings(max_examples=300)
def test_no_answer_differs_from_that_of_a_list_of_all_callbacks(
    size: int, history: list[Report], question: Question
) -> None:
    """What passes would pass, what fails would fail, and the rest is `IncompleteJournalError`."""
    assert lies(Deliveries(ChangeLog(), size), history, question) == ""


class Silent(Deliveries):
    """A log from which the oldest callback goes silently."""

    def may_have_forgotten(self, task_id: str) -> bool:
        return False


@pytest.mark.parametrize(
    ("question", "lie"),
    [
        (Question("of", 1), "it returns ['1'], and not ['0', '1']"),
        (Question("delivered", 1), "it returns ['1'], and not None"),
        (Question("delivered", 1, ["processing"]), "it returns ['1'], and not None"),
        (Question("refused", 1, 500), "it fails wrongly"),
    ],
)
def test_a_log_that_forgets_silently_is_caught(question: Question, lie: str) -> None:
    """Control: it passes for a callback that was refused, and fails for one that was meant."""
    refused = Report(1, "submitted", [500], changed=False, replayed=0)
    responses = [] if question.kind == "refused" else [200]
    history = [refused, Report(1, "processing", responses, changed=False, replayed=0)]
    assert lies(Silent(ChangeLog(), 1), history, question).startswith(lie)
    assert lies(Deliveries(ChangeLog(), 1), history, question) == ""
