"""A server that is stopped and started again continues where it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kling_mock import KlingMock
from tests.mock.conftest import Api
from tests.mock.receiver import Receiver, closed_url


@contextmanager
def calling(mock: KlingMock) -> Iterator[Api]:
    """Start a server, and call it."""
    with mock:
        api = Api(mock)
        yield api
        api.http.close()


def test_the_clock_and_the_tasks_go_on() -> None:
    """The time is what it was, tasks move on, and slots are freed."""
    mock = KlingMock(seed=1)
    with calling(mock) as api:
        mock.account.slots = 1
        task_id = api.new()
        mock.clock.advance(30)
        before, url = mock.clock.now(), mock.kling_url
    assert mock.clock.now() == before
    with calling(mock) as api:
        assert (mock.clock.now(), mock.kling_url) == (before, url)
        assert api.task(task_id)["task_status"] == "processing"
        assert api.create().json()["code"] == 1303
        mock.clock.advance(600)
        assert api.task(task_id)["task_status"] == "succeed"
        assert mock.account.open_tasks == 0
        assert api.create().status_code == 200


def test_callbacks_that_were_due_are_sent(receiver: Receiver) -> None:
    """Those that wait for a next attempt, those under way, and those that came up meanwhile."""
    mock = KlingMock(seed=1)
    with calling(mock) as api:
        receiver.answers = [500]
        retried = api.new(callback_url=receiver.url)
        mock.clock.advance(0)
        ended = api.new(callback_url=receiver.url)
    mock.complete(ended)
    count = len(receiver.received)
    with mock:
        mock.clock.advance(60)
        assert len(receiver.received) > count
        states = {delivery.state for delivery in mock.deliveries}
        assert states == {"delivered"}
    statuses = [got.task["task_status"] for got in receiver.received]
    assert statuses.count("succeed") == 1
    assert {got.task["task_id"] for got in receiver.received} == {retried, ended}


def test_a_reset_while_it_is_stopped_begins_anew() -> None:
    """No work that was due is left."""
    mock = KlingMock(seed=1)
    with calling(mock) as api:
        api.new(callback_url=closed_url())
    mock.reset()
    with mock:
        mock.clock.advance(600)
        assert (mock.journal.total, mock.deliveries.total, mock.account.open_tasks) == (0, 0, 0)


def test_another_server_may_have_taken_the_port() -> None:
    """Then it listens on a free one."""
    mock = KlingMock()
    with mock:
        first = mock.kling_url
    with KlingMock(kling_port=int(first.rpartition(":")[2])) as other, mock:
        assert mock.kling_url != other.kling_url == first


def test_wired_clients_go_on_too() -> None:
    """A client of before the stop waits for its task after it."""
    mock = KlingMock(seed=1)
    with mock:
        kling = mock.client()
        task = kling.text2video.create(prompt="a kitten")
    with mock, kling:
        assert kling.text2video.wait(task).is_succeed


@pytest.mark.slow
def test_the_relay_goes_on_with_its_open_tasks() -> None:
    """No request is needed to build it again."""
    mock = KlingMock(seed=1)
    with mock:
        url = mock.relay_url
        with mock.relay_client() as kling:
            kling.text2video.create(prompt="a kitten")
        assert mock.ledger.user().held_quota > 0
    with mock:
        mock.clock.advance(3600)
        assert mock.relay_url == url
        user = mock.ledger.user()
        assert user.held_quota == 0
        assert user.used_quota > 0
        mock.ledger.assert_balanced()


def test_a_fast_clock_goes_on() -> None:
    """Its time passes while the server is stopped, and what came due then is done at the start."""
    mock = KlingMock(clock=100_000)
    with calling(mock) as api:
        task_id = api.new()
        before = mock.clock.now()
    with calling(mock) as api:
        assert mock.clock.now() > before
        while api.task(task_id)["task_status"] != "succeed":
            pass
