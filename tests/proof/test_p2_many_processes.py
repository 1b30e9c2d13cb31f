"""P2, P4: one charge per task and no balance below zero, with four relay processes.

Each is a process of its own, as `kling-mock relay` starts it; all have one database and one
emulated Kling. `KLING_PROOF_SIZE=full` takes the sizes that are published; `-s` shows figures.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import aiohttp
import attrs
import pytest

from tests.clusters.fixtures import cluster_of
from tests.mock.relay.storage.databases import Database, Mysql, Postgres, SqliteFile
from tests.proof.checker import Verdict, audit, charges_in, judge
from tests.proof.naive_relay import SCHEMA
from tests.proof.relay_processes import PROCESSES, STORES, VIDEOS, Fleet, Video, fleet_over, running

pytestmark = pytest.mark.slow


@attrs.frozen
class Size:
    """The size of a run.

    Attributes:
        tasks: Tasks of the storm.
        copies: Callbacks, and polls, of each.
        affordable: Videos that the balance is for.
        creates: Creates at a time that want one.
        seconds: For how long creates and settlements keep on.
    """

    tasks: int
    copies: int
    affordable: int
    creates: int
    seconds: float


SIZE: Final = (
    Size(tasks=100, copies=20, affordable=100, creates=1000, seconds=30)
    if os.environ.get("KLING_PROOF_SIZE") == "full"
    else Size(tasks=10, copies=20, affordable=10, creates=100, seconds=2)
)
IN_FLIGHT: Final = 32
#: How many deadlocks a server has seen. MariaDB counts those of all its databases.
DEADLOCKS: Final[dict[type[object], str]] = {
    Mysql: "SHOW GLOBAL STATUS WHERE Variable_name = 'Innodb_deadlocks'",
    Postgres: "SELECT '', deadlocks FROM pg_stat_database WHERE datname = current_database()",
}

Act = Callable[[], Awaitable[object]]


def figure(text: str) -> None:
    print(f"\nP2 {text}")  # noqa: T201 - the figure


@pytest.fixture(scope="module", params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    """The store by turns, and how its connections are set."""
    return str(request.param)


@pytest.fixture(scope="module")
def relays(
    request: pytest.FixtureRequest, store: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """Four processes over an empty database."""
    folder, cluster = tmp_path_factory.mktemp(store), cluster_of(request, store)
    with fleet_over(store, folder, cluster=cluster) as started:
        yield started


async def storm(acts: list[Act], copies: int) -> None:
    """Do each act several times, all at once and in any order."""
    work = [act for act in acts for _ in range(copies)]
    random.Random(1).shuffle(work)  # noqa: S311 - an order
    await asyncio.gather(*(act() for act in work))


async def test_a_storm_over_four_processes_charges_every_task_once(
    relays: Fleet, store: str
) -> None:
    """However often a result is reported and queried, each task is charged once, wherever it is.

    Sweepers of all processes look at the same tasks meanwhile. The callbacks of every third task
    are not signed, so that it ends by a query or a sweeper.
    """
    async with relays:
        users = [await relays.add_user(SIZE.tasks) for _ in range(4)]
        makers = [users[number % 4] for number in range(SIZE.tasks)]
        videos = await asyncio.gather(*map(relays.created, makers))
        # Each process polls at its first callback, and so has to sweep five seconds later.
        for process in range(PROCESSES):
            await asyncio.gather(*(relays.hint(video, process) for video in videos))
        started = time.monotonic()
        acts: list[Act] = []
        for number, video in enumerate(videos):
            tell = relays.hint if number % 3 == 0 else relays.callback
            acts += [_bound(tell, video), _bound(relays.poll, video)]
        ending = asyncio.to_thread(_complete, relays, videos)
        await asyncio.gather(storm(acts, SIZE.copies), ending)
        await relays.settled(videos)
        seconds = time.monotonic() - started
        verdict = await audit(relays, users, videos)

    ended = ", ".join(f"{count} by {way}" for way, count in relays.ended_by(videos).items())
    figure(
        f"{store}: {SIZE.tasks} tasks x {SIZE.copies} callbacks x {SIZE.copies} polls over "
        f"{PROCESSES} processes: {verdict}; ended {ended}; {seconds:.1f} s"
    )
    assert verdict == Verdict(charged=SIZE.tasks, extra=0, lost=0, open=0)


async def test_a_balance_for_k_videos_buys_k(relays: Fleet, store: str) -> None:
    """However many creates come at a time, the balance is never overdrawn, nor left unused."""
    async with relays:
        user = await relays.add_user(SIZE.affordable)
        before = relays.kling.account.open_tasks
        answered = asyncio.Event()

        async def create() -> tuple[int, Any]:
            reply = await relays.create(user)
            answered.set()
            return reply

        creating = asyncio.gather(*(create() for _ in range(SIZE.creates)))
        creating.add_done_callback(lambda _: answered.set())
        lowest = await _lowest(relays.database, user.id, creating, answered)
        replies = await creating
        bought = relays.kling.account.open_tasks - before
        videos = [
            Video(task["task_id"], task["kling_task_id"], user)
            for status, task in replies
            if status == 200
        ]
        await asyncio.gather(*(relays.callback(video) for video in videos))
        verdict = await audit(relays, [user], videos)

    answers = Counter(status for status, _ in replies)
    figure(
        f"{store}: balance for {SIZE.affordable} videos, {SIZE.creates} creates at a time: "
        f"accepted {answers[200]}, refused {answers[402]}, lowest balance {lowest}; {verdict}"
    )
    refused = SIZE.creates - SIZE.affordable
    assert answers == {200: SIZE.affordable, 402: refused}
    assert bought == SIZE.affordable
    assert lowest == 0
    assert verdict == Verdict(charged=SIZE.affordable, extra=0, lost=0, open=0)


async def test_creates_and_settlements_never_show_a_deadlock(relays: Fleet, store: str) -> None:
    """32 callers that create and settle for 4 users on 2 channels never see a deadlock."""
    videos: list[Video] = []
    async with relays:
        users = [await relays.add_user(10**6) for _ in range(4)]
        seen, answered = await _deadlocks(relays.database), relays.replies.copy()
        until = time.monotonic() + SIZE.seconds

        async def work(number: int) -> None:
            dice = random.Random(number)  # noqa: S311 - the same order each time
            while time.monotonic() < until:
                video = await relays.created(dice.choice(users))
                videos.append(video)
                await relays.callback(video, dice.choice(("succeed", "succeed", "failed")))

        await asyncio.gather(*(work(number) for number in range(IN_FLIGHT)))
        seen, answered = await _deadlocks(relays.database) - seen, relays.replies - answered
        verdict = await audit(relays, users, videos)

    figure(
        f"{store}: {IN_FLIGHT} callers for {SIZE.seconds} s, {len(videos)} tasks created and "
        f"settled: replies {dict(answered)}, deadlocks on the server {seen}; {verdict}"
    )
    assert answered == {200: 2 * len(videos)}
    assert (verdict.extra, verdict.lost, verdict.open, verdict.wrong) == (0, 0, 0, ())


async def _deadlocks(database: Database) -> int:
    sql = DEADLOCKS.get(type(database))
    if sql is None:
        return 0  # SQLite has one writer at a time
    ((_, count),) = await database.query(sql)
    return int(count)


async def _lowest(
    database: Database, user_id: int, creating: asyncio.Future[Any], answered: asyncio.Event
) -> int:
    """Check what a user may still spend after each response; return the minimum."""
    lowest = 1 << 62
    sql = f"SELECT quota - held_quota FROM users WHERE id = {user_id}"
    is_last = False
    while not is_last:
        answered.clear()
        is_last = creating.done()
        ((left,),) = await database.query(sql)
        lowest = min(lowest, int(left))
        if not is_last:
            await answered.wait()
    return lowest


def _complete(relays: Fleet, videos: list[Video]) -> None:
    """Let the tasks succeed at Kling, one after the other."""
    for video in videos:
        relays.kling.complete(video.kling_task_id)


def _bound(act: Callable[[Video], Awaitable[object]], video: Video) -> Act:
    return lambda: act(video)


# ---------------------------------------------------------------- the negative control


async def test_the_checker_catches_a_naive_relay(tmp_path: Path) -> None:
    """Four processes that read, charge and then write charge more than once in the same storm."""
    database = SqliteFile(tmp_path)
    ids = [f"kling_{number:032x}" for number in range(SIZE.tasks)]
    with closing(sqlite3.connect(database.path)) as connection:
        connection.executescript(SCHEMA)
        with connection:
            connection.executemany(
                "INSERT INTO videos VALUES (?, 'submitted')", [(task_id,) for task_id in ids]
            )
    command = [str(Path(__file__).with_name("naive_relay.py")), str(database.path)]
    with running([command] * PROCESSES, tmp_path, {}) as urls:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            turns = itertools.cycle(urls)

            def act(method: str, path: str) -> Act:
                async def call() -> None:
                    async with http.request(method, next(turns) + path) as reply:
                        assert reply.status == 200

                return call

            acts = [act("POST", f"/kling/callback/{task_id}") for task_id in ids]
            acts += [act("GET", f"{VIDEOS}/{task_id}") for task_id in ids]
            await storm(acts, SIZE.copies)

    verdict = judge(dict.fromkeys(ids, "succeed"), await charges_in(database))
    figure(f"naive: {SIZE.tasks} tasks, the same storm: {verdict}")
    assert verdict.extra > 0
