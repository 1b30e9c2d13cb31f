"""The events of a server, as a stream of server-sent events that can be resumed.

    hello     the stream begins: {"resumed", "total"}. Unless it was resumed, the client's data may
              be outdated, so it requests everything that it shows
    task      a task, as the list of tasks shows it, with `made_at`
    callback  a delivery, as the list of deliveries shows it
    requests  {"total"}: the number of requests ever in the journal
    faults    {"data"}: all of them, as the list of faults shows them
    clock     as the clock is shown
    accounts  {}: something about them has changed
    reset     {}: everything may have changed, or too much to name it

A client sends the id of an event as `Last-Event-ID` to continue after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aiohttp import web

from kling_mock.admin.calls.clock import show_clock
from kling_mock.admin.context import AdminContext
from kling_mock.admin.views import numbered, show_fault
from kling_mock.kling.journal.changes import RESET
from kling_mock.web.errors import ApiError

MAX_STREAMS = 16
_LOOK_SECONDS = 0.1  # of real time between two looks at the changes
_SILENT_SECONDS = 10.0  # after which a comment shows that the stream is alive
_MAX_NAMED = 500  # changes; more at once would keep the server busy for too long
_ID = re.compile(r"([0-9a-f]{12})\.([0-9]{1,15})\.([0-9]{1,15})")


class _Position(NamedTuple):
    """The position up to which a client has read.

    Attributes:
        changes: The position in the log of changes.
        requests: The position in the journal.
    """

    changes: int
    requests: int


class _Watch:
    """The state of one client: what it knows, and the events that it still needs."""

    def __init__(self, context: AdminContext, last_id: str) -> None:
        self._context = context
        self._log = context.world.changes
        match = _ID.fullmatch(last_id)
        here = _Position(self._log.total, context.journal.total)
        there = _Position(int(match[2]), int(match[3])) if match else here
        self.is_resumed = (
            match is not None
            and match[1] == self._log.run
            and self._log.since(there.changes) is not None
        )
        self._at = there if self.is_resumed else here
        self._last_sent: dict[str, Any] = {}

    def hello(self) -> bytes:
        """Return the first event."""
        total = len(self._context.world.tasks)
        return self._events([("hello", {"resumed": self.is_resumed, "total": total})])

    def news(self) -> bytes:
        """Return the events since the last poll; empty if there are none."""
        return self._events([*self._look()])

    def _events(self, events: Sequence[tuple[str, Any]]) -> bytes:
        if not events:
            return b""
        written = [f"event: {kind}\ndata: {json.dumps(data)}\n" for kind, data in events]
        # Only the last event has an id: if the stream breaks earlier, all of them are sent again.
        at = f"id: {self._log.run}.{self._at.changes}.{self._at.requests}\n"
        return f"{chr(10).join(written)}{at}\n".encode()

    def _look(self) -> Iterator[tuple[str, Any]]:
        context, log = self._context, self._log
        changes = log.since(self._at.changes)
        self._at = self._at._replace(changes=log.total)
        if changes is None or len(changes) > _MAX_NAMED or RESET in changes:
            self._last_sent.clear()
            yield "reset", {}
        else:
            yield from self._changed(change.id for change in changes if change.kind == "task")
            yield from self._delivered(
                {change.id for change in changes if change.kind == "callback"}
            )
        if context.journal.total != self._at.requests:
            self._at = self._at._replace(requests=context.journal.total)
            yield "requests", {"total": context.journal.total}
        faults = [show_fault(fault) for fault in context.world.faults]
        yield from self._if_new("faults", {"data": faults}, faults)
        clock = show_clock(context.clock)
        is_still = clock["speed"] is None
        seen = clock if is_still else {**clock, "now": 0}  # running is not an event
        yield from self._if_new("clock", clock, seen)
        yield from self._if_new("accounts", {}, self._accounts())

    def _accounts(self) -> list[Any]:
        """Return the values whose change is a change of the accounts."""
        world = self._context.world
        return [
            (
                account.name,
                account.open,
                account.disabled,
                account.in_arrears,
                account.slots,
                len(account.webhook_secrets),
                [pack.remaining for pack in account.packs],
            )
            for account in map(world.accounts.__getitem__, world.accounts)
        ]

    def _changed(self, ids: Iterable[str]) -> Iterator[tuple[str, Any]]:
        for task_id in ids:
            task = self._context.world.tasks.get(task_id)
            if task is not None:  # it may have been forgotten
                yield "task", self._context.task(task, {"include": "made_at"})

    def _delivered(self, ids: Collection[str]) -> Iterator[tuple[str, Any]]:
        log = self._context.world.callbacks.log
        for number, delivery in numbered([*log], log.total) if ids else ():
            if delivery.delivery_id in ids:
                yield "callback", self._context.delivery(number, delivery)

    def _if_new(self, kind: str, data: Any, seen: Any) -> Iterator[tuple[str, Any]]:
        if self._last_sent.get(kind) != seen:
            self._last_sent[kind] = seen
            yield kind, data


def _is_gone(request: web.BaseRequest) -> bool:
    return request.transport is None or request.transport.is_closing()


async def send_events(
    request: web.BaseRequest,
    context: AdminContext,
    cors: Mapping[str, str],
    now: Callable[[], float] = time.monotonic,
) -> web.StreamResponse:
    """Send events until the client has gone or the server stops.

    Polling ten times a second costs nothing without watchers, and the requests of an app under
    test never wait for a watcher.

    Args:
        context: The server.
        cors: Headers that let a page of another origin read the stream.
        now: Seconds of real time.

    Raises:
        ApiError: 429, the maximum number of streams is open.
    """
    log = context.world.changes
    if len(log.watchers) >= MAX_STREAMS:
        text = f"At most {MAX_STREAMS} streams of events are open at a time; close one."
        raise ApiError(429, "too_many_streams", text, {"Retry-After": "5"})
    headers = {"Content-Type": "text/event-stream;charset=UTF-8", "Cache-Control": "no-store"}
    stream = web.StreamResponse(headers={**headers, **cors})
    stream.force_close()
    ended = asyncio.Event()  # set when the server stops
    log.watchers.add(ended.set)
    try:
        await stream.prepare(request)
        watch = _Watch(context, request.headers.get("Last-Event-ID", ""))
        await stream.write(watch.hello())
        sent_at = now()
        while not (ended.is_set() or _is_gone(request)):
            news = watch.news()
            if news or now() - sent_at >= _SILENT_SECONDS:
                await stream.write(news or b":\n\n")
                sent_at = now()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await ended.wait()
    except ConnectionError:
        pass  # the client has gone
    finally:
        log.watchers.discard(ended.set)
    return stream
