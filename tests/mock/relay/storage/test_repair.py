"""`Storage.repair`: what is added, what is made equal to its entries, and what is left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import pytest

from kling_mock.relay.storage.errors import UnknownError
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import (
    LedgerEntry,
    LedgerKind,
    Reconciliation,
    Repair,
    TaskResult,
    Unexplained,
)
from kling_mock.relay.storage.values.rules import RULES
from tests.mock.relay.storage.conftest import store_on
from tests.mock.relay.storage.databases import SqliteFile
from tests.mock.relay.storage.samples import LATER, NOW, Shop, failed, succeed
from tests.proof.history import everything

REPAIRED = LATER + 60


@pytest.fixture
async def database(tmp_path: Path, sqlite_template: Path) -> SqliteFile:
    return SqliteFile(tmp_path, sqlite_template)


async def opened(database: SqliteFile) -> Storage:
    store = store_on(database, "sqlite")
    await store.open()
    return store


async def test_a_database_in_order_needs_nothing(database: SqliteFile) -> None:
    store = await opened(database)
    await everything(store)
    assert await store.repair(now=REPAIRED, commit=True) == ()
    await store.close()


async def test_nothing_is_changed_before_it_is_allowed(database: SqliteFile) -> None:
    """The plan is what is done afterwards, and then there is nothing left to do."""
    store = await opened(database)
    ann, bob = await everything(store)
    await database.query("UPDATE users SET quota = quota + 7, used_quota = 1, request_count = 0")
    await database.query("UPDATE tokens SET held_quota = 5, used_quota = used_quota - 1")
    before = await store.list_ledger(ann.user.id, limit=1_000), await store.reconcile()
    planned = await store.repair(now=REPAIRED, commit=False)
    assert (await store.list_ledger(ann.user.id, limit=1_000), await store.reconcile()) == before
    assert await store.repair(now=REPAIRED, commit=True) == planned
    assert {repair.rule for repair in planned} == {
        "user-balance",
        "user-credited",
        "user-used",
        "user-requests",
        "token-held",
        "token-used",
    }
    assert all(books.is_explained for books in await store.reconcile())
    assert (await store.get_user(bob.user.id)).quota == bob.user.quota - 40 - charged(before[1]) + 7
    assert await store.repair(now=REPAIRED, commit=True) == ()
    await store.close()


def charged(books: Sequence[Reconciliation]) -> int:
    return next(
        reconciliation.charged for reconciliation in books if reconciliation.username == "bob"
    )


async def test_a_balance_is_explained_as_it_was_found(database: SqliteFile) -> None:
    """An operator who has changed it by hand meant it: it stays, and a credit says why."""
    store = await opened(database)
    shop = await Shop.fill(store)
    await database.query("UPDATE users SET quota = quota - 300")
    repair, credited = await store.repair(now=REPAIRED, commit=True)
    assert credited == Repair(
        "user-credited", f"users {shop.user.id}", None, "credited_quota", -300
    )
    assert repair.entry is not None
    assert (repair.rule, repair.entry.kind, repair.entry.amount) == (
        "user-balance",
        LedgerKind.CREDIT,
        -300,
    )
    assert (await shop.me()).quota == 700
    (entry, _) = await store.list_ledger(shop.user.id)
    assert (entry.reference, entry.created_at) == (
        f"reconcile-{shop.user.id}-{REPAIRED}",
        REPAIRED,
    )
    assert (entry.token_id, entry.channel_id, entry.uncollected) == (0, 0, 0)
    await shop.assert_explained()
    await store.close()


#: What a process that writes no holds leaves behind; see `test_versions` of the migration.
OLDER: dict[str, str] = {
    "creates": "DELETE FROM ledger WHERE kind = 'hold' AND reference = '{}'",
    "ends": "DELETE FROM ledger WHERE kind = 'release' AND reference = '{}'",
    "does both": "DELETE FROM ledger WHERE kind <> 'charge' AND reference = '{}'",
    "charges": "UPDATE ledger SET token_id = 0, channel_id = 0"
    " WHERE kind = 'charge' AND reference = '{}'",
}


@pytest.mark.parametrize(
    ("what", "end", "added"),
    [
        ("creates", None, {LedgerKind.HOLD: 100}),
        ("ends", succeed, {LedgerKind.RELEASE: -100}),
        ("ends", failed, {LedgerKind.RELEASE: -100}),
        ("does both", succeed, {}),  # the hold is not stated, and nothing is wrong
        ("charges", succeed, {None: 1}),
    ],
)
async def test_what_an_older_process_leaves_out_is_added(
    database: SqliteFile,
    what: str,
    end: Callable[[str], TaskResult] | None,
    added: dict[LedgerKind | None, int],
) -> None:
    """The entries are those that a process of today would have written."""
    store = await opened(database)
    shop = await Shop.fill(store)
    row = await shop.accepted()
    if end is not None:
        await shop.settle(end(row.task_id))
    entries = await store.list_ledger(shop.user.id)
    await database.query(OLDER[what].format(row.task_id))
    done = await store.repair(now=REPAIRED, commit=True)
    assert {
        repair.entry and repair.entry.kind: repair.entry.amount if repair.entry else repair.amount
        for repair in done
    } == added
    await shop.assert_explained()
    if added:
        again = await store.list_ledger(shop.user.id)
        assert {(e.kind, e.amount, e.token_id, e.channel_id) for e in again} == {
            (e.kind, e.amount, e.token_id, e.channel_id) for e in entries
        }
    await store.close()


@pytest.mark.parametrize("end", [succeed, failed])
async def test_the_end_of_a_task_adds_the_hold_that_is_missing(
    database: SqliteFile, end: Callable[[str], TaskResult]
) -> None:
    """So old and new processes may run side by side."""
    store = await opened(database)
    shop = await Shop.fill(store)
    row = await shop.accepted()
    await database.query(OLDER["creates"].format(row.task_id))
    await shop.settle(end(row.task_id))
    kinds = {entry.kind for entry in await store.list_ledger(shop.user.id)}
    assert {LedgerKind.HOLD, LedgerKind.RELEASE} <= kinds
    await shop.assert_explained()
    await store.close()


async def test_what_contradicts_itself_is_left_to_people(database: SqliteFile) -> None:
    """A charge of a failed task may have been earned, or not."""
    store = await opened(database)
    shop = await Shop.fill(store)
    row = await shop.accepted()
    await shop.settle(succeed(row.task_id))
    await database.query("UPDATE videos SET status = 'failed'")
    assert await store.repair(now=REPAIRED, commit=True) == ()
    (books,) = await store.reconcile()
    assert {finding.rule for finding in books.unexplained} == {"charge-earned", "failure-free"}
    await store.close()


async def test_the_hold_of_a_deleted_task_is_released_when_it_is_asked_for(
    database: SqliteFile,
) -> None:
    """Nothing else is released: the holds of open tasks, and the payments of deleted ones, stay."""
    store = await opened(database)
    shop = await Shop.fill(store)
    deleted, held = await shop.accepted(price=40), await shop.accepted(price=70)
    paid = await shop.accepted(price=50)
    await shop.settle(succeed(paid.task_id))
    rows = ", ".join(str(row.id) for row in (deleted, paid))
    await database.query(f"DELETE FROM videos WHERE id IN ({rows})")
    assert await store.repair(now=REPAIRED, commit=True) == ()
    planned = await store.repair(now=REPAIRED, commit=False, release_deleted=True)
    assert (await shop.me()).held_quota == 110
    done = await store.repair(now=REPAIRED, commit=True, release_deleted=True)
    me, token = shop.user.id, shop.token.id
    release = LedgerEntry(
        id=0,
        kind=LedgerKind.RELEASE,
        reference=deleted.task_id,
        user_id=me,
        token_id=token,
        channel_id=0,
        amount=-40,
        uncollected=0,
        note="reconcile: the task was deleted",
        created_at=REPAIRED,
    )
    assert done == planned
    assert done == (
        Repair("entry-task", "ledger", release),
        Repair("user-held", f"users {me}", None, "held_quota", -40),
        Repair("token-held", f"tokens {token}", None, "held_quota", -40),
    )
    assert ((await shop.me()).held_quota, (await shop.me()).quota) == (70, 950)
    assert await store.repair(now=REPAIRED, commit=True, release_deleted=True) == ()
    (books,) = await store.reconcile()
    assert {finding.rule for finding in books.unexplained} == {"entry-task", "charge-earned"}
    await database.query(f"DELETE FROM ledger WHERE reference = '{paid.task_id}'")
    assert "entry-task" not in {
        finding.rule for finding in (await store.reconcile())[0].unexplained
    }
    await shop.settle(succeed(held.task_id))
    await store.close()


async def test_holds_and_releases_name_their_task(database: SqliteFile) -> None:
    """The hold names the token; the release and the charge the channel that the task had too."""
    store = await opened(database)
    shop = await Shop.fill(store)
    row = await shop.accepted(price=50)
    await shop.settle(succeed(row.task_id, quota=90))
    entries = [
        (e.kind.value, e.reference, e.token_id, e.channel_id, e.amount, e.uncollected, e.created_at)
        for e in await store.list_ledger(shop.user.id)
        if e.kind is not LedgerKind.OPENING
    ]
    token, channel, task = shop.token.id, shop.channel.id, row.task_id
    assert sorted(entries) == [
        ("charge", task, token, channel, -50, 40, LATER),
        ("hold", task, token, 0, 50, 0, NOW),
        ("release", task, token, channel, -50, 40, LATER),
    ]
    await store.close()


async def test_what_is_added_says_so_and_is_added_now(database: SqliteFile) -> None:
    """Only an entry that explains a balance needs a note; a task's entry is known by its task."""
    store = await opened(database)
    shop = await Shop.fill(store)
    held, ended = await shop.accepted(price=40), await shop.accepted(price=50)
    await shop.settle(succeed(ended.task_id, quota=90))
    await database.query(OLDER["creates"].format(held.task_id))
    await database.query(OLDER["ends"].format(ended.task_id))
    await database.query("UPDATE users SET quota = quota + 7")
    hold, release, credit, _ = (
        repair.entry for repair in await store.repair(now=REPAIRED, commit=True)
    )
    me, token, channel = shop.user.id, shop.token.id, shop.channel.id
    reference, note = (
        f"reconcile-{me}-{REPAIRED}",
        "reconcile: explains the balance as it was found",
    )
    assert hold == LedgerEntry(0, LedgerKind.HOLD, held.task_id, me, token, 0, 40, 0, "", REPAIRED)
    assert release == LedgerEntry(
        0, LedgerKind.RELEASE, ended.task_id, me, token, channel, -50, 40, "", REPAIRED
    )
    assert credit == LedgerEntry(0, LedgerKind.CREDIT, reference, me, 0, 0, 7, 0, note, REPAIRED)
    stored = await store.list_ledger(me, limit=3)
    assert [attrs.evolve(entry, id=0) for entry in stored] == [credit, release, hold]
    await store.close()


async def test_a_repair_names_what_it_changes(database: SqliteFile) -> None:
    """The rule, the row, the column, and by how much."""
    store = await opened(database)
    shop = await Shop.fill(store)
    await shop.settle(succeed((await shop.accepted(price=50)).task_id))
    await database.query("UPDATE tokens SET used_quota = used_quota + 3")
    await database.query("UPDATE ledger SET token_id = 0, channel_id = 0 WHERE kind = 'charge'")
    assert await store.repair(now=REPAIRED, commit=True) == (
        Repair("entry-task", "ledger", None, "token_id, channel_id", 1),
        Repair("token-used", f"tokens {shop.token.id}", None, "used_quota", -3),
    )
    await store.close()


async def test_rows_of_nobody_are_shown_for_their_number(database: SqliteFile) -> None:
    """A user that was deleted past the relay has no balance, and its entries are unexplained."""
    store = await opened(database)
    shop, other = await Shop.fill(store), await Shop.fill(store, name="bob")
    await shop.settle(succeed((await shop.accepted(price=50)).task_id))
    await database.query(f"DELETE FROM users WHERE id = {shop.user.id}")
    bob, gone = await store.reconcile()
    assert (bob.user_id, bob.username, bob.unexplained) == (other.user.id, "bob", ())
    assert (gone.user_id, gone.username, gone.is_explained) == (shop.user.id, "", False)
    assert (gone.opening, gone.charged) == (1_000, 50)
    assert (gone.quota, gone.held, gone.used, gone.open_holds) == (0, 0, 0, 0)
    assert await store.reconcile(other.user.id) == [bob]
    with pytest.raises(UnknownError, match=f"user {shop.user.id}"):
        await store.reconcile(shop.user.id)
    await store.close()


async def test_what_breaks_a_rule_is_named(database: SqliteFile) -> None:
    """The rule with its words, the table and the row, whose it is, and the amount in question."""
    store = await opened(database)
    await Shop.fill(store, name="eve")
    shop = await Shop.fill(store)
    me, token = shop.user.id, shop.token.id
    row = await shop.create(price=40)
    await database.query(f"UPDATE tokens SET held_quota = 45 WHERE id = {token}")
    await database.query(f"UPDATE videos SET username = 'bob' WHERE id = {row.id}")
    books = {
        reconciliation.user_id: reconciliation.unexplained
        for reconciliation in await store.reconcile()
    }
    says = {name: rule.says for name, rule in RULES.items()}
    assert books == {
        me - 1: (),
        me: (
            Unexplained("token-held", f"tokens {token}", me, says["token-held"], 5),
            Unexplained("task-user", f"videos {row.task_id}", me, says["task-user"], 40),
        ),
    }
    await store.close()
