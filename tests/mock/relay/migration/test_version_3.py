"""Version 3 of the tables records the service of each task, and charges no upstream task twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import attrs
import pytest

from kling_mock.cli.main import main
from kling_mock.relay.migration.database.introspect import read_table
from kling_mock.relay.migration.database.session import DatabaseError, Session, connect
from kling_mock.relay.migration.versions import upgrade_tables
from kling_mock.relay.storage.connect import connect as connect_storage
from kling_mock.relay.storage.errors import KlingTaskClashError
from kling_mock.relay.storage.schema import VERSION, Dialect, table_named
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import Attempt, TaskOutcome
from tests.mock.relay.migration.older_tables import take_back
from tests.mock.relay.migration.watched_session import Watched, killed_after_each_statement
from tests.mock.relay.storage.samples import LATER, NOW, Shop, channel_named, failed, succeed

pytestmark = pytest.mark.slow

DIALECTS: Final = ["sqlite", "mariadb", "postgresql"]
HOST: Final = "127.0.0.1:1"  # of the first two channels

#: The tasks of the old database: channel, upstream id, whether it was charged.
TASKS: Final = {
    "paid-1": (1, "X", True),
    "paid-2": (2, "X", True),
    "paid-elsewhere": (3, "W", True),
    "open-1": (1, "Y", False),
    "paid-3": (2, "Y", True),
    "open-2": (1, "Z", False),
    "open-3": (2, "Z", False),
    "alone": (2, "W", False),
    "unsent": (1, None, False),
}
#: What each has after the upgrade.
SERVICES: Final = {
    "paid-1": HOST,
    "paid-2": None,
    "paid-elsewhere": "b.example",
    "open-1": None,
    "paid-3": HOST,
    "open-2": HOST,
    "open-3": None,
    "alone": HOST,
    "unsent": None,
}

T = TypeVar("T")


def on_store(url: str, work: Callable[[Storage], Awaitable[T]]) -> T:
    """Do something on the opened storage."""

    async def run() -> T:
        store = connect_storage(url)
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


async def _fill(store: Storage) -> None:
    shop = await Shop.fill(store, quota=2_000)
    shops = [shop]
    for name, host in (("second", f"http://{HOST}"), ("third", "https://B.example/")):
        channel = await store.create_channel(channel_named(name, base_url=host), now=NOW)
        shops.append(attrs.evolve(shop, channel=channel))
    for task_id, (channel_id, upstream, charged) in TASKS.items():
        by = shops[channel_id - 1]
        if upstream is None:
            await by.create(task_id=task_id)
            continue
        await by.accepted(f"of {task_id}", task_id=task_id)
        if charged:
            await by.settle(succeed(task_id))


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, databases: Callable[[str], str]) -> str:
    """A database as version 2 left it, with upstream tasks that have several rows."""
    url: str = databases(request.param)
    on_store(url, _fill)
    with connect(url) as session:
        take_back(session, 2)
        for task_id, (_, upstream, _) in TASKS.items():
            session.execute(
                "UPDATE videos SET kling_task_id = ? WHERE task_id = ?", upstream, task_id
            )
    return url


def upgraded(session: Session) -> list[str]:
    """Upgrade the tables; return what was logged."""
    logged = list[str]()
    upgrade_tables(session, NOW, logged.append)
    return logged


def services(session: Session) -> Mapping[str, str | None]:
    return dict(session.query("SELECT task_id, service FROM videos ORDER BY id"))


def money(session: Session) -> list[tuple[Any, ...]]:
    """Return everything that says what was charged or is held."""
    return [
        *session.query("SELECT id, quota, held_quota, used_quota, request_count FROM users"),
        *session.query("SELECT id, remain_quota, held_quota, used_quota FROM tokens"),
        *session.query("SELECT id, used_quota FROM channels ORDER BY id"),
        *session.query("SELECT task_id, status, quota, held_quota FROM videos ORDER BY id"),
        *session.query("SELECT kind, reference, amount, uncollected FROM ledger ORDER BY id"),
    ]


# ------------------------------------------------------------ the upgrade


def test_the_upgrade_reports_clashes_and_changes_no_money(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the tasks and channels, and what the unique index does; each run does so."""
    with connect(url) as session:
        before = money(session)
    for run in range(2):
        assert main(["db", "upgrade", "--db", url]) == 0
        output = capsys.readouterr().out
        assert (f"of version {VERSION} now, before 2" in output) is (run == 0)
        with connect(url) as session:
            assert read_table(session, "processes") is not None
            ledger = read_table(session, "ledger")
            assert ledger is not None
            assert ledger.index("idx_ledger_channel") is not None
        lines = [line for line in output.splitlines() if line.startswith("clash: ")]
        assert lines == [
            (
                f"clash: the upstream task 'X' of the service {HOST} is of paid-1 (channel 1,"
                " succeed, charged 100), which has the service recorded, and of paid-2 (channel 2,"
                " succeed, charged 100), without it"
            ),
            (
                f"clash: the upstream task 'Y' of the service {HOST} is of paid-3 (channel 2,"
                " succeed, charged 100), which has the service recorded, and of open-1 (channel 1,"
                " submitted, not charged), without it"
            ),
            (
                f"clash: the upstream task 'Z' of the service {HOST} is of open-2 (channel 1,"
                " submitted, not charged), which has the service recorded, and of open-3"
                " (channel 2, submitted, not charged), without it"
            ),
        ]
        assert "3 upstream tasks have more than one task here. Nothing was charged" in output
        assert "idx_kling_service" in output
    assert main(["db", "check", "--db", url]) == 0
    with connect(url) as session:
        assert services(session) == SERVICES
        assert money(session) == before
        for name in ("videos", "channels"):
            table, target = read_table(session, name), table_named(name, session.dialect)
            assert table is not None
            assert table.column("service") == target.column("service")
            assert set(table.indexes) == set(target.indexes)


def test_a_task_that_was_charged_twice_is_left_to_reconcile(url: str) -> None:
    """It names both rows, and no others."""
    with connect(url) as session:
        upgraded(session)
    (books,) = on_store(url, lambda store: store.reconcile())
    assert [(each.rule, each.row) for each in books.unexplained] == [
        ("upstream-once", "videos paid-1"),
        ("upstream-once", "videos paid-2"),
    ]


def test_after_it_each_upstream_task_is_charged_once(url: str) -> None:
    """The one with the service, if two rows are open; not an open one, if another was paid."""
    with connect(url) as session:
        upgraded(session)

    async def end(store: Storage) -> None:
        for task_id, upstream in (("open-1", "Y"), ("open-3", "Z")):
            with pytest.raises(KlingTaskClashError):
                await store.settle(succeed(task_id, kling_task_id=upstream), now=LATER)
        for task_id in ("open-2", "alone"):
            done = await store.settle(succeed(task_id), now=LATER)
            assert (done.outcome, done.charged) == (TaskOutcome.SETTLED, 100)
        with pytest.raises(KlingTaskClashError):
            await store.settle(succeed("open-3"), now=LATER)
        # Neither is lost: one is reported as failed, the other passes its deadline.
        assert (await store.settle(failed("open-3"), now=LATER)).outcome is TaskOutcome.SETTLED
        assert await store.expire("open-1", created_until=LATER, reason="no result", now=LATER)
        user = await store.get_user(1)
        assert (user.used_quota, user.held_quota) == (600, 100)  # "unsent" is open
        (books,) = await store.reconcile()
        assert {each.rule for each in books.unexplained} == {"upstream-once"}

    on_store(url, end)


# ------------------------------------------------------------ interrupted, and beside others


def test_an_upgrade_that_is_killed_is_finished_by_the_next(url: str) -> None:
    """After each statement in turn."""
    assert killed_after_each_statement(url, upgraded) > 5
    with connect(url) as session:
        assert services(session) == SERVICES


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_an_index_that_postgresql_has_half_made_is_made_again(url: str) -> None:
    """A CREATE INDEX CONCURRENTLY that fails leaves an index that refuses nothing."""
    with connect(url) as session:
        session.execute('ALTER TABLE videos ADD COLUMN service varchar(255) COLLATE "C"')
        session.execute("UPDATE videos SET service = 'one'")
        with pytest.raises(DatabaseError, match="23505"):
            session.execute(
                "CREATE UNIQUE INDEX CONCURRENTLY idx_kling_service"
                " ON videos (kling_task_id, service)"
            )
        session.execute("UPDATE videos SET service = NULL")
        upgraded(session)
        assert services(session) == SERVICES
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(?::text)"
        assert session.query(valid, "idx_kling_service") == [(True,)]


@attrs.define
class Older:
    """The statements of a relay of version 2 for a task of one user."""

    session: Session
    task_ids: list[str] = attrs.field(factory=list)

    def create(self, upstream: str, channel_id: int) -> str:
        """Create a task that Kling accepts; return its id."""
        self.task_ids.append(f"older-{len(self.task_ids)}")
        task_id = self.task_ids[-1]
        for table in ("users", "tokens"):
            self.session.execute(f"UPDATE {table} SET held_quota = held_quota + 10 WHERE id = 1")
        self.session.execute(
            "INSERT INTO videos (task_id, user_id, username, token_id, channel_id, status, quota,"
            " held_quota, next_poll_at, legacy)"
            " VALUES (?, 1, 'ann', 1, ?, 'submitted', 10, 10, 5, 0)",
            *(task_id, channel_id),
        )
        self.entry("hold", task_id, 0, 10)
        self.session.execute(
            "UPDATE videos SET kling_task_id = ?, next_poll_at = 9 WHERE task_id = ? AND"
            " kling_task_id IS NULL AND legacy = 0 AND status NOT IN ('succeed', 'failed')",
            *(upstream, task_id),
        )
        return task_id

    def charge(self, task_id: str, channel_id: int) -> None:
        self.session.execute(
            "UPDATE videos SET status = 'succeed', quota = 10, held_quota = 0, next_poll_at = NULL"
            " WHERE task_id = ?",
            task_id,
        )
        self.entry("release", task_id, channel_id, -10)
        self.entry("charge", task_id, channel_id, -10)
        self.session.execute(
            "UPDATE users SET quota = quota - 10, held_quota = held_quota - 10,"
            " used_quota = used_quota + 10, request_count = request_count + 1 WHERE id = 1"
        )
        self.session.execute(
            "UPDATE tokens SET held_quota = held_quota - 10, used_quota = used_quota + 10"
            " WHERE id = 1"
        )
        self.session.execute(
            "UPDATE channels SET used_quota = used_quota + 10 WHERE id = ?", channel_id
        )

    def entry(self, kind: str, task_id: str, channel_id: int, amount: int) -> None:
        self.session.execute(
            "INSERT INTO ledger (kind, reference, user_id, token_id, channel_id, amount,"
            " uncollected, note, created_at) VALUES (?, ?, 1, 1, ?, ?, 0, '', 6)",
            *(kind, task_id, channel_id, amount),
        )


def test_relays_of_version_2_go_on_meanwhile(url: str) -> None:
    """They create and charge tasks after each statement; a second run records their services."""
    with connect(url) as session, connect(url) as other:
        older = Older(other)

        def between(sql: str, parameters: tuple[object, ...]) -> None:
            del sql, parameters
            connection = getattr(session, "_connection", None)
            if session.dialect is Dialect.SQLITE and getattr(connection, "in_transaction", False):
                return  # SQLite has one writer, who waits for the end of this transaction
            task_id = older.create(f"own-{len(older.task_ids)}", 2)
            older.charge(task_id, 2)
            older.create(f"own-{len(older.task_ids)}", 1)

        upgraded(Watched(session, between))
        assert len(older.task_ids) >= 10
        older.create("last", 3)
        # One that was closed by a new relay before the second run: it records the service itself.
        first_open = older.task_ids[1]
        on_store(url, lambda store: store.settle(succeed(first_open), now=LATER))
        assert services(session)[first_open] == HOST
        upgraded(session)
        hosts = services(session)
        assert {hosts[task_id] for task_id in older.task_ids[:-1]} == {HOST}
        assert hosts[older.task_ids[-1]] == "b.example"
        assert {task_id: hosts[task_id] for task_id in SERVICES} == SERVICES


def test_a_task_of_an_older_relay_and_one_of_a_new_relay_are_charged_once(url: str) -> None:
    """Whichever row has the id, the service follows the charge."""
    with connect(url) as session:
        upgraded(session)
        older = Older(session)

        async def accept(store: Storage) -> None:
            for task_id in ("new-1", "new-2"):
                await (await _shop(store)).create(
                    task_id=task_id, attempt=Attempt(1, "key-1", NOW, HOST), price=10
                )
                await store.accept(task_id, f"of {task_id}", now=NOW, next_poll_at=NOW)

        on_store(url, accept)
        # The older relay does not see that a new one has the id.
        unpaid, paid = older.create("of new-1", 2), older.create("of new-2", 2)

        async def settle(store: Storage) -> None:
            with pytest.raises(KlingTaskClashError):
                await store.settle(succeed(unpaid), now=LATER)
            assert (await store.settle(succeed("new-1"), now=LATER)).charged == 10

        on_store(url, settle)
        older.charge(paid, 2)
        logged = upgraded(session)
        assert any(f"is of {paid} (" in line and "of new-2 (" in line for line in logged), logged
        hosts = services(session)
        assert (hosts["new-1"], hosts[unpaid]) == (HOST, None)
        assert (hosts["new-2"], hosts[paid]) == (None, HOST)

        async def refused(store: Storage) -> None:
            with pytest.raises(KlingTaskClashError):
                await store.settle(succeed("new-2"), now=LATER)

        on_store(url, refused)
        upgraded(session)
        assert services(session) == hosts


async def _shop(store: Storage) -> Shop:
    (token,) = await store.list_tokens(1)
    return Shop(store, await store.get_user(1), token, await store.get_channel(1))
