"""P1: a relay that is killed while it sends, and a lost answer with a concurrent repeat.

Two processes of `kling-mock relay` over one database, SQLite and MariaDB, the sync and the async
client, and a model of each of the vendor's interfaces. Kling holds each create: it has accepted it
before the kill, or accepts it after. Then the client repeats it, and a second client sends the same
request under the same id, to the process that was started again or to the other one. The checker
compares Kling's books and the relay's rows with what both clients got. A relay that only passes
creates on has to fail the same check. `KLING_PROOF_SIZE=full` takes the sizes that are published;
`-s` shows figures.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import attrs
import httpx
import pytest

from kling_sdk import AsyncKling, Event, Kling, KlingError, Task
from tests.mock.relay.scripted_kling import ReceivedRequest, Reply, ScriptedKling
from tests.mock.relay.storage.databases import Mysql, SqliteFile, need
from tests.mock.relay.storage.proxy import Proxy
from tests.proof.intents import SIDES, Side
from tests.proof.relay_processes import VIDEOS
from tests.sdk.fake_kling import HonestKling
from tests.sdk.faulty_server import Fault, FaultyKling

pytestmark = [pytest.mark.slow, pytest.mark.alone]

COPIES: Final = 10 if os.environ.get("KLING_PROOF_SIZE") == "full" else 1
#: How fast the relay's clock is: a repeat waits for one second of real time instead of twenty.
SPEED: Final = 20
#: Seconds of real time for which a client repeats its create before it looks the task up.
DEADLINE: Final = 6.0
TOKEN: Final = f"sk-{'0' * 48}"
MOMENTS: Final = ("before", "after")  # when Kling accepts: before the kill, or after it
#: What a client got of one create: the relay's id of the task, or the name of an error.
Got = str


class HoldingKling:
    """A Kling with one account that replies to creates only when it is released.

    Attributes:
        books: The account.
        received: Creates received so far.
        released: Lets it reply.
    """

    def __init__(self) -> None:
        self.books = HonestKling(takes=None)
        self.received = 0
        self.released = threading.Event()

    def __call__(self, request: ReceivedRequest) -> Reply:
        if request.method == "GET":
            return self._carry_out(request)
        accepted = self._carry_out(request) if "before" in request.body["prompt"] else None
        self.received += 1
        self.released.wait(60)
        return accepted or self._carry_out(request)

    def _carry_out(self, request: ReceivedRequest) -> Reply:
        url = urlsplit(request.path)
        query = dict(parse_qsl(url.query))
        answer = self.books.answer(request.method, url.path, query, request.headers, request.body)
        return answer.status, answer.body

    def bought(self) -> Counter[str]:
        """Count the tasks of each prompt."""
        return Counter(task["prompt"] for task in self.books.tasks.values())


class RelayProcess:
    """A relay in a process of its own, which can be killed and started again at its address."""

    def __init__(
        self, command: Callable[[int], Sequence[str]], keys: Mapping[str, str], log: Path
    ) -> None:
        self._command = command
        self._keys = keys
        self._log = log
        self.url = ""
        self._process: subprocess.Popen[str]

    def start(self) -> None:
        port = httpx.URL(self.url).port if self.url else 0
        variables = {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "KLING_MOCK_RELAY_TOKEN": TOKEN,
            **self._keys,
        }
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._command(port or 0)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **variables},
            )
        assert self._process.stdout is not None
        self.url = json.loads(self._process.stdout.readline())["relay_url"]

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._process.kill()
        self._process.communicate()


@attrs.frozen
class Stage:
    """Two relay processes over one database, and the Kling behind them.

    Attributes:
        side: The vendor's interface that the creates are for.
    """

    side: Side
    kling: HoldingKling
    relay: RelayProcess
    other: RelayProcess

    def task_id_at_kling(self, external_id: str) -> str:
        """Ask the relay until it knows Kling's id of a task; return that."""
        limit = time.monotonic() + 30
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=self.relay.url, headers=headers, timeout=30) as http:
            while time.monotonic() < limit:
                task = http.get(f"{VIDEOS}/{external_id}").json()
                if task.get("kling_task_id"):
                    return str(task["kling_task_id"])
        return ""


#: Where a create arrives, by interface.
PLACES: Final = {"v1": "/v1/videos/text2video", "model-path": "text-to-video/kling-3.0"}
#: The environment of a relay, by interface: with a key pair, the path does not contain a model.
KEYS: Final = {
    "v1": {"KLING_ACCESS_KEY": "AK", "KLING_SECRET_KEY": "SK", "KLING_API_KEY": ""},
    "model-path": {
        "KLING_ACCESS_KEY": "",
        "KLING_SECRET_KEY": "",
        "KLING_API_KEY": SIDES["model-path"].key,
    },
}


@contextmanager
def staged(
    side: Side, command: Callable[[str, int], Sequence[str]], folder: Path
) -> Iterator[Stage]:
    """Start two relays in front of a Kling that holds; *command* is given its URL and a port."""
    kling = HoldingKling()
    with ExitStack() as stack:
        upstream = stack.enter_context(ScriptedKling(kling))
        stack.callback(kling.released.set)
        pair: list[RelayProcess] = []
        for log in ("relay.log", "other.log"):
            start = functools.partial(command, upstream.url)
            relay = RelayProcess(start, KEYS[side.name], folder / log)
            relay.start()
            stack.callback(relay.kill)
            pair.append(relay)
        yield Stage(side, kling, *pair)


def the_relay(database: str) -> Callable[[str, int], Sequence[str]]:
    options = ("--db", database, "--speed", str(SPEED))
    return lambda url, port: (
        *("-m", "kling_mock", "relay", "--upstream", url, "--port", str(port)),
        *options,
    )


def a_naive_relay(url: str, port: int) -> Sequence[str]:
    return (str(Path(__file__).with_name("forwarding_relay.py")), url, str(port))


@pytest.fixture(params=SIDES)
def side(request: pytest.FixtureRequest) -> Side:
    return SIDES[request.param]


@pytest.fixture(params=["sqlite", "mariadb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteFile | Mysql]:
    if request.param == "sqlite":
        yield SqliteFile(tmp_path)
        return
    need("mysql")
    mysql = Mysql()
    asyncio.run(mysql.make())
    yield mysql
    asyncio.run(mysql.drop())


# ---------------------------------------------------------------- clients


def create(
    side: Side,
    kind: str,
    url: str,
    external_id: str,
    on_event: Callable[[Event], object] | None = None,
) -> Got:
    """Create a task with a new client; its prompt is its id."""
    options: dict[str, Any] = {
        "create_deadline": DEADLINE,
        "on_event": on_event,
        "trust_env": False,
    }
    request = {"prompt": external_id, "external_task_id": external_id, **side.extra}

    async def awaited() -> Task:
        async with AsyncKling.relay(url, TOKEN, **options) as kling:
            return await kling.text2video.create(**request)

    try:
        if kind == "async":
            return asyncio.run(awaited()).task_id
        with Kling.relay(url, TOKEN, **options) as kling:
            return kling.text2video.create(**request).task_id
    except KlingError as error:
        return type(error).__name__


def spin(condition: Callable[[], bool]) -> None:
    """Return once something has happened on another thread, or in another process."""
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0)


def killed_while_sending(stage: Stage) -> tuple[list[str], dict[str, list[Got]]]:
    """Create with both clients, kill the process, and create again with others at both processes.

    Returns:
        The ids, and what both clients of each one got.
    """
    kinds = {
        f"{kind}-{moment}-{copy}": kind
        for kind in ("sync", "async")
        for moment in MOMENTS
        for copy in range(COPIES)
    }
    second_client = {
        "sync": ("async", stage.relay.url),
        "async": ("sync", stage.other.url),
    }
    with ThreadPoolExecutor(2 * len(kinds)) as threads:
        first = {
            external_id: threads.submit(create, stage.side, kind, stage.relay.url, external_id)
            for external_id, kind in kinds.items()
        }
        spin(lambda: stage.kling.received == len(kinds))
        stage.relay.kill()
        stage.relay.start()
        second = {
            external_id: threads.submit(create, stage.side, *second_client[kind], external_id)
            for external_id, kind in kinds.items()
        }
        stage.kling.released.set()
        return list(kinds), {
            external_id: [first[external_id].result(), second[external_id].result()]
            for external_id in kinds
        }


def wrong(stage: Stage, ids: Sequence[str], got: dict[str, list[Got]]) -> list[str]:
    """The checker: return what is not one task per id, the same for both of its clients.

    Each has to be of the interface that the proof is about.
    """
    bought = stage.kling.bought()
    faults = [
        f"{external_id}: {bought[external_id]} bought"
        for external_id in ids
        if bought[external_id] != 1
    ]
    faults += [
        f"{external_id}: {tasks}" for external_id, tasks in got.items() if len(set(tasks)) != 1
    ]
    faults += [
        f"{external_id}: {tasks}"
        for external_id, tasks in got.items()
        if tasks[0].endswith("Error")
    ]
    places = {task["endpoint"] for task in stage.kling.books.tasks.values()}
    if places != {PLACES[stage.side.name]}:
        faults.append(f"created at {places}")
    return faults


def in_rows(stage: Stage, database: SqliteFile | Mysql, got: dict[str, list[Got]]) -> list[str]:
    """Return where the relay's rows and holds differ from what clients got and Kling has."""
    sql = "SELECT external_task_id, task_id, held_quota FROM videos"
    rows = {str(row[0]): row for row in asyncio.run(database.query(sql))}
    held = asyncio.run(database.query("SELECT held_quota FROM users WHERE held_quota > 0"))
    books = stage.kling.books
    differences = [f"{external_id} has no row" for external_id in got if external_id not in rows]
    differences += [
        f"{external_id} is {rows[external_id][1]}, and {tasks}"
        for external_id, tasks in got.items()
        if rows[external_id][1] != tasks[0]
    ]
    differences += [
        f"{external_id}: not the task of Kling's"
        for external_id in got
        if stage.task_id_at_kling(external_id) != books.by_external.get(str(rows[external_id][1]))
    ]
    if [int(row[0]) for row in held] != [sum(int(row[2]) for row in rows.values())]:
        differences.append(f"{held} held for {len(rows)} rows")
    return differences


# ---------------------------------------------------------------- the proofs


def test_a_relay_that_is_killed_while_it_sends_buys_each_task_once(
    database: SqliteFile | Mysql, tmp_path: Path, side: Side
) -> None:
    """Both clients of an id get one task, whether Kling accepted it before the kill or after."""
    started = time.monotonic()
    with staged(side, the_relay(database.url), tmp_path) as stage:
        ids, got = killed_while_sending(stage)
        mistakes = wrong(stage, ids, got) or in_rows(stage, database, got)
        tasks = len(stage.kling.books.tasks)
    seconds = time.monotonic() - started
    print(  # noqa: T201 - the figure
        f"\nP1 killed while sending, {side.name}, {type(database).__name__}: {len(ids)} creates "
        f"by 2 clients each, {tasks} tasks, {len(mistakes)} wrong; {seconds:.1f} s"
    )
    assert mistakes == []


def test_the_check_catches_a_relay_that_only_passes_creates_on(tmp_path: Path, side: Side) -> None:
    """Negative control: it buys again for each repeat, and its clients get different tasks."""
    with staged(side, a_naive_relay, tmp_path) as stage:
        ids, got = killed_while_sending(stage)
        mistakes = wrong(stage, ids, got)
        bought = stage.kling.bought()
    assert mistakes
    assert max(bought.values()) > 1


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_lost_answer_with_a_concurrent_repeat_buys_one_task(
    database: SqliteFile | Mysql, tmp_path: Path, side: Side, kind: str
) -> None:
    """The first answer is cut off while Kling holds the create; both then wait for one task.

    The second client calls the process that does not send.
    """
    with staged(side, the_relay(database.url), tmp_path) as stage:
        got = repeated_concurrently(stage, kind)
        mistakes = wrong(stage, ["order-before"], got) or in_rows(stage, database, got)
    assert mistakes == []


def test_the_check_catches_it_in_a_concurrent_repeat(tmp_path: Path, side: Side) -> None:
    """Negative control: the same, to a relay that only passes creates on, buys three."""
    with staged(side, a_naive_relay, tmp_path) as stage:
        got = repeated_concurrently(stage, "sync")
        assert wrong(stage, ["order-before"], got)
        assert stage.kling.bought() == {"order-before": 3}


def repeated_concurrently(stage: Stage, kind: str) -> dict[str, list[Got]]:
    """Cut off the answer to a create; repeat it at one process, and with another at the other."""
    seen = Counter[str]()

    def count(event: Event) -> None:
        seen[event.kind] += 1

    target = httpx.URL(stage.relay.url)
    with Proxy((target.host, target.port or 0)) as proxy, ThreadPoolExecutor(2) as threads:
        through = f"http://127.0.0.1:{proxy.port}"
        first = threads.submit(create, stage.side, kind, through, "order-before", count)
        spin(lambda: stage.kling.received == 1)
        proxy.go_away()
        proxy.come_back()
        second = threads.submit(create, stage.side, kind, stage.other.url, "order-before", count)
        # The first client sends its second request, the second client its first one.
        spin(lambda: seen["retry"] >= 1 and seen["request"] >= 3)
        stage.kling.released.set()
        return {"order-before": [first.result(), second.result()]}


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_same_at_kling_itself(side: Side, kind: str) -> None:
    """Without a relay: the lost answer's repeat and a second client find the one task."""
    with FaultyKling(HonestKling(takes=None)) as server, ThreadPoolExecutor(2) as threads:
        server.breaks(Fault("accepted"), Fault("accepted"))
        got = [
            future.result()
            for future in [
                threads.submit(created_at_kling, side, kind, server.url) for _ in range(2)
            ]
        ]
    assert [task["endpoint"] for task in server.kling.tasks.values()] == [PLACES[side.name]]
    assert got == [next(iter(server.kling.tasks))] * 2


def created_at_kling(side: Side, kind: str, url: str) -> Got:
    request = {"prompt": "a kitten", "external_task_id": "order-1", **side.extra}

    async def awaited() -> Task:
        async with AsyncKling(side.key, base_url=url, trust_env=False) as kling:
            return await kling.text2video.create(**request)

    if kind == "async":
        return asyncio.run(awaited()).task_id
    with Kling(side.key, base_url=url, trust_env=False) as kling:
        return kling.text2video.create(**request).task_id
