"""A server's words can be shown: nothing in them steers a terminal or forges a line of a log."""

from __future__ import annotations

import json
import logging
from typing import Any, Final

import pytest

from kling_sdk import KlingError, Task, TaskFailedError, WaitTimeoutError
from kling_sdk.cli import main
from kling_sdk.flows.tasks import finished, timed_out
from kling_sdk.text.printable import log, printable
from tests.sdk.clients import CLIENTS, Calls, over
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock

EVIL: Final = "no\x1b]0;pwn\x07\x1b[2J\r\nFAKE LOG\x9b1m\ud800\u202e\x00 end"


def is_harmless(text: str) -> bool:
    return text.isprintable() and text.encode() != b""


@pytest.mark.parametrize("client", CLIENTS)
def test_a_refusal_can_be_printed_and_logged(client: str) -> None:
    """Its text and its message, on every transport."""
    with FaultyKling() as server:
        body = json.dumps({"code": 1201, "message": EVIL, "request_id": EVIL}).encode()
        server.breaks(then=Fault.page(400, body, content_type="application/json"))
        with pytest.raises(KlingError) as caught:
            over(client, Calls().create, server.url, FakeClock(), retries=0)
    error: Any = caught.value
    for text in (str(error), repr(error), error.message):
        assert is_harmless(text)
        assert "FAKE LOG" in text


def test_what_a_task_says_can_be_shown() -> None:
    """This covers an error of a wait, its repr and a notebook; the task itself stays unchanged."""
    task = Task(EVIL, EVIL, EVIL, status_msg=EVIL)
    failed = Task("1", "failed", status_msg=EVIL)
    with pytest.raises(TaskFailedError) as caught:
        finished(failed)
    errors = [caught.value, timed_out(task, 5)]
    for text in (*map(str, errors), repr(task), task._repr_html_().replace("\n", "")):
        assert is_harmless(text)
    assert (task.status, failed.status_msg) == (EVIL, EVIL)
    assert isinstance(errors[1], WaitTimeoutError)


def test_a_line_of_the_log_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """This holds for any values."""
    with caplog.at_level(logging.INFO, "kling_sdk"):
        log.info("task %s is %s", EVIL, "done")
        log.info("100 %")
    first, second = caplog.messages
    assert is_harmless(first)
    assert second == "100 %"


def test_the_command_prints_no_raw_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """This covers output for people and JSON, which escapes them."""
    monkeypatch.setenv("KLING_API_KEY", "key")
    task = {"task_id": "1", "task_status": "failed", "task_status_msg": EVIL}
    body = json.dumps({"code": 0, "request_id": EVIL, "data": task}).encode()
    with FaultyKling() as server:
        monkeypatch.setenv("KLING_BASE_URL", server.url)
        server.breaks(then=Fault.page(200, body, content_type="application/json"))
        for words in ([], ["--json"]):
            main(["get", "text2video", "1", *words])
            printed = capsys.readouterr()
            assert "FAKE LOG" in printed.out
            assert is_harmless("".join((printed.out + printed.err).splitlines()))


def test_printable_text_stays_as_it_is() -> None:
    """The script does not matter."""
    for text in ("一只小猫。", "a kitten\u00a0", "🎬", ""):
        assert printable(text).strip() == text.strip("\u00a0")
