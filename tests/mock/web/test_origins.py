"""The test that a call comes from, as far as threads and connections tell."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from kling_mock.web.origins import Callers, Origins, TestRun

PORTS = (50_000, 3001)
ONE, TWO = TestRun("one"), TestRun("two")


class Stage(Callers):
    """Origins whose calls come from `caller`; `None` is not a thread of this process."""

    def __init__(self) -> None:
        super().__init__()
        self.caller: threading.Thread | None = None
        self.has_client = True
        self.leaves = False
        self.origins = Origins(self)

    def watch(self) -> None:
        """Remove audit hooks afterwards."""

    def opener_of(self, client: int, server: int) -> threading.Thread | None:
        assert (client, server) == PORTS
        if self.leaves:
            self.has_client = False
        return self.caller

    def late(
        self,
        opened: TestRun | None = None,
        *,
        by_connection: bool = True,
        has_client: bool = True,
    ) -> str:
        self.has_client = has_client
        run = self.origins.late_call(
            opened, PORTS, by_connection=by_connection, has_client=lambda: self.has_client
        )
        return "" if run is None else run.name


@pytest.fixture
def stage() -> Stage:
    return Stage()


@contextmanager
def thread() -> Iterator[threading.Thread]:
    """Run a thread that does nothing."""
    end = threading.Event()
    worker = threading.Thread(target=end.wait)
    worker.start()
    try:
        yield worker
    finally:
        end.set()
        worker.join()


def test_without_a_test_run_nothing_is_late(stage: Stage) -> None:
    """A server outside of pytest, and one after the last test."""
    assert stage.late(ONE) == ""
    stage.origins.begin(ONE)
    stage.origins.stop()
    assert stage.late(ONE) == ""


def test_a_thread_calls_for_the_test_in_which_it_began(stage: Stage) -> None:
    """The call is not late in that test, but is in the next one and after that."""
    origins = stage.origins
    origins.begin(ONE)
    with thread() as stage.caller:
        assert (stage.late(), origins.has_left) == ("", False)
        origins.end()
        assert stage.late() == "one"
        origins.begin(TWO)
        assert (stage.late(), origins.has_left) == ("one", True)
        assert stage.late(TWO) == "one"  # its connection is new
        assert stage.late(by_connection=False) == "one"
        origins.end()
    origins.begin(ONE)
    assert not origins.has_left  # it has ended


def test_a_thread_from_before_all_tests_calls_for_the_test_that_runs(stage: Stage) -> None:
    """That of the test runner, above all, whatever its connection."""
    stage.caller = threading.main_thread()
    for run in (ONE, TWO):
        stage.origins.begin(run)
        assert stage.late(ONE) == ""
        stage.origins.end()


def test_what_a_wider_fixture_starts_calls_for_the_test_that_runs(stage: Stage) -> None:
    """Its threads and connections do not belong to a test; those from before and after do."""
    origins = stage.origins
    origins.begin(ONE)
    with ExitStack() as threads:
        before = threads.enter_context(thread())
        with origins.for_no_test():
            within = threads.enter_context(thread())
        assert origins.owner is ONE  # again
        origins.end()
        origins.begin(TWO)
        stage.caller = within
        assert stage.late() == ""
        stage.caller = before
        assert stage.late() == "one"


def test_where_no_thread_is_known_the_connection_decides(stage: Stage) -> None:
    """This holds for unexpected calls; other calls belong to the running test."""
    stage.origins.begin(ONE)
    stage.origins.end()
    stage.origins.begin(TWO)
    assert stage.late(TWO) == stage.late(None) == ""
    assert stage.late(ONE) == "one"
    assert stage.late(ONE, by_connection=False) == ""


def test_a_client_that_has_given_up_is_of_nobody_that_is_known(stage: Stage) -> None:
    """If an earlier test has left a thread, which may have been it; else of the test that runs."""
    stage.origins.begin(ONE)
    with thread():
        assert stage.late(ONE, has_client=False) == ""
        stage.origins.end()
        stage.origins.begin(TWO)
        assert stage.late(TWO, has_client=False) == "a test that is not known"
        assert stage.late(TWO) == stage.late(TWO, by_connection=False, has_client=False) == ""
        stage.leaves = True  # while its thread is looked for
        assert stage.late(TWO) == "a test that is not known"
        closed = stage.origins.late_call(TWO, None, by_connection=True, has_client=lambda: False)
        assert closed is stage.origins.unknown


def test_a_call_between_two_tests_is_of_none_that_is_known(stage: Stage) -> None:
    """This holds if neither its thread nor its connection is known."""
    stage.origins.begin(ONE)
    stage.origins.end()
    assert stage.late() == "a test that is not known"


def test_a_repeat_of_a_test_is_another_test(stage: Stage) -> None:
    """A late call of the first run is not of the second one."""
    stage.origins.begin(TestRun("same"))
    with thread() as stage.caller:
        stage.origins.end()
        stage.origins.begin(TestRun("same"))
        assert stage.late() == "same"


def test_late_calls_are_noted_once_and_only_where_they_matter(stage: Stage) -> None:
    """A test that means unexpected calls may make them late."""
    stage.origins.note_late(ONE, "POST /x")
    stage.origins.note_late(TestRun("loose", strict=False), "POST /y")
    assert stage.origins.take_late() == ["POST /x; it came from one"]
    assert stage.origins.take_late() == []


def test_a_thread_that_calls_for_ever_fills_no_memory(stage: Stage) -> None:
    """Equal calls are one line, and there are at most 100 lines."""
    for _ in range(3):
        stage.origins.note_late(ONE, "POST /x")
    for number in range(200):
        stage.origins.note_late(ONE, f"POST /{number}")
    lines = stage.origins.take_late()
    assert (lines[0], len(lines)) == ("POST /x; it came from one, 3 times", 100)
