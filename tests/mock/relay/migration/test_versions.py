"""The relay's own tables are brought to the present version while relays of the one before run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import attrs
import pytest

from kling_mock.cli.main import main
from kling_mock.relay.migration.check import check
from kling_mock.relay.migration.database.introspect import read_table
from kling_mock.relay.migration.database.session import DatabaseError, Session, connect
from kling_mock.relay.migration.findings import BlockedError, UnfinishedError
from kling_mock.relay.migration.schema.known_schemas import KnownSchema, target_schema
from kling_mock.relay.migration.versions import upgrade_tables
from kling_mock.relay.storage.connect import connect as connect_storage
from kling_mock.relay.storage.errors import SchemaError
from kling_mock.relay.storage.schema import VERSION, Dialect, table_named
from kling_mock.relay.storage.values import Reconciliation
from tests.mock.relay.migration import tables
from tests.mock.relay.migration.older_tables import take_back
from tests.mock.relay.migration.watched_session import Watched, killed_after_each_statement
from tests.mock.relay.storage.samples import Shop, succeed

NOW = 1_770_000_000
DIALECTS = ["sqlite", "mariadb", "postgresql"]

pytestmark = pytest.mark.slow


@attrs.frozen
class Older:
    """The statements of a relay of version 1 for a task."""

    session: Session
    user: int
    token: int
    channel: int

    def create(self, task_id: str) -> None:
        for table, row in (("users", self.user), ("tokens", self.token)):
            self.session.execute(
                f"UPDATE {table} SET held_quota = held_quota + 100 WHERE id = ?", row
            )
        self.session.execute(
            "INSERT INTO videos (task_id, user_id, username, token_id, channel_id, status, quota,"
            " held_quota, next_poll_at, request_hash, legacy)"
            " VALUES (?, ?, 'ann', ?, ?, 'submitted', 100, 100, 5, '5a', 0)",
            *(task_id, self.user, self.token, self.channel),
        )

    def end(self, task_id: str, *, charged: int) -> None:
        status = "succeed" if charged else "failed"
        self.session.execute(
            "UPDATE videos SET status = ?, quota = ?, held_quota = 0, next_poll_at = NULL"
            " WHERE task_id = ?",
            *(status, charged, task_id),
        )
        if charged:
            self.session.execute(
                "INSERT INTO ledger (kind, reference, user_id, amount, uncollected, note,"
                " created_at) VALUES ('charge', ?, ?, ?, 0, '', 6)",
                *(task_id, self.user, -charged),
            )
        self.session.execute(
            "UPDATE users SET quota = quota - ?, held_quota = held_quota - 100,"
            " used_quota = used_quota + ?, request_count = request_count + ? WHERE id = ?",
            *(charged, charged, int(charged > 0), self.user),
        )
        self.session.execute(
            "UPDATE tokens SET held_quota = held_quota - 100, used_quota = used_quota + ?"
            " WHERE id = ?",
            *(charged, self.token),
        )
        self.session.execute(
            "UPDATE channels SET used_quota = used_quota + ? WHERE id = ?", charged, self.channel
        )


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, databases: Callable[[str], str]) -> str:
    """A database as version 1 left it: an open task, a success, and a failure."""
    url: str = databases(request.param)
    shop = asyncio.run(_filled(url))
    with connect(url) as session:
        take_back(session, 1)
        older = Older(session, shop.user.id, shop.token.id, shop.channel.id)
        for task_id in ("open", "paid", "failed"):
            older.create(task_id)
        older.end("paid", charged=60)
        older.end("failed", charged=0)
    return url


async def _filled(url: str) -> Shop:
    store = connect_storage(url)
    await store.open()
    try:
        shop = await Shop.fill(store)
        await store.credit(shop.user.id, 30, reference="paid", now=NOW)
        await store.credit(shop.user.id, -5, reference="returned", now=NOW)
        return shop
    finally:
        await store.close()


def books(url: str) -> list[Reconciliation]:
    async def read() -> list[Reconciliation]:
        store = connect_storage(url)
        await store.open()
        try:
            return list(await store.reconcile())
        finally:
            await store.close()

    return asyncio.run(read())


def upgraded(session: Session) -> bool:
    return upgrade_tables(session, NOW, log=lambda line: None)


def test_the_upgrade_command_does_it(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`db check` says so before, the relay refuses to start, and nothing is left to do after."""
    with pytest.raises(SchemaError, match=rf"version 1 .* needs {VERSION}: .*db upgrade"):
        books(url)
    assert main(["db", "check", "--db", url]) == 10
    assert f"tables    version 1 of {VERSION}" in capsys.readouterr().out
    assert main(["db", "upgrade", "--db", url]) == 0
    assert f"of version {VERSION} now, before 1" in capsys.readouterr().out
    assert main(["db", "check", "--db", url]) == 0
    with connect(url) as session:
        ledger = read_table(session, "ledger")
        assert ledger is not None
        target = table_named("ledger", session.dialect)
        for name in ("token_id", "channel_id"):
            assert ledger.column(name) == target.column(name)
        assert read_table(session, "receivers") is not None
        assert read_table(session, "webhook_secrets") is not None
    (reconciliation,) = books(url)
    assert (reconciliation.is_explained, reconciliation.charged, reconciliation.held) == (
        True,
        60,
        100,
    ), reconciliation
    assert main(["db", "upgrade", "--db", url]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_an_upgrade_that_is_killed_is_finished_by_the_next(url: str) -> None:
    """After each statement in turn."""
    assert killed_after_each_statement(url, upgraded) > 0
    assert all(reconciliation.is_explained for reconciliation in books(url))


@pytest.mark.parametrize("code", [1020, 1205, 1213, "40001", "40P01"])
def test_a_transaction_that_a_relay_has_stopped_is_run_again(url: str, code: int | str) -> None:
    """A deadlock, a lock that took too long, a row that was changed since it was read."""
    left = [3]

    def stopped(sql: str, parameters: tuple[object, ...]) -> None:
        del parameters
        if sql.startswith("INSERT INTO ledger") and left[0]:
            left[0] -= 1
            raise DatabaseError(code, "stopped")

    with connect(url) as session:
        assert upgraded(Watched(session, stopped))
    assert left == [0]
    assert all(reconciliation.is_explained for reconciliation in books(url))


@pytest.mark.parametrize("url", ["mariadb", "postgresql"], indirect=True)
def test_a_transaction_that_does_not_end_is_not_waited_for_without_limit(url: str) -> None:
    """It has read the table; whoever waits to alter that keeps all writers waiting."""
    with connect(url) as session, connect(url) as other:
        other.execute("BEGIN")
        other.query("SELECT * FROM ledger")
        with pytest.raises(UnfinishedError, match="--wait-at-most"):
            upgrade_tables(session, NOW, log=lambda line: None, wait_at_most=1.0)
        other.execute("ROLLBACK")
        assert upgraded(session)
    assert all(reconciliation.is_explained for reconciliation in books(url))


def test_an_error_that_is_no_conflict_ends_the_upgrade(url: str) -> None:
    """The next one finishes it."""

    def refused(sql: str, parameters: tuple[object, ...]) -> None:
        del parameters
        if sql.startswith("INSERT INTO ledger"):
            raise DatabaseError(1142, "INSERT command denied")

    with connect(url) as session:
        with pytest.raises(DatabaseError, match="denied"):
            upgraded(Watched(session, refused))
        assert upgraded(session)
    assert all(reconciliation.is_explained for reconciliation in books(url))


def test_relays_of_the_version_before_go_on_meanwhile(url: str) -> None:
    """They create and end tasks after each statement; a second run adds what they left out."""
    shop = _ids(url)
    task_ids = list[str]()
    with connect(url) as session, connect(url) as other:
        older = Older(other, *shop)

        def between(sql: str, parameters: tuple[object, ...]) -> None:
            del sql, parameters
            if in_transaction(session) and session.dialect is Dialect.SQLITE:
                return  # SQLite has one writer, who waits for the end of this transaction
            for charged in (30, 0):
                task_ids.append(f"meanwhile-{len(task_ids)}")
                older.create(task_ids[-1])
                older.end(task_ids[-1], charged=charged)
            task_ids.append(f"meanwhile-{len(task_ids)}")
            older.create(task_ids[-1])

        upgraded(Watched(session, between))
        assert len(task_ids) >= 9
        assert upgraded(session)
        assert not upgraded(session)
    (reconciliation,) = books(url)
    assert reconciliation.is_explained, reconciliation
    assert reconciliation.held == 100 * (len(task_ids) // 3 + 1)


def in_transaction(session: Session) -> bool:
    return bool(getattr(getattr(session, "_connection", None), "in_transaction", False))


def _ids(url: str) -> tuple[int, int, int]:
    with connect(url) as session:
        (user,), (token,), (channel,) = (
            session.query(f"SELECT id FROM {table}")[0] for table in ("users", "tokens", "channels")
        )
    return user, token, channel


async def _end(url: str, task_id: str) -> None:
    store = connect_storage(url)
    await store.open()
    try:
        await store.settle(succeed(task_id), now=NOW)
    finally:
        await store.close()


def test_a_task_of_an_older_relay_is_ended_by_a_new_one(url: str) -> None:
    """And the other way round: what the older one leaves out is found and added."""
    with connect(url) as session:
        upgraded(session)
        older = Older(session, *_ids(url))
        older.create("by-older")
    asyncio.run(_end(url, "by-older"))
    assert all(reconciliation.is_explained for reconciliation in books(url))
    with connect(url) as session:
        Older(session, *_ids(url)).end("open", charged=50)  # it has a hold by now
    rules = {
        finding.rule for reconciliation in books(url) for finding in reconciliation.unexplained
    }
    assert rules == {"ended-hold", "entry-task", "user-held", "token-held", "token-used"}
    with connect(url) as session:
        assert upgraded(session)
    assert all(reconciliation.is_explained for reconciliation in books(url))


def test_tables_of_a_newer_program_are_left_alone(url: str) -> None:
    with connect(url) as session:
        session.execute(f"UPDATE schema_version SET version = {VERSION + 1}")
        with pytest.raises(BlockedError, match=f"version {VERSION + 1}"):
            upgraded(session)
        assert check(session, target_schema(session.dialect)).verdict.name == "BLOCKED"
        session.execute("UPDATE schema_version SET version = 0")  # as a downgrade leaves it
        assert not upgraded(session)


def test_rows_that_another_program_wrote_are_told_from_the_relays(url: str) -> None:
    """Up to version 6 they were among the relay's own, and so a new user's of their number."""
    user, _token, _channel = _ids(url)
    with connect(url) as session:
        row = "INSERT INTO videos (task_id, user_id, username, channel_id) VALUES (?, ?, 'old', 1)"
        session.execute(row, "before", user)
        assert session.query("SELECT legacy FROM videos WHERE task_id = 'before'") == [(0,)]
        upgraded(session)
        session.execute(row, "after", user)
        rows = dict(session.query("SELECT task_id, legacy FROM videos"))
        assert rows == {"open": 0, "paid": 0, "failed": 0, "before": 2, "after": 2}
        assert check(session, target_schema(session.dialect)).shape is KnownSchema.OURS
        assert not upgraded(session)
    rules = [finding.rule for row in books(url) for finding in row.unexplained]
    assert rules == ["user-number"]


def test_a_user_keeps_its_old_number_unless_another_has_it_too(url: str) -> None:
    with connect(url) as session:
        upgraded(session)
        take_back(session, 7)
        for number, name, old in ((10, "bob", 3), (11, "eve", 3), (12, "joe", 5)):
            session.execute(
                "INSERT INTO users (id, username, legacy_id) VALUES (?, ?, ?)", number, name, old
            )
        upgraded(session)
        assert session.query("SELECT number, user_id FROM old_users") == [(5, 12)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_older_database_that_was_downgraded_is_upgraded_again(
    dialect: str, databases: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The downgrade of `videos` leaves the other tables, whose version is then unknown."""
    url = databases(dialect)
    with connect(url) as session:
        tables.make(session, "gorm")
    assert main(["db", "upgrade", "--db", url]) == 0
    shop = asyncio.run(_filled(url))
    with connect(url) as session:
        take_back(session, 1)
    assert main(["db", "downgrade", "--set-aside", "all", "--db", url]) == 0
    capsys.readouterr()
    assert main(["db", "check", "--db", url]) == 10
    assert "another program" not in capsys.readouterr().out
    assert main(["db", "upgrade", "--db", url]) == 0
    (reconciliation,) = books(url)
    assert (reconciliation.user_id, reconciliation.is_explained) == (shop.user.id, True)
