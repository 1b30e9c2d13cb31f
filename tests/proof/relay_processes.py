"""Several relay processes over one database, in front of one emulated Kling."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
import attrs

from kling_mock import KlingMock
from kling_mock.web.webhook_signing import signed_headers
from tests.clusters.cluster import Cluster, ClusterDatabase
from tests.clusters.fixtures import STORES as CLUSTERS
from tests.clusters.fixtures import STORES_OF_THIS_SIZE
from tests.mock.relay.storage.databases import Database, Mysql, Postgres, SqliteFile, need

PROCESSES: Final = 4
#: The clocks run so fast that sweepers, which look after five seconds, meet the storm. Processes
#: that start one after the other must not drift apart by the 300 s that a signature is good for.
SPEED: Final = 5
ALL_TASKS: Final = 10**9
PRICE: Final = 140_000  # kling-v1-6 std, 5 s x 0.4 units
VIDEO: Final = {"model": "kling-v1-6", "mode": "std", "duration": 5, "prompt": "a kitten"}
VIDEOS: Final = "/kling/v1/videos"
CHANNELS: Final = ("one", "two")
#: Seconds within which `/health` must tell, and a moment for the reply and the next look.
SOON: Final = 3.0 + 0.2
LOOK: Final = 0.05
SERVERS: Final[dict[str, type[Mysql | Postgres]]] = {
    "mariadb": Mysql,
    "mariadb-like-mysql": Mysql,
    "postgres": Postgres,
}
STORES: Final = ("sqlite", *SERVERS, *STORES_OF_THIS_SIZE)


@attrs.frozen
class User:
    """A user of the relays."""

    id: int
    opening: int
    token_id: int
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@attrs.frozen
class Video:
    """A task, as its create was answered."""

    task_id: str
    kling_task_id: str
    user: User


@contextmanager
def running(
    commands: Sequence[Sequence[str]], folder: Path, variables: Mapping[str, str]
) -> Iterator[list[str]]:
    """Run commands that print a line of JSON when they serve; yield their URLs.

    The first makes what the others find. Their logs are in *folder*; *variables* is put into their
    environment.
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **variables}
    with ExitStack() as stack:
        processes: list[subprocess.Popen[str]] = []
        urls: list[str] = []

        def start(command: Sequence[str]) -> None:
            log = stack.enter_context((folder / f"log{len(processes)}").open("w"))
            process = subprocess.Popen(
                [sys.executable, *command],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )
            processes.append(process)
            stack.callback(process.communicate)
            stack.callback(process.kill)

        def await_start() -> None:
            for process in processes[len(urls) :]:
                assert process.stdout is not None
                urls.append(json.loads(process.stdout.readline())["relay_url"])

        start(commands[0])
        await_start()
        for command in commands[1:]:
            start(command)
        await_start()
        yield urls
        for process in processes:
            process.send_signal(signal.SIGTERM)
        assert {process.wait(timeout=20) for process in processes} <= {0, -signal.SIGTERM}


class Fleet:
    """The processes, and their callers. An async context manager: its connections.

    Args:
        urls: The URL of each process.
        kling: The upstream.
        database: What is under them.
        folder: Where their logs are.
        admin_token: The operator's.

    Attributes:
        replies: How often each HTTP status was answered.
        down: Processes that are not called, by their place.
    """

    def __init__(
        self, urls: list[str], kling: KlingMock, database: Database, folder: Path, admin_token: str
    ) -> None:
        self.urls = urls
        self.kling = kling
        self.database = database
        self._folder = folder
        self._admin = {"Authorization": f"Bearer {admin_token}"}
        self._secret = kling.account.add_webhook_secret()
        self.replies = Counter[int]()
        self._http: aiohttp.ClientSession
        self._turn = 0
        self.down = set[int]()
        self._under_way: list[set[asyncio.Future[tuple[int, Any]]]] = [set() for _ in urls]

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1000), timeout=aiohttp.ClientTimeout(total=300)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def call(
        self, method: str, path: str, *, process: int | None = None, **options: Any
    ) -> tuple[int, Any]:
        """Call the process whose turn it is, or the one that is named."""
        if process is None:
            up = [index for index in range(len(self.urls)) if index not in self.down]
            self._turn += 1
            process = up[self._turn % len(up)]
        request = asyncio.ensure_future(self._reply(method, self.urls[process] + path, options))
        self._under_way[process].add(request)
        try:
            return await request
        except asyncio.CancelledError:
            if process not in self.down:
                raise
            return 0, {"error": {"code": "stopped"}}
        finally:
            self._under_way[process].discard(request)

    async def _reply(self, method: str, url: str, options: Mapping[str, Any]) -> tuple[int, Any]:
        async with self._http.request(method, url, **options) as reply:
            self.replies[reply.status] += 1
            return reply.status, await reply.json()

    def take_down(self, process: int) -> None:
        """Stop calling a process until it is taken out of `down`, and give up its open calls."""
        self.down.add(process)
        for request in self._under_way[process]:
            request.cancel()

    async def operate(self, method: str, path: str, *, process: int = 0, **body: Any) -> Any:
        status, payload = await self.call(
            method, f"/__kling/relay/{path}", process=process, headers=self._admin, json=body
        )
        assert status == 200, payload
        return payload

    async def set_up_channels(self) -> None:
        """Leave two channels, whose callbacks are signed."""
        present = await self.operate("GET", "channels")
        for name in CHANNELS:
            await self.add_channel(name)
        for channel in present["data"]:
            await self.operate("DELETE", f"channels/{channel['id']}")

    async def add_channel(self, name: str, **settings: Any) -> int:
        """Make a channel to the emulated Kling, whose callbacks are signed; return its id."""
        channel = await self.operate(
            "POST",
            "channels",
            name=name,
            base_url=self.kling.kling_url,
            key=f"{self.kling.access_key}|{self.kling.secret_key}",
            webhook_secrets=self._secret,
            **settings,
        )
        return int(channel["id"])

    async def add_user(self, videos: int) -> User:
        """Make a user with money for so many videos."""
        opening = videos * PRICE
        name = f"user {secrets.token_hex(4)}"
        user = await self.operate("POST", "users", username=name, quota=opening)
        token = await self.operate("POST", f"users/{user['id']}/tokens")
        return User(user["id"], opening, token["id"], token["token"])

    async def create(self, user: User, process: int | None = None, **more: Any) -> tuple[int, Any]:
        path, body = f"{VIDEOS}/text2video", VIDEO | more
        return await self.call("POST", path, process=process, headers=user.headers, json=body)

    async def created(self, user: User, process: int | None = None, **more: Any) -> Video:
        status, task = await self.create(user, process, **more)
        assert status == 200, task
        return Video(task["task_id"], task["kling_task_id"], user)

    async def health_becomes(self, status: int, process: int | None = None) -> tuple[float, str]:
        """Ask until `/health` has a status; return after how many seconds, and the cause."""
        start = time.monotonic()
        while True:
            answered, health = await self.call("GET", "/health", process=process)
            seconds = time.monotonic() - start
            if answered == status:
                return seconds, health.get("cause", "")
            assert seconds < SOON, f"still {answered} after {SOON:g} s: {health}"
            await asyncio.sleep(LOOK)

    async def look(self, video: Video) -> Any:
        """Query a task; return the reply."""
        path = f"{VIDEOS}/{video.task_id}"
        status, task = await self.call("GET", path, headers=video.user.headers)
        assert status == 200, task
        return task

    async def poll(self, video: Video) -> str:
        """Query a task; return its status."""
        return str((await self.look(video))["status"])

    async def settled(self, videos: Sequence[Video]) -> None:
        """Query tasks until all have ended, or for a hundred seconds on their clock."""
        until = self.kling.clock.now() + 100
        while self.kling.clock.now() < until:
            statuses = await asyncio.gather(*map(self.poll, videos))
            if {"submitted", "processing"}.isdisjoint(statuses):
                return

    async def hint(self, video: Video, process: int | None = None) -> None:
        """Post an unsigned callback: the process will poll by itself."""
        body = {"task_id": video.kling_task_id, "task_status": "succeed"}
        path = f"/kling/callback/{video.task_id}"
        status, payload = await self.call("POST", path, process=process, json=body)
        assert status == 200, payload

    async def callback(self, video: Video, task_status: str = "succeed") -> None:
        """Post a callback as Kling signs it, and see it taken."""
        status, payload = await self.send_callback(video, task_status)
        assert status == 200, payload

    async def send_callback(self, video: Video, task_status: str = "succeed") -> tuple[int, Any]:
        """Post a callback as Kling signs it; return the reply."""
        report: dict[str, Any] = {"task_id": video.kling_task_id, "task_status": task_status}
        if task_status == "succeed":
            clip = {"id": "1", "url": "https://cdn.test/1.mp4", "duration": "5"}
            report |= {"final_unit_deduction": "2", "task_result": {"videos": [clip]}}
        raw, now = json.dumps(report).encode(), int(self.kling.clock.now())
        headers = dict(signed_headers([self._secret], secrets.token_hex(8), now, raw))
        path = f"/kling/callback/{video.task_id}"
        return await self.call("POST", path, data=raw, headers=headers)

    def kling_task_ids(self) -> list[str]:
        """Return the ids of all tasks that Kling has."""
        return self.kling._proxy.call(lambda world: [task.task_id for task in world.tasks])

    def logged(self) -> str:
        """Return what all processes have logged."""
        return "".join(path.read_text("utf-8") for path in sorted(self._folder.glob("log*")))

    def ended_by(self, videos: Sequence[Video]) -> Counter[str]:
        """Count by which way tasks were charged, after the processes' logs."""
        ids = {video.task_id for video in videos}
        charge = re.compile(r"kling task (\S+) \S+ by (\w+): .* charged ")
        charges = charge.findall(self.logged())
        return Counter(way for task_id, way in charges if task_id in ids)


@contextmanager
def fleet(
    database: Database,
    folder: Path,
    *,
    script: str = "",
    environment: Mapping[str, str] | None = None,
    options: Sequence[Sequence[str]] = ((),) * PROCESSES,
    urls: Sequence[str] | None = None,
) -> Iterator[Fleet]:
    """Start the processes, with the same key and tokens as an operator gives them; stop them.

    Args:
        database: What they share.
        folder: Takes their logs.
        script: A file of this folder that runs the command in its own way.
        environment: More of it.
        options: More options of the command, of each process.
        urls: The database's address as each process is given it, if they differ.
    """
    admin_token = f"admin-{secrets.token_hex(8)}"
    with KlingMock(clock=SPEED, relay=False) as kling:
        # A task that the emulator forgets, the 10,000th before the last, would be taken for lost.
        kling._proxy.call(lambda world: setattr(world.tasks, "_min_ended", ALL_TASKS))
        kling.progress.add("stuck")  # a task ends when the test says so
        command = [
            *([str(Path(__file__).with_name(script))] if script else ["-m", "kling_mock"]),
            *("relay", "--upstream", kling.kling_url),
            *("--port", "0", "--speed", str(SPEED)),
            *("--token-rate", "0", "--open-tasks-per-token", "0"),  # a storm of one user
        ]
        variables = {
            "KLING_ACCESS_KEY": kling.access_key,
            "KLING_SECRET_KEY": kling.secret_key,
            "KLING_MOCK_RELAY_TOKEN": f"sk-{secrets.token_hex(16)}",
            "KLING_MOCK_ADMIN_TOKEN": admin_token,
            "KLING_MOCK_CALLBACK_SECRET": secrets.token_hex(16),
            **(environment or {}),
        }
        places = urls or [database.url] * len(options)
        commands = [
            [*command, "--db", url, *more] for url, more in zip(places, options, strict=True)
        ]
        with running(commands, folder, variables) as served:
            yield Fleet(served, kling, database, folder, admin_token)


@contextmanager
def fleet_over(
    store: str,
    folder: Path,
    options: Sequence[Sequence[str]] = ((),) * PROCESSES,
    cluster: Cluster | None = None,
    script: str = "",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Fleet]:
    """Start the processes over an empty database of one of `STORES`, with two channels.

    Args:
        store: The store.
        folder: Takes the processes' logs.
        options: More options of the command, of each process.
        cluster: The store's cluster, if it has one.
        script: See `fleet`.
        environment: See `fleet`.
    """

    async def set_up(started: Fleet) -> None:
        async with started:
            await started.set_up_channels()

    with ExitStack() as stack:
        urls: list[str] | None = None
        database: Database
        if cluster is not None:
            database = stack.enter_context(ClusterDatabase(cluster))
            urls = [database.url_from(node) for node in CLUSTERS[store][1]][: len(options)]
        elif store == "sqlite":
            database = SqliteFile(folder)
        else:
            database = _served(store, stack)
        if store == "mariadb-like-mysql":
            script = "like_mysql.py"
        started = stack.enter_context(
            fleet(
                database,
                folder,
                script=script,
                environment=environment,
                options=options,
                urls=urls,
            )
        )
        asyncio.run(set_up(started))
        yield started


def _served(store: str, stack: ExitStack) -> Database:
    make = SERVERS[store]
    need("mysql" if make is Mysql else "postgres")
    database = make()
    asyncio.run(database.make())
    stack.callback(lambda: asyncio.run(database.drop()))
    return database
