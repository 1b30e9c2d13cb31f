"""The log of changes: in order, each thing once, bounded, and honest about what it forgot."""

from __future__ import annotations

from kling_mock.kling.journal.changes import RESET, ChangeLog, StateChange


def test_it_says_what_has_changed_since() -> None:
    """Each change is listed once, at the place of its last change."""
    log = ChangeLog()
    for name in ("a", "b", "a", "c"):
        log.note("task", name)
    assert log.since(0) == [StateChange("task", name) for name in ("b", "a", "c")]
    assert log.since(3) == [StateChange("task", "c")]
    assert log.since(4) == []


def test_what_is_forgotten_is_not_passed_over() -> None:
    """A request for more than is kept, or for the future, says that it is not known."""
    log = ChangeLog(size=2)
    for name in ("a", "b", "c"):
        log.note("task", name)
    assert log.since(0) is None
    assert log.since(4) is None
    assert log.since(1) == [StateChange("task", "b"), StateChange("task", "c")]
    assert log.total == 3


def test_a_reset_is_a_change_and_no_log_is_another() -> None:
    """The run shows whether a number was counted by this log."""
    log = ChangeLog()
    log.note("reset")
    assert log.since(0) == [RESET]
    assert log.run != ChangeLog().run
