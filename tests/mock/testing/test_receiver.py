"""The receiver of callbacks: what it lists, refuses and answers, and how a test waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock, KlingReceiver
from tests.mock.loop_time import let_pass
from tests.mock.testing.conftest import Run

ALL = ["submitted", "processing", "succeed"]


@pytest.fixture
def receiver(mock: KlingMock) -> Iterator[KlingReceiver]:
    with KlingReceiver(mock) as receiver:
        yield receiver


# ------------------------------------------------------------ the fixture


def test_the_fixture_takes_callbacks(run: Run) -> None:
    """Waiting for the end takes no real time; callbacks are listed as tasks, in order."""
    result = run("""
        def test_it(kling, kling_receiver):
            task = kling.text2video.create(prompt="a", callback_url=kling_receiver.url)
            assert kling_receiver.wait_for(task).task.is_succeed
            statuses = [one.task.status for one in kling_receiver.of(task)]
            assert statuses == ["submitted", "processing", "succeed"]
    """)
    result.assert_outcomes(passed=1)


def test_alone_it_brings_its_server(run: Run) -> None:
    """With the shared server it belongs to that one, and the test gets no server of its own."""
    result = run(
        """
        def test_alone(kling_receiver):
            assert kling_receiver.received == ()

        def test_shared(kling_receiver, kling_mock_server):
            with kling_mock_server.client() as kling:
                task = kling.text2video.run(prompt="a", callback_url=kling_receiver.url)
            assert kling_receiver.wait_for(task.task_id).task.url
    """.replace(".task.url", ".task.videos")
    )
    result.assert_outcomes(passed=2)


# ------------------------------------------------------------ what comes


def test_what_is_signed_is_verified(mock: KlingMock, api: Any, receiver: KlingReceiver) -> None:
    """It is verified by the secrets of the accounts, old and new, and by the clock that signs."""
    task = api.new(callback_url=receiver.url)
    mock.clock.advance(0)
    mock.account.add_webhook_secret()
    mock.complete(task)
    assert [callback.verified for callback in receiver.received] == [False, True, True]
    mock.clock.advance(3600)
    mock.account.add_webhook_secret()
    mock.callbacks.timestamps = "real"
    mock.complete(api.new(callback_url=receiver.url))
    assert [callback.verified for callback in receiver.received[3:]] == [True] * 3
    assert receiver.received[-1].headers["content-type"] == "application/json"
    assert receiver.received[-1].body.startswith(b"{")
    assert receiver.refused == ()


def test_a_secret_of_another_server_can_be_added(mock: KlingMock) -> None:
    """The webhooks of a relay need this, since its users have secrets of their own."""
    with KlingMock() as other, KlingReceiver(mock) as receiver, other.client() as kling:
        receiver.secrets.append(other.account.add_webhook_secret())
        other.callbacks.timestamps = mock.callbacks.timestamps = "real"
        other.complete(kling.text2video.create(prompt="a", callback_url=receiver.url))
    assert [callback.verified for callback in receiver.received] == [True] * 3


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, "not a task"),
        (
            {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,aaaa"},
            "no account of the emulated Kling has a secret",
        ),
    ],
)
def test_a_forgery_is_refused(receiver: KlingReceiver, headers: dict[str, str], why: str) -> None:
    """It is answered 400, and listed with the reason."""
    reply = httpx.post(receiver.url, content=b"{}", headers=headers)
    assert reply.status_code == 400
    assert (len(receiver.refused), receiver.received) == (1, ())
    assert why in receiver.refused[0]


def test_a_replay_that_is_too_old_is_refused(
    mock: KlingMock, api: Any, receiver: KlingReceiver
) -> None:
    """An app would refuse it as well."""
    mock.account.add_webhook_secret()
    mock.callbacks.retries = ()
    task = api.new(callback_url=receiver.url)
    mock.complete(task)
    mock.clock.advance(3600)
    mock.deliveries.replay(task)
    assert len(receiver.received) == 3
    assert [("3600 s" in why) for why in receiver.refused] == [True] * 3


# ------------------------------------------------------------ what it answers


def test_it_answers_as_it_is_told(mock: KlingMock, api: Any, receiver: KlingReceiver) -> None:
    """One answer after the other, then 200 again; the emulated Kling tries again meanwhile."""
    receiver.answer(500, times=2)
    receiver.answer(404)
    mock.progress.add("by-hand")
    api.new(callback_url=receiver.url)
    mock.clock.advance(600)
    assert [callback.answered for callback in receiver.received] == [500, 500, 404, 200]
    assert mock.deliveries[0].state == "delivered"


def test_a_slow_answer_comes_too_late(mock: KlingMock, api: Any, receiver: KlingReceiver) -> None:
    """Then the emulated Kling gives up, and tries again."""
    mock.callbacks.timeout = 60
    receiver.answer(seconds=600)
    mock.progress.add("by-hand")
    api.new(callback_url=receiver.url)
    while not receiver.received:
        pass
    let_pass(mock, 60)
    mock.clock.advance(600)
    assert [attempt.status for attempt in mock.deliveries[0].attempts] == [0, 200]
    assert len(receiver.received) == 2


# ------------------------------------------------------------ waiting


def test_waiting_moves_a_manual_clock(mock: KlingMock, api: Any, receiver: KlingReceiver) -> None:
    """The clock moves as far as needed: to the callback, and little more."""
    mock.progress.add("after", seconds=100)
    task = api.new(callback_url=receiver.url)
    start = mock.clock.now()
    assert receiver.wait_for(task, "processing").task.status == "processing"
    assert mock.clock.now() - start <= 2
    assert receiver.wait_for(task).task.is_succeed
    assert 100 <= mock.clock.now() - start <= 106
    assert receiver.wait_for(task, "submitted") is receiver.received[0]


async def test_waiting_in_an_event_loop(mock: KlingMock, receiver: KlingReceiver) -> None:
    """The same, without blocking the loop."""
    async with mock.async_client() as kling:
        task = await kling.text2video.create(prompt="a", callback_url=receiver.url)
        assert (await receiver.await_for(task)).task.is_succeed


@pytest.mark.parametrize("clock", ["real", 1000])
async def test_waiting_on_a_clock_that_runs(clock: Any) -> None:
    """It ends when the callback has come."""
    with KlingMock(clock=clock) as mock, KlingReceiver(mock) as receiver:
        mock.progress.add("after", seconds=0.05)
        with mock.client() as kling:
            tasks = [
                kling.text2video.create(prompt="a", callback_url=receiver.url) for _ in range(2)
            ]
        assert receiver.wait_for(tasks[0], timeout=60_000).task.is_succeed
        assert (await receiver.await_for(tasks[1], timeout=60_000)).task.is_succeed


def test_only_what_was_accepted_counts(mock: KlingMock, api: Any, receiver: KlingReceiver) -> None:
    """A callback that is answered 500 has not arrived; its repeat has."""
    task = api.new(callback_url=receiver.url)
    mock.clock.advance(10)
    receiver.answer(500)
    assert receiver.wait_for(task) is receiver.received[-1]
    assert [callback.answered for callback in receiver.of(task)[-2:]] == [500, 200]


def test_no_task_is_waited_for_that_could_never_be(
    mock: KlingMock, receiver: KlingReceiver
) -> None:
    """A misspelt status is refused at once: the clock would go two hours for it."""
    before = mock.clock.now()
    with pytest.raises(ValueError, match=r"status: must be one of submitted, .*; got 'done'"):
        receiver.wait_for("831922345719271433", "done")
    assert mock.clock.now() == before


def test_waiting_in_vain_says_what_came(mock: KlingMock, api: Any, receiver: KlingReceiver) -> None:
    """The failure names what came, and what was refused."""
    mock.progress.add("stuck")
    task = api.new(callback_url=receiver.url)
    with pytest.raises(AssertionError) as caught:
        receiver.wait_for(task, timeout=600)
    assert f"No callback about task {task} said 'succeed or failed' within 600 s" in str(
        caught.value
    )
    assert "submitted (answered 200), processing (answered 200)" in str(caught.value)
    httpx.post(receiver.url, content=b"{}")
    with pytest.raises(AssertionError, match=r"task: none\. 1 were refused, the last one since"):
        receiver.wait_for("1", "failed", timeout=1)


# ------------------------------------------------------------ mistakes


def test_it_is_used_while_it_runs(mock: KlingMock) -> None:
    """Before and after, its URL says what is wrong; what came can still be read."""
    receiver = KlingReceiver(mock)
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = receiver.url
    with receiver:
        with pytest.raises(RuntimeError, match="runs already"):
            receiver.start()
        httpx.post(receiver.url, content=b"{}")
    with pytest.raises(RuntimeError, match="has been stopped"):
        _ = receiver.url
    assert repr(receiver) == "<KlingReceiver: 0 received, 1 refused>"


@pytest.mark.parametrize("wrong", [{"status": 100}, {"seconds": -1}, {"times": 0}])
def test_wrong_answers_are_named(receiver: KlingReceiver, wrong: dict[str, Any]) -> None:
    """Each says what it accepts."""
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: must be"):
        receiver.answer(**wrong)


def test_it_shows_no_secrets(mock: KlingMock, api: Any, receiver: KlingReceiver) -> None:
    """The representation of what came has no URLs and no headers."""
    task = api.new(callback_url=receiver.url)
    mock.complete(task)
    assert repr(receiver.received[-1]) == f"<succeed of task {task}, answered 200>"
