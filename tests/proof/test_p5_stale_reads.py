"""P5: a relay that reads at another node than the one that wrote sees what was written.

Else a callback at that node is for a task that is not there, and a token that is new is unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncmy
import pytest

from kling_mock.relay.storage.adapters import mysql_nodes
from kling_mock.relay.storage.connect import connect
from kling_mock.relay.storage.values import VideoRow
from tests.clusters.cluster import ClusterDatabase
from tests.clusters.galera import Galera
from tests.mock.relay.storage.databases import opened
from tests.mock.relay.storage.samples import Shop

pytestmark = pytest.mark.slow


@pytest.fixture
def database(galera: Galera) -> Iterator[ClusterDatabase]:
    """A database on three nodes that all serve."""
    galera.restore()
    with ClusterDatabase(galera) as database:
        yield database


@asynccontextmanager
async def held_up(cluster: Galera, node: int) -> AsyncIterator[None]:
    """Let a node take in what others write, and apply none of it."""
    holder = await asyncmy.connect(host="127.0.0.1", port=cluster.ports[node], user="root")
    async with holder.cursor() as cursor:
        await cursor.execute("FLUSH TABLES WITH READ LOCK")
        yield
        await cursor.execute("UNLOCK TABLES")
    holder.close()


async def read_at_another_node(cluster: Galera, database: ClusterDatabase) -> VideoRow | None:
    """Write a task at node 0 and read it at node 1, which is a moment behind."""
    async with opened(database) as here:
        shop = await Shop.fill(here)
        there = connect(database.url_from(1))
        await there.open()
        await there.find_task("kling_none")  # connected
        async with held_up(cluster, 1):
            created = await shop.create(price=1)
            reading = asyncio.create_task(there.find_task(created.task_id))
            # Only a read that does not wait ends before the node goes on.
            await asyncio.wait({reading}, timeout=1)
        row = await reading
        await there.close()
        return row


async def test_a_task_is_found_at_another_node(galera: Galera, database: ClusterDatabase) -> None:
    """The read waits until the node has what was committed before it."""
    assert await read_at_another_node(galera, database) is not None


async def test_the_check_catches_reads_that_are_not_causal(
    galera: Galera, database: ClusterDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: as MariaDB does by default, the node answers at once that there is no such task."""
    no_wait = "SET SESSION wsrep_sync_wait = 0"
    monkeypatch.setattr(mysql_nodes, "_READS_WAIT_ON_GALERA", no_wait)
    assert await read_at_another_node(galera, database) is None
