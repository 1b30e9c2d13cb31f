"""After an upgrade nobody new owns the rows of an old program: their numbers are its users'."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import pytest

from kling_mock.relay.migration.database.session import connect
from kling_mock.relay.storage.connect import connect as connect_storage
from kling_mock.relay.storage.errors import ExistsError
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import NewToken, NewUser
from tests.mock.relay.migration import legacy, tables
from tests.mock.relay.migration.test_command import Say, say
from tests.mock.relay.storage.samples import NOW, channel_named, digest

__all__ = ["say"]

pytestmark = pytest.mark.slow

OLD_USERS: Final = 200
NEW_USERS: Final = 300
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


def old_rows(first: int, last: int) -> list[tuple[object, ...]]:
    """Return a row of each old user, whose channel has the same number."""
    row = dict(zip(legacy.COLUMNS, legacy.CLEAN[0], strict=True))
    return [
        tuple(
            (row | {"task_id": f"old-{number}", "user_id": number, "channel_id": number}).values()
        )
        for number in range(first, last + 1)
    ]


async def add(store: Storage, name: str) -> int:
    """Add a user with a token, and a channel; return the lowest of their numbers."""
    user = await store.create_user(NewUser(name), now=NOW)
    token = await store.create_token(NewToken(user.id, digest(name)), now=NOW)
    channel = await store.create_channel(channel_named(name), now=NOW)
    assert token.id > 0
    return min(user.id, channel.id)


_EVERYWHERE: Final = pytest.mark.parametrize(
    "upgraded", ["sqlite", "mariadb", "postgresql"], indirect=True
)


@pytest.fixture
def upgraded(request: pytest.FixtureRequest, databases: Callable[[str], str], say: Say) -> str:
    """The URL of an upgraded database, with a row of each of three old users."""
    url = databases(request.param)
    with connect(url) as session:
        tables.make(session, "gorm", old_rows(1, 3))
    assert say("upgrade", "--db", url)[0] == 0
    return url


@pytest.mark.parametrize("dialect", ["sqlite", "mariadb", "postgresql"])
def test_no_new_user_sees_an_old_row_and_who_is_bound_sees_their_own(
    dialect: str, databases: Callable[[str], str], say: Say
) -> None:
    """Neither in a list nor by its id; not by number, and not before the operator says so."""
    url = databases(dialect)
    with connect(url) as session:
        tables.make(session, "gorm", old_rows(1, OLD_USERS))
    assert say("upgrade", "--db", url)[0] == 0

    async def look(store: Storage) -> None:
        numbers = [await add(store, f"new-{index}") for index in range(NEW_USERS)]
        assert min(numbers) > OLD_USERS
        users = await store.list_users(limit=1000)
        assert len(users) == NEW_USERS
        for user in users:
            assert await store.list_tasks(user.id) == []
        for number in range(1, OLD_USERS + 1):
            assert await store.get_task(users[number].id, f"old-{number}") is None
            assert await store.get_task(number, f"old-{number}") is None
        assert all(row.is_explained for row in await store.reconcile())
        for number in range(1, OLD_USERS + 1):
            user = await store.bind_user(users[number].id, number)
            for status in (None, "succeed"):
                (row,) = await store.list_tasks(user.id, status=status)
                assert row.task_id == f"old-{number}"
            assert await store.get_task(user.id, f"old-{number}")
            other = f"old-{number % OLD_USERS + 1}"
            assert await store.get_task(user.id, other) is None
        assert all(row.is_explained for row in await store.reconcile())

    on_store(url, look)


@_EVERYWHERE
def test_the_numbers_go_on_above_rows_that_came_between_two_upgrades(
    upgraded: str, say: Say
) -> None:
    """A user who already has such a number sees none of the rows, and reconcile names the user."""
    assert on_store(upgraded, lambda store: add(store, "first")) == 4
    assert say("downgrade", "--set-aside", "all", "--db", upgraded)[0] == 0
    with connect(upgraded) as session:
        tables.insert(session, old_rows(4, 9))
    assert say("upgrade", "--db", upgraded)[0] == 0

    async def look(store: Storage) -> None:
        assert await add(store, "second") == 10
        assert await store.list_tasks(4) == []
        findings = [finding for row in await store.reconcile() for finding in row.unexplained]
        assert [(finding.rule, finding.user_id) for finding in findings] == [("user-number", 4)]
        await store.bind_user(4, 4)
        assert all(row.is_explained for row in await store.reconcile())

    on_store(upgraded, look)


@_EVERYWHERE
def test_a_row_that_the_old_program_writes_after_the_upgrade_belongs_to_nobody_new(
    upgraded: str, say: Say
) -> None:
    """Neither to a user who has its number already, nor to one who is created later."""
    assert on_store(upgraded, lambda store: add(store, "first")) == 4
    with connect(upgraded) as session:
        tables.insert(session, old_rows(4, 9))
    assert "pass  row count: 3 rows are marked legacy" in say("verify", "--db", upgraded)[1]

    async def look(store: Storage) -> None:
        assert await store.list_tasks(4) == []
        assert await store.get_task(4, "old-4") is None
        assert await add(store, "second") == 10
        findings = [finding for row in await store.reconcile() for finding in row.unexplained]
        assert [(finding.rule, finding.user_id) for finding in findings] == [("user-number", 4)]
        user = await store.bind_user(10, 9)
        (row,) = await store.list_tasks(user.id)
        assert (row.task_id, row.legacy) == ("old-9", True)

    on_store(upgraded, look)
    assert say("upgrade", "--db", upgraded)[0] == 0
    assert say("downgrade", "--set-aside", "all", "--db", upgraded)[0] == 0


@_EVERYWHERE
def test_a_new_token_has_a_number_above_those_in_rows_that_the_old_program_wrote_later(
    upgraded: str,
) -> None:
    """No counter of the database knows these rows."""
    with connect(upgraded) as session:
        session.execute("UPDATE videos SET token_id = 70 WHERE task_id = 'old-2'")

    async def look(store: Storage) -> None:
        user = await store.create_user(NewUser("new"), now=NOW)
        tokens = [
            await store.create_token(NewToken(user.id, digest(name)), now=NOW) for name in "ab"
        ]
        assert [token.id for token in tokens] == [71, 72]

    on_store(upgraded, look)


@_EVERYWHERE
def test_accounts_that_are_created_at_once_get_different_numbers(upgraded: str) -> None:
    """Also a number whose user somebody has deleted by hand is never given again."""

    async def look(store: Storage) -> None:
        await asyncio.gather(*(add(store, f"new-{index}") for index in range(30)))
        assert [user.id for user in await store.list_users()] == [*range(4, 34)]
        assert [channel.id for channel in await store.list_channels()] == [*range(4, 34)]
        tokens = [await store.list_tokens(user.id) for user in await store.list_users()]
        assert sorted(token.id for (token,) in tokens) == [*range(1, 31)]

    on_store(upgraded, look)
    with connect(upgraded) as session:
        session.execute("DELETE FROM users WHERE id = 33")
    assert on_store(upgraded, lambda store: store.create_user(NewUser("last"), now=NOW)).id == 34


@_EVERYWHERE
def test_several_old_numbers_may_be_one_users_but_a_number_only_one_users(
    upgraded: str,
) -> None:
    """The second to claim a number is refused, until the operator declares it nobody's."""

    async def look(store: Storage) -> None:
        alice = await store.create_user(NewUser("alice"), now=NOW)
        bob = await store.create_user(NewUser("bob"), now=NOW)
        for number in (1, 3, 3):
            await store.bind_user(alice.id, number)
        with pytest.raises(ExistsError, match="old number"):
            await store.bind_user(bob.id, 3)
        seen = [row.task_id for row in await store.list_tasks(alice.id)]
        assert seen == ["old-3", "old-1"]
        assert await store.list_old_numbers(alice.id) == [1, 3]
        assert await store.list_tasks(bob.id) == []
        assert await store.get_task(bob.id, "old-3") is None
        await store.disown_number(3)
        assert await store.get_task(alice.id, "old-3") is None
        await store.bind_user(bob.id, 3)
        assert await store.get_task(bob.id, "old-3")

    on_store(upgraded, look)


@pytest.mark.parametrize("upgraded", ["sqlite"], indirect=True)
def test_the_upgrade_names_users_whose_number_old_rows_have(upgraded: str, say: Say) -> None:
    """Until the number is bound to somebody, or declared nobody's."""
    assert on_store(upgraded, lambda store: add(store, "first")) == 4
    with connect(upgraded) as session:
        tables.insert(session, old_rows(4, 4))
    assert "user 4: rows of the old program" in say("upgrade", "--db", upgraded)[1]
    on_store(upgraded, lambda store: store.disown_number(4))
    assert "user 4" not in say("upgrade", "--db", upgraded)[1]
    books = on_store(upgraded, lambda store: store.reconcile())
    assert all(row.is_explained for row in books)
