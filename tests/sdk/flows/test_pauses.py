"""The length of each pause, to the second, and the log of a failure."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import pytest

from kling_sdk import KlingError, Options, Task, TaskFailedError, TransportError
from kling_sdk.flows import Fetch, once
from kling_sdk.flows.core import reason
from kling_sdk.flows.download import download
from kling_sdk.flows.retry import Policy
from kling_sdk.results.task import Download
from kling_sdk.wire import HttpCall, Reply
from kling_sdk.wire.refusals import api_error
from tests.sdk.fake_kling import answer
from tests.sdk.flows.test_retry import TASK, flow_of
from tests.sdk.scripted import FakeClock, context, in_turn, play, reply

LOST = TransportError("reset")
SECRET = "a kitten that nobody may hear of"


def refused(code: int, retry_after: float | None = None) -> KlingError:
    return api_error("no", code=code, http_status=429, retry_after=retry_after)


@pytest.mark.parametrize(
    ("error", "attempt", "dice", "pause"),
    [
        # No answer, 1302, 5xx: up to 0.5 s, doubled with each attempt, at most 8 s.
        (LOST, 1, 0.5, 0.25),
        (LOST, 2, 0.5, 0.5),
        (LOST, 3, 0.5, 1.0),
        (LOST, 5, 0.5, 4.0),
        (LOST, 6, 0.5, 4.0),
        (LOST, 5000, 0.5, 4.0),
        (LOST, 1, 0.0, 0.0),
        (refused(1302), 4, 0.75, 3.0),
        # 1303: at least 1 s, up to 2 s at first, at most 15 s.
        (refused(1303), 1, 0.0, 1.0),
        (refused(1303), 1, 0.75, 1.5),
        (refused(1303), 3, 0.5, 4.0),
        (refused(1303), 4, 0.5, 7.5),
        (refused(1303), 5000, 1.0, 15.0),
        # What the server asks for is the least.
        (refused(1302, 9.0), 1, 0.5, 9.0),
        (refused(1302, 0.1), 1, 0.5, 0.25),
        (refused(1303, 20.0), 1, 0.5, 20.0),
        (TransportError("503", retry_after=6.0), 1, 0.5, 6.0),
    ],
)
def test_a_pause_is_exactly_so_long(
    error: KlingError, attempt: int, dice: float, pause: float
) -> None:
    """A table, where a property holds by luck: every bound has a row on it."""
    assert Policy(None, lambda: dice).pause(error, attempt, 1e9) == pause
    assert Policy(None, lambda: dice).pause(error, attempt, pause) is None  # no time is left


def test_the_defaults_are_those_of_the_page() -> None:
    """A changed default is a changed contract: only what the caller set is sent."""
    options = {field.name: field.default for field in attrs.fields(Options)}
    assert options == {
        "timeout": 30.0,
        "deadline": 60.0,
        "create_deadline": 120.0,
        "retries": None,
        "wait_for_server": False,
        "wait_timeout": None,
        "first_look": None,
        "poll_interval": (3.0, 15.0),
        "on_update": None,
        "if_exists": "return",
        "reuse_connections": False,
        "look_up": True,
        "check": True,
        "extra_headers": {},
        "download_timeout": None,
        "max_units": None,
        "confirm": None,
        "max_download": None,
        "on_event": None,
        "trace": True,
        "tracer_provider": None,
        "traceparent": False,
        "cancel": None,
    }


def test_a_call_that_is_sent_once_has_the_deadline_s_time() -> None:
    """It has no more time, also if the timeout of an attempt is longer."""
    clock = FakeClock()
    flow = once(context(clock, deadline=30.0, timeout=100.0), HttpCall("POST", "/v1/x"), str)

    played = play(flow, clock, in_turn([reply(answer(200, 0, "SUCCEED"))]))

    assert [send.timeout for send in played.sends] == [30.0]


def test_a_log_has_codes_and_not_the_server_s_words(caplog: pytest.LogCaptureFixture) -> None:
    """They may quote the prompt; a task's failure may, too."""
    clock = FakeClock()
    busy = reply(answer(503, 5001, f"{SECRET} is busy"))
    with caplog.at_level(logging.DEBUG):
        played = play(flow_of(context(clock)), clock, in_turn([busy, TASK]))

    assert played.error is None
    assert "HTTP 503, code 5001, request_id req-1" in caplog.text
    assert SECRET not in caplog.text
    failed = TaskFailedError(f"task 1 failed: {SECRET}", Task("1", "failed", status_msg=SECRET))
    assert reason(failed) == "task 1 failed"
    assert reason(LOST) == "reset"


class _Nothing:
    """A file that receives nothing."""

    received = 0
    total: int | None = None
    validator: str | None = None
    may_block = False

    def start(self, status: int, headers: dict[str, str]) -> None:
        """Take the head."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""

    def progressed(self) -> None:
        """Do nothing: progress is not reported."""

    def verify(self, *, is_tls: bool) -> None:
        """Do nothing."""

    def end_is_certain(self) -> None:
        """This download does not end."""

    def finish(self) -> Download:
        raise AssertionError

    def discard(self) -> None:
        """There is nothing to remove."""


@pytest.mark.parametrize(("retries", "attempts"), [(None, 5), (0, 1), (1, 2), (2, 3), (7, 8)])
def test_a_download_without_a_byte_is_tried_so_often(retries: int | None, attempts: int) -> None:
    """Five times, or as often as the caller says; each asks for the bytes as they are."""
    clock = FakeClock()
    calls: list[Any] = []

    def respond(effect: Any) -> Reply:
        calls.append(effect)
        return Reply(503, {}, b"")

    flow = download(context(clock, retries=retries), "https://files.test/a.mp4", _Nothing)
    played = play(flow, clock, respond)

    assert "HTTP 503" in str(played.error)
    assert len(calls) == attempts
    assert all(isinstance(effect, Fetch) for effect in calls)
    assert {tuple(effect.call.headers.items()) for effect in calls} == {
        (("accept-encoding", "identity"), ("accept", "*/*"))
    }
