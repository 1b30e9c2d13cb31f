"""P3: unsigned callbacks do not change an end, and are kept and counted like signed ones.

All orders of up to four unsigned callbacks are posted to tasks that have succeeded, failed, or
were given up. How each ends, what is kept of them and how much room that takes follows from the
end and the words alone.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Final

import attrs
import pytest

from kling_mock.clock import ManualClock
from kling_mock.relay.domain.stored_values import MAX_HINT
from kling_mock.relay.http.large_bodies import LargeBodies
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.service.breakers import Breakers
from kling_mock.relay.service.callbacks import ALREADY, CallbackReceiver
from kling_mock.relay.service.channel_registry import ChannelRegistry
from kling_mock.relay.service.reconciler import TaskReconciler
from kling_mock.relay.service.upstream import Upstream
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.values import LateReport, TaskResult, VideoRow
from kling_sdk.results.task import Task
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.samples import Shop
from tests.proof.test_p3_any_order import WORDS, Order

LONGEST: Final = 4
#: An end, and the words that contradict it. A task that was given up should not exist at all.
CONTRADICTIONS: Final = {
    "succeed": {"failed"},
    "failed": {"succeed"},
    "given up": set(WORDS),
}


def orders() -> Iterator[Order]:
    for length in range(1, LONGEST + 1):
        yield from itertools.product(WORDS, repeat=length)


@attrs.frozen
class Relay:
    """The part of a relay that takes callbacks, over a store of its own."""

    shop: Shop
    store: MemoryStorage
    reports: TaskReconciler
    callbacks: CallbackReceiver
    metrics: Metrics

    @classmethod
    async def make(cls, make: type[MemoryStorage] = MemoryStorage) -> Relay:
        store, clock = make(), ManualClock(kit.NOW)
        directory = ChannelRegistry(store, clock, Random(1).random)  # noqa: S311 - draws a channel
        metrics = Metrics(clock.now)
        breakers = Breakers(clock.monotonic, lambda _state: None)
        reports = TaskReconciler(
            store,
            directory,
            breakers,
            Upstream(clock, 1, metrics, breakers),
            clock,
            lambda: None,
            metrics,
            lambda: True,
        )
        callbacks = CallbackReceiver(
            store, directory, reports, clock, lambda _: None, LargeBodies(0, metrics).parse, metrics
        )
        shop = await Shop.fill(store, quota=10**9)
        return cls(shop, store, reports, callbacks, metrics)

    async def ended(self, end: str) -> VideoRow:
        """Make a task and end it."""
        if end == "given up":
            row = await self.shop.create()
            await self.shop.settle(kit.failed(row.task_id))
        else:
            row = await self.shop.accepted()
            report = Task(task_id=row.kling_task_id or "", status=end)
            await self.reports.apply(row, report, "query")
        return await self.shop.row(row.task_id)

    async def post(self, row: VideoRow, word: str, padding: str = "") -> object:
        body = {"task_id": row.kling_task_id or "8", "task_status": word, "padding": padding}
        raw = json.dumps(body).encode()
        return await self.callbacks.receive(row.task_id, raw, {}, lambda: False)

    async def reports_of(self, row: VideoRow) -> list[LateReport]:
        reports = await self.store.list_reports(limit=1_000)
        return [report for report in reports if report.task_id == row.task_id]


async def wrong(end: str, make: type[MemoryStorage] = MemoryStorage) -> list[Order]:
    """The checker: post every order to a task that has ended so; return those that go wrong."""
    failures: list[Order] = []
    for order in orders():
        relay = await Relay.make(make)
        row = await relay.ended(end)
        money = await relay.shop.me()
        replies = [await relay.post(row, word) for word in order]
        unsigned = {
            report.status.removeprefix("unverified_"): report.seen
            for report in await relay.reports_of(row)
            if report.status.startswith("unverified_")
        }
        expected = Counter(word for word in order if word in CONTRADICTIONS[end])
        if (
            unsigned != expected
            or relay.metrics.callbacks["contradicting"] != expected.total()
            or replies != [ALREADY] * len(order)
            or await relay.shop.row(row.task_id) != row
            or await relay.shop.me() != money
        ):
            failures.append(order)
    return failures


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Log nothing: each contradiction is a line in the log, and there are hundreds."""
    caplog.set_level(logging.CRITICAL, "kling_mock.relay")


@pytest.mark.slow
@pytest.mark.parametrize("end", CONTRADICTIONS)
async def test_every_unsigned_contradiction_is_kept_and_counted(end: str) -> None:
    """340 orders per end: row, balance and reply stay, and each contradiction is counted."""
    assert await wrong(end) == []


async def room(make: type[MemoryStorage] = MemoryStorage) -> tuple[int, int]:
    """Flood a task that was given up; return how many reports are kept, and their bytes."""
    relay = await Relay.make(make)
    row = await relay.ended("given up")
    for number in range(100):
        for word in WORDS:
            await relay.post(row, word, f'"{number}' + '"' * 50_000)
    reports = await relay.reports_of(row)
    for report in reports:
        json.loads(report.json_data)  # what is cut is still JSON
    return len(reports), sum(len(report.json_data.encode()) for report in reports)


@pytest.mark.slow
async def test_forged_callbacks_cannot_fill_the_disk() -> None:
    """400 callbacks of 100 kB to one task leave four reports of at most 4 KiB each."""
    count, size = await room()
    assert count == len(WORDS)
    assert size <= count * MAX_HINT


async def _drops(*_: object) -> None:
    """Do nothing, as a relay that answers "already processed" and has done."""


@pytest.mark.slow
async def test_the_checker_catches_a_relay_that_drops_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control: a relay that drops unsigned callbacks shows in every contradiction."""
    monkeypatch.setattr(TaskReconciler, "keep_unverified", _drops)
    for end, words in CONTRADICTIONS.items():
        assert await wrong(end) == [order for order in orders() if words & set(order)]


class Believing(MemoryStorage):
    """Lets reports that are only kept change the status too."""

    async def keep_report(self, result: TaskResult, *, status: str, now: int) -> None:
        await super().keep_report(result, status=status, now=now)
        await kit.change(
            self,
            f"UPDATE videos SET status = '{result.status}' WHERE task_id = '{result.task_id}'",
        )


@pytest.mark.slow
async def test_the_checker_catches_a_relay_that_believes_them() -> None:
    """Negative control: a relay whose status follows an unsigned callback shows."""
    assert await wrong("succeed", Believing)


class Hoarding(MemoryStorage):
    """Keeps every report whole, under a status of its own."""

    async def keep_report(self, result: TaskResult, *, status: str, now: int) -> None:
        kept_status = f"{status}_{len(await self.list_reports(limit=1_000))}"
        await super().keep_report(result, status=kept_status, now=now)


@pytest.mark.slow
async def test_the_checker_catches_a_relay_that_keeps_them_all() -> None:
    """Negative control: with a row for each callback a flood takes room without end."""
    count, _ = await room(Hoarding)
    assert count == 100 * len(WORDS)
