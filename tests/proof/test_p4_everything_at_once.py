"""P2, P4, P5: the money is right while everything that happens to a relay happens at once.

Four processes over one database, two of them with another price list, as in the middle of a
change of prices. While users create videos and Kling reports them twice and by any way, a channel
hangs, a user's receiver hangs, and the operator tops up (each top-up several times), changes
channels, and deletes users, tokens and a channel. `KLING_PROOF_SIZE=full` takes the published
size; `-s` shows figures.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import attrs
import pytest
from aiohttp import web

from tests.clusters.fixtures import STORES as CLUSTERS
from tests.clusters.fixtures import cluster_of
from tests.mock.relay.storage.databases import Database
from tests.proof.relay_processes import PROCESSES, STORES, Fleet, User, Video, fleet_over

pytestmark = pytest.mark.slow

FULL: Final = os.environ.get("KLING_PROOF_SIZE") == "full"
SECONDS: Final = 30 if FULL else 2
CALLERS: Final = 16
STUCK: Final = 8  # tasks of the channel that hangs
STUCK_MODEL: Final = "kling-v2-6"  # goes to that channel
CREDIT: Final = 7  # quota: a top-up that no price divides
PRICES: Final = (("--pricing", "units"), ("--pricing", "guide"))
OPTIONS: Final = [("--callback-host", "127.0.0.1", *PRICES[n % 2]) for n in range(PROCESSES)]


@attrs.frozen
class World:
    """Everything but the relays.

    Attributes:
        dead: URL of a receiver, and of a channel, that accepts and never answers.
        alive: URL of a receiver that answers at once.
        received: How often it was called for each task.
    """

    dead: str
    alive: str
    received: Counter[str]


@asynccontextmanager
async def outside() -> AsyncIterator[World]:
    """Run the servers that are called."""
    received = Counter[str]()
    end = asyncio.Event()

    async def receive(request: web.BaseRequest) -> web.Response:
        received[json.loads(await request.read())["task_id"]] += 1
        return web.Response()

    async def hang(request: web.BaseRequest) -> web.Response:
        await end.wait()
        return web.Response(status=503)

    runners = [web.ServerRunner(web.Server(handler)) for handler in (hang, receive)]
    urls: list[str] = []
    try:
        for runner in runners:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            urls.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        yield World(urls[0], urls[1], received)
    finally:
        end.set()
        for runner in runners:
            await runner.cleanup()


class Storm:
    """Everything that goes on at once, and its outcome.

    Attributes:
        callers: The users that create videos.
        users: All users, also those that were deleted.
        videos: All videos, and which of them succeed at Kling.
        credited: What was added to each user's balance.
        receivers: The URL that each user's webhooks go to.
    """

    def __init__(self, relays: Fleet, world: World) -> None:
        self.relays = relays
        self.world = world
        self.callers: list[User] = []
        self.users: list[User] = []
        self.videos: dict[Video, bool] = {}
        self.credited = Counter[int]()
        self.receivers: dict[int, str] = {}
        self._until = time.monotonic() + SECONDS

    @property
    def goes_on(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self._until

    async def set_up(self) -> None:
        """Make the users; the first one's receiver hangs, the second one's answers."""
        for url in (self.world.dead, self.world.alive, None, None):
            user = await self._add_user()
            self.callers.append(user)
            if url is not None:
                self.receivers[user.id] = f"{url}/done"

    async def _add_user(self) -> User:
        user = await self.relays.add_user(10**6)
        self.users.append(user)
        return user

    async def create(
        self, user: User, *, succeeds: bool, process: int | None = None, **more: Any
    ) -> Video:
        """Create a video of a user."""
        if user.id in self.receivers:
            more["callback_url"] = self.receivers[user.id]
        video = await self.relays.created(user, process, **more)
        self.videos[video] = succeeds
        return video

    async def call_back(self, video: Video, copies: int = 1) -> None:
        """Let a video end, and Kling report it, as often at the same time.

        It has ended at Kling, too: the callback of a channel that was deleted is a hint only.
        """
        self.end_at_kling(video)
        status = "succeed" if self.videos[video] else "failed"
        await asyncio.gather(*(self.relays.callback(video, status) for _ in range(copies)))

    async def call(self, number: int) -> None:
        """Create videos and let them end, one after the other."""
        dice = random.Random(number)  # noqa: S311 - the same order each time
        while self.goes_on:
            video = await self.create(dice.choice(self.callers), succeeds=dice.random() < 0.7)
            if dice.random() < 0.5:
                await self.call_back(video, dice.randint(1, 3))
            else:
                self.end_at_kling(video)
                await asyncio.gather(self.relays.hint(video), self.relays.poll(video))

    def end_at_kling(self, video: Video) -> None:
        """Let a video end where readings find it."""
        kling = self.relays.kling
        end = kling.complete if self.videos[video] else kling.fail
        end(video.kling_task_id)

    async def top_up(self) -> None:
        """Credit users, each reference several times and at different processes."""
        for number in itertools.count():
            if not self.goes_on:
                return
            user = self.callers[number % len(self.callers)]
            body = {"amount": CREDIT, "reference": f"ref-{secrets.token_hex(8)}"}
            path = f"users/{user.id}/credit"
            await asyncio.gather(
                *(self.relays.operate("POST", path, process=n, **body) for n in (0, 1, 0, 2))
            )
            self.credited[user.id] += CREDIT

    async def delete(self) -> None:
        """Make users and a channel, and delete them and tokens while videos are open."""
        operate = self.relays.operate
        for number in itertools.count():
            if not self.goes_on:
                return
            channel = await self.relays.add_channel(f"temporary {number}", priority=9)
            user = await self._add_user()
            videos = [await self.create(user, succeeds=succeeds) for succeeds in (True, False)]
            await operate("DELETE", f"channels/{channel}")
            gone = f"users/{user.id}" if number % 2 else f"tokens/{user.token_id}"
            await operate("DELETE", gone)
            await asyncio.gather(*(self.call_back(video, 2) for video in videos))

    async def change_channels(self) -> None:
        """Change settings of the channels that are in use."""
        channels = (await self.relays.operate("GET", "channels"))["data"]
        used = [channel["id"] for channel in channels if channel["name"] in {"one", "two"}]
        for number in itertools.count(1):
            if not self.goes_on:
                return
            changes = ({"weight": number % 7 + 1}, {"priority": number % 3})
            await asyncio.gather(
                *(
                    self.relays.operate(
                        "PATCH", f"channels/{used[number % 2]}", process=n, **change
                    )
                    for n, change in enumerate(changes)
                )
            )

    async def run(self) -> None:
        """Run everything at once, and then wait for the end of every video."""
        stuck = await self.relays.add_channel("stuck", models=STUCK_MODEL, priority=99)
        caught = [
            # This goes to the process that knows the new channel at once.
            await self.create(
                self.callers[n % 4], succeeds=n % 2 == 0, model=STUCK_MODEL, process=0
            )
            for n in range(STUCK)
        ]
        await self.relays.operate("PATCH", f"channels/{stuck}", base_url=self.world.dead, yes=True)
        await asyncio.gather(
            *(self.relays.hint(video) for video in caught),
            *(self.call(number) for number in range(CALLERS)),
            self.top_up(),
            self.delete(),
            self.change_channels(),
        )
        await asyncio.gather(*(self.call_back(video, 2) for video in caught))
        tokens = {user.token for user in self.callers}
        await self.relays.settled([video for video in self.videos if video.user.token in tokens])
        await self._all_ended()

    async def _all_ended(self) -> None:
        """Wait for the tasks of deleted users, who cannot query them, as `settled` does.

        The callback of a deleted channel is a hint: while another process reads the task, it is
        answered before the task has ended.
        """
        still_open = "SELECT 1 FROM videos WHERE status IN ('submitted', 'processing') LIMIT 1"
        now = self.relays.kling.clock.now
        until = now() + 100
        query = self.relays.database.query
        while now() < until and await query(still_open):  # noqa: ASYNC110 - no event from a relay
            await asyncio.sleep(0.05)


class Found(NamedTuple):
    """The contents of the tables, by SQL that shares nothing with the relay's own.

    Attributes:
        wrong: A sentence for each thing that is wrong.
        charged: Tasks that were charged.
        failed: Tasks that were not, and are not to be.
    """

    wrong: list[str]
    charged: int
    failed: int


async def check(storm: Storm, database: Database) -> Found:
    """Recompute every balance, and check the entries of every task."""
    entries: dict[str, dict[str, int]] = defaultdict(dict)
    spent, wrong = Counter[int](), list[str]()
    sql = "SELECT kind, reference, user_id, amount FROM ledger"
    for kind, reference, user_id, amount in await database.query(sql):
        if kind in entries[reference]:
            wrong.append(f"{reference}: two entries {kind}")
        entries[reference][kind] = abs(int(amount))
        spent[user_id] += abs(int(amount)) if kind == "charge" else 0
    rows = await database.query("SELECT task_id, status FROM videos")
    status: dict[str, str] = {row[0]: row[1] for row in rows}
    charged = 0
    for video, succeeds in storm.videos.items():
        amounts = entries[video.task_id]
        charged += "charge" in amounts
        if status[video.task_id] != ("succeed" if succeeds else "failed"):
            wrong.append(f"{video.task_id}: {status[video.task_id]}")
        hold = amounts.get("hold", 0)
        if not 0 < hold == amounts.get("release"):
            wrong.append(f"{video.task_id}: {amounts}")
        if not 0 < amounts.get("charge", 0) <= hold if succeeds else "charge" in amounts:
            wrong.append(f"{video.task_id}: {amounts}")
    rows = await database.query("SELECT id, quota, held_quota FROM users")
    balances = {row[0]: (int(row[1]), int(row[2])) for row in rows}
    for user in storm.users:
        right = user.opening + storm.credited[user.id] - spent[user.id]
        if balances[user.id] != (right, 0):
            wrong.append(f"user {user.id}: {balances[user.id]} instead of {right}")
    return Found(wrong, charged, len(storm.videos) - charged)


@pytest.fixture(params=[store for store in STORES if FULL or store not in CLUSTERS])
def store(request: pytest.FixtureRequest) -> str:
    """The store by turns, and how its connections are set."""
    return str(request.param)


@pytest.fixture
def relays(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> Iterator[Fleet]:
    """Four processes over an empty database."""
    with fleet_over(store, tmp_path, OPTIONS, cluster_of(request, store)) as started:
        yield started


async def test_every_balance_is_right_whatever_goes_on(relays: Fleet, store: str) -> None:
    """Every success is charged once and within its hold, nothing else is, and no hold stays."""
    async with relays, outside() as world:
        storm = Storm(relays, world)
        await storm.set_up()
        await storm.run()
        tally = await check(storm, relays.database)
        reconciled = await relays.operate("GET", "reconcile")
        task_ids = {video.task_id for video in storm.videos if video.user == storm.callers[1]}
        until = relays.kling.clock.now() + 100
        while not task_ids <= set(world.received) and relays.kling.clock.now() < until:
            await relays.poll(next(iter(storm.videos)))

    print(  # noqa: T201 - the figure
        f"\nP4 {store}: {len(storm.videos)} tasks in {SECONDS} s, charged {tally.charged}, failed "
        f"{tally.failed}, {sum(storm.credited.values()) // CREDIT} top-ups, "
        f"{len(storm.users) - 4} deletions; {len(tally.wrong)} wrong"
    )
    assert tally.wrong == []
    assert [row for row in reconciled["data"] if not row["is_explained"]] == []
    assert task_ids <= set(world.received)


def test_the_check_catches_wrong_money(tmp_path: Path) -> None:
    """Control: a top-up that is lost, a charge that is missing, and a hold that stays."""
    with fleet_over("sqlite", tmp_path) as relays:
        asyncio.run(_spoil(relays))


async def _spoil(relays: Fleet) -> None:
    async with relays, outside() as world:
        storm = Storm(relays, world)
        await storm.set_up()
        video = await storm.create(storm.callers[2], succeeds=True)
        await storm.call_back(video)
        assert (await check(storm, relays.database)).wrong == []
        storm.credited[video.user.id] += CREDIT
        assert len((await check(storm, relays.database)).wrong) == 1
        storm.credited.clear()
        for kind in ("charge", "release"):
            await relays.database.query(
                f"UPDATE ledger SET kind = 'no {kind}' WHERE kind = '{kind}' "
                f"AND reference = '{video.task_id}'"
            )
        task, again, user = (await check(storm, relays.database)).wrong
    assert video.task_id in task
    assert video.task_id in again
    assert f"user {video.user.id}:" in user
