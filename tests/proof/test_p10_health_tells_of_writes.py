"""P10: `/health` is 503 within 3 s when nothing can be written, names why, and 200 soon after."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    closing,
    contextmanager,
)
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

import asyncmy
import asyncpg
import httpx
import pytest

from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import DatabaseNode
from tests.clusters.cluster import Cluster, ClusterDatabase
from tests.clusters.fixtures import FULL, cluster_of
from tests.mock.relay.standalone import standalone
from tests.mock.relay.storage.proxy import Proxy
from tests.proof.relay_processes import LOOK, SOON, Fleet, User, fleet, fleet_over

pytestmark = [pytest.mark.slow, pytest.mark.alone]

KLING: Final = "http://127.0.0.1:9"  # nothing listens there


def await_status(http: httpx.Client, status: int) -> tuple[float, dict[str, Any]]:
    """Ask until `/health` has a status; return after how many seconds, and what it shows."""
    start = monotonic()
    while True:
        reply = http.get("/health")
        seconds = monotonic() - start
        if reply.status_code == status:
            return seconds, reply.json()
        assert seconds < SOON, f"still {reply.status_code} after {SOON:g} s: {reply.text}"
        sleep(LOOK)


def assert_told(url: str, way: Callable[[], AbstractContextManager[None]], cause: str) -> None:
    """Stop all writes of a relay's database, and see `/health` say so, and that it is over."""
    with standalone(KLING, database=url) as caller:
        for _ in range(2):
            await_status(caller.http, 200)
            with way():
                unwell, health = await_status(caller.http, 503)
                assert health["status"] == health["database"] == "unavailable"
                assert re.search(cause, health["cause"]), health["cause"]
            well, _ = await_status(caller.http, 200)
            print(  # noqa: T201 - the figure
                f"\nP10 {url.partition(':')[0]}: 503 after {unwell:.1f} s ({health['cause']}),"
                f" 200 after {well:.1f} s"
            )


# ---------------------------------------------------------------- SQLite


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[None]:
    """Mount a small file system on a folder."""
    if os.geteuid():
        pytest.skip("a small file system: only root can mount one")
    size = f"size={mebibytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Take all bytes of a file system."""
    rest = folder / "rest"
    with rest.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            pass
    yield
    rest.unlink()


def test_a_full_disk(tmp_path: Path) -> None:
    """SQLite's log still has some bytes left at first, and then none."""
    with small_disk(tmp_path, 2):
        full = partial(filled, tmp_path)
        assert_told(f"sqlite:///{tmp_path}/relay.db", full, "disk is full|disk I/O error")


def test_a_process_that_has_stopped_in_a_transaction_of_sqlite(tmp_path: Path) -> None:
    """Its lock does not end; all others wait."""

    @contextmanager
    def locked() -> Iterator[None]:
        with closing(sqlite3.connect(tmp_path / "relay.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    assert_told(f"sqlite:///{tmp_path}/relay.db", locked, "another process, which has locked")


def test_the_check_catches_a_health_that_only_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a database that can be read only is well for it."""

    async def read(self: Storage, *, now: int, padding: str = "") -> DatabaseNode:
        await self.summary(now=now)
        return DatabaseNode()

    monkeypatch.setattr(Storage, "probe", read)
    with (
        standalone(KLING, database=f"sqlite:///{tmp_path}/relay.db") as caller,
        closing(sqlite3.connect(tmp_path / "relay.db", isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AssertionError, match="still 200"):
            await_status(caller.http, 503)


# ---------------------------------------------------------------- servers


@pytest.fixture(params=["mariadb_replica", "postgres_cluster"])
def database(request: pytest.FixtureRequest) -> Iterator[ClusterDatabase]:
    """A database on a server of its own."""
    cluster: Cluster = request.getfixturevalue(request.param)
    with ClusterDatabase(cluster) as database:
        yield database


def address(database: ClusterDatabase, port: int | None = None) -> str:
    """Return the address of the primary alone, or of a proxy before it."""
    cluster = database.cluster
    node = cluster.primary()
    return cluster.url(database.name, [node]).replace(
        f":{cluster.ports[node]}", f":{port or cluster.ports[node]}"
    )


@asynccontextmanager
async def held(database: ClusterDatabase, *statements: str) -> AsyncIterator[None]:
    """Run statements on a connection that stays open."""
    cluster = database.cluster
    port = cluster.ports[cluster.primary()]
    if cluster.kind == "postgres":
        session: Any = await asyncpg.connect(
            host="127.0.0.1", port=port, user="postgres", database=database.name
        )
        run, end = session.execute, session.close
    else:
        session = await asyncmy.connect(
            host="127.0.0.1", port=port, user="root", database=database.name
        )
        run, end = session.query, session.ensure_closed
    try:
        for statement in statements:
            await run(statement)
        yield
    finally:
        await end()


@contextmanager
def holding(database: ClusterDatabase, *statements: str) -> Iterator[None]:
    """Do the same outside of a loop."""
    with asyncio.Runner() as runner:
        session = held(database, *statements)
        runner.run(session.__aenter__())
        yield
        runner.run(session.__aexit__(None, None, None))


@contextmanager
def tables_on_a_small_disk(database: ClusterDatabase) -> Iterator[Path]:
    """Put the tables of a database on a small file system, but not the server's logs."""
    cluster, name = database.cluster, database.name
    node = cluster.primary()
    data = cluster.folder.path / f"data{node}"
    if cluster.kind == "postgres":

        def run(sql: str) -> Sequence[Sequence[Any]]:
            return asyncio.run(cluster.query(sql, node))

        run(f"SET allow_in_place_tablespaces = on; CREATE TABLESPACE {name} LOCATION ''")
        ((number,),) = run(f"SELECT oid FROM pg_tablespace WHERE spcname = '{name}'")
        folder = data / f"pg_tblspc/{number}"
        (version,) = folder.iterdir()
        with small_disk(folder, 24):
            version.mkdir(mode=0o700)
            for path in (folder, version):
                cluster.folder.own(path)
            run(f"ALTER DATABASE {name} SET TABLESPACE {name}")
            yield folder
            run(f"ALTER DATABASE {name} SET TABLESPACE pg_default")
        run(f"DROP TABLESPACE {name}")  # pg_rewind does not take one that is no link
    else:
        folder = data / name
        with small_disk(folder, 24):
            cluster.folder.own(folder)
            yield folder
            cluster.ask(f"DROP DATABASE {name}", node)  # all but its folder


def test_a_full_disk_of_a_server(database: ClusterDatabase, tmp_path: Path) -> None:
    """Creates are 503, and never 500; `/health` is 503 for as long, the second time as well."""
    statuses, refused = Counter[int](), asyncio.Event()
    node = database.cluster.primary()

    async def load(relays: Fleet, user: User) -> None:
        while True:
            status, _ = await relays.create(user, prompt="x" * 2_000)
            statuses[status] += 1
            if status != 200:
                refused.set()

    async def fill(relays: Fleet, disk: Path) -> None:
        statuses.clear()
        refused.clear()
        with filled(disk):
            await refused.wait()  # there is some room in the files
            unwell, _ = await relays.health_becomes(503)
            until, looks = monotonic() + 4, Counter[int]()
            while monotonic() < until:
                status, _ = await relays.call("GET", "/health")
                looks[status] += 1
                await asyncio.sleep(LOOK)
        # MariaDB aborts if a rollback finds no room; a service manager starts it again.
        ended = not database.cluster.process(node).is_running
        await asyncio.to_thread(database.cluster.restore)
        well, _ = await relays.health_becomes(200)
        print(  # noqa: T201 - the figure
            f"\nP10 {database.cluster.kind}, a full disk: 503 {unwell:.1f} s after a create that it"
            f" refused, 200 after {well:.1f} s; creates {dict(statuses)}, looks {dict(looks)}"
            f"{', the server ended and was started again' * ended}"
        )
        assert {*statuses} <= {200, 503}
        assert {*looks} == {503}

    async def run(relays: Fleet, disk: Path) -> None:
        async with relays:
            await relays.set_up_channels()
            user = await relays.add_user(1_000_000)
            loads = asyncio.gather(*(load(relays, user) for _ in range(4)))
            for _ in range(2):
                await fill(relays, disk)
            loads.cancel()
            await asyncio.wait({loads})
            await relays.created(user)

    with (
        tables_on_a_small_disk(database) as disk,
        fleet(database, tmp_path, options=((),), urls=[address(database)]) as relays,
    ):
        asyncio.run(run(relays, disk))


def test_locked_tables(database: ClusterDatabase) -> None:
    """Any of those that a create or a settlement writes."""
    for table in ("users", "ledger"):
        how = {
            "postgres": ("BEGIN", f"LOCK TABLE {table} IN EXCLUSIVE MODE"),
            "mariadb-replica": (f"LOCK TABLES {table} READ",),
        }[database.cluster.kind]
        assert_told(address(database), partial(holding, database, *how), "locked")


def test_a_global_read_lock(mariadb_replica: Cluster) -> None:
    """A backup takes one."""
    with ClusterDatabase(mariadb_replica) as database:
        lock = "FLUSH TABLES WITH READ LOCK"
        assert_told(address(database), lambda: holding(database, lock), "locked")


def test_a_longer_limit_for_a_backup(mariadb_replica: Cluster) -> None:
    """It is an option."""
    with ClusterDatabase(mariadb_replica) as database:
        lock = "FLUSH TABLES WITH READ LOCK"
        url = address(database)
        with (
            standalone(KLING, database=url, write_limit=60) as caller,
            holding(database, lock),
            pytest.raises(AssertionError, match="still 200"),
        ):
            await_status(caller.http, 503)


def test_a_server_that_is_read_only(database: ClusterDatabase) -> None:
    """A primary that was demoted is read-only."""
    cluster = database.cluster

    def turn(state: str) -> None:
        if cluster.kind == "postgres":
            cluster.ask(f"ALTER SYSTEM SET default_transaction_read_only = {state}", 0)
            cluster.ask("SELECT pg_reload_conf()", 0)
        else:
            cluster.ask(f"SET GLOBAL read_only = {state}", cluster.primary())

    @contextmanager
    def read_only() -> Iterator[None]:
        turn("on")
        try:
            yield
        finally:
            turn("off")

    assert_told(address(database), read_only, "read-only")


def test_a_server_that_is_gone(database: ClusterDatabase) -> None:
    """It refuses connections."""
    cluster = database.cluster

    with Proxy(("127.0.0.1", cluster.ports[cluster.primary()])) as proxy:

        @contextmanager
        def gone() -> Iterator[None]:
            proxy.go_away()
            yield
            proxy.come_back()

        assert_told(address(database, proxy.port), gone, "away")


def test_a_server_that_is_frozen(database: ClusterDatabase) -> None:
    """It accepts connections, and is silent."""
    cluster = database.cluster
    node = cluster.primary()

    @contextmanager
    def frozen() -> Iterator[None]:
        cluster.freeze(node)
        yield
        cluster.thaw(node)

    assert_told(address(database), frozen, "a response of the server|a connection|no response")


# ---------------------------------------------------------------- no false alarm


async def never_unwell(relays: Fleet, work: asyncio.Future[Any]) -> str:
    """Ask `/health` until something is done; return how often, and the maximum time it took."""
    looks, longest = 0, 0.0
    while not work.done():
        start = monotonic()
        status, health = await relays.call("GET", "/health")
        longest = max(longest, monotonic() - start)
        looks += 1
        assert status == 200, health
        await asyncio.sleep(LOOK)
    return f"{looks} looks, none unwell, {longest:.2f} s at most"


def test_one_users_locked_row_is_nobody_elses_trouble(
    database: ClusterDatabase, tmp_path: Path
) -> None:
    """However many creates of that user wait for it."""
    seconds = 60 if FULL else 8

    async def serve(relays: Fleet, user: User) -> float:
        longest, until = 0.0, monotonic() + seconds
        while monotonic() < until:
            start = monotonic()
            await relays.created(user)
            longest = max(longest, monotonic() - start)
        return longest

    async def run(relays: Fleet) -> None:
        async with relays:
            await relays.set_up_channels()
            locked, other = [await relays.add_user(10_000) for _ in range(2)]
            lock = f"SELECT quota FROM users WHERE id = {locked.id} FOR UPDATE"
            async with held(database, "BEGIN", lock):
                waiting = [asyncio.ensure_future(relays.create(locked)) for _ in range(30)]
                serving = asyncio.ensure_future(serve(relays, other))
                looks = await never_unwell(relays, serving)
                print(  # noqa: T201 - the figure
                    f"\nP10 {database.cluster.kind}, a user's row locked for {seconds} s: {looks};"
                    f" others' creates {await serving:.1f} s at most"
                )
                assert await serving < SOON
            replies = await asyncio.gather(*waiting)
            assert {status for status, _ in replies} <= {200, 503}
            await relays.created(locked)

    with fleet(database, tmp_path, options=((),), urls=[address(database)]) as relays:
        asyncio.run(run(relays))


def test_connections_that_are_used_up(mariadb_replica: Cluster, tmp_path: Path) -> None:
    """What the server refuses waits for a connection that the process has."""
    node = mariadb_replica.primary()
    port = mariadb_replica.ports[node]

    async def run(relays: Fleet) -> None:
        async with relays, AsyncExitStack() as stack:
            await relays.set_up_channels()
            user = await relays.add_user(100)
            await relays.created(user)
            admin: Any = await asyncmy.connect(host="127.0.0.1", port=port, user="root")
            stack.push_async_callback(admin.ensure_closed)
            await admin.query("SET GLOBAL max_connections = 10")
            stack.push_async_callback(admin.query, "SET GLOBAL max_connections = 151")
            while True:
                try:
                    other: Any = await asyncmy.connect(host="127.0.0.1", port=port, user="root")
                except asyncmy.errors.OperationalError:
                    break
                stack.push_async_callback(other.ensure_closed)
            creating = asyncio.gather(*(relays.create(user) for _ in range(30)))
            await never_unwell(relays, creating)
            assert {status for status, _ in await creating} == {200}

    with (
        ClusterDatabase(mariadb_replica) as database,
        fleet(database, tmp_path, options=((),), urls=[address(database)]) as relays,
    ):
        asyncio.run(run(relays))


@pytest.mark.parametrize("store", ["sqlite", "mariadb", "postgres", *(["mysql9"] * FULL)])
def test_a_busy_relay_is_well(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Eight callers do not stop, for ten minutes in full size."""
    seconds = 600 if FULL else 10

    async def load(relays: Fleet, user: User) -> int:
        count, until = 0, monotonic() + seconds
        while monotonic() < until:
            await relays.callback(await relays.created(user))
            count += 1
        return count

    async def run(relays: Fleet) -> None:
        async with relays:
            users = [await relays.add_user(100_000) for _ in range(8)]
            loads = asyncio.gather(*(load(relays, user) for user in users))
            looks = await never_unwell(relays, loads)
            print(  # noqa: T201 - the figure
                f"\nP10 {store}, {seconds} s of load: {sum(await loads)} videos; {looks}"
            )
            assert sum(await loads) > seconds

    cluster = cluster_of(request, store)
    with fleet_over(store, tmp_path, options=((),) * 2, cluster=cluster) as relays:
        asyncio.run(run(relays))
