"""P6: money moves with units that the signed callback or a poll states, whichever comes first.

Every form of a signed success without units meets every way in which Kling can be read. The
checker compares what was charged with what a poll states, and looks that nothing moved before.
Only if units are never stated is the hold charged, and then it is reported.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.relay.service import callbacks
from kling_mock.relay.service.reconciler import TaskReconciler
from kling_mock.web.webhook_signing import signed_headers
from tests.mock.relay.http_calls import PRICE, Caller
from tests.mock.relay.scripted_kling import (
    ReceivedRequest,
    Reply,
    ScriptedKling,
    accepted,
    envelope,
    refusal,
    task,
)
from tests.plain_http import NO_TLS

SECRET: Final = "whsec_" + base64.b64encode(b"s" * 32).decode()
KLING_ID: Final = "873"
UNIT: Final = 70_000
DAY: Final = 24 * 3600
URL: Final = "https://cdn.test/1.mp4"


def legacy(**members: Any) -> dict[str, Any]:
    return task(KLING_ID, "succeed", **members)


def newer(*billing: dict[str, str]) -> dict[str, Any]:
    video = {"type": "video", "id": "1", "url": URL, "duration": "5"}
    return {"id": KLING_ID, "status": "succeeded", "outputs": [video], "billing": list(billing)}


CASH: Final = {"charge_type": "cash", "cash_type": "balance", "amount": "0.14", "currency": "USD"}
UNITS: Final = {"charge_type": "unit", "package_type": "video", "amount": "0.5"}

#: Signed successes that do not say what the task cost.
WITHOUT_UNITS: Final[dict[str, dict[str, Any]]] = {
    "no deduction": legacy(),
    "a deduction that is not a number": legacy(final_unit_deduction="many"),
    "a negative deduction": legacy(final_unit_deduction="-1"),
    "an absurd deduction": legacy(final_unit_deduction="1e-200000000"),
    "newer form, no billing": newer(),
    "newer form, paid from the balance": newer(CASH),
    "newer form, paid from a package and the balance": newer(UNITS, CASH),
    "newer form, one amount is not a number": newer(UNITS, UNITS | {"amount": "1e999"}),
}


class Way(NamedTuple):
    """The answers that Kling gives to polls.

    Attributes:
        first: The answer to readings of the first hour.
        then: The answer to later ones.
        charged: What the task costs in the end.
        at_once: Whether the poll because of the callback ends it.
    """

    first: Reply
    then: Reply
    charged: int
    at_once: bool


STATES: Final = envelope(legacy(final_unit_deduction="1"))
SILENT: Final = envelope(legacy())
AWAY: Final = (502, b"<html>bad gateway</html>")

WAYS: Final = {
    "a poll states units": Way(STATES, STATES, UNIT, at_once=True),
    "a poll states none": Way(SILENT, SILENT, PRICE, at_once=True),
    "a poll lags behind": Way(envelope(task(KLING_ID, "processing")), STATES, UNIT, at_once=False),
    "Kling is away for an hour": Way(AWAY, STATES, UNIT, at_once=False),
    "Kling stays away": Way(AWAY, AWAY, PRICE, at_once=False),
    "Kling knows no such task": Way(refusal(1203, 404), refusal(1203, 404), PRICE, at_once=False),
}


class Seen(NamedTuple):
    """The values that the checker compares."""

    status: str
    charged: int
    held: int
    unmetered: int
    url: str


def seen(caller: Caller, task_id: str) -> Seen:
    row, user = caller.operate("GET", f"tasks/{task_id}"), caller.mock.ledger.user()
    reports = [
        report.status for report in caller.mock.ledger.reports() if report.task_id == task_id
    ]
    is_open = row["status"] not in {"succeed", "failed"}
    return Seen(
        "open" if is_open else row["status"],
        user.used_quota,
        user.held_quota,
        reports.count("unmetered"),
        row["store_url"],
    )


@pytest.fixture
def caller() -> Iterator[Caller]:
    with (
        KlingMock(seed=7) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=60, verify=NO_TLS) as http,
    ):
        yield Caller(http, mock)


def post(caller: Caller, task_id: str, body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()
    headers = dict(signed_headers([SECRET], "msg_1", int(caller.mock.clock.now()), raw))
    reply = caller.http.post(f"/kling/callback/{task_id}", content=raw, headers=headers)
    assert reply.json() == {"message": "success"}, reply.text


def wrong(caller: Caller, report: dict[str, Any], way: Way) -> list[str]:
    """The checker: play one success against one way, and return what is not as it must be."""
    start = caller.mock.clock.now()

    def answer(request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            return accepted(request, KLING_ID)
        return way.first if caller.mock.clock.now() < start + 3600 else way.then

    with ScriptedKling(answer) as kling:
        kling.serve(caller, webhook_secret=SECRET)
        task_id = caller.created()
        caller.mock.clock.advance(6)
        post(caller, task_id, report)
        unmetered = int(way.charged == PRICE)
        ended = Seen("succeed", way.charged, 0, unmetered, URL)
        faults: list[str] = []
        if (first := seen(caller, task_id)) != (
            ended if way.at_once else Seen("open", 0, PRICE, 0, "")
        ):
            faults.append(f"after the callback: {first}")
        caller.mock.clock.advance(2 * DAY + 3600)
        if (last := seen(caller, task_id)) != ended:
            faults.append(f"in the end: {last}")
    caller.mock.ledger.assert_balanced()
    return faults


@pytest.mark.slow
@pytest.mark.parametrize("name", WAYS)
def test_a_success_without_units_is_read_before_it_is_charged(caller: Caller, name: str) -> None:
    """What a poll states is charged, whatever form the callback had; else the hold, reported."""
    assert wrong(caller, WITHOUT_UNITS["no deduction"], WAYS[name]) == []


@pytest.mark.parametrize("name", WITHOUT_UNITS)
def test_every_form_without_units_is_read_first(caller: Caller, name: str) -> None:
    """No form of a signed success charges the hold where a poll would charge less."""
    assert wrong(caller, WITHOUT_UNITS[name], WAYS["a poll states units"]) == []


def test_a_success_with_units_is_not_read(caller: Caller) -> None:
    """The checker is not blind: units that Kling has signed are charged without a question."""
    with ScriptedKling(accepted) as kling:
        kling.serve(caller, webhook_secret=SECRET)
        task_id = caller.created()
        caller.mock.clock.advance(6)
        requests = len(kling.requests)
        post(caller, task_id, newer(UNITS, UNITS))
        assert seen(caller, task_id) == Seen("succeed", UNIT, 0, 0, URL)
        assert len(kling.requests) == requests


def test_a_success_that_comes_right_after_a_reading_is_followed_up(caller: Caller) -> None:
    """Within 5 s of a poll no other one is made; the sweeper makes it a moment later."""

    def answer(request: ReceivedRequest) -> Reply:
        return accepted(request, KLING_ID) if request.method == "POST" else replies.pop(0)

    replies = [envelope(task(KLING_ID, "processing")), STATES]
    with ScriptedKling(answer) as kling:
        kling.serve(caller, webhook_secret=SECRET)
        task_id = caller.created()
        assert caller.query(task_id)["status"] == "processing"
        post(caller, task_id, legacy())
        assert seen(caller, task_id) == Seen("open", 0, PRICE, 0, "")
        caller.mock.clock.advance(6)
        assert seen(caller, task_id) == Seen("succeed", UNIT, 0, 0, URL)


@pytest.mark.slow
def test_a_success_right_after_a_reading_ends_its_task_when_kling_is_away(caller: Caller) -> None:
    """A signed success that cannot be followed up is not forgotten: the task ends by it."""

    def answer(request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            return accepted(request, KLING_ID)
        return replies.pop(0) if replies else AWAY

    replies = [envelope(task(KLING_ID, "processing"))]
    with ScriptedKling(answer) as kling:
        kling.serve(caller, webhook_secret=SECRET)
        task_id = caller.created()
        assert caller.query(task_id)["status"] == "processing"
        post(caller, task_id, legacy())
        caller.mock.clock.advance(2 * DAY + 3600)
        assert seen(caller, task_id) == Seen("succeed", PRICE, 0, 1, URL)
    caller.mock.ledger.assert_balanced()


def test_an_unmetered_success_is_shown_to_the_operator(caller: Caller) -> None:
    """A task that was charged its hold for lack of units is in the reports and in the metrics."""
    assert wrong(caller, legacy(), WAYS["a poll states none"]) == []
    (report,) = caller.operate("GET", "reports")["data"]
    assert (report["status"], report["quota"], report["source"]) == ("unmetered", PRICE, "callback")
    assert "kling_relay_unmetered_tasks_total 1.0" in caller.http.get("/metrics").text


# ------------------------------------------------------------ negative controls


async def _never(*_: object) -> bool:
    return False


MISTAKES: Final[dict[str, tuple[object, str, Callable[..., object], str]]] = {
    "applies what is signed": (
        callbacks,
        "lacks_units",
        lambda _: False,
        "a poll states units",
    ),
    "forgets what is signed": (TaskReconciler, "settle_unconfirmed", _never, "Kling stays away"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_checker_catches_a_relay_that(
    caller: Caller, mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a relay that charges at once, and one that drops the report, show."""
    owner, name, naive, way = MISTAKES[mistake]
    monkeypatch.setattr(owner, name, naive)
    assert wrong(caller, WITHOUT_UNITS["no deduction"], WAYS[way])
