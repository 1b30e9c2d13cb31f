"""The relay's webhooks to its users: signed, retried, and never sent to private addresses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock import KlingMock
from kling_mock.relay.domain.credentials import user_secret
from kling_mock.relay.domain.user_webhooks import DELAYS, delivery_decision, is_public
from kling_mock.relay.service.webhook_sender import WebhookSender
from kling_mock.relay.storage.values import Notice, NoticeState
from kling_sdk import CallbackVerificationError, parse_callback
from tests.mock.receiver import Receiver, receiver
from tests.mock.relay.http_calls import Caller

__all__ = ["receiver"]  # the fixture


def notice(attempts: int) -> Notice:
    return Notice(
        1, "msg_1", "kling_1", 1, "http://x", "{}", NoticeState.PENDING, attempts, 0, 0, 0, "", 0, 0
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, NoticeState.DELIVERED),
        (204, NoticeState.DELIVERED),
        (410, NoticeState.GONE),
        (302, NoticeState.PENDING),
        (404, NoticeState.PENDING),
        (500, NoticeState.PENDING),
        (0, NoticeState.PENDING),
    ],
)
def test_only_2xx_is_a_success_and_410_stops(status: int, state: NoticeState) -> None:
    """A callback counts as received on 2xx; 410 ends it; redirects and errors are repeated."""
    assert delivery_decision(notice(0), status, "", 0.0).state is state


def test_a_callback_is_tried_eight_times_over_28_hours() -> None:
    """The pauses grow from 5 seconds to 10 hours; after the eighth attempt it is given up."""
    waits = [delivery_decision(notice(n), 500, "", 0.0).wait for n in range(len(DELAYS))]
    assert waits == [5, 300, 1800, 7200, 18_000, 36_000, 36_000]
    assert delivery_decision(notice(len(DELAYS)), 500, "", 0.0).state is NoticeState.DEAD


@given(st.integers(0, 6), st.text() | st.integers().map(str), st.floats(0, 1))
def test_a_receiver_can_ask_for_time_but_not_for_ever(
    attempts: int, retry_after: str, chance: float
) -> None:
    """For any `Retry-After`, the next attempt comes within a day, and not too soon."""
    wait = delivery_decision(notice(attempts), 503, retry_after, chance).wait
    assert DELAYS[attempts] <= wait <= 24 * 3600
    assert delivery_decision(notice(attempts), 503, "80000", chance).wait == 80_000


def test_a_user_is_told_by_a_signed_callback(caller: Caller, receiver: Receiver) -> None:
    """The end of a task is posted to the user's URL, signed, in the form that Kling uses."""
    user = caller.mock.ledger.user()
    secret = caller.operate("GET", f"users/{user.id}")["webhook_secret"]
    task_id = caller.created(callback_url=receiver.url, external_task_id="mine")
    caller.mock.clock.advance(3600)
    (received,) = receiver.received
    now = int(received.headers["webhook-timestamp"])
    event = parse_callback(received.body, received.headers, secret, now)
    assert event.verified
    assert (event.task.task_id, event.task.external_task_id) == (task_id, "mine")
    assert event.task.videos[0].url == caller.query(task_id)["video_url"]
    other = caller.another()
    assert caller.operate("GET", "users/other")["webhook_secret"] != secret
    assert other.created()


def test_the_list_of_users_shows_no_secret(caller: Caller) -> None:
    """Only who asks for one user gets its secret: a list ends in logs and tickets."""
    caller.another()
    (first, second) = caller.operate("GET", "users")["data"]
    assert "webhook_secret" not in first | second


def test_a_failing_receiver_is_tried_again_with_the_same_id(
    caller: Caller, receiver: Receiver
) -> None:
    """A callback that fails is repeated under the same id until it is taken."""
    receiver.answers += [500, 302]
    caller.created(callback_url=receiver.url)
    caller.mock.clock.advance(3600)
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert len(receiver.received) == 3
    (webhook,) = caller.operate("GET", "notices")["data"]
    assert (webhook["state"], webhook["attempts"], webhook["http_status"]) == ("delivered", 3, 200)


def test_a_callback_that_is_given_up_can_be_replayed(caller: Caller, receiver: Receiver) -> None:
    """After eight failures, or 410, it stops; the operator can send it again."""
    receiver.answers += [500] * 8 + [410]
    task_id = caller.created(callback_url=receiver.url)
    caller.mock.clock.advance(4 * 24 * 3600)
    assert len(receiver.received) == 8
    (dead,) = caller.operate("GET", "notices?state=dead")["data"]
    assert dead["task_id"] == task_id
    caller.operate("POST", f"notices/{dead['event_id']}/replay")
    caller.mock.clock.advance(24 * 3600)
    assert len(receiver.received) == 9
    (gone,) = caller.operate("GET", "notices?state=gone")["data"]
    caller.operate("POST", f"notices/{gone['event_id']}/replay")
    caller.mock.clock.advance(0)
    assert caller.operate("GET", "notices")["data"][0]["state"] == "delivered"


def test_a_user_is_told_of_a_failure_too(caller: Caller, receiver: Receiver) -> None:
    """A task that fails or expires sends its webhook as well."""
    reply = caller.create(callback_url=receiver.url).json()
    caller.mock.fail(reply["kling_task_id"], 1301)
    caller.mock.faults.add("reset", "POST /v1/*", times=1)
    lost = caller.created(callback_url=receiver.url)
    caller.mock.clock.advance(600)
    tasks = [json.loads(request.body) for request in receiver.received]
    assert [task["task_status"] for task in tasks] == ["failed", "failed"]
    assert {task["task_id"] for task in tasks} == {reply["task_id"], lost}


INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1",  # noqa: S104 - refused
    "169.254.169.254", "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "203.0.113.7",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:db8::1",
    "2001:0:7f00:1::", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "ff02::1",
    "fec0::1", "feff::1", "168.63.129.16", "::ffff:168.63.129.16", "192.88.99.1", "5f00::1",
    "3fff::1", "::127.0.0.1", "localhost", "", "2130706433", "0x7f000001", "127.1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_an_inside_address_is_never_public(address: str) -> None:
    """No loopback, private, link-local, shared, mapped or reserved address passes for public."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "1.1.1.1", "168.63.129.17"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    """Ordinary addresses of the internet may be called."""
    assert is_public(address)


async def test_what_is_connected_to_decides(receiver: Receiver) -> None:
    """A literal address and a name that leads inside are refused at the connection itself."""
    guarded = WebhookSender()
    port = receiver.url.split(":")[2].split("/")[0]
    for host in ("127.0.0.1", "localhost", "127.1", "[::1]", "2130706433"):
        answer = await guarded.send(f"http://{host}:{port}/", {}, b"{}")
        assert answer.status == 0
        assert "http" not in answer.error
    await guarded.close()
    free = WebhookSender(["127.0.0.1"])
    assert (await free.send(receiver.url, {}, b"{}")).status == 200
    assert (await free.send("no url", {}, b"{}")).status == 0
    await free.close()
    assert len(receiver.received) == 1


def test_each_user_has_a_secret_of_its_own() -> None:
    """One user's secret says nothing about another's, nor about the relay's."""
    first, second = user_secret(b"relay", 1), user_secret(b"relay", 2)
    assert first != second != user_secret(b"other relay", 2)
    assert first.startswith("whsec_")


def received_by(caller: Caller, receiver: Receiver) -> tuple[bytes, dict[str, str]]:
    """Have a task end; return body and headers of the webhook about it."""
    reply = caller.create(callback_url=receiver.url).json()
    caller.mock.complete(reply["kling_task_id"])
    caller.mock.clock.advance(0)
    last = receiver.received[-1]
    return last.body, last.headers


def test_a_secret_is_rotated_with_both_signatures(caller: Caller, receiver: Receiver) -> None:
    """During the overlap a receiver may know the old or the new secret; afterwards the new one."""
    user = caller.mock.ledger.user()
    old = caller.operate("GET", f"users/{user.id}")["webhook_secret"]
    rotated = caller.operate(
        "POST", f"users/{user.id}/webhook_secret", json={"overlap_seconds": 3600}
    )
    new = rotated["webhook_secret"]
    assert new != old
    assert (rotated["generation"], rotated["user_id"]) == (1, user.id)
    assert caller.operate("GET", "users/default")["webhook_secret"] == new

    body, headers = received_by(caller, receiver)
    now = int(caller.mock.clock.now())
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert parse_callback(body, headers, secret, now).verified

    caller.mock.clock.advance(3600)
    body, headers = received_by(caller, receiver)
    now = int(caller.mock.clock.now())
    assert parse_callback(body, headers, new, now).verified
    with pytest.raises(CallbackVerificationError):
        parse_callback(body, headers, old, now)


def test_a_secret_that_others_know_is_replaced_at_once(caller: Caller, receiver: Receiver) -> None:
    """Without an overlap the old secret no longer signs; other users keep theirs."""
    other = caller.another()
    before = caller.operate("GET", "users/other")
    old = caller.operate("GET", "users/default")["webhook_secret"]
    path = "users/default/webhook_secret"
    caller.operate("POST", path, json={"overlap_seconds": 0})
    body, headers = received_by(caller, receiver)
    with pytest.raises(CallbackVerificationError):
        parse_callback(body, headers, old, int(caller.mock.clock.now()))
    assert len(headers["webhook-signature"].split(" ")) == 1
    body, headers = received_by(other, receiver)
    secret = before["webhook_secret"]
    assert parse_callback(body, headers, secret, int(caller.mock.clock.now())).verified


async def test_a_callback_in_the_middle_of_a_loop() -> None:
    """A relay in an async test sends its webhooks within the mock's time, too."""
    async with KlingMock(seed=1) as mock, mock.async_relay_client() as relay:
        task = await relay.text2video.create(
            prompt="x", callback_url=f"{mock.relay_url}/kling/callback/nobody"
        )
        await mock.clock.aadvance(3600)
        assert (await relay.text2video.get(task.task_id)).is_succeed
