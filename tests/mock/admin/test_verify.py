"""Assertions over HTTP: what the Python controls say, for tests in any language."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kling_mock import Call, IncompleteJournalError, KlingMock
from tests.mock.admin_client import Admin

CREATE = "POST /v1/videos/text2video"
BODY = {"prompt": "a kitten", "duration": "5"}


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(journal_size=10) as server, server.client() as kling:
        task = kling.text2video.create(prompt="a kitten", duration=5, external_task_id="order-1")
        kling.text2video.get(task.task_id)
        kling.text2video.get(task.task_id)
        server.faults.add("reset", CREATE)
        yield server


def sent(mock: KlingMock, assertion: str, **members: Any) -> tuple[int, Any]:
    with Admin(mock) as admin:
        reply = admin.send("POST", "/verify", json={"assertion": assertion, **members})
        return reply.status_code, reply.json()


@pytest.mark.parametrize(
    ("assertion", "members", "count"),
    [
        ("called", {"match": CREATE, "times": 1, "body": BODY}, 1),
        ("called", {"method": "GET", "path": "/v1/videos/*", "status": 200}, 2),
        ("called", {"external_task_id": "order-1"}, 3),
        ("not_called", {"match": "POST", "code": 1303}, 0),
        ("sequence", {"calls": [CREATE, {"match": "GET /v1/videos/*", "code": 0}]}, 2),
        ("sequence", {"calls": [CREATE, "GET *", "GET *"], "exact": True}, 3),
        ("no_unexpected", {"late": False}, 0),
    ],
)
def test_what_holds_is_200_with_its_calls(
    mock: KlingMock, assertion: str, members: dict[str, Any], count: int
) -> None:
    """The response lists the calls, as the journal does."""
    status, reply = sent(mock, assertion, **members)
    assert status == 200, reply
    with Admin(mock) as admin:
        rows = {row["number"]: row for row in admin.ask("GET", "/journal")["data"]}
    assert len(reply["data"]) == count
    assert all(rows[row["number"]] == row for row in reply["data"])


Make = Callable[[KlingMock], object]

FAILURES: list[tuple[str, dict[str, Any], Make]] = [
    ("called", {"match": CREATE, "times": 2}, lambda m: m.journal.assert_called(CREATE, times=2)),
    (
        "called",
        {"match": CREATE, "body": {"duration": "10"}},
        lambda m: m.journal.assert_called(CREATE, body={"duration": "10"}),
    ),
    ("not_called", {"match": CREATE}, lambda m: m.journal.assert_not_called(CREATE)),
    (
        "sequence",
        {"calls": ["GET *", {"match": CREATE, "code": 0}]},
        lambda m: m.journal.assert_sequence(["GET *", Call(CREATE, code=0)]),
    ),
    ("unexpected", {"match": CREATE}, lambda m: m.journal.assert_unexpected(CREATE)),
    ("faults_used", {}, lambda m: m.faults.assert_used()),
]
REFUSALS: list[tuple[str, dict[str, Any], Make]] = [
    (
        "not_called",
        {"match": "PSOT /v1/videos/text2video"},
        lambda m: m.journal.assert_not_called("PSOT /v1/videos/text2video"),
    ),
    (
        "not_called",
        {"match": "POST /v1/video/text2video"},
        lambda m: m.journal.assert_not_called("POST /v1/video/text2video"),
    ),
    (
        "not_called",
        {"account": "defualt"},
        lambda m: m.journal.assert_not_called(account="defualt"),
    ),
    ("called", {"times": -1}, lambda m: m.journal.assert_called(times=-1)),
    ("sequence", {"calls": []}, lambda m: m.journal.assert_sequence([])),
]


def text_of(make: Make, mock: KlingMock, kind: type[Exception]) -> str:
    with pytest.raises(kind) as raised:
        make(mock)
    return str(raised.value)


@pytest.mark.parametrize(("assertion", "members", "make"), FAILURES)
def test_what_fails_is_422_with_the_text_of_python(
    mock: KlingMock, assertion: str, members: dict[str, Any], make: Make
) -> None:
    """The response has the nearest call and the differences; `curl -f` fails on it."""
    status, reply = sent(mock, assertion, **members)
    assert (status, reply["error"]["code"]) == (422, "assertion_failed")
    assert reply["error"]["message"] == text_of(make, mock, AssertionError)


@pytest.mark.parametrize(("assertion", "members", "make"), REFUSALS)
def test_what_says_nothing_is_refused_with_the_text_of_python(
    mock: KlingMock, assertion: str, members: dict[str, Any], make: Make
) -> None:
    """400: a misspelt assertion of absence must not be green in any language."""
    status, reply = sent(mock, assertion, **members)
    assert status == 400
    assert reply["error"]["message"] == text_of(make, mock, ValueError)


def test_what_cannot_be_known_is_409(mock: KlingMock) -> None:
    """The assertion has neither held nor failed."""
    with mock.client() as kling:
        for _ in range(12):
            kling.text2video.list()
    status, reply = sent(mock, "not_called", method="GET", task_id="1" * 18)
    assert (status, reply["error"]["code"]) == (409, "incomplete_journal")
    assert reply["error"]["message"] == text_of(
        lambda m: m.journal.assert_not_called(method="GET", task_id="1" * 18),
        mock,
        IncompleteJournalError,
    )


@pytest.mark.parametrize(
    ("assertion", "members", "words"),
    [
        ("caled", {}, "assertion: must be one of called, not_called"),
        ("not_called", {"times": 1}, "times: this assertion does not take it; it takes account"),
        ("no_unexpected", {"match": "*"}, "match: this assertion does not take it; it takes late"),
        ("sequence", {"calls": [{"mtach": "*"}]}, "calls: mtach: unknown"),
        ("sequence", {"calls": [5]}, "calls: must be a list of matches or objects"),
        ("called", {"mtach": "*"}, "mtach: unknown"),
    ],
)
def test_a_misspelt_member_is_refused(
    mock: KlingMock, assertion: str, members: dict[str, Any], words: str
) -> None:
    """Nothing is left out silently."""
    status, reply = sent(mock, assertion, **members)
    assert status == 400
    assert reply["error"]["message"].startswith(words)


def test_callbacks_are_asserted_as_well(mock: KlingMock) -> None:
    """Whether there were any, whether each was taken, and what they report."""

    def app(_environ: Any, start: Any) -> list[bytes]:
        start("200 OK", [])
        return []

    mock.faults.clear()
    mock.callbacks.deliver_to(app)
    with mock.client() as kling:
        kling.text2video.create(
            prompt="a kitten", external_task_id="order-2", callback_url="http://app.test/hook"
        )
    mock.clock.advance(1800)
    statuses = ["submitted", "processing", "succeed"]
    status, reply = sent(mock, "delivered", task_id="order-2", statuses=statuses)
    assert (status, reply["data"]) == (200, [])
    with Admin(mock) as admin:
        assert reply["deliveries"] == admin.ask("GET", "/deliveries")["data"][::-1]
    for task, wrong in (("order-2", {"statuses": ["succeed"]}), ("order-1", {})):
        status, reply = sent(mock, "delivered", task_id=task, **wrong)
        with pytest.raises(AssertionError) as raised:
            mock.deliveries.assert_delivered(task, **wrong)
        assert (status, reply["error"]["message"]) == (422, str(raised.value))
    status, reply = sent(mock, "refused", task_id="order-2", status=401)
    with pytest.raises(AssertionError) as raised:
        mock.deliveries.assert_refused("order-2", 401)
    assert (status, reply["error"]["message"]) == (422, str(raised.value))
    assert sent(mock, "delivered", task_id="order-3")[0] == 404
    assert sent(mock, "refused", task_id="order-3")[0] == 404
    assert sent(mock, "refused", task_id="order-2", status=200)[0] == 400
    assert sent(mock, "delivered")[0] == 404
    assert sent(mock, "delivered", task_id="order-2", statuses=["done"])[0] == 400
    assert sent(mock, "delivered", task_id="order-2", statuses=[])[0] == 400
