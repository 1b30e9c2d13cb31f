"""Results come by callback, by query and by the sweeper, in any order, and count once."""

from __future__ import annotations

import json
import threading

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.relay.domain.channels import FailoverDecision
from kling_mock.relay.domain.pricing import PER_SECOND, QUOTA_PER_UNIT
from kling_mock.relay.domain.schedule import DEADLINE, READ_INTERVAL
from tests.mock.relay.http_calls import PRICE, Caller
from tests.mock.relay.scripted_kling import (
    ReceivedRequest,
    Reply,
    ScriptedKling,
    accepted,
    envelope,
    task,
)
from tests.plain_http import NO_TLS

DAY = 24 * 3600


def settle(caller: Caller) -> None:
    """Wait until the callbacks that are under way have been taken in."""
    caller.mock.clock.advance(0)


def test_a_callback_ends_a_task_without_anybody_asking(caller: Caller) -> None:
    """Kling's own callback is a hint that makes the relay look, and so ends the task at once."""
    reply = caller.create().json()
    settle(caller)
    caller.mock.complete(reply["kling_task_id"])
    assert caller.operate("GET", f"tasks/{reply['task_id']}")["status"] == "succeed"
    assert caller.mock.ledger.user().used_quota == PRICE


def test_a_forged_callback_moves_no_money(caller: Caller) -> None:
    """A forged success only makes the relay poll the task."""
    task_id = caller.created()
    settle(caller)
    calls = caller.mock.journal.total
    for _ in range(10):
        assert caller.report(task_id).json() == {"message": "success"}
    assert caller.mock.journal.total == calls + 1
    caller.mock.clock.advance(5)
    assert caller.query(task_id)["status"] in {"submitted", "processing"}
    assert caller.mock.ledger.user().held_quota == PRICE
    caller.mock.clock.advance(3600)
    view = caller.query(task_id)
    assert view["status"] == "succeed"
    assert "evil" not in view["video_url"]
    assert caller.report(task_id, "failed").json() == {"message": "already processed"}
    assert caller.query(task_id) == view
    caller.mock.ledger.assert_balanced()


def test_an_unsigned_callback_is_looked_into_whatever_it_says(caller: Caller) -> None:
    """A stale hint also makes the relay poll an open task, within the rate limit of queries."""
    reply = caller.create().json()
    caller.mock.progress.add("stuck")
    caller.mock.faults.add("callback-dropped")
    caller.mock.clock.advance(11)
    caller.mock.complete(reply["kling_task_id"])
    calls = caller.mock.journal.total
    assert caller.report(reply["task_id"], "submitted").json() == {"message": "success"}
    assert caller.mock.journal.total == calls + 1
    assert caller.operate("GET", f"tasks/{reply['task_id']}")["status"] == "succeed"
    for status in ("submitted", "failed"):  # a task that has ended needs no poll
        assert caller.report(reply["task_id"], status).json() == {"message": "already processed"}
    assert caller.mock.journal.total == calls + 1


def test_kling_s_first_callback_is_looked_into_a_moment_later(caller: Caller) -> None:
    """What repeats the create's answer is read five seconds after it, and delays no news."""
    reply = caller.create().json()
    settle(caller)
    caller.mock.faults.add("callback-dropped")
    calls = caller.mock.journal.total
    for _ in range(10):
        caller.report(reply["task_id"], "submitted")
    assert caller.mock.journal.total == calls
    caller.mock.complete(reply["kling_task_id"])
    caller.mock.clock.advance(5)
    assert caller.mock.journal.total == calls + 1
    assert caller.operate("GET", f"tasks/{reply['task_id']}")["status"] == "succeed"


def test_a_hint_that_comes_too_soon_is_followed_up(caller: Caller) -> None:
    """A hint within 5 seconds of the last poll is not dropped: the sweeper polls."""
    reply = caller.create().json()
    caller.mock.faults.add("callback-dropped")
    caller.query(reply["task_id"])
    caller.mock.complete(reply["kling_task_id"])
    caller.report(reply["task_id"])
    assert caller.operate("GET", f"tasks/{reply['task_id']}")["status"] != "succeed"
    caller.mock.clock.advance(6)
    assert caller.operate("GET", f"tasks/{reply['task_id']}")["status"] == "succeed"


def sign(caller: Caller) -> None:
    """Let Kling sign, and the relay know the secret."""
    secret = caller.mock.account.add_webhook_secret()
    (channel,) = caller.operate("GET", "channels")["data"]
    declared = {
        "name": channel["name"],
        "base_url": channel["base_url"],
        "key": f"{caller.mock.access_key}|{caller.mock.secret_key}",
        "webhook_secrets": secret,
    }
    caller.operate("PUT", f"channels/{channel['id']}", json=declared)


def test_a_signed_callback_is_applied_without_asking(caller: Caller) -> None:
    """A callback that Kling has signed counts by itself."""
    sign(caller)
    reply = caller.create(model="kling-v2-6").json()
    settle(caller)
    calls = caller.mock.journal.total
    caller.mock.complete(reply["kling_task_id"])
    assert caller.mock.journal.total == calls
    view = caller.query(reply["task_id"])
    assert view["status"] == "succeed"
    assert view["video_url"].startswith(caller.mock.kling_url)
    caller.mock.ledger.assert_balanced()


def test_a_true_signature_on_another_task_s_report_is_only_a_hint(caller: Caller) -> None:
    """A signed report of one task, posted to another one's address, ends neither wrongly."""
    sign(caller)
    done = caller.create(model="kling-v2-6").json()
    victim = caller.create(model="kling-v2-6").json()
    settle(caller)
    caller.mock.complete(done["kling_task_id"])
    signed = [delivery for delivery in caller.mock.deliveries if b'"succeed"' in delivery.body][-1]
    for body in (signed.body, signed.body.replace(b"succeed", b"failed ")):
        reply = caller.http.post(
            f"/kling/callback/{victim['task_id']}", content=body, headers=dict(signed.headers)
        )
        assert reply.json() == {"message": "success"}
    assert caller.operate("GET", f"tasks/{victim['task_id']}")["status"] == "submitted"
    assert caller.mock.ledger.user().held_quota == 105_000


def test_the_path_without_an_id_finds_the_task(caller: Caller) -> None:
    """A callback to the path that has no id is matched by the ids in its body."""
    reply = caller.create().json()
    settle(caller)
    caller.mock.faults.add("callback-dropped")
    caller.mock.complete(reply["kling_task_id"])
    body = {"task_id": reply["kling_task_id"], "task_status": "succeed"}
    answer = caller.http.post("/kling/internal/callback", json=body)
    assert answer.json() == {"message": "success"}
    assert caller.query(reply["task_id"])["status"] == "succeed"
    assert (
        caller.http.post("/kling/internal/callback", json=body | {"task_id": "9"}).status_code
        == 404
    )


def test_a_callback_before_the_create_returns_is_no_problem(caller: Caller) -> None:
    """Kling may report a task before it has answered the create; the row is there already."""
    caller.mock.faults.add("callback-before-create-returns")
    reply = caller.create().json()
    assert reply["kling_task_id"]
    caller.mock.clock.advance(3600)
    assert caller.query(reply["task_id"])["status"] == "succeed"
    caller.mock.ledger.assert_balanced()


@pytest.mark.parametrize(("end", "other"), [("succeed", "failed"), ("failed", "succeed")])
def test_an_unsigned_report_that_contradicts_is_kept_and_counted(
    caller: Caller, end: str, other: str
) -> None:
    """What contradicts the end of a task is kept for the operator, signed or not, and only that."""
    reply = caller.create().json()
    caller.mock.faults.add("callback-dropped")
    if end == "succeed":
        caller.mock.complete(reply["kling_task_id"])
    else:
        caller.mock.fail(reply["kling_task_id"])
    caller.mock.clock.advance(60)
    before, user = caller.query(reply["task_id"]), caller.mock.ledger.user()
    calls = caller.mock.journal.total
    for _ in range(5):
        answer = caller.report(reply["task_id"], other, padding="x" * 100_000)
        assert answer.json() == {"message": "already processed"}
        assert caller.report(reply["task_id"], end).json() == {"message": "already processed"}
    (report,) = caller.operate("GET", "reports")["data"]
    assert (report["status"], report["seen"]) == (f"unverified_{other}", 5)
    assert len(report["json_data"]) <= 4_096
    assert json.loads(report["json_data"])["incomplete"] == "too large"
    assert 'callbacks_total{outcome="contradicting"} 5.0' in caller.http.get("/metrics").text
    assert (caller.query(reply["task_id"]), caller.mock.ledger.user()) == (before, user)
    assert caller.mock.journal.total == calls
    (balance,) = caller.mock.ledger.reconcile()
    assert (balance.late, balance.is_explained) == (0, True)


def test_without_callbacks_the_sweeper_ends_every_task(caller: Caller) -> None:
    """With all callbacks dropped and no client polling, every task still ends."""
    caller.mock.faults.add("callback-dropped")
    ids = [caller.created() for _ in range(10)]
    caller.mock.clock.advance(3600)
    assert {caller.operate("GET", f"tasks/{task_id}")["status"] for task_id in ids} == {"succeed"}
    assert caller.mock.ledger.user().used_quota == 10 * PRICE
    caller.mock.ledger.assert_balanced()


def test_a_lost_answer_is_found_out(caller: Caller) -> None:
    """A create whose answer was lost is answered without Kling's id, and found within seconds."""
    caller.mock.faults.add("response-lost", "POST /v1/*", times=1)
    caller.mock.faults.add("callback-dropped")
    reply = caller.create()
    assert reply.status_code == 200
    assert (reply.json()["kling_task_id"], reply.json()["status"]) == ("", "submitted")
    caller.mock.clock.advance(6)
    view = caller.query(reply.json()["task_id"])
    assert view["kling_task_id"].isdigit()
    assert len([entry for entry in caller.mock.journal if entry.method == "POST"]) == 1


def test_a_create_that_never_arrived_is_given_up_after_two_answers(caller: Caller) -> None:
    """A create that Kling does not know fails after two answers a minute apart, hold released."""
    caller.mock.faults.add("reset", "POST /v1/*", times=1)
    task_id = caller.created()
    caller.mock.clock.advance(100)
    assert caller.query(task_id)["status"] == "submitted"
    assert caller.mock.ledger.user().held_quota == PRICE
    caller.mock.clock.advance(60)
    assert caller.query(task_id)["status"] == "failed"
    assert caller.mock.ledger.user().held_quota == 0
    caller.mock.ledger.assert_balanced()


def test_a_task_that_shows_up_after_it_was_given_up_is_reported(caller: Caller) -> None:
    """A create that Kling accepts an hour late is kept for the operator and never charged."""
    caller.mock.faults.add("delayed-acceptance", "POST /v1/*", seconds=3600, times=1)
    task_id = caller.created()
    caller.mock.clock.advance(1800)
    assert caller.query(task_id)["status"] == "failed"
    caller.mock.clock.advance(7200)
    assert caller.query(task_id)["status"] == "failed"
    assert caller.mock.ledger.user().used_quota == 0
    assert {report.task_id for report in caller.mock.ledger.reports()} == {task_id}
    caller.mock.ledger.assert_balanced()


def test_a_stuck_task_is_closed_at_its_deadline(caller: Caller) -> None:
    """A task that Kling shows open for a day fails, after a last poll, and costs nothing."""
    caller.mock.faults.add("stuck")
    task_id = caller.created()
    caller.mock.clock.advance(DEADLINE - 900)
    assert caller.query(task_id)["status"] == "processing"
    caller.mock.clock.advance(2000)
    view = caller.query(task_id)
    assert (view["status"], caller.mock.ledger.user().held_quota) == ("failed", 0)
    assert "deadline" in view["fail_reason"]
    caller.mock.ledger.assert_balanced()


def test_a_success_after_the_deadline_is_reported_and_not_charged(caller: Caller) -> None:
    """What succeeds after it was closed stays failed, and is kept for the operator."""
    caller.mock.faults.add("stuck")
    sign(caller)
    reply = caller.create(model="kling-v2-6").json()
    caller.mock.clock.advance(DEADLINE + 2000)
    caller.mock.complete(reply["kling_task_id"])
    assert caller.query(reply["task_id"])["status"] == "failed"
    (report,) = caller.mock.ledger.reports()
    assert (report.task_id, report.status, report.quota) == (reply["task_id"], "succeed", 105_000)
    assert caller.mock.ledger.user().used_quota == 0
    (balance,) = caller.mock.ledger.reconcile()
    assert balance.late == 1
    caller.mock.ledger.assert_balanced()


@pytest.mark.slow
def test_an_upstream_that_is_away_gets_two_days(caller: Caller) -> None:
    """While Kling cannot be read, a task stays open for twice its deadline, then it fails."""
    task_id = caller.created()
    caller.mock.faults.add("callback-dropped")
    caller.mock.faults.add("reset", "GET /v1/*")
    caller.mock.clock.advance(DAY + 2000)
    assert caller.query(task_id)["status"] == "submitted"
    caller.mock.clock.advance(DAY)
    assert caller.query(task_id)["status"] == "failed"
    caller.mock.ledger.assert_balanced()


@pytest.mark.slow
def test_an_upstream_that_comes_back_is_asked_before_anything_is_given_up(caller: Caller) -> None:
    """A task that succeeded while Kling was away is charged as soon as it can be read again."""
    task_id = caller.created()
    caller.mock.faults.add("callback-dropped")
    fault = caller.mock.faults.add("reset", "GET /v1/*")
    caller.mock.clock.advance(DAY + 2000)
    caller.mock.faults.remove(fault)
    caller.mock.clock.advance(1000)
    assert caller.query(task_id)["status"] == "succeed"
    assert caller.mock.ledger.user().used_quota == PRICE


def add_channel(caller: Caller, upstream: KlingMock, **fields: object) -> None:
    declared = {
        "name": "second",
        "base_url": upstream.kling_url,
        "key": f"{upstream.access_key}|{upstream.secret_key}",
        "priority": -1,
        "model_mapping": {"kling-v1-5-std": "kling-v1-6-std"},
    }
    caller.operate("POST", "channels", json=declared | fields)


def creates(mock: KlingMock) -> int:
    return len([entry for entry in mock.journal if entry.method == "POST"])


@pytest.mark.parametrize("code", [1100, 1102, 1103, 1302, 1303, 1304])
def test_another_channel_takes_what_one_refuses(code: int) -> None:
    """A refusal that is about the account sends the task to the next channel, and only there."""
    with (
        KlingMock() as mock,
        KlingMock() as other,
        httpx.Client(base_url=mock.relay_url, verify=NO_TLS) as http,
    ):
        caller = Caller(http, mock)
        add_channel(caller, other)
        mock.faults.add("status", "POST /v1/*", code=code)
        reply = caller.create()
        assert reply.json()["kling_task_id"]
        assert creates(other) == 1
        other.complete(reply.json()["kling_task_id"])
        mock.clock.advance(60)
        assert caller.query(reply.json()["task_id"])["status"] == "succeed"
        mock.ledger.assert_balanced()


@pytest.mark.parametrize("kind", ["response-lost", "reset", "malformed-body"])
def test_what_may_have_been_accepted_goes_to_no_other_channel(kind: str) -> None:
    """After a lost answer the task stays with its channel: it is never created twice."""
    with (
        KlingMock() as mock,
        KlingMock() as other,
        httpx.Client(base_url=mock.relay_url, verify=NO_TLS) as http,
    ):
        caller = Caller(http, mock)
        add_channel(caller, other)
        mock.faults.add(kind, "POST /v1/*", times=1)  # type: ignore[arg-type]  # from the table above
        assert caller.create().json()["kling_task_id"] == ""
        mock.clock.advance(3600)
        assert creates(other) == 0


def test_that_catches_a_relay_that_tries_the_next_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: taking a lost reply for a refusal makes two tasks for one create."""
    monkeypatch.setattr(
        "kling_mock.relay.service.dispatch.failover_decision", lambda _: FailoverDecision.NEXT
    )
    with (
        KlingMock() as mock,
        KlingMock() as other,
        httpx.Client(base_url=mock.relay_url, verify=NO_TLS) as http,
    ):
        caller = Caller(http, mock)
        add_channel(caller, other)
        mock.faults.add("response-lost", "POST /v1/*", times=1)
        assert caller.create().json()["kling_task_id"]
        assert (creates(mock), creates(other)) == (1, 1)


def test_a_channel_that_is_away_is_passed_over() -> None:
    """A channel that does not accept connections never got the task, so the next one does."""
    with KlingMock() as other:
        with KlingMock() as gone:
            url = gone.kling_url
        with KlingMock() as mock, httpx.Client(base_url=mock.relay_url, verify=NO_TLS) as http:
            caller = Caller(http, mock)
            add_channel(caller, other, priority=5, base_url=url)
            assert caller.create().json()["kling_task_id"]
            assert creates(mock) == 1


def test_a_hint_that_comes_during_a_reading_is_followed_up(caller: Caller) -> None:
    """The sweeper is answered "processing", and the callback that comes meanwhile is newer."""
    finished = False
    hinted = threading.Event()

    def answer(request: ReceivedRequest) -> Reply:
        nonlocal finished
        if request.method == "POST":
            return accepted(request)
        if not finished:
            finished = True
            body = task("873", "succeed", final_unit_deduction="2")
            caller.http.post(f"/kling/callback/{task_id}", json=body)
            hinted.set()
            return envelope(task("873", "processing"))
        return envelope(task("873", "succeed", final_unit_deduction="2"))

    with ScriptedKling(answer) as kling:
        kling.serve(caller)
        task_id = caller.created()
        caller.mock.clock.advance(21)
        assert hinted.is_set()
        caller.mock.clock.advance(READ_INTERVAL + 1)
        assert caller.operate("GET", f"tasks/{task_id}")["status"] == "succeed"


@pytest.mark.parametrize("first", ["kling-v1-6", "kling-v2-master"])
def test_the_hold_covers_the_dearest_channel_that_may_get_the_task(first: str) -> None:
    """A channel may sell another model under the same name; the hold is enough for each."""
    other = {"kling-v1-6": "kling-v2-master", "kling-v2-master": "kling-v1-6"}[first]
    with (
        KlingMock() as mock,
        KlingMock() as second,
        httpx.Client(base_url=mock.relay_url, verify=NO_TLS) as http,
    ):
        caller = Caller(http, mock)
        caller.operate("PATCH", "channels/1", json={"status": "disabled"})
        add_channel(caller, mock, name="first", priority=9, model_mapping={"ours": first})
        add_channel(caller, second, name="second", priority=8, model_mapping={"ours": other})
        task_id = caller.created(model="ours")
        dearest = max(
            QUOTA_PER_UNIT * 5 * row.units
            for model, mode in (("kling-v1-6", "std"), ("kling-v2-master", ""))
            for row in PER_SECOND[model]
            if (row.mode, row.use) == (mode, "silent")
        )
        assert caller.operate("GET", f"tasks/{task_id}")["held_quota"] == dearest


@pytest.mark.parametrize("kind", ["base", None])
def test_a_duration_that_kling_ignores_lowers_no_price(caller: Caller, kind: str | None) -> None:
    """Beside a base video Kling bills that video's length, so all of it is collected."""
    video = {"video_url": "https://example.com/a.mp4"} | ({"refer_type": kind} if kind else {})

    def answer(request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            return accepted(request)
        return envelope(task("873", "succeed", final_unit_deduction="12"))

    with ScriptedKling(answer) as kling:
        kling.serve(caller)
        fields = {"model": "kling-video-o1", "duration": "3", "video_list": [video]}
        caller.created(endpoint="omni-video", **fields)
        caller.mock.clock.advance(60)
    (charge,) = [entry for entry in caller.mock.ledger.entries() if entry.kind == "charge"]
    assert (charge.amount, charge.uncollected) == (-12 * QUOTA_PER_UNIT, 0)
