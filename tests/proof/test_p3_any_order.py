"""P3: a terminal status never changes, in any order of reports, by any channel.

All 5,460 orders of {submitted, processing, succeed, failed} up to length six, with repeats, are
applied to a row by callback and by query, mixed. How each ends, what it costs and what is kept
aside follows from the first terminal report alone.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Final

import attrs
import pytest

from kling_mock.clock import ManualClock
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.service.breakers import Breakers
from kling_mock.relay.service.channel_registry import ChannelRegistry
from kling_mock.relay.service.reconciler import TaskReconciler
from kling_mock.relay.service.upstream import Upstream
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.values import NewNotice, Settlement, TaskOutcome, TaskResult
from kling_sdk.results.task import Task, Video
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.samples import PRICE, Shop

Order = tuple[str, ...]
WORDS: Final = ("submitted", "processing", "succeed", "failed")
LONGEST: Final = 6
OPENING: Final = 10**9
CHUNK: Final = 60  # tasks in one store, which scans all of them now and then
OTHER: Final[Mapping[str, str]] = {"succeed": "failed", "failed": "succeed"}


def orders() -> Iterator[Order]:
    for length in range(1, LONGEST + 1):
        yield from itertools.product(WORDS, repeat=length)


@attrs.frozen
class End:
    """The end of a task.

    Attributes:
        status: The status of its row.
        charged: What was taken for it; `None` means no entry in the ledger.
        held: What is still held for it.
        contradictions: Reports of the other end that were stored.
    """

    status: str
    charged: int | None
    held: int
    contradictions: int


@attrs.define
class Found:
    """The ends of orders, and unexplained balances."""

    ends: dict[Order, End] = attrs.field(factory=dict)
    unexplained: list[str] = attrs.field(factory=list)


def expected(order: Order) -> End:
    """Return what the policy says: the first end counts, and nothing after it."""
    first = next((word for word in order if word in OTHER), None)
    if first is None:
        status = "processing" if "processing" in order else "submitted"
        return End(status, None, PRICE, 0)
    late = order[order.index(first) :].count(OTHER[first])
    return End(first, PRICE if first == "succeed" else None, 0, late)


def reports_on(store: MemoryStorage) -> TaskReconciler:
    clock = ManualClock(kit.NOW)
    directory = ChannelRegistry(store, clock, Random(1).random)  # noqa: S311 - draws a channel
    metrics = Metrics(clock.now)
    breakers = Breakers(clock.monotonic, lambda _state: None)
    return TaskReconciler(
        store,
        directory,
        breakers,
        Upstream(clock, 1, metrics, breakers),
        clock,
        lambda: None,
        metrics,
        lambda: True,
    )


async def bring(
    shop: Shop, reports: TaskReconciler, order: Order, *, known: bool, turn: int
) -> str:
    """Make a task, and bring its reports, by callback and by query in turn; return its id."""
    row = await (shop.accepted() if known else shop.create())
    for position, word in enumerate(order):
        row = await shop.row(row.task_id)
        by_query = (turn >> position) & 1
        if by_query and not row.is_open:
            # A query reads open rows only; the same report still comes by callback.
            by_query = 0
        videos = (Video("1", "https://cdn.test/1.mp4"),) if word == "succeed" else ()
        report = Task(task_id=f"kt-{row.task_id}", status=word, videos=videos)
        await reports.apply(row, report, "query" if by_query else "callback")
    return row.task_id


async def ends(make: type[MemoryStorage], chosen: Sequence[Order], *, known: bool = True) -> Found:
    """Return how each order ends, and which balances nothing explains."""
    outcome = Found()
    for start in range(0, len(chosen), CHUNK):
        await _ends(make(), chosen[start : start + CHUNK], outcome, known=known)
    return outcome


async def _ends(
    store: MemoryStorage, chosen: Sequence[Order], outcome: Found, *, known: bool
) -> None:
    await store.open()
    shop = await Shop.fill(store, quota=OPENING)
    reports = reports_on(store)
    there: dict[Order, End] = {}
    for turn, order in enumerate(chosen):
        task_id = await bring(shop, reports, order, known=known, turn=turn)
        row, charge = await shop.row(task_id), await store.find_charge(task_id)
        other = await store.find_report(task_id, OTHER.get(row.status, ""))
        there[order] = End(
            row.status,
            None if charge is None else -charge.amount,
            row.held_quota,
            0 if other is None else other.seen,
        )
    user, books = await shop.me(), await store.reconcile()
    charged = sum(end.charged or 0 for end in there.values())
    held = sum(end.held for end in there.values())
    if (user.quota, user.held_quota) != (OPENING - charged, held):
        outcome.unexplained.append(f"{user.quota} and {user.held_quota} held")
    outcome.unexplained += [str(account) for account in books if not account.is_explained]
    outcome.ends |= there


def wrong(outcome: Found) -> list[Order]:
    """The checker: what has not ended as the policy says."""
    return [order for order, end in outcome.ends.items() if end != expected(order)]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Log nothing: each contradiction is an error in the log, and there are thousands."""
    caplog.set_level(logging.CRITICAL, "kling_mock.relay")


@pytest.mark.slow
async def test_every_order_of_reports_ends_as_the_first_end_says() -> None:
    """5,460 orders: the first terminal report counts, the other end is kept aside, counted."""
    chosen = list(orders())
    assert len(chosen) == 5460
    outcome = await ends(MemoryStorage, chosen)
    assert (len(outcome.ends), wrong(outcome), outcome.unexplained) == (5460, [], [])


@pytest.mark.slow
async def test_the_same_before_kling_s_id_is_known() -> None:
    """A create whose answer was lost ends alike; its first report brings the id."""
    chosen = [order for order in orders() if len(order) < LONGEST]
    outcome = await ends(MemoryStorage, chosen, known=False)
    assert (wrong(outcome), outcome.unexplained) == ([], [])


class Overwriting(MemoryStorage):
    """Writes the last report, as if the task were still open."""

    async def settle(
        self, result: TaskResult, *, now: int, notice: NewNotice | None = None, user_id: int = 0
    ) -> Settlement:
        row = await self.find_task(result.task_id)
        assert row is not None
        if row.is_open or row.status == result.status:
            return await super().settle(result, now=now, notice=notice)
        await kit.change(
            self, f"UPDATE videos SET status = '{result.status}' WHERE task_id = '{row.task_id}'"
        )
        return Settlement(TaskOutcome.SETTLED, attrs.evolve(row, status=result.status))


async def test_the_checker_catches_a_status_that_is_overwritten() -> None:
    """Negative control: a relay that writes the last report shows in each order with both ends."""
    chosen = [order for order in orders() if len(order) <= 4]
    outcome = await ends(Overwriting, chosen)
    assert wrong(outcome) == [order for order in chosen if OTHER.keys() <= set(order)]
    assert outcome.unexplained
