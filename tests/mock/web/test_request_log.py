"""The log of the commands that serve."""

from __future__ import annotations

import io
import logging
import time

from hypothesis import given
from hypothesis import strategies as st

from kling_mock.web.request_log import LogLines


def record(message: str, *args: object, at: float = 0.0, exc_info: object = None) -> str:
    """Return what a record is written as."""
    stream = io.StringIO()
    record = {"levelname": "INFO", "msg": message, "args": args, "exc_info": exc_info}
    LogLines(stream).emit(logging.makeLogRecord({**record, "created": at, "msecs": at % 1 * 1000}))
    return stream.getvalue()


def test_a_line_has_time_level_and_message() -> None:
    """Local time to the millisecond, as `logging` itself writes it, so that lines sort."""
    at = 1764086657.413
    local_time = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    line = record("kling task %s %s", "kling_1", "succeed", at=at)
    assert line == f"{local_time},413 INFO kling task kling_1 succeed\n"


@given(st.text())
def test_an_event_is_one_line_whatever_a_client_sent(text: str) -> None:
    """Line ends, colours and marks that turn the direction of writing are shown, not obeyed."""
    line = record("kling relay error on %s", text)
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert "INFO kling relay error on " in line


def test_a_traceback_follows_on_lines_of_its_own() -> None:
    """What the relay itself got wrong can be found."""
    try:
        [].pop()
    except IndexError as error:
        text = record("kling relay error", exc_info=(type(error), error, error.__traceback__))
    assert text.splitlines()[-1] == "  IndexError: pop from empty list"
    assert "test_request_log.py" in text


def test_a_broken_record_stops_nothing() -> None:
    """`logging` promises this: a wrong format is reported, and does not raise."""
    raising, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        assert record("%d", "no number") == ""
    finally:
        logging.raiseExceptions = raising
