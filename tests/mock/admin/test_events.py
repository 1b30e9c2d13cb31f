"""The stream of events: soon, in order, and repeated after a break."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.admin.events import MAX_STREAMS
from tests.mock.admin_client import Admin
from tests.mock.conftest import Api
from tests.mock.receiver import Receiver, receiver

__all__ = ["receiver"]

pytestmark = pytest.mark.slow  # each poll takes a tenth of a second


class Stream:
    """An open stream, read event by event."""

    def __init__(self, reply: httpx.Response) -> None:
        self.reply = reply
        self._lines = reply.iter_lines()
        self.last_id = ""

    def next(self) -> tuple[str, Any]:
        """Return the kind and the data of the next event."""
        event: dict[str, str] = {}
        for line in self._lines:
            if not line and event:
                self.last_id = event.get("id", self.last_id)
                return event["event"], json.loads(event["data"])
            name, _, value = line.partition(": ")
            if name:
                event[name] = value
        raise EOFError

    def until(self, kind: str) -> Any:
        """Return the data of the next event of this kind."""
        while (event := self.next())[0] != kind:
            pass
        return event[1]

    def settle(self) -> None:
        """Read what is sent at first: the last of it is about the accounts."""
        self.until("accounts")


@contextlib.contextmanager
def follow(admin: Admin, last_id: str = "") -> Iterator[Stream]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with admin.http.stream("GET", "/__kling/events", headers=headers, timeout=20) as reply:
        assert reply.status_code == 200
        yield Stream(reply)


@pytest.fixture
def admin(mock: KlingMock) -> Iterator[Admin]:
    with Admin(mock) as admin:
        yield admin


def test_it_begins_with_what_is(mock: KlingMock, admin: Admin) -> None:
    """A greeting, the faults, the clock; the response must not be cached."""
    with follow(admin) as stream:
        assert stream.reply.headers["content-type"] == "text/event-stream;charset=UTF-8"
        assert stream.reply.headers["cache-control"] == "no-store"
        assert stream.next() == ("hello", {"resumed": False, "total": 0})
        assert stream.next() == ("faults", {"data": []})
        assert stream.next()[0] == "clock"
        assert stream.next() == ("accounts", {})


def test_a_task_is_told_as_the_list_shows_it(mock: KlingMock, admin: Admin, api: Api) -> None:
    """When it is made and when it ends, each time whole."""
    with follow(admin) as stream:
        stream.settle()
        task = api.new()
        assert stream.until("task") == admin.ask("GET", f"/tasks/{task}?include=made_at")
        mock.complete(task)
        assert stream.until("task")["status"] == "succeed"


def test_callbacks_requests_faults_and_the_clock_are_told(
    mock: KlingMock, admin: Admin, api: Api, receiver: Receiver
) -> None:
    """Each event has the current values."""
    with follow(admin) as stream:
        stream.settle()
        mock.faults.add("stuck", times=3)
        assert [fault["kind"] for fault in stream.until("faults")["data"]] == ["stuck"]
        api.new(callback_url=receiver.url)
        assert stream.until("callback")["task_status"] == "submitted"
        assert stream.until("requests") == {"total": 1}
        mock.clock.advance(10)
        now = admin.ask("GET", "/clock")
        while stream.until("clock") != now:
            pass  # what was due before


def test_after_a_break_nothing_is_missed(mock: KlingMock, admin: Admin, api: Api) -> None:
    """The client names the last event that it has seen."""
    with follow(admin) as stream:
        stream.settle()
        seen = api.new()
        assert stream.until("task")["task_id"] == seen
        stream.until("requests")
        stream.until("accounts")
    missed = [api.new(), api.new()]
    with follow(admin, stream.last_id) as again:
        assert again.next() == ("hello", {"resumed": True, "total": 3})
        assert [again.until("task")["task_id"] for _ in missed] == missed
    with follow(admin, stream.last_id) as third:  # as often as it asks
        assert third.until("task")["task_id"] == missed[0]


@pytest.mark.parametrize("last", ["0123456789ab.0.0", "nonsense", "{run}.999999.0"])
def test_who_cannot_be_told_what_was_missed_is_told_so(
    mock: KlingMock, admin: Admin, last: str
) -> None:
    """An id of another server, or one that there never was: ask for everything again."""
    with follow(admin) as stream:
        stream.settle()
        run = stream.last_id.partition(".")[0]
    with follow(admin, last.replace("{run}", run)) as again:
        assert again.next() == ("hello", {"resumed": False, "total": 0})


def test_much_at_once_is_told_as_a_reset(mock: KlingMock, admin: Admin, api: Api) -> None:
    """A reset is an event, too: the viewer has to ask again for what it shows."""
    with follow(admin) as stream:
        stream.settle()
        changes = mock._emulator.world.changes
        for number in range(600):
            changes.note("task", str(number))
        assert stream.until("reset") == {}
        mock.reset()
        assert stream.until("reset") == {}
        task = api.new()
        assert stream.until("task")["task_id"] == task


def test_it_needs_the_token_and_there_are_not_many(mock: KlingMock, admin: Admin) -> None:
    """A stream more is refused; those that end make room."""
    with Admin(mock, "wrong") as other:
        assert other.send("GET", "/events").status_code == 401
    with contextlib.ExitStack() as streams:
        opened = [streams.enter_context(follow(admin)) for _ in range(MAX_STREAMS)]
        for stream in opened:  # which are kept: one that is dropped is closed
            stream.settle()
        assert admin.refused("GET", "/events", status=429) == "too_many_streams"
    log = mock._emulator.world.changes
    while len(log.watchers) == MAX_STREAMS:
        admin.ask("GET", "/clock")
    with follow(admin) as stream:
        stream.settle()


def test_it_ends_with_the_server() -> None:
    """A stop does not wait for who watches."""
    with KlingMock(seed=1) as mock, Admin(mock) as admin, follow(admin) as stream:
        stream.settle()
        mock.stop()
        with pytest.raises(EOFError):  # not a broken connection
            stream.until("what never comes")
        assert not mock._emulator.world.changes.watchers


def test_nobody_who_watches_is_in_the_journal(mock: KlingMock, admin: Admin, api: Api) -> None:
    """Downloads by a viewer are not there either: only requests of the app under test count."""
    task = api.new()
    mock.complete(task)
    path = admin.ask("GET", f"/tasks/{task}")["results"][0]["path"]
    mock.faults.add("reset")
    with follow(admin) as stream:
        stream.settle()
    reply = admin.send("GET", f"/media/{path}")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "video/mp4")
    assert b"ftyp" in reply.content[:16]
    assert len(mock.journal) == 1
