"""A database of one-api is copied into the relay's own, and stays as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kling_mock.cli.main import main, make_parser
from kling_mock.relay.domain.credentials import token_hash
from kling_mock.relay.migration import command
from kling_mock.relay.migration.database.introspect import definition
from kling_mock.relay.migration.database.session import DatabaseError, Session, connect
from kling_mock.relay.storage.connect import connect as connect_storage
from kling_mock.relay.storage.values import DELETED, DISABLED, ENABLED
from tests.mock.relay.migration import legacy, one_api_tables, tables
from tests.mock.relay.migration.watched_session import KilledError, Watched

Say = Callable[..., tuple[int, str, str]]
DIALECTS = ["mariadb", "sqlite"]
TABLES = ("users", "tokens", "channels", "logs", "options", "abilities", "videos")
SHAPES = [
    *(name for name in legacy.MARIADB if name not in {"guide-step-1", "guide-step-2"}),
    *one_api_tables.EARLY,
]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command; return its exit status and what it printed."""

    def run(*words: str) -> tuple[int, str, str]:
        status = main([*words])
        return (status, *capsys.readouterr())

    return run


@pytest.fixture(params=DIALECTS)
def urls(request: pytest.FixtureRequest, databases: Callable[[str], str]) -> tuple[str, str]:
    """An empty database for one-api, and one for the relay."""
    return databases(request.param), databases(request.param)


def contents(url: str) -> dict[str, list[str]]:
    """Return all rows of all tables."""
    with connect(url) as session:
        names = (
            [row[0] for row in session.query("SHOW TABLES")]
            if session.dialect.is_mysql
            else [
                row[0] for row in session.query("SELECT name FROM sqlite_master WHERE type='table'")
            ]
        )
        return {name: tables.rows(session, name) for name in sorted(names)}


def fill(url: str, shape: str = "gorm", count: int = 0) -> None:
    with connect(url) as session:
        one_api_tables.make(session, shape, count)


def words(urls: tuple[str, str], *more: str) -> tuple[str, ...]:
    return ("import", "one-api", "--from", urls[0], "--to", urls[1], *more)


async def known_to_a_relay(url: str) -> dict[str, Any]:
    """Return what a relay's store has: users, callers by token, channels, a user's old tasks."""
    store = connect_storage(url)
    await store.open()
    try:
        users = await store.list_users()
        return {
            "users": users,
            "callers": {
                number: await store.authenticate(token_hash(one_api_tables.key_of(number)))
                for number in range(3, 7)
            },
            "channels": await store.list_channels(),
            "tasks": {
                user.id: {
                    row.task_id: row.legacy for row in await store.list_tasks(user.id, limit=100)
                }
                for user in users
            },
        }
    finally:
        await store.close()


def old_tasks(url: str) -> dict[int, set[str]]:
    """Return the ids of each user's rows in the old table."""
    with connect(url) as session:
        user = "use_id" if "use_id" in " ".join(definition(session, "videos")) else "user_id"
        ids_by_user: dict[int, set[str]] = {}
        for task_id, number in session.query(f"SELECT task_id, {user} FROM videos"):
            ids_by_user.setdefault(number, set()).add(task_id)
        return ids_by_user


@pytest.mark.parametrize(
    ("urls", "shape"),
    [
        (dialect, shape)
        for dialect in DIALECTS
        for shape in SHAPES
        if dialect == "mariadb" or shape in {*legacy.SQLITE, *one_api_tables.EARLY}
    ],
    indirect=["urls"],
)
def test_accounts_and_old_tasks_are_the_relays_own(
    urls: tuple[str, str], say: Say, shape: str
) -> None:
    """Numbers, names and balances to the last digit; nothing is written to the old database."""
    fill(urls[0], shape)
    before, tasks = contents(urls[0]), old_tasks(urls[0])
    status, out, err = say(*words(urls))
    assert (status, err.count("Error")) == (0, 0), (out, err)
    assert contents(urls[0]) == before
    known = asyncio.run(known_to_a_relay(urls[1]))
    assert [(user.id, user.username, user.quota) for user in known["users"]] == [
        user[:3] for user in one_api_tables.USERS
    ]
    assert {user.id: user.status for user in known["users"]} == {
        number: ENABLED if status == 1 else DISABLED
        for number, _, _, status in one_api_tables.USERS
    }
    callers = known["callers"]
    assert [callers[token_id].user.id for token_id in (3, 4, 5)] == [1, 7, 40]
    assert callers[6] is None  # its user is gone
    limited = callers[4].token
    assert (limited.id, limited.name, limited.unlimited) == (4, "limited", False)
    assert (limited.remain_quota, limited.expires_at) == (12_345, 1_900_000_000)
    assert (callers[3].token.unlimited, callers[5].token.status) == (True, DISABLED)
    assert [
        (channel.id, channel.name, channel.status, channel.api_keys)
        for channel in known["channels"]
    ] == [
        (1, "Kling 1", DISABLED, ""),
        (2, "Kling 2", DISABLED, ""),
    ]
    assert [channel.base_url for channel in known["channels"]] == [
        "https://api.example.com",
        "https://api-singapore.klingai.com",
    ]
    assert known["tasks"] == {
        number: dict.fromkeys(tasks.get(number, ()), True) for number, *_ in one_api_tables.USERS
    }
    assert "FAIL" not in say("db", "verify", "--db", urls[1])[1]
    assert say("reconcile", "--db", urls[1])[0] == 0
    assert say("db", "check", "--db", urls[1])[0] == 0


def test_what_new_api_deleted_or_limited_is_not_revived(urls: tuple[str, str], say: Say) -> None:
    """Deleted users and tokens stay deleted; tokens with limits are named, and disabled."""
    fill(urls[0])
    with connect(urls[0]) as session:
        for table in ("users", "tokens"):
            session.execute(f"ALTER TABLE {table} ADD deleted_at datetime")
        for column in ("model_limits_enabled int", "allow_ips varchar(191)", "subnet varchar(9)"):
            session.execute(f"ALTER TABLE tokens ADD {column}")
        session.execute("UPDATE users SET deleted_at = '2025-01-02 03:04:05' WHERE id = 2")
        session.execute("UPDATE tokens SET deleted_at = '2025-01-02 03:04:05' WHERE id = 3")
        session.execute("UPDATE tokens SET subnet = ' ', allow_ips = '' WHERE id = 4")
        limits = ("model_limits_enabled = 1", "allow_ips = '10.0.0.1'", "subnet = '10.0.0.0'")
        for number, limit in enumerate(limits, start=11):
            session.execute(
                "INSERT INTO tokens (id, user_id, `key`, status) VALUES (?, 1, ?, 1)",
                *(number, one_api_tables.key_of(number)),
            )
            session.execute(f"UPDATE tokens SET {limit} WHERE id = {number}")
    status, out, err = say(*words(urls))
    assert (status, err.count("Error")) == (0, 0), (out, err)
    assert "warning   token-limits: these tokens are for some models or addresses only" in out
    assert [line.strip() for line in out.splitlines() if "  token " in line] == [
        *("token 11", "token 12", "token 13")
    ]
    with connect(urls[1]) as session:
        states = dict(session.query("SELECT id, status FROM users"))
        assert (states[1], states[2]) == (ENABLED, DELETED)
        assert dict(session.query("SELECT id, status FROM tokens")) == {
            3: DELETED,
            4: ENABLED,
            **dict.fromkeys((5, 11, 12, 13), DISABLED),
        }
    with connect(urls[0]) as session:
        session.execute("UPDATE tokens SET deleted_at = '2025-01-02 03:04:05' WHERE id = 4")
    assert "changed: the old database has changed" in say(*words(urls))[2]


def test_a_second_import_changes_nothing(urls: tuple[str, str], say: Say) -> None:
    """Also once the relay has users and charges of its own; and not if the old one went on."""
    fill(urls[0])
    assert say(*words(urls))[0] == 0
    assert say("user", "topup", "anna", "5", "--db", urls[1])[0] == 0
    before = contents(urls[1])
    for more in ((), ("--dry-run",)):
        status, out, _ = say(*words(urls, *more))
        assert (status, "nothing to do" in out) == (0, True)
    with connect(urls[0]) as session:
        session.execute("UPDATE users SET quota = quota + 1 WHERE id = 2")
    status, out, err = say(*words(urls))
    assert (status, "changed: the old database has changed since it was imported" in err) == (
        11,
        True,
    )
    assert contents(urls[1]) == before


def test_a_dry_run_says_what_would_be_done(urls: tuple[str, str], say: Say) -> None:
    """Counts, the sum of balances, and each blocker; neither database is written."""
    fill(urls[0])
    before = contents(urls[0])
    status, out, _ = say(*words(urls, "--dry-run"))
    assert status == 10
    assert [line.split(None, 1)[1] for line in out.splitlines() if line[:9].strip() in TABLES] == [
        "5 of 5",
        "3 of 4",
        "2 of 3",
    ]
    assert f"balances  {sum(user[2] for user in one_api_tables.USERS)} in total" in out
    assert "note      user-debt: " in out
    assert "warning   tasks-in-flight: " in out
    with connect(urls[0]) as session:
        tables.insert(session, [legacy.blocking_row("negative-quota")])
        session.execute("UPDATE users SET username = 'ends in a blank ' WHERE id = 2")
    assert say(*words(urls, "--dry-run"))[0] == 11
    status, _, err = say(*words(urls, "--resolve", "negative-quota=absolute"))
    assert (status, "user-name" in err, "negative-quota" in err) == (11, True, False)
    with connect(urls[0]) as session:
        session.execute("UPDATE users SET username = 'çé' WHERE id = 2")
        session.execute("DELETE FROM videos WHERE quota < 0")
    assert contents(urls[0]) == before
    assert contents(urls[1]) == {}


@pytest.mark.slow
@pytest.mark.parametrize("side", [0, 1])
def test_databases_that_do_not_go_together_are_refused(
    urls: tuple[str, str], databases: Callable[[str], str], say: Say, side: int
) -> None:
    """Another kind of database, or one that is in use, on either side."""
    fill(urls[0])
    other = databases("sqlite" if urls[0].startswith("mysql") else "mariadb")
    pair = (other, urls[1]) if side == 0 else (urls[0], other)
    assert "blocker   databases: " in say(*words(pair))[2]
    assert "blocker   not-empty: " in say(*words((urls[0], urls[0])))[2]
    status, _, err = say(*words((urls[1], urls[1]), "--dry-run"))
    assert (status, err) == (11, "")  # empty: no users, no videos
    assert contents(urls[1]) == {}


@contextmanager
def _watched(url: str, left: list[int]) -> Iterator[Session]:
    """Open a database; in the new one, the process ends after so many statements."""

    def killed(_sql: str, _parameters: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KilledError

    with connect(url) as session:
        yield Watched(session, killed)


@pytest.mark.slow
def test_a_killed_import_is_continued(
    urls: tuple[str, str], databases: Callable[[str], str]
) -> None:
    """After whichever statement: the next run ends with what a run that was not killed makes."""
    fill(urls[0], count=1_100)
    parser = make_parser(["import"])

    def run(target: str, left: list[int]) -> int:
        options = parser.parse_args([*words((urls[0], target), "--progress", "none")])

        def opened(url: str) -> Any:
            return _watched(url, left) if url == target else connect(url)

        return command.run_import(options, token_hash, opened)

    assert run(urls[1], [10**9]) == 0
    whole = contents(urls[1])
    dialect = urls[0].partition(":")[0].replace("mysql", "mariadb")
    target = databases(dialect)
    for step in range(100):
        try:
            assert run(target, [step]) == 0
        except KilledError:
            continue
        break
    assert step > 20
    again = contents(target)
    assert {name: len(rows) for name, rows in again.items()} == {
        name: len(rows) for name, rows in whole.items()
    }
    assert again["videos"] == whole["videos"]


def test_an_old_database_that_is_written_meanwhile_is_noticed(
    urls: tuple[str, str], say: Say
) -> None:
    """The copy mixes two moments of it, so no relay may open the new one."""
    fill(urls[0], count=600)
    parser = make_parser(["import"])
    written = list[str]()

    def write(sql: str, _parameters: object) -> None:
        if sql.startswith("INSERT INTO") and "videos" in sql[:22] and not written:
            written.append(sql)
            with connect(urls[0]) as session:
                session.execute("UPDATE videos SET status = 'failed' WHERE task_id = 'luma-0001'")

    @contextmanager
    def opened(url: str) -> Iterator[Session]:
        with connect(url) as session:
            yield Watched(session, write) if url == urls[1] else session

    assert command.run_import(parser.parse_args([*words(urls)]), token_hash, opened) == 1
    assert written
    assert "not this relay's" in say("user", "list", "--db", urls[1])[2]
    status, out, _ = say("db", "check", "--db", urls[1])
    assert (status, "blocker   import-unfinished: " in out) == (11, True)
    assert "import-unfinished" in say("db", "upgrade", "--db", urls[1])[2]
    assert "changed: the old database has changed since it began" in say(*words(urls))[2]


def test_the_old_database_is_read_only(urls: tuple[str, str]) -> None:
    """The database itself refuses what would be written to it."""
    with connect(urls[0]) as session, connect(urls[1]) as target:
        one_api_tables.make(session)
        job = command.import_job(session, target, [], token_hash)
        job.run(job.plan())
        with pytest.raises(DatabaseError, match=r"READ ONLY|readonly"):
            session.execute("DELETE FROM users")


def test_a_check_says_before_that_no_relay_can_open_it(urls: tuple[str, str], say: Say) -> None:
    """And each message names a command that does something, also after an upgrade in place."""
    fill(urls[0])
    named = "kling-mock import one-api --from URL --to URL"
    status, out, _ = say("db", "check", "--db", urls[0])
    assert status == 11
    assert "blocker   foreign-tables: users, tokens, channels: another program's tables" in out
    assert named in out
    status, _, err = say("db", "upgrade", "--db", urls[0])
    assert (status, "foreign-tables" in err) == (11, True)
    leave = ("--resolve", "foreign-tables=leave")
    status, out, _ = say("db", "upgrade", "--db", urls[0], *leave)
    assert (status, named in out) == (0, True)
    assert "`kling-mock db check` says" in say("user", "list", "--db", urls[0])[2]
    status, out, _ = say("db", "check", "--db", urls[0])
    assert (status, named in out) == (0, True)
    # An operator who came that far has lost nothing.
    assert say(*words(urls))[0] == 0
    known = asyncio.run(known_to_a_relay(urls[1]))
    assert known["tasks"][7] == {"812345678901234568": True}
