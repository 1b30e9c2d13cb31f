"""A task that is polled while a manual clock stands still: the report, the message, the end."""

from __future__ import annotations

from kling_mock.web.polling import MANY, BusyPolling, Polling

TASK = "831922345719271433"


class Steady:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_many_queries_at_once_are_reported_and_tell_nobody() -> None:
    """A test may poll often: a failed test reports it, and no request is refused."""
    polling = BusyPolling(Steady())
    noted = [polling.note(TASK, 5.0) for _ in range(100)]
    assert [bool(note.report) for note in noted].index(True) == MANY - 1
    assert sum(bool(note.report) for note in noted) == 1
    assert not any(note.is_urgent or note.refusal for note in noted)


def test_who_waits_in_real_time_is_told_within_seconds_and_ended_within_a_minute() -> None:
    """Once, with what to do; from half a minute on each query is refused with the same text."""
    steady = Steady()
    polling = BusyPolling(steady)
    noted: list[Polling] = []
    for _ in range(12):  # a client that polls every 5 s
        noted.append(polling.note(TASK, 5.0))
        steady.now += 5.0
    urgent = [number for number, note in enumerate(noted) if note.is_urgent]
    assert urgent == [1]
    assert [number for number, note in enumerate(noted) if note.report] == urgent
    assert "mock.clock.advance(600)" in noted[1].report
    refused = [number for number, note in enumerate(noted) if note.refusal]
    assert refused == [6, 7, 8, 9, 10, 11]
    assert "mock.client()" in noted[6].refusal


def test_a_test_that_stops_between_two_queries_is_no_wait() -> None:
    """A breakpoint takes as long as its reader; then the time is counted anew."""
    steady = Steady()
    polling = BusyPolling(steady)
    for _ in range(10):
        assert polling.note(TASK, 5.0) == Polling()
        steady.now += 600.0


def test_a_clock_that_moves_ends_no_wait() -> None:
    """A test that advances it in between waits for as long as it likes."""
    steady = Steady()
    polling = BusyPolling(steady)
    for second in range(100):
        assert polling.note(TASK, 5.0 + second) == Polling()
        steady.now += 5.0


def test_where_a_person_moves_the_clock_no_wait_is_ended() -> None:
    """`kling-mock serve --clock manual` is moved by whoever watches it."""
    steady = Steady()
    polling = BusyPolling(steady)
    for _ in range(100):
        assert not polling.note(TASK, 5.0, may_end=False).refusal
        steady.now += 5.0
