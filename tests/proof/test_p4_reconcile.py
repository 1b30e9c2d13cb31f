"""P4: `reconcile` notices every row that breaks a rule, whichever column was touched.

Each row of a database that has one of everything is changed, one column at a time: by NULL, one
more, one less, another owner, another state; and is deleted. docs/storage.md says which rules
notice which column, and of each other column why none does; the tables there are what is tried.
`KLING_PROOF_SIZE=full` takes the numbers that are published; `-s` shows them.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
import pytest

from kling_mock.relay.domain.stored_values import stated_quota
from kling_mock.relay.migration.database.session import DatabaseError, Session, connect, undone
from kling_mock.relay.storage.connect import connect as connect_storage
from kling_mock.relay.storage.schema import TABLES, Dialect, table_named
from kling_mock.relay.storage.steps import Statement, drive
from kling_mock.relay.storage.transactions.monitoring import reconcile
from kling_mock.relay.storage.values import (
    Channel,
    LateReport,
    LedgerEntry,
    LedgerKind,
    Notice,
    Reconciliation,
    Token,
    User,
    VideoRow,
)
from kling_mock.relay.storage.values.rules import RULES
from tests.mock.relay.storage.databases import Mysql, Postgres, SqliteFile, need, opened
from tests.mock.relay.storage.samples import NOW, succeed
from tests.proof.history import LEGACY, SERVICES, SHARED, everything, generated
from tests.proof.rules_in_loops import Tables, reconciled

FULL: Final = os.environ.get("KLING_PROOF_SIZE") == "full"
PAGE: Final = Path(__file__).parents[2] / "docs" / "storage.md"
STATES: Final = ("submitted", "processing", "succeed", "failed", "")
KINDS: Final = ("opening", "credit", "hold", "release", "charge", "gift")
NAMES: Final = frozenset(RULES)
#: When the books are checked: no time of the history is later.
AFTERWARDS: Final = NOW + 10 * 86_400
#: Reports with units: 70 quota, and 140, of which 40 are not collected.
METERED: Final = '{"task_id": "1", "task_status": "succeed", "final_unit_deduction": "0.001"}'
METERED_ABOVE: Final = METERED.replace("0.001", "0.002")
_TEXTS: Final = {"status": STATES, "kind": KINDS}


T = TypeVar("T", bound=attrs.AttrsInstance)
Row = dict[str, Any]


def section(title: str) -> list[list[str]]:
    """Return the rows of the table under a heading of docs/storage.md."""
    text = PAGE.read_text("utf-8").partition(f"### {title}\n")[2]
    lines = [line for line in text.split("\n#")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def noticed() -> dict[tuple[str, str], set[str]]:
    """Return the rules of each column, and of "a row", of each table."""
    return {
        (table.strip("`"), column.strip("`")): set(re.findall(r"`([a-z-]+)`", rules))
        for table, columns, rules in section("Changes that a rule notices")
        for column in columns.split(", ")
    }


def unnoticed() -> set[tuple[str, str]]:
    """Return the columns for which the page gives a reason."""
    return {
        (table.strip("`"), column.strip("`"))
        for table, columns, _ in section("Changes that no rule notices")
        for column in columns.split(", ")
    }


def _is_open(row: Row) -> bool:
    return row.get("status") not in {"succeed", "failed"}


def _of_legacy(table: str, column: str, row: Row, after: object) -> bool:
    is_noticed = column in {"held_quota", "next_poll_at", "legacy"}
    if (column, after) == ("legacy", 2):  # which also marks the row of another program
        is_noticed = False
    return table == "videos" and row["legacy"] == 1 and not is_noticed


def _under_the_plain_check(table: str, column: str, row: Row, after: object) -> bool:
    if table != "videos" or row["username"] != "carol" or row["status"] == "succeed":
        return False
    if column == "quota":
        return _is_open(row)
    return column in {"token_id", "channel_id", "a row", "legacy"} and (
        column != "legacy" or not _is_open(row)
    )


#: What the page excepts, in its words, and the changes that are meant.
EXCEPTIONS: Final[dict[str, Callable[[str, str, Row, object], bool]]] = {
    "rows marked `legacy`, except for what they hold and their next poll": _of_legacy,
    "an open or failed task under the plain check: price, token, channel, deletion": (
        _under_the_plain_check
    ),
    "another channel of an open task": lambda table, column, row, after: (
        (table, column) == ("videos", "channel_id") and _is_open(row) and after in {0, 1, 2, 3}
    ),
    "another open status of an open task": lambda table, column, row, after: (
        (table, column) == ("videos", "status")
        and _is_open(row)
        and after in {"submitted", "processing"}
    ),
    "another time of the next poll": lambda table, column, row, after: (
        (table, column) == ("videos", "next_poll_at") and None not in {row["next_poll_at"], after}
    ),
    "the reference of a credit": lambda table, column, row, after: (
        (table, column) == ("ledger", "reference") and row["kind"] == "credit"
    ),
    "`uncollected` of a charge without a hold": lambda table, column, row, after: (
        (table, column) == ("ledger", "uncollected") and row["user_id"] == 3 and after == 1
    ),
    "the service of a task, unless a paid task has its upstream id and the service is gone": (
        lambda table, column, row, after: (
            (table, column) == ("videos", "service")
            and not (row["kling_task_id"] == SHARED and after in {None, *SERVICES})
        )
    ),
    "the deletion of a hold of 0, before the task ends": lambda table, column, row, after: (
        (table, column) == ("ledger", "a row") and row["kind"] == "hold" and row["amount"] == 0
    ),
}


def reconciliations(session: Session) -> Sequence[Reconciliation]:
    """Return what `reconcile` finds."""

    def execute(statement: Statement, parameters: tuple[Any, ...]) -> Any:
        return session.query(statement.sql, *parameters)

    return drive(reconcile(now=AFTERWARDS, stated=stated_quota), execute)


def broken_rules(session: Session) -> set[str]:
    """Return the rules that `reconcile` finds broken."""
    return {finding.rule for user in reconciliations(session) for finding in user.unexplained}


@contextmanager
def _filled(backend: SqliteFile | Mysql | Postgres) -> Iterator[Session]:
    """Fill a database with one of everything, and connect to it."""

    async def fill() -> None:
        async with opened(backend) as store:
            ann, _ = await everything(store)
            for status in ("succeed", "failed"):
                await backend.query(LEGACY.format(status, ann.user.id))
            await store.bind_user(ann.user.id, ann.user.id)
            for report in (METERED, METERED_ABOVE):
                metered = await ann.accepted()
                quota = 70 if report is METERED else 140
                await ann.settle(succeed(metered.task_id, quota=quota, json_data=report))
            deleted = await ann.create()
            await backend.query(f"DELETE FROM videos WHERE id = {deleted.id}")
            await store.repair(now=NOW, commit=True, release_deleted=True)

    asyncio.run(fill())
    with connect(backend.url) as session:
        yield session


@pytest.fixture(params=["sqlite", "mariadb", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    """A connection to each database with one of everything."""
    if request.param == "sqlite":
        with _filled(SqliteFile(tmp_path)) as session:
            yield session
        return
    need("mysql" if request.param == "mariadb" else "postgres")
    server = Mysql() if request.param == "mariadb" else Postgres()
    asyncio.run(server.make())
    try:
        with _filled(server) as session:
            yield session
    finally:
        asyncio.run(server.drop())


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A file with one of everything; a test undoes what it changes."""
    with _filled(SqliteFile(tmp_path_factory.mktemp("history"))) as session:
        yield session


def changes(session: Session, table: str, column: str) -> Iterator[tuple[Row, object]]:
    """Return each row of a table with another value of one column; with None if it is deleted."""
    names = [field.name for field in table_named(table, session.dialect).columns]
    rows = session.query(f"SELECT {', '.join(names)} FROM {table} ORDER BY id")
    owners = [row[0] for row in session.query("SELECT id FROM users")]
    services = [row[0] for row in session.query("SELECT DISTINCT service FROM videos")]
    for row in (dict(zip(names, values, strict=True)) for values in rows):
        if column == "a row":
            yield row, None
            continue
        before, others = row[column], list[object]()
        if column in _TEXTS:
            others += _TEXTS[column]
        elif isinstance(before, str):
            others += [before + "1", before[:-1]]
        else:
            others += [(before or 0) + 1, (before or 0) - 1]
            others += owners if column == "user_id" else []
            others += services if column == "service" else []
        for after in dict.fromkeys([None, *others]):
            if after != before:
                yield row, after


def apply_change(session: Session, table: str, column: str, row: Row, after: object) -> bool:
    """Make a change; return whether the database took it."""
    try:
        if column == "a row":
            session.execute(f"DELETE FROM {table} WHERE id = ?", row["id"])
        else:
            session.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", after, row["id"])
    except DatabaseError:
        return False
    return True


def tables_of(session: Session) -> Tables:
    """Return the rows as objects.

    Raises:
        ValueError: A row cannot be one.
    """

    def read(table: str, row: type[T]) -> list[T]:
        names = ", ".join(field.name for field in attrs.fields(row))
        return [
            row(*values) for values in session.query(f"SELECT {names} FROM {table} ORDER BY id")
        ]

    return Tables(
        users={user.id: user for user in read("users", User)},
        tokens={token.id: token for token in read("tokens", Token)},
        channels={channel.id: channel for channel in read("channels", Channel)},
        videos={video.task_id: video for video in read("videos", VideoRow)},
        ledger={(entry.kind, entry.reference): entry for entry in read("ledger", LedgerEntry)},
        notices={notice.event_id: notice for notice in read("outbox", Notice)},
        reports={(report.task_id, report.status): report for report in read("reports", LateReport)},
        old_numbers=frozenset(
            number for (number,) in session.query("SELECT number FROM old_users")
        ),
    )


@attrs.define
class Tally:
    """The outcome of the changes.

    Attributes:
        tried: How many were made.
        refused: How many of them the database refused.
        excepted: How often each exception of the page was used.
        wrong: Those that no rule of the page noticed.
    """

    tried: int = 0
    refused: int = 0
    excepted: Counter[str] = attrs.field(factory=Counter)
    wrong: list[str] = attrs.field(factory=list)


def try_all(
    session: Session,
    expected: dict[tuple[str, str], set[str]],
    known: frozenset[str] = NAMES,
) -> Tally:
    """Make every change of *expected*, each undone before the next; *known* rules notice."""
    tally = Tally()
    # A server takes ten times as long as SQLite, and the rules are the same statements there.
    every = 1 if FULL or session.dialect is Dialect.SQLITE else 4
    for (table, column), rules in expected.items():
        for number, (row, after) in enumerate(list(changes(session, table, column))):
            excepted = [
                words for words, applies in EXCEPTIONS.items() if applies(table, column, row, after)
            ]
            tally.excepted.update(excepted)
            if excepted or number % every:
                continue
            tally.tried += 1
            with undone(session):
                if not apply_change(session, table, column, row, after):
                    tally.refused += 1
                    continue
                broken = broken_rules(session) & known
            if not broken & rules:
                what = f"{table} {row['id']} {column}: {row.get(column)!r} -> {after!r}"
                tally.wrong.append(f"{what}: {sorted(broken)}, not {sorted(rules)}")
    return tally


@pytest.mark.slow
def test_every_change_of_a_row_is_noticed(database: Session) -> None:
    """A rule that the page names for the column notices it; the page's exceptions do occur."""
    assert broken_rules(database) == set()
    tally = try_all(database, noticed())
    print(  # noqa: T201 - the figure
        f"{database.dialect}: {tally.tried} changes, {tally.refused} refused by the database,"
        f" {len(tally.wrong)} unnoticed; excepted: {dict(tally.excepted)}"
    )
    assert not tally.wrong, "\n".join(tally.wrong)
    assert set(tally.excepted) == set(EXCEPTIONS)


@pytest.mark.slow
def test_loops_over_the_rows_find_the_same(history: Session) -> None:
    """Rows, sums and amounts: the loops share nothing with the queries."""
    compared = 0
    for table, column in noticed():
        for row, after in list(changes(history, table, column)):
            with undone(history):
                flag = column == "legacy" and after not in {0, 1}
                if flag or not apply_change(history, table, column, row, after):
                    continue
                try:
                    twin = reconciled(tables_of(history), None)
                except ValueError:
                    continue  # a kind or a state that it cannot have
                compared += 1
                assert list(reconciliations(history)) == list(twin), (table, column, row, after)
    assert compared > 2_000


@pytest.mark.slow
def test_the_check_catches_a_reconcile_that_only_adds_up(tmp_path: Path) -> None:
    """Balances and holds alone, as the relay checked before, miss most columns."""
    with _filled(SqliteFile(tmp_path)) as session:
        wrong = try_all(session, noticed(), frozenset({"user-balance", "user-held"})).wrong
    missed = {line.split(":")[0].split(" ")[-1] for line in wrong}
    assert {"user_id", "token_id", "channel_id", "used_quota", "uncollected", "legacy"} <= missed


#: Corruptions of several columns at a time, or of chosen rows, and the rule that notices each.
CASES: Final = {
    "a user is deleted": ("DELETE FROM users WHERE id = 1", "entry-user"),
    "a number of old rows loses its user": ("DELETE FROM old_users", "user-number"),
    "a paid task is marked legacy": (
        "UPDATE videos SET legacy = 1 WHERE status = 'succeed' AND quota > 0 AND user_id = 1",
        "legacy-free",
    ),
    "a task that has ended keeps its hold": (
        "UPDATE videos SET held_quota = 100 WHERE status = 'failed' AND legacy = 0",
        "ended-hold",
    ),
    "more is held than there is, and the ledger agrees": (
        (
            "INSERT INTO ledger (kind, reference, user_id, amount) SELECT 'credit', 'forged', 1,"
            " held_quota - 1 - quota FROM users WHERE id = 1;"
            " UPDATE users SET quota = held_quota - 1 WHERE id = 1"
        ),
        "user-available",
    ),
    "more is held than the token may spend": (
        "UPDATE tokens SET remain_quota = held_quota - 1 WHERE unlimited = 0",
        "token-available",
    ),
    "a paid task moves to another user": (
        (
            "UPDATE videos SET user_id = 2, username = 'bob' WHERE status = 'succeed'"
            " AND user_id = 1 AND legacy = 0"
        ),
        "entry-task",
    ),
    "a charge moves to another user, and the balances with it": (
        (
            "UPDATE users SET quota = quota - (SELECT SUM(amount) FROM ledger WHERE kind = 'charge'"
            " AND user_id = 1), used_quota = 0, request_count = 0 WHERE id = 1;"
            " UPDATE users SET quota = quota + (SELECT SUM(amount) FROM ledger WHERE"
            " kind = 'charge' AND user_id = 1) WHERE id = 2;"
            " UPDATE ledger SET user_id = 2 WHERE kind = 'charge' AND user_id = 1"
        ),
        "entry-task",
    ),
    "a charge is booked on another channel": (
        "UPDATE ledger SET channel_id = 2 WHERE kind = 'charge' AND channel_id = 1",
        "entry-task",
    ),
    "a deduction is deleted, and the balance with it": (
        (
            "DELETE FROM ledger WHERE kind = 'credit' AND amount < 0;"
            " UPDATE users SET quota = quota + 40 WHERE username = 'bob'"
        ),
        "user-credited",
    ),
    "a charge is halved, and all but Kling's report agrees": (
        (
            "UPDATE ledger SET amount = -35 WHERE kind = 'charge' AND amount = -70;"
            " UPDATE videos SET quota = 35 WHERE json_data LIKE '%0.001%';"
            " UPDATE users SET quota = quota + 35, used_quota = used_quota - 35 WHERE id = 1;"
            " UPDATE tokens SET used_quota = used_quota - 35 WHERE id ="
            " (SELECT token_id FROM videos WHERE json_data LIKE '%0.001%')"
        ),
        "charge-stated",
    ),
    "what was not collected is erased in both entries": (
        "UPDATE ledger SET uncollected = 0 WHERE uncollected > 0",
        "charge-stated",
    ),
    "what was not collected is erased": (
        "UPDATE ledger SET uncollected = 0 WHERE kind = 'charge'",
        "entry-uncollected",
    ),
    "an entry has a kind that does not exist": (
        "UPDATE ledger SET kind = 'bonus' WHERE kind = 'credit'",
        "entry-kind",
    ),
    "an open task is never looked at": (
        "UPDATE videos SET next_poll_at = NULL WHERE status = 'processing'",
        "open-poll",
    ),
    "an open task costs something else": (
        "UPDATE videos SET quota = 7 WHERE status = 'submitted' AND held_quota > 0",
        "open-hold",
    ),
    "an open task has an unknown user": (
        "UPDATE videos SET user_id = 77 WHERE status = 'submitted'",
        "task-user",
    ),
    "an open task is deleted, and its hold with it": (
        (
            "UPDATE users SET held_quota = held_quota - (SELECT SUM(held_quota) FROM videos WHERE"
            " user_id = 1), request_count = request_count WHERE id = 1;"
            " UPDATE tokens SET held_quota = 0 WHERE user_id = 1;"
            " DELETE FROM videos WHERE user_id = 1 AND held_quota > 0"
        ),
        "entry-task",
    ),
    "a failed task is deleted": (
        "DELETE FROM videos WHERE status = 'failed' AND user_id = 2",
        "entry-task",
    ),
    "a success becomes a failure": (
        "UPDATE videos SET status = 'failed' WHERE status = 'succeed' AND user_id = 2",
        "charge-earned",
    ),
    "an upstream task is charged at two tasks, and nothing says that it is two": (
        (
            f"UPDATE videos SET kling_task_id = '{SHARED}', service = NULL WHERE id ="
            " (SELECT MAX(id) FROM videos WHERE status = 'succeed' AND channel_id = 2)"
        ),
        "upstream-once",
    ),
    "a lease lasts for decades": (
        "UPDATE videos SET lease_until = 4070908800 WHERE next_poll_at IS NOT NULL",
        "open-times",
    ),
    "a next poll is decades away": (
        "UPDATE videos SET next_poll_at = 4070908800 WHERE next_poll_at IS NOT NULL",
        "open-times",
    ),
    "an attempt lasts for decades": (
        (
            "UPDATE videos SET attempt_until = 4070908800, kling_task_id = NULL"
            " WHERE next_poll_at IS NOT NULL"
        ),
        "open-times",
    ),
    "a notice waits for decades": (
        "UPDATE outbox SET state = 'pending', next_at = 4070908800",
        "notice-times",
    ),
    "a notice is leased for decades": (
        "UPDATE outbox SET state = 'pending', lease_until = 4070908800",
        "notice-times",
    ),
    "a token is deleted": ("DELETE FROM tokens WHERE id = 1", "task-token"),
    "a channel is deleted, not marked": ("DELETE FROM channels WHERE id = 1", "task-channel"),
    "a callback goes to another user": ("UPDATE outbox SET user_id = 2", "notice-user"),
    "a report is of another user": ("UPDATE reports SET user_id = 77", "report-user"),
    "an opening is missing": (
        "DELETE FROM ledger WHERE kind = 'opening' AND user_id = 1",
        "user-opening",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_each_of_these_corruptions_is_noticed(name: str, history: Session) -> None:
    statements, rule = CASES[name]
    with undone(history):
        for sql in statements.split("; "):
            assert history.execute(sql) >= 1, sql
        assert rule in broken_rules(history)


@pytest.mark.slow
def test_a_task_that_is_charged_twice_is_noticed_without_the_index(history: Session) -> None:
    """Both rows are named, by queries and loops, should the unique index ever be gone."""
    with undone(history):
        history.execute("DROP INDEX idx_kling_service")
        history.execute("UPDATE videos SET service = 'one' WHERE kling_task_id = ?", SHARED)
        users = reconciliations(history)
        broken = [finding for user in users for finding in user.unexplained]
        assert [finding.rule for finding in broken] == ["upstream-once"] * 2
        assert {finding.user_id for finding in broken} == {1, 2}
        assert list(users) == list(reconciled(tables_of(history), None))


def test_every_rule_and_every_column_is_on_the_page() -> None:
    """Each column of each table is in one of the two tables, and each rule is named."""
    columns = {
        (table.name, column.name)
        for table in TABLES[Dialect.SQLITE]
        for column in table.columns
        if table.name != "schema_version"
    }
    known = {column for column in noticed() if column[1] != "a row"}
    assert known | unnoticed() == columns
    assert known & unnoticed() == set()
    named = set[str]().union(*noticed().values()) | {rule for _, rule in CASES.values()}
    assert named == NAMES


def test_every_exception_is_on_the_page() -> None:
    assert {row[0] for row in section("Exceptions")} == set(EXCEPTIONS)


@pytest.mark.slow
async def test_nothing_is_noticed_in_a_healthy_history() -> None:
    """Creates, ends, contradictions, credits, limits and expiries in random order."""
    entries = Counter[str]()
    for seed in range(1_000 if FULL else 60):
        store = connect_storage("sqlite://")
        await store.open()
        try:
            await generated(store, seed)
            for user in await store.reconcile():
                assert user.is_explained, (seed, user)
                entries.update(
                    entry.kind for entry in await store.list_ledger(user.user_id, limit=1_000)
                )
        finally:
            await store.close()
    print(f"{seed + 1} histories: {dict(entries)} entries, 0 findings")  # noqa: T201 - the figure
    assert set(entries) == set(LedgerKind)
