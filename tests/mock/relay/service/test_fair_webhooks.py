"""Webhooks to users: a receiver that is slow or dead does not delay the others."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from tests.mock.receiver import Receiver, receiver
from tests.mock.relay.http_calls import Caller
from tests.mock.relay.metrics.test_prometheus import scraped, value
from tests.mock.relay.scripted_kling import (
    ReceivedRequest,
    Reply,
    ScriptedKling,
    accepted,
    envelope,
    task,
)
from tests.mock.relay.standalone import standalone
from tests.plain_http import NO_TLS

__all__ = ["receiver"]  # the fixture

DAY = 86_400
SILENT = 200  # webhooks for a receiver that never answers


class Silent:
    """A receiver that accepts every connection and never responds."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://localhost:{self._listener.getsockname()[1]}/silent"
        self.connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                self.connections.append(self._listener.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        """Let every connection go."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self.connections:
            connection.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    silent = Silent()
    yield silent
    silent.close()


@contextmanager
def relay_in_real_time(*hosts: str) -> Iterator[Caller]:
    """Run a relay whose webhooks hang as they would: a manual clock waits for each."""

    def answer(request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            return accepted(request, f"k-{request.external_task_id}")
        name = request.external_task_id
        return envelope(task(name, "succeed", final_unit_deduction="1"))

    with (
        ScriptedKling(answer) as kling,
        standalone(kling.url, callback_hosts=["localhost", "127.0.0.1", *hosts]) as caller,
    ):
        yield caller


def end_at_once(caller: Caller, callback_url: str) -> None:
    """Create a task and report its end, so that its webhook is due."""
    task_id = caller.created(callback_url=callback_url)
    assert caller.report(task_id).json() == {"message": "success"}


def end(caller: Caller, callback_url: str) -> None:
    """Create a task and have it end, so that its webhook is due."""
    reply = caller.create(callback_url=callback_url).json()
    caller.mock.complete(reply["kling_task_id"])


def seconds_until(arrived: Any, limit: float) -> float:
    start = time.monotonic()
    while not arrived() and time.monotonic() - start < limit:
        threading.Event().wait(0.01)
    return time.monotonic() - start


@pytest.mark.slow
def test_a_receiver_that_hangs_delays_nobody_else(silent: Silent, receiver: Receiver) -> None:
    """200 webhooks of A hang for 15 seconds each; B gets its own within a second or two."""
    with relay_in_real_time() as a:
        b = a.another("b")
        for _ in range(SILENT):
            end_at_once(a, silent.url)
        assert seconds_until(lambda: silent.connections, 10) < 10
        for number in range(1, 4):
            end_at_once(b, receiver.url)
            took = seconds_until(lambda n=number: len(receiver.received) >= n, 30)
            assert took < 2.0, f"delivered after {took:.1f} s"
        assert len(silent.connections) <= 8  # four at a time, for 15 s each


@pytest.mark.slow
def test_many_receivers_of_one_user_delay_nobody_else(silent: Silent, receiver: Receiver) -> None:
    """A user who names another host each time still has the places of one user."""
    port = silent.url.split(":")[2]
    hosts = [f"127.0.0.{2 + number}" for number in range(40)]
    with relay_in_real_time(*hosts) as a:
        listening = [
            socket.create_server((host, int(port.partition("/")[0])), backlog=16) for host in hosts
        ]
        b = a.another("b")
        for host in hosts:
            for _ in range(2):
                end_at_once(a, f"http://{host}:{port}")
        end_at_once(b, receiver.url)
        took = seconds_until(lambda: receiver.received, 30)
        for listener in listening:
            listener.close()
        assert took < 2.0, f"delivered after {took:.1f} s"


@pytest.mark.slow
def test_a_receiver_that_fails_is_left_alone_for_a_while(
    caller: Caller, receiver: Receiver
) -> None:
    """After five failures in a row it gets one attempt per pause; no webhook loses an attempt."""
    receiver.answers += [500] * 6
    for _ in range(20):
        end(caller, receiver.url)
    caller.mock.clock.advance(0)
    tried = len(receiver.received)
    assert 5 <= tried <= 8  # those that were under way when it opened
    waiting = [
        notice for notice in caller.operate("GET", "notices")["data"] if not notice["attempts"]
    ]
    assert len(waiting) == 20 - tried
    assert {notice["state"] for notice in waiting} == {"pending"}
    caller.mock.clock.advance(9)
    assert len(receiver.received) <= tried
    receiver.answers.clear()
    caller.mock.clock.advance(1)
    caller.mock.clock.advance(300)
    states = [notice["state"] for notice in caller.operate("GET", "notices")["data"]]
    assert states == ["delivered"] * 20
    assert caller.operate("GET", "receivers")["data"] == []


def test_a_receiver_that_fails_for_days_is_switched_off(receiver: Receiver) -> None:
    """It gets nothing more until the operator switches it on: then all that was kept back."""
    with (
        KlingMock(seed=7, relay=RelaySettings(receiver_off_days=1)) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as http,
    ):
        caller = Caller(http, mock)
        receiver.answers += [500] * 1000
        for _ in range(3):
            end(caller, receiver.url)
        mock.clock.advance(DAY - 60)
        (failing,) = caller.operate("GET", "receivers")["data"]
        assert (failing["status"], failing["host"]) == ("enabled", "127.0.0.1")
        assert value(scraped(caller), "failing_receivers", state="failing") == 1

        mock.clock.advance(2 * DAY)
        (off,) = caller.operate("GET", "receivers")["data"]
        assert (off["status"], off["failing_since"]) == ("disabled", failing["failing_since"])
        tried = len(receiver.received)
        end(caller, receiver.url)
        mock.clock.advance(10 * DAY)
        assert len(receiver.received) == tried
        stopped = caller.operate("GET", "notices?state=stopped")["data"]
        assert stopped
        series = scraped(caller)
        assert value(series, "failing_receivers", state="off") == 1
        assert value(series, "failing_receivers", state="failing") == 0
        assert value(series, "deliveries_total", state="stopped") == len(stopped)

        receiver.answers.clear()
        path = f"receivers/{off['id']}/status"
        on = caller.operate("POST", path, json={"status": "enabled"})
        assert on["status"] == "enabled"
        mock.clock.advance(0)
        assert len(receiver.received) == tried + len(stopped)
        assert caller.operate("GET", "notices?state=stopped")["data"] == []
        assert caller.operate("GET", "receivers")["data"] == []


def test_one_that_works_now_and_then_is_never_switched_off(receiver: Receiver) -> None:
    """The days count from the last success."""
    with (
        KlingMock(seed=7, relay=RelaySettings(receiver_off_days=1)) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as http,
    ):
        caller = Caller(http, mock)
        for _ in range(8):
            receiver.answers += [500] * 5
            end(caller, receiver.url)
            mock.clock.advance(20 * 3600)
        assert caller.operate("GET", "receivers")["data"] == []
        assert {notice["state"] for notice in caller.operate("GET", "notices")["data"]} == {
            "delivered"
        }


def test_the_operator_can_switch_a_failing_receiver_off(caller: Caller, receiver: Receiver) -> None:
    """Its webhooks are kept back at once; an unknown receiver is a 404."""
    receiver.answers += [500]
    end(caller, receiver.url)
    caller.mock.clock.advance(0)
    (failing,) = caller.operate("GET", "receivers")["data"]
    caller.operate("POST", f"receivers/{failing['id']}/status", json={"status": "disabled"})
    caller.mock.clock.advance(DAY)
    assert len(receiver.received) == 1
    (notice,) = caller.operate("GET", "notices")["data"]
    assert (notice["state"], notice["attempts"]) == ("stopped", 1)
    headers = {"Authorization": f"Bearer {caller.mock.admin_token}"}
    for wrong, status in (("99", 404), ("none", 400)):
        path = f"/__kling/relay/receivers/{wrong}/status"
        reply = caller.http.post(path, headers=headers, json={"status": "enabled"})
        assert reply.status_code == status
