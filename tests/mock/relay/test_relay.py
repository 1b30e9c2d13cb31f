"""The relay in front of the emulated Kling: create, query, list, and what it charges."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

import kling_sdk
from kling_mock import KlingMock, RelaySettings
from kling_mock.relay.domain.wire import ENDPOINTS, NOT_SERVED
from kling_mock.relay.service.due_work import DueWork
from kling_sdk import ConflictError, OmniVideo, TaskFailedError
from tests.endpoints import BODIES, CALLS, body, vendor_body, with_sources
from tests.mock.relay.http_calls import (
    PRICE,
    VIDEOS,
    Caller,
    error_of,
    guide_members,
    without_request_id,
)
from tests.plain_http import NO_TLS


def test_the_guide_s_first_two_tests(caller: Caller) -> None:
    """The guide's create and query are answered with the guide's members and values."""
    created = caller.create()
    assert created.status_code == 200
    reply = guide_members(created.json())
    assert re.fullmatch(r"kling_[0-9a-f]{32}", reply["task_id"])
    assert reply["kling_task_id"].isdigit()
    assert reply == {
        "task_id": reply["task_id"],
        "kling_task_id": reply["kling_task_id"],
        "status": "submitted",
    }
    caller.mock.clock.advance(8)
    task = guide_members(caller.query(reply["task_id"]))
    assert task == reply | {
        "status": "processing",
        "video_url": "",
        "duration": "",
        "fail_reason": "",
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_makes_a_task(caller: Caller, endpoint: str) -> None:
    """All endpoints that make tasks are served; what a task costs is what Kling deducts."""
    request = with_sources(caller.mock, body(endpoint))
    reply = caller.call("POST", f"{VIDEOS}/{endpoint}", json=request)
    assert reply.status_code == 200, reply.text
    entry = [entry for entry in caller.mock.journal if entry.method == "POST"][-1]
    assert entry.path == kling_sdk.ENDPOINTS[endpoint].path
    caller.mock.clock.advance(3600)
    assert caller.query(reply.json()["task_id"])["status"] == "succeed"
    caller.mock.ledger.assert_balanced()


@pytest.mark.parametrize("endpoint", CALLS)
def test_a_call_without_a_task_is_not_served(caller: Caller, endpoint: str) -> None:
    """It says so, and nothing is sent to Kling or held."""
    before = caller.mock.ledger.user()
    reply = caller.call("POST", f"{VIDEOS}/{endpoint}", json={"video_id": "1"})
    assert error_of(reply)[0] == 404
    assert "a relay serves only tasks: call Kling itself" in reply.json()["error"]["message"]
    assert caller.mock.ledger.user() == before
    assert len(caller.mock.journal) == 0


@pytest.mark.parametrize("endpoint", [name for name in NOT_SERVED if name not in CALLS])
def test_a_library_or_a_solution_is_not_served(caller: Caller, endpoint: str) -> None:
    """Each channel has its own library: a user would see and delete the items of others."""
    assert endpoint in BODIES
    reply = caller.call("POST", f"{VIDEOS}/{endpoint}", json=vendor_body(endpoint))
    assert error_of(reply)[0] == 404
    is_library = kling_sdk.ENDPOINTS[endpoint].library is not None
    reason = "is a library of one account" if is_library else "is not served by a relay"
    assert reason in reply.json()["error"]["message"]
    assert len(caller.mock.journal) == 0


def test_multi_elements_is_served_with_a_selection_of_the_channel_s_account(
    caller: Caller,
) -> None:
    """The selection is made at Kling itself; one of another account is refused in Kling's words."""
    request = with_sources(caller.mock, body("multi-elements"))
    created = caller.call("POST", f"{VIDEOS}/multi-elements", json=request)
    assert created.status_code == 200, created.text
    caller.mock.clock.advance(3600)
    task = caller.query(created.json()["task_id"])
    assert (task["status"], task["video_url"] != "") == ("succeed", True)
    caller.mock.ledger.assert_balanced()

    other = caller.mock.accounts.add("other")
    with caller.mock.client(api_key=other.api_key) as kling:
        selection = kling.multi_elements.init_selection(video_url="https://example.com/a.mp4")
    elsewhere = request | {"session_id": selection.session_id}
    refused = caller.call("POST", f"{VIDEOS}/multi-elements", json=elsewhere)
    assert error_of(refused)[0] == 400
    caller.mock.ledger.assert_balanced()


def test_a_task_is_paid_for_when_it_has_succeeded(caller: Caller) -> None:
    """The price is held from the create on, and leaves the balance only with the success."""
    before = caller.mock.ledger.user()
    task_id = caller.created()
    held = caller.mock.ledger.user()
    assert (held.quota, held.held_quota) == (before.quota, PRICE)
    caller.mock.clock.advance(3600)
    task = caller.query(task_id)
    assert task["status"] == "succeed"
    assert task["video_url"].startswith(caller.mock.kling_url)
    assert task["duration"] == "5"
    after = caller.mock.ledger.user()
    assert (after.quota, after.held_quota) == (before.quota - PRICE, 0)
    assert (after.used_quota, after.request_count) == (PRICE, 1)
    caller.mock.ledger.assert_balanced()


def test_a_failed_task_costs_nothing(caller: Caller) -> None:
    """A task that fails releases its hold, and says why."""
    before = caller.mock.ledger.user()
    reply = caller.create().json()
    caller.mock.fail(reply["kling_task_id"], 1301, "the prompt is not allowed")
    task = caller.query(reply["task_id"])
    assert (task["status"], task["fail_reason"]) == ("failed", "the prompt is not allowed")
    assert caller.mock.ledger.user() == before
    caller.mock.ledger.assert_balanced()


def test_a_thousand_polls_charge_once(caller: Caller) -> None:
    """However often a finished task is asked for, it is charged once and Kling is left alone."""
    task_id = caller.created()
    caller.mock.clock.advance(3600)
    calls = caller.mock.journal.total
    for _ in range(200):
        assert caller.query(task_id)["status"] == "succeed"
    assert caller.mock.journal.total == calls
    assert caller.mock.ledger.user().used_quota == PRICE


def test_an_open_task_is_read_upstream_once_per_five_seconds(caller: Caller) -> None:
    """Many polls of an open task ask Kling once in 5 seconds; between them the row answers."""
    task_id = caller.created()
    calls = caller.mock.journal.total
    for _ in range(20):
        caller.query(task_id)
    assert caller.mock.journal.total == calls + 1
    caller.mock.clock.advance(5)
    caller.query(task_id)
    assert caller.mock.journal.total == calls + 2


def test_a_create_that_is_repeated_is_one_task(caller: Caller) -> None:
    """The same request under the same external id is the first task; another request is a 409."""
    first = caller.create(external_task_id="order 17")
    again = caller.create(external_task_id="order 17")
    assert without_request_id(again) == without_request_id(first)
    assert caller.mock.ledger.user().held_quota == PRICE
    other = caller.create(external_task_id="order 17", prompt="a dog")
    assert error_of(other) == (409, "conflict_error", "external_task_id_conflict")
    assert caller.query("order%2017")["task_id"] == first.json()["task_id"]
    assert caller.another().create(external_task_id="order 17").json() != first.json()


def test_users_see_their_own_tasks_only(caller: Caller) -> None:
    """Another user's task does not exist, by any of its ids."""
    task_id = caller.created(external_task_id="mine")
    other = caller.another()
    for name in (task_id, "mine"):
        reply = other.call("GET", f"{VIDEOS}/{name}")
        assert error_of(reply) == (404, "not_found_error", "not_found")
    assert other.call("GET", VIDEOS).json() == {"data": [], "next_before": None}


def test_tasks_are_listed_by_key_newest_first(caller: Caller) -> None:
    """Pages go back in time by key, miss nothing, and can be narrowed to a status."""
    ids = [caller.created() for _ in range(5)]
    caller.another().created()
    seen: list[str] = []
    before = ""
    while before != "None":
        page = caller.call("GET", f"{VIDEOS}?limit=2{before and f'&before={before}'}").json()
        assert set(page) == {"data", "next_before"}
        seen += [task["task_id"] for task in page["data"]]
        before = str(page["next_before"])
    assert seen == ids[::-1]
    caller.mock.clock.advance(3600)
    caller.created()
    done = caller.call("GET", f"{VIDEOS}?status=succeed").json()["data"]
    assert [task["task_id"] for task in done] == ids[::-1]


def test_a_balance_for_three_videos_makes_three(caller: Caller) -> None:
    """A user whose balance is worth three videos gets three, and then 402 until it is topped up."""
    poor = caller.another("poor", 3 * PRICE + PRICE - 1)
    assert [poor.create().status_code for _ in range(5)] == [200, 200, 200, 402, 402]
    assert error_of(poor.create()) == (402, "insufficient_quota", "insufficient_quota")
    user = caller.mock.ledger.user("poor")
    credit = {"amount": 1, "reference": "payment-1"}
    for _ in range(2):
        caller.operate("POST", f"users/{user.id}/credit", json=credit)
    assert [poor.create().status_code for _ in range(2)] == [200, 402]
    caller.mock.clock.advance(3600)
    assert caller.mock.ledger.user("poor").quota == 0
    caller.mock.ledger.assert_balanced()


def test_the_sdk_works_through_the_relay(mock: KlingMock) -> None:
    """The SDK's relay client creates, waits, lists and raises failures, on a simulated clock."""
    with mock.relay_client() as relay:
        task = relay.text2video.run(prompt="a kitten")
        assert task.is_succeed
        assert [listed.task_id for listed in relay.text2video.iter()] == [task.task_id]
        relay.text2video.create(prompt="a", external_task_id="x")
        with pytest.raises(ConflictError):
            relay.text2video.create(prompt="b", external_task_id="x")
        failing = relay.omni_video.submit(OmniVideo(prompt="a dog"))
        assert failing.kling_task_id is not None
        mock.fail(failing.kling_task_id, 1301)
        with pytest.raises(TaskFailedError):
            relay.omni_video.wait(failing)
    mock.ledger.assert_balanced()


async def test_the_async_sdk_works_through_the_relay() -> None:
    """The async client of the relay waits on the mock's clock, too."""
    async with KlingMock(seed=3) as mock, mock.async_relay_client() as relay:
        task = await relay.text2video.run(prompt="a kitten")
        assert task.is_succeed
        mock.ledger.assert_balanced()


def test_the_price_of_the_guide_can_be_chosen() -> None:
    """With the guide's price list a video of the guide costs what it costs there."""
    with KlingMock(relay=RelaySettings(pricing="guide")) as mock, mock.relay_client() as relay:
        relay.text2video.create(prompt="x", model_name="kling-v2-6", aspect_ratio="16:9")
        assert mock.ledger.user().held_quota == 30_000_000


def test_a_reset_forgets_the_relay_too(caller: Caller) -> None:
    """After a reset the relay has its first balance, no tasks, and the same token and address."""
    opening = caller.mock.ledger.user()
    first = caller.created()
    caller.mock.clock.advance(3600)
    caller.mock.reset()
    assert caller.mock.ledger.user() == opening
    assert caller.call("GET", VIDEOS).json()["data"] == []
    assert caller.created() == first  # the same seed makes the same ids


@pytest.mark.parametrize("database", [None, "sqlite://", "sqlite:///:memory:"])
def test_ids_are_not_repeated_when_the_server_is_started_again(database: str | None) -> None:
    """The books in memory outlive a stop, so the relay's second run goes on with new ids."""
    mock = KlingMock(seed=7, relay=RelaySettings(database=database))
    replies: list[httpx.Response] = []
    for _ in range(2):
        with mock, httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as client:
            replies.append(Caller(client, mock).create())
    assert [reply.status_code for reply in replies] == [200, 200]
    assert len({reply.json()["task_id"] for reply in replies}) == 2
    with mock:
        mock.restore(mock.snapshot())
        assert mock.ledger.user().held_quota == 2 * PRICE


def test_a_server_without_a_relay_says_so() -> None:
    """A server that was made without a relay names the argument that took it away."""
    with KlingMock(relay=False) as mock, pytest.raises(RuntimeError, match="relay=False"):
        mock.relay_client()
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = KlingMock().relay_url


def test_a_deduction_decides_the_charge(caller: Caller) -> None:
    """What Kling says it deducted is charged, at most what was held."""
    caller.create(model="kling-v2-6-pro", sound="on")
    assert caller.mock.ledger.user().held_quota == 350_000
    caller.mock.clock.advance(3600)
    assert caller.mock.ledger.user().used_quota == 350_000


def test_a_stop_in_the_middle_of_requests_is_clean(caplog: pytest.LogCaptureFixture) -> None:
    """A server that stops while Kling keeps its relay waiting leaves no error behind."""
    with (
        KlingMock(clock="real") as mock,
        httpx.Client(base_url=mock.relay_url, verify=NO_TLS) as http,
    ):
        caller = Caller(http, mock)
        caller.created()
        mock.faults.add("hang", "POST /v1/*", seconds=30)
        with pytest.raises(httpx.ReadTimeout):
            caller.call("POST", f"{VIDEOS}/text2video", json={"prompt": "a kitten"}, timeout=0.5)
    assert "Unhandled exception" not in caplog.text


@pytest.mark.parametrize(("database", "rounds"), [(None, 0), ("sqlite://", 0), ("a file", 24)])
def test_a_day_of_nothing_needs_no_sweep(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: str | None, rounds: int
) -> None:
    """In memory nobody else leaves work behind, so what is due next is known, after a task too."""
    sweeps: list[object] = []
    run = DueWork.run

    async def counted(self: DueWork[object, object]) -> None:
        sweeps.append(self)
        await run(self)

    monkeypatch.setattr(DueWork, "run", counted)
    url = f"sqlite:///{tmp_path}/relay.db" if database == "a file" else database
    relay = RelaySettings(database=url, sweep_interval=3600)
    with KlingMock(clock="manual", relay=relay) as mock, mock.relay_client() as kling:
        kling.text2video.run(prompt="a kitten")
        mock.clock.advance(3600)
        sweeps.clear()
        mock.clock.advance(86_400)
        assert len(sweeps) == 2 * rounds  # for tasks, and for callbacks to users
