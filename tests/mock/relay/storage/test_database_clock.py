"""The time of the database: in seconds since 1970, whatever its time zone is."""

from __future__ import annotations

import time

import pytest

from kling_mock.relay.storage.adapters.mysql import SESSION, MysqlEngine
from kling_mock.relay.storage.connect import engine_of
from kling_mock.relay.storage.sql_storage import Storage
from tests.mock.relay.storage.databases import Server

ON_THIS_COMPUTER = 1.0  # seconds that its clocks may be apart


@pytest.mark.parametrize("closed_store", ["mariadb", "postgres"], indirect=True)
async def test_a_server_has_a_clock_of_its_own(store: Storage) -> None:
    """It has fractions of a second; the test's server is on this computer, so they agree."""
    readings = [await store.read_clock() for _ in range(3)]
    assert len({reading.seconds for reading in readings if reading is not None}) == 3
    for reading in readings:
        assert reading is not None
        assert abs(reading.seconds - time.time()) < ON_THIS_COMPUTER
        node = await store.probe(now=1)
        assert reading.node == node.name  # so that its clock is told from others'


@pytest.mark.parametrize("closed_store", ["memory", "sqlite"], indirect=True)
async def test_sqlite_and_memory_have_the_computers_clock(store: Storage) -> None:
    """So a comparison would have no meaning."""
    assert await store.read_clock() is None


@pytest.mark.parametrize("zone", ["+05:00", "-11:30"])
async def test_the_time_zone_of_mysql_does_not_matter(mysql: Server, zone: str) -> None:
    """A session may have another one than the server."""
    engine = engine_of(mysql.url)
    assert isinstance(engine, MysqlEngine)
    session = (*SESSION, f"SET SESSION time_zone = '{zone}'")
    store = Storage(MysqlEngine(engine.address, session=session))
    await store.open()
    try:
        reading = await store.read_clock()
    finally:
        await store.close()
    assert reading is not None
    assert abs(reading.seconds - time.time()) < ON_THIS_COMPUTER


async def test_the_time_zone_of_postgresql_does_not_matter(postgres: Server) -> None:
    """It is a setting of the session, too."""
    name = postgres.url.rpartition("/")[2]
    await postgres.query(f"ALTER DATABASE {name} SET timezone = 'Asia/Kolkata'")
    store = Storage(engine_of(postgres.url))
    await store.open()
    try:
        reading = await store.read_clock()
    finally:
        await store.close()
        await postgres.query(f"ALTER DATABASE {name} RESET timezone")
    assert reading is not None
    assert abs(reading.seconds - time.time()) < ON_THIS_COMPUTER


@pytest.mark.parametrize("closed_store", ["mariadb", "postgres"], indirect=True)
async def test_a_connect_is_reported(closed_store: Storage) -> None:
    """Each new connection may lead to another server, with another clock."""
    connects: list[None] = []
    closed_store.on_connect(lambda: connects.append(None))
    await closed_store.open()
    try:
        assert connects
        before = len(connects)
        await closed_store.read_clock()
        assert len(connects) == before  # it has taken an idle one
    finally:
        await closed_store.close()
