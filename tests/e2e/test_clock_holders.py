"""Holders of the emulated Kling's clock, with the SDK's own clients."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from kling_mock import KlingMock, RateLimit
from kling_mock.clock import manual as _manual
from kling_sdk import Kling, KlingError, Task
from tests.mock.receiver import Receiver, receiver

__all__ = ["receiver"]

DAY = 24 * 3600
PATIENCE = 30.0  # seconds of real time: less than a clock that is held up stands still here


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_manual, "GIVE_UP", 2 * PATIENCE)


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=1) as server:
        yield server


@pytest.fixture
def kling(mock: KlingMock) -> Iterator[Kling]:
    with mock.client() as client:
        yield client


def test_advancing_in_on_update_raises_at_once(mock: KlingMock, kling: Kling) -> None:
    """Instead of standing still at each step until the clock gives up."""
    errors: list[str] = []

    def on_update(_: Task) -> None:
        with pytest.raises(RuntimeError) as raised:
            mock.clock.advance(60)
        errors.append(str(raised.value))

    before = time.monotonic()
    task = kling.text2video.create(prompt="a kitten")
    assert kling.text2video.wait(task, on_update=on_update).is_succeed
    assert time.monotonic() - before < PATIENCE
    assert len(errors) >= 2
    assert all("on_update" in error for error in errors)


@pytest.mark.parametrize("trouble", ["one 5001", "a rate limit"])
def test_a_receiver_with_a_wired_client_may_have_to_repeat(
    mock: KlingMock, kling: Kling, receiver: Receiver, trouble: str
) -> None:
    """Its sleep moves the clock that waits for it, so each report comes once."""
    receiver.before_answer = lambda: kling.text2video.list(page_size=1)
    mock.callbacks.timeout = 2 * PATIENCE
    task = kling.text2video.create(prompt="a kitten", callback_url=receiver.url)
    mock.clock.advance(0)
    if trouble == "one 5001":
        mock.faults.add("status", "GET *", code=5001, times=1)
    else:
        mock.account.rate_limit = RateLimit(1, seconds=2)
    before = time.monotonic()
    mock.clock.advance(1800)
    assert time.monotonic() - before < PATIENCE
    attempts = [len(delivery.attempts) for delivery in mock.deliveries.of(task)]
    assert attempts == [1, 1, 1]
    assert {delivery.state for delivery in mock.deliveries} == {"delivered"}


@pytest.mark.parametrize("way", ["Kling", "a relay"])
def test_a_client_that_hangs_does_not_hold_up_the_others(
    mock: KlingMock, kling: Kling, way: str
) -> None:
    """It waits for a reply that a fault holds back, and cannot act before that ends."""
    mock.faults.add("hang", "POST *", prompt="hangs", times=1, seconds=10 * PATIENCE)
    options = {"timeout": 5 * PATIENCE, "retries": 0, "create_deadline": 0.1, "look_up": False}
    make = mock.client if way == "Kling" else mock.relay_client
    patient = make(**options)

    def wait_for_the_reply() -> None:
        with pytest.raises(KlingError):
            patient.text2video.create(prompt="hangs")

    thread = threading.Thread(target=wait_for_the_reply)
    thread.start()
    while mock.faults.unused:
        pass
    before = time.monotonic()
    assert kling.text2video.run(prompt="another kitten").is_succeed
    assert time.monotonic() - before < PATIENCE
    mock.stop()
    thread.join(10)
    patient.close()


@pytest.mark.slow
def test_an_abandoned_call_holds_nothing_after_a_reset(mock: KlingMock) -> None:
    """A thread that blocks in its `on_update` forever belongs to the test before."""
    let_go, blocks = threading.Event(), threading.Event()

    def on_update(_: Task) -> None:
        blocks.set()
        let_go.wait(10 * PATIENCE)

    def abandoned() -> None:
        with mock.client() as kling:
            task = kling.text2video.create(prompt="a kitten")
            with pytest.raises(KlingError):  # the reset has forgotten it
                kling.text2video.wait(task, on_update=on_update)

    thread = threading.Thread(target=abandoned)
    thread.start()
    assert blocks.wait(10)
    mock.reset()
    before = time.monotonic()
    with mock.client() as kling:
        assert kling.text2video.run(prompt="a kitten").is_succeed
    assert time.monotonic() - before < PATIENCE
    let_go.set()
    thread.join(10)


@pytest.mark.slow
def test_a_year_with_a_relay_in_use_takes_no_time(mock: KlingMock) -> None:
    """Sweeps that would find nothing are skipped, and open tasks still end."""
    with mock.relay_client() as kling:
        ended = kling.text2video.run(prompt="a kitten")
        mock.progress.add("stuck")
        open_ = kling.text2video.create(prompt="a kitten")
        before = time.monotonic()
        mock.clock.advance(365 * DAY)
        assert time.monotonic() - before < PATIENCE
        assert kling.text2video.get(open_.task_id).status == "failed"
        assert kling.text2video.get(ended.task_id).is_succeed
    assert mock.ledger.user().held_quota == 0
    mock.ledger.assert_balanced()
