"""What happens on a server, as server-sent events: a stream that can be taken up again.

    hello     the stream begins: {"resumed", "total"}. Unless it was resumed, what the client knows
              may be old, so it asks for all that it shows
    task      a task, as the list of tasks shows it, with `made_at`
    callback  a delivery, as the list of deliveries shows it
    requests  {"total"}: how many there ever were in the journal
    faults    {"data"}: all of them, as the list of faults shows them
    clock     as the clock is shown
    accounts  {}: something about them has changed
    reset     {}: nothing is what it was, or too much has changed to name it

The id of an event is what `Last-Event-ID` names to go on behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from aiohttp import web

from kling_mock.admin.calls.clock import show_clock
from kling_mock.admin.context import AdminContext
from kling_mock.admin.views import numbered, show_fault
from kling_mock.journal.changes import RESET
from kling_mock.web.errors import ApiError

__all__ = ["MOST_STREAMS", "send_events"]

MOST_STREAMS = 16
_LOOK_SECONDS = 0.1  # of real time, between two looks at what has changed
_SILENT_SECONDS = 10.0  # after which a comment shows that the stream lives
_MOST_NAMED = 500  # changes; the server would be busy for long with more at once
_ID = re.compile(r"([0-9a-f]{12})\.([0-9]{1,15})\.([0-9]{1,15})")


class _Position(NamedTuple):
    """How far a client has read.

    Attributes:
        changes: Of the log of changes.
        requests: Of the journal.
    """

    changes: int
    requests: int


class _Watch:
    """What one client knows, and what it has to be told."""

    def __init__(self, context: AdminContext, last_id: str) -> None:
        self._context = context
        self._log = context.world.changes
        found = _ID.fullmatch(last_id)
        here = _Position(self._log.total, context.journal.total)
        there = _Position(int(found[2]), int(found[3])) if found else here
        self.is_resumed = (
            found is not None
            and found[1] == self._log.run
            and self._log.since(there.changes) is not None
        )
        self._at = there if self.is_resumed else here
        self._shown: dict[str, Any] = {}

    def hello(self) -> bytes:
        """Return the first event."""
        total = len(self._context.world.tasks)
        return self._events([("hello", {"resumed": self.is_resumed, "total": total})])

    def news(self) -> bytes:
        """Return the events since the last look; empty if there are none."""
        return self._events([*self._look()])

    def _events(self, events: Sequence[tuple[str, Any]]) -> bytes:
        if not events:
            return b""
        written = [f"event: {kind}\ndata: {json.dumps(data)}\n" for kind, data in events]
        # Only the last one has an id: a stream that breaks before it sends all of them again.
        at = f"id: {self._log.run}.{self._at.changes}.{self._at.requests}\n"
        return f"{chr(10).join(written)}{at}\n".encode()

    def _look(self) -> Iterator[tuple[str, Any]]:
        context, log = self._context, self._log
        changes = log.since(self._at.changes)
        self._at = self._at._replace(changes=log.total)
        if changes is None or len(changes) > _MOST_NAMED or RESET in changes:
            self._shown.clear()
            yield "reset", {}
        else:
            yield from self._changed(one.id for one in changes if one.kind == "task")
            yield from self._delivered({one.id for one in changes if one.kind == "callback"})
        if context.journal.total != self._at.requests:
            self._at = self._at._replace(requests=context.journal.total)
            yield "requests", {"total": context.journal.total}
        faults = [show_fault(fault) for fault in context.world.faults]
        yield from self._if_new("faults", {"data": faults}, faults)
        clock = show_clock(context.clock)
        is_still = clock["speed"] is None
        seen = clock if is_still else {**clock, "now": 0}  # that it runs is no news
        yield from self._if_new("clock", clock, seen)
        yield from self._if_new("accounts", {}, self._accounts())

    def _accounts(self) -> list[Any]:
        """Return what a change of an account is seen by."""
        world = self._context.world
        return [
            (
                one.name,
                one.open,
                one.disabled,
                one.in_arrears,
                one.slots,
                len(one.webhook_secrets),
                [pack.remaining for pack in one.packs],
            )
            for one in map(world.accounts.__getitem__, world.accounts)
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
        if self._shown.get(kind) != seen:
            self._shown[kind] = seen
            yield kind, data


def _is_gone(request: web.BaseRequest) -> bool:
    return request.transport is None or request.transport.is_closing()


async def send_events(
    request: web.BaseRequest,
    context: AdminContext,
    now: Callable[[], float] = time.monotonic,
) -> web.StreamResponse:
    """Send events until the client has gone or the server stops.

    Looking ten times a second costs nothing while nobody watches, and the requests of an app
    under test wait for no watcher.

    Args:
        request: The request.
        context: The server.
        now: Seconds of real time.

    Raises:
        ApiError: 429, there are as many streams as there may be.
    """
    log = context.world.changes
    if len(log.watchers) >= MOST_STREAMS:
        text = f"At most {MOST_STREAMS} streams of events are open at a time; close one."
        raise ApiError(429, "too_many_streams", text, {"Retry-After": "5"})
    headers = {"Content-Type": "text/event-stream;charset=UTF-8", "Cache-Control": "no-store"}
    stream = web.StreamResponse(headers=headers)
    stream.force_close()
    ended = asyncio.Event()  # set when the server stops
    log.watchers.add(ended.set)
    try:
        await stream.prepare(request)
        watch = _Watch(context, request.headers.get("Last-Event-ID", ""))
        await stream.write(watch.hello())
        said = now()
        while not (ended.is_set() or _is_gone(request)):
            news = watch.news()
            if news or now() - said >= _SILENT_SECONDS:
                await stream.write(news or b":\n\n")
                said = now()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await ended.wait()
    except ConnectionError:
        pass  # the client has gone
    finally:
        log.watchers.discard(ended.set)
    return stream
