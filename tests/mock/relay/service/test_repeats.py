"""Repeats of a create that is still being sent, was refused, or whose sender was killed."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.clock import ScaledClock
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.repeats import WAIT_LIMIT, WAITING_PER_TOKEN, max_attempt
from kling_mock.relay.http.large_bodies import LargeBodies
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.service.repeats import RepeatedCreates
from kling_mock.relay.storage.connect import connect
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import Attempt, Created, NewTask, VideoRow
from tests.mock.relay.http_calls import PRICE, Caller, error_of, guide_members, without_request_id
from tests.mock.relay.scripted_kling import (
    ReceivedRequest,
    Reply,
    ScriptedKling,
    accepted,
    refusal,
)
from tests.mock.relay.storage.samples import NOW, Shop
from tests.plain_http import NO_TLS
from tests.sdk.scripted import until

REPEATS: Final = 49


class Held:
    """A Kling that holds each create until it is released.

    Attributes:
        release: Lets it reply.
        creates: How many creates it has received.
    """

    def __init__(self, answer: Callable[[ReceivedRequest], Reply]) -> None:
        self.release = threading.Event()
        self.creates = 0
        self._answer = answer

    def __call__(self, request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            self.creates += 1
            assert self.release.wait(60)
        return self._answer(request)


@contextmanager
def held(
    caller: Caller, answer: Callable[[ReceivedRequest], Reply]
) -> Iterator[tuple[Held, ThreadPoolExecutor]]:
    """Put a `Held` behind the relay; yield it, and threads to call the relay on."""
    kling = Held(answer)
    with ScriptedKling(kling) as server, ThreadPoolExecutor(REPEATS + 2) as threads:
        server.serve(caller)
        try:
            yield kling, threads
        finally:
            kling.release.set()


def spin(condition: Callable[[], bool]) -> None:
    """Return once something has happened on another thread."""
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0)


def waiting(caller: Caller) -> int:
    """Return how many repeats are waiting."""
    relay: Any = caller.mock._existing_relay().host.built
    total: int = relay.handler._service._repeats._waiting.total()
    return total


def all_at_once(
    caller: Caller, kling: Held, threads: ThreadPoolExecutor, **fields: Any
) -> list[httpx.Response]:
    """Create, repeat it 49 times while it is being sent, and let Kling reply."""
    replies: list[Future[httpx.Response]] = [threads.submit(caller.create, **fields)]
    spin(lambda: kling.creates == 1)
    replies += [threads.submit(caller.create, **fields) for _ in range(REPEATS)]
    spin(lambda: waiting(caller) == REPEATS)
    kling.release.set()
    return [reply.result(60) for reply in replies]


# ---------------------------------------------------------------- while it is being sent


def test_repeats_wait_for_the_first_create_and_get_its_task(caller: Caller) -> None:
    """50 callers of one create get the same reply, with Kling's id: one task, one hold."""
    with held(caller, accepted) as (kling, threads):
        replies = all_at_once(caller, kling, threads, external_task_id="order-1")

    assert {reply.status_code for reply in replies} == {200}
    first, *others = map(without_request_id, replies)
    assert all(other == first for other in others)
    assert replies[0].json()["kling_task_id"] == "873"
    assert kling.creates == 1
    assert caller.mock.ledger.user().held_quota == PRICE
    assert waiting(caller) == 0


@pytest.mark.parametrize(("code", "http"), [(1301, 400), (1303, 429), (1102, 429)])
def test_repeats_of_a_refused_create_get_the_refusal(caller: Caller, code: int, http: int) -> None:
    """No repeat gets a dead task: each gets the response of the first one, and pays nothing.

    The id is free again, so the request can be sent again under it.
    """
    with held(caller, lambda _: refusal(code, http)) as (kling, threads):
        first, *others = all_at_once(caller, kling, threads, external_task_id="order-1")
        error = error_of(first)
        assert error[1:] == ("upstream_error", code)
        for reply in others:
            assert reply.status_code == first.status_code
            assert without_request_id(reply) == without_request_id(first)
            assert reply.headers.get("Retry-After") == first.headers.get("Retry-After")
        assert kling.creates == 1
        assert caller.mock.ledger.user().held_quota == 0

        kling._answer = accepted
        assert caller.create(external_task_id="order-1").json()["kling_task_id"] == "873"
    caller.mock.ledger.assert_balanced()


def test_another_request_under_the_id_is_a_conflict_at_once(caller: Caller) -> None:
    """It does not wait for the first one, whatever happens to that."""
    with held(caller, accepted) as (kling, threads):
        first = threads.submit(caller.create, external_task_id="order-1")
        spin(lambda: kling.creates == 1)
        reply = caller.create(external_task_id="order-1", prompt="a dog", duration=10)
        assert error_of(reply) == (409, "conflict_error", "external_task_id_conflict")
        assert "differs in prompt, duration" in reply.json()["error"]["message"]
        assert "Retry-After" not in reply.headers
        assert not first.done()
        kling.release.set()
        assert first.result(60).status_code == 200


def test_a_repeat_that_waits_for_too_long_is_told_to_repeat() -> None:
    """After 20 seconds on the relay's clock: 409 with the pause, and the first create continues."""
    with (
        KlingMock(clock=100) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=60, verify=NO_TLS) as http,
    ):
        caller = Caller(http, mock)
        with held(caller, accepted) as (kling, threads):
            first = threads.submit(caller.create, external_task_id="order-1")
            spin(lambda: kling.creates == 1)
            start = mock.clock.now()
            reply = caller.create(external_task_id="order-1")
            assert mock.clock.now() - start >= WAIT_LIMIT
            assert error_of(reply) == (409, "conflict_error", "request_in_progress")
            assert reply.headers["Retry-After"] == "2"
            kling.release.set()
            again = caller.create(external_task_id="order-1")
            assert without_request_id(first.result(60)) == without_request_id(again)
        assert kling.creates == 1


def test_a_repeat_needs_no_channel(caller: Caller) -> None:
    """If the operator has disabled the channels, a repeat still gets the task that it made."""
    first = caller.create(external_task_id="order-1")
    (channel,) = caller.operate("GET", "channels")["data"]
    caller.operate("PATCH", f"channels/{channel['id']}", json={"status": "disabled"})

    again = caller.create(external_task_id="order-1")
    assert without_request_id(again) == without_request_id(first)
    assert error_of(caller.create(external_task_id="order-1", prompt="a dog"))[0] == 409
    for fields in (
        {},
        {"external_task_id": "order-2"},
        {"external_task_id": first.json()["task_id"]},
    ):
        assert error_of(caller.create(**fields)) == (503, "upstream_error", "no_channel")


def test_a_refusal_in_any_characters_is_a_refusal(caller: Caller) -> None:
    """Half a surrogate pair in Kling's text, which JSON may hold, is not a failure of the relay."""
    body = b'{"code":1301,"message":"no \\ud800","request_id":"1"}'
    with ScriptedKling(lambda _: (400, body)) as kling:
        kling.serve(caller)
        reply = caller.create(external_task_id="order-1")
    assert error_of(reply) == (400, "upstream_error", 1301)
    assert caller.mock.ledger.user().held_quota == 0


# ---------------------------------------------------------------- how it waits


@attrs.define
class Desk:
    """A row that is being sent, and the service for its repeats, on a clock that races."""

    shop: Shop
    row: VideoRow
    clock: ScaledClock
    repeats: RepeatedCreates

    @classmethod
    async def open(cls, store: Storage | None = None, *, speed: float = 1_000_000) -> Desk:
        shop = await Shop.fill(store or MemoryStorage())
        row = await shop.create(
            external_task_id="order-1",
            attempt=Attempt(shop.channel.id, "key-1", NOW + max_attempt(speed)),
        )
        clock = ScaledClock(speed, NOW)
        metrics = Metrics(lambda: 0.0)
        repeats = RepeatedCreates(shop.store, clock, metrics, LargeBodies(0, metrics).run)
        return cls(shop, row, clock, repeats)

    async def refused(self, token_id: int = 1) -> RelayError:
        with pytest.raises(RelayError) as caught:
            await self.repeats.reply(self.row, token_id)
        return caught.value


async def test_a_wait_ends_after_twenty_seconds_on_the_relay_s_clock() -> None:
    """A row that stays as it is is read some thirty times at most."""
    desk = await Desk.open()
    start = desk.clock.monotonic()
    error = await desk.refused()
    assert error.code == "request_in_progress"
    assert desk.clock.monotonic() - start >= WAIT_LIMIT
    assert desk.repeats._metrics.creates["in_progress"] == 1


async def test_slow_readings_make_a_wait_no_longer() -> None:
    """The limit is one of time, not of readings: a database that is slow does not add to it."""
    desk = await Desk.open()
    find = desk.shop.store.find_task
    readings = 0

    async def find_slowly(task_id: str) -> VideoRow | None:
        nonlocal readings
        readings += 1
        await desk.clock.asleep(WAIT_LIMIT / 2)
        return await find(task_id)

    desk.shop.store.find_task = find_slowly  # type: ignore[method-assign]
    assert (await desk.refused()).code == "request_in_progress"
    assert readings <= 2


async def test_a_token_has_so_many_repeats_waiting_and_no_more() -> None:
    """One user's repeats take up no more connections; another user's still wait."""
    desk = await Desk.open(speed=1e-3)
    crowd = [
        asyncio.ensure_future(desk.repeats.reply(desk.row, 1)) for _ in range(WAITING_PER_TOKEN)
    ]
    await until(lambda: desk.repeats._waiting[1] == WAITING_PER_TOKEN)
    assert (await desk.refused(1)).code == "request_in_progress"  # at once
    other = asyncio.ensure_future(desk.repeats.reply(desk.row, 2))
    await until(lambda: desk.repeats._waiting[2] == 1)
    crowd[0].cancel()  # one gives up: there is room for one again, not for all
    await until(lambda: desk.repeats._waiting[1] < WAITING_PER_TOKEN)
    assert desk.repeats._waiting[1] == WAITING_PER_TOKEN - 1
    for waiter in (*crowd, other):
        waiter.cancel()
    await asyncio.gather(*crowd, other, return_exceptions=True)
    assert not desk.repeats._waiting


async def test_a_row_that_another_process_changes_ends_the_wait(tmp_path: Path) -> None:
    """Two stores over one file: what one process stores is the reply of the other."""
    url = f"sqlite:///{tmp_path}/relay.db"
    mine, theirs = connect(url), connect(url)
    await mine.open()
    await theirs.open()
    try:
        desk = await Desk.open(mine, speed=20)
        reply = asyncio.ensure_future(desk.repeats.reply(desk.row, 1))
        await until(lambda: desk.repeats._waiting[1] == 1)
        await theirs.accept(desk.row.task_id, "873", now=NOW + 1, next_poll_at=NOW + 9)
        assert guide_members(await reply) == {
            "task_id": desk.row.task_id,
            "kling_task_id": "873",
            "status": "submitted",
        }
    finally:
        await mine.close()
        await theirs.close()


# ---------------------------------------------------------------- killed senders


def killed_while_sending(caller: Caller, *, lease: int) -> str:
    """Leave behind what a process leaves that is killed while it sends; return the row's id.

    The row is that of a create which a real one has made, so that its hash is right.
    """
    caller.mock.faults.add("hang", "POST /v1/*", times=1, seconds=0.0)
    task_id = caller.created(external_task_id="order-1")
    row: dict[str, Any] = caller.operate("GET", f"tasks/{task_id}")
    assert row["kling_task_id"] is None
    until = int(caller.mock.clock.now()) + lease

    async def reopen(storage: Storage) -> bool:
        stored = await storage.find_task(task_id)
        assert stored is not None
        attempt = Attempt(stored.channel_id, stored.channel_key_id, until)
        return await storage.bind_attempt(task_id, attempt)

    assert caller.mock._existing_relay().run(reopen)
    return task_id


def test_after_the_lease_of_a_killed_sender_a_repeat_gets_the_row(caller: Caller) -> None:
    """It is not known whether Kling has it, so the repeat sends nothing and gets the open task.

    The sweeper finds out that Kling does not have it, and then the repeat is a new task.
    """
    task_id = killed_while_sending(caller, lease=1)
    had = len(caller.mock.journal.where("POST /v1/*"))
    caller.mock.clock.advance(1)
    reply = guide_members(caller.create(external_task_id="order-1").json())
    assert reply == {"task_id": task_id, "kling_task_id": "", "status": "submitted"}

    caller.mock.clock.advance(600)
    assert len(caller.mock.journal.where("POST /v1/*")) == had
    assert caller.query(task_id)["status"] == "failed"
    assert caller.mock.ledger.user().held_quota == 0
    new = caller.create(external_task_id="order-1").json()
    assert (new["status"], new["task_id"] != task_id) == ("submitted", True)
    assert caller.query("order-1")["task_id"] == new["task_id"]


def test_a_task_that_kling_has_ends_the_wait_for_a_killed_sender(caller: Caller) -> None:
    """A poll that finds it during the lease, by a query or callback, is the repeat's reply."""
    task_id = killed_while_sending(caller, lease=45)
    with ThreadPoolExecutor(1) as threads, caller.mock.client() as kling:
        repeat = threads.submit(caller.create, external_task_id="order-1")
        spin(lambda: waiting(caller) == 1)
        task = kling.text2video.create(prompt="as the killed one", external_task_id=task_id)
        assert caller.query("order-1")["kling_task_id"] == task.task_id
        assert repeat.result(60).json()["kling_task_id"] == task.task_id


@pytest.mark.parametrize("given_up", [False, True])
def test_a_sender_that_was_stopped_past_its_lease_takes_a_new_one(
    caller: Caller,
    monkeypatch: pytest.MonkeyPatch,
    given_up: bool,  # noqa: FBT001 - a case
) -> None:
    """A process that was suspended after its insert sends only what has not been given up since."""
    clock: Any = caller.mock.clock
    plain = MemoryStorage.create_task
    had = len(caller.mock.journal.where("POST /v1/*"))

    async def suspended(
        self: MemoryStorage, task: NewTask, *, now: int, next_poll_at: int
    ) -> Created:
        created = await plain(self, task, now=now, next_poll_at=next_poll_at)
        clock._sleepers.move(created.row.attempt_until)  # now it has just ended
        if given_up:
            await self.expire(task.task_id, created_until=now, reason="gone", now=now)
        return created

    monkeypatch.setattr(MemoryStorage, "create_task", suspended)
    reply = caller.create().json()

    sent = len(caller.mock.journal.where("POST /v1/*")) - had
    assert (sent, reply["status"]) == ((0, "failed") if given_up else (1, "submitted"))
    assert bool(reply["kling_task_id"]) is not given_up
    caller.mock.ledger.assert_balanced()


# ---------------------------------------------------------------- creates that were cut

#: Creates of a batch, under ids of its own.
BATCH: Final = 1000 if os.environ.get("KLING_PROOF_SIZE") == "full" else 20


def batch(caller: Caller, number: int) -> list[dict[str, Any]]:
    """Send a batch, once; a poll after each create shows that the channel answers."""
    replies = []
    for place in range(BATCH):
        reply = caller.create(external_task_id=f"batch-{number}-{place}")
        assert reply.status_code == 200, reply.text
        caller.query(reply.json()["task_id"])
        replies.append(reply.json())
    return replies


def upstream_tasks(caller: Caller) -> int:
    """Return how many tasks Kling has."""
    with caller.mock.client() as kling:
        return sum(1 for _ in kling.text2video.iter(page_size=500))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_batch_that_was_cut_before_kling_is_finished_under_its_own_ids(caller: Caller) -> None:
    """What Kling never received frees its id: each repeat is a task, and only one."""
    caller.mock.faults.add("reset", "POST /v1/*")
    first = batch(caller, 1)
    assert {reply["kling_task_id"] for reply in first} == {""}
    caller.mock.clock.advance(600)
    assert {caller.query(reply["task_id"])["status"] for reply in first} == {"failed"}
    caller.mock.faults.clear()
    second, third = batch(caller, 1), batch(caller, 1)
    assert len({reply["kling_task_id"] for reply in second}) == BATCH
    assert not {reply["task_id"] for reply in first} & {reply["task_id"] for reply in second}
    assert [reply["task_id"] for reply in third] == [reply["task_id"] for reply in second]
    assert upstream_tasks(caller) == BATCH
    caller.mock.ledger.assert_balanced()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_batch_that_was_cut_after_kling_has_its_first_tasks(caller: Caller) -> None:
    """The id stays with what Kling has received, whatever happened to the reply."""
    caller.mock.faults.add("response-lost", "POST /v1/*")
    first = batch(caller, 1)
    caller.mock.faults.clear()
    second = batch(caller, 1)
    caller.mock.clock.advance(600)
    third = batch(caller, 1)
    for replies in (second, third):
        assert [reply["task_id"] for reply in replies] == [reply["task_id"] for reply in first]
    assert len({reply["kling_task_id"] for reply in third}) == BATCH
    assert upstream_tasks(caller) == BATCH
    caller.mock.ledger.assert_balanced()
