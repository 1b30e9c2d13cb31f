"""An upgrade ends in the target schema with every row, or changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from kling_mock.cli.main import main
from kling_mock.relay.migration.check import CheckVerdict, check
from kling_mock.relay.migration.database.introspect import definition, read_table
from kling_mock.relay.migration.database.session import DatabaseError, Session, connect
from kling_mock.relay.migration.downgrade import Downgrade
from kling_mock.relay.migration.findings import BlockedError, UnfinishedError
from kling_mock.relay.migration.online.progress import Throttle
from kling_mock.relay.migration.online.upgrade import OnlineUpgrade
from kling_mock.relay.migration.rows.row_changes import apart
from kling_mock.relay.migration.schema.known_schemas import KnownSchema, target_schema
from kling_mock.relay.migration.state import MigrationState
from kling_mock.relay.migration.upgrade import Upgrade
from tests.mock.relay.migration import legacy, tables
from tests.mock.relay.migration.steps import STEPS, Steps
from tests.mock.relay.migration.watched_session import Watched

CASES = [(dialect, shape) for dialect, shapes in tables.SHAPES.items() for shape in shapes]


WAYS = [
    *((dialect, shape, "direct") for dialect, shape in CASES),
    *(("mariadb", shape, "online") for shape in legacy.MARIADB),
]


def upgrade(session: Session, way: str = "direct", **options: Any) -> KnownSchema:
    ids = iter(range(1, 1000))
    options = {"log": lambda _: None, **options}
    job = Upgrade(session, target_schema(session.dialect), lambda: f"legacy-{next(ids)}", **options)
    if way == "direct":
        return job.run()
    session.execute("DROP TABLE IF EXISTS videos_before_migration")
    swapping = OnlineUpgrade(job, Throttle(running=0, first_chunk=2), sleep=lambda _: None)
    shape = swapping.run()
    swapping.finish()
    return shape


def downgrade(session: Session, **options: Any) -> KnownSchema:
    options = {"log": lambda _: None, **options}
    return Downgrade(session, target_schema(session.dialect), **options).run()


def stored_rows(session: Session) -> list[tuple[Any, ...]]:
    """Return what the rows hold in the columns that every shape has."""
    columns = ", ".join(legacy.COLUMNS)
    return session.query(f"SELECT {columns} FROM videos ORDER BY created_at, task_id")


def clean() -> list[tuple[Any, ...]]:
    """Return the clean rows as they look afterwards: no NULL where the schema takes none."""
    time, task_id, video = (legacy.COLUMNS.index(x) for x in ("created_at", "task_id", "video_id"))
    rows = [(*row[:video], row[video] or "", *row[video + 1 :]) for row in legacy.CLEAN]
    return sorted(rows, key=lambda row: (row[time], row[task_id]))


@pytest.mark.parametrize(("session", "shape", "way"), WAYS, indirect=["session"])
def test_there_and_back_and_there_again(session: Session, shape: str, way: str) -> None:
    """Each shape gets the target schema, then the very old table, then the very new one."""
    tables.make(session, shape)
    old = definition(session, "videos"), tables.checksum(session)
    assert upgrade(session, way) is tables.shape_of(shape)
    assert check(session, target_schema(session.dialect)).verdict is CheckVerdict.WANTED
    assert stored_rows(session) == clean()
    assert session.query("SELECT DISTINCT legacy FROM videos") == [(1,)]
    assert session.query("SELECT COUNT(*) FROM videos WHERE updated_at <> created_at") == [(0,)]
    new = definition(session, "videos"), tables.checksum(session)
    assert upgrade(session, way) is KnownSchema.OURS  # once more changes nothing
    assert (definition(session, "videos"), tables.checksum(session)) == new

    assert downgrade(session) is tables.shape_of(shape)
    assert (definition(session, "videos"), tables.checksum(session)) == old

    upgrade(session, way)
    assert (definition(session, "videos"), tables.checksum(session)) == new
    tables.insert(session, [legacy.blocking_row("negative-quota")])
    assert session.query("SELECT COUNT(*) FROM videos WHERE legacy = 2") == [(1,)]


# ---------------------------------------------------------------- blockers


def make_blocked(session: Session, shape: str, way: str = "direct") -> dict[str, str]:
    """Make a table with all blockers that it can hold; return the words that resolve them."""
    tables.make(session, shape)
    table = read_table(session, "videos")
    assert table is not None
    without = apart(table) if way == "online" else ()
    names = [
        name
        for name in legacy.blockers(shape, session.dialect)
        if name in legacy.RESOLUTIONS and name not in without
    ]
    rows = [legacy.blocking_row(name) for name in names]
    numbered = legacy.COLUMNS.index("task_id")
    for number, row in enumerate(rows):
        own = f"own-{number}" if row[numbered] == "blocking-1" else row[numbered]
        tables.insert(session, [(*row[:numbered], own, *row[numbered + 1 :])])
    blockers = check(session, target_schema(session.dialect)).blockers
    assert len(blockers) == len(rows)
    return {blocker.name: blocker.resolution for blocker in blockers}


@pytest.mark.parametrize(("session", "shape", "way"), WAYS, indirect=["session"])
def test_every_blocker_can_be_resolved_and_restored(session: Session, shape: str, way: str) -> None:
    """Each resolution is logged, loses no row, and a downgrade puts every old value back."""
    resolutions = make_blocked(session, shape, way)
    old = definition(session, "videos"), tables.checksum(session)
    count = len(tables.rows(session))
    lines: list[str] = []
    upgrade(session, way, resolutions=resolutions, log=lines.append)
    logged = {line.partition("=")[0] for line in lines if "=" in line}
    # Online an update time that is missing is the time of creation before that is resolved.
    assert logged - {"milliseconds-updated-at"} == set(resolutions)
    assert check(session, target_schema(session.dialect)).verdict is CheckVerdict.WANTED
    assert len(tables.rows(session)) == count
    downgrade(session)
    assert (definition(session, "videos"), tables.checksum(session)) == old


#: What a resolution makes of the row: the columns that change, and to what.
OUTCOMES: dict[str, dict[str, Any]] = {
    "null-task-id": {"task_id": "legacy-1"},
    "empty-task-id": {"task_id": "legacy-1"},
    "long-task-id": {"task_id": "legacy-1"},
    "odd-task-id": {"task_id": "legacy-1"},
    "duplicate-task-id": {"task_id": "luma-0001~2"},
    "negative-quota": {"quota": 350_000},
    "milliseconds-created-at": {"created_at": 1_766_707_200},
    "long-model": {"model": "m" * 100},
}


@pytest.mark.parametrize("blocker", legacy.RESOLUTIONS)
@pytest.mark.parametrize(
    ("session", "way"),
    [("mariadb", "direct"), ("mariadb", "online"), ("sqlite", "direct"), ("postgresql", "direct")],
    indirect=["session"],
)
def test_a_resolution_does_what_it_says(session: Session, way: str, blocker: str) -> None:
    """One row changes, in the column that is named, to what the manual says; it is logged."""
    row = legacy.blocking_row(blocker)
    if blocker == "duplicate-task-id":  # the newer of the two gets another id
        row = tuple(1_700_009_999 if value == legacy.CLEAN[1][1] else value for value in row)
    tables.make(session, "gorm", (*legacy.CLEAN, row))
    word, lines = legacy.RESOLUTIONS[blocker], list[str]()
    table = read_table(session, "videos")
    assert table is not None
    if way == "online" and blocker in apart(table):
        with pytest.raises(BlockedError, match=f"{blocker}: .*upgrade without --online"):
            upgrade(session, way, resolutions={blocker: word})
        return
    upgrade(session, way, resolutions={blocker: word}, log=lines.append)
    assert f"{blocker}={word}: 1 rows changed" in lines
    after = dict(zip(legacy.COLUMNS, row, strict=True)) | OUTCOMES[blocker]
    if way == "online" and after["task_id"] == "legacy-1":  # made of the old one
        digest = hashlib.sha256(str(legacy.BLOCKERS[blocker][0][1]).encode()).hexdigest()
        after["task_id"] = f"legacy-{digest[:24]}"
    changed = tuple(after[name] for name in legacy.COLUMNS)
    now = [
        tuple("legacy-1" if str(value).startswith("legacy-1-") else value for value in values)
        for values in stored_rows(session)
    ]
    assert sorted(now, key=repr) == sorted([*clean(), changed], key=repr)


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_new_ids_for_twice_as_many_rows_take_as_many_statements(session: Session) -> None:
    """Each reads the table a fixed number of times; rows that are alike in everything have two."""
    clean_row = dict(zip(legacy.COLUMNS, legacy.CLEAN[0], strict=True))
    counted = list[tuple[int, int]]()

    def rows_read() -> int:
        if not session.dialect.is_mysql:
            return 0
        sql = "SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler_read%'"
        return sum(int(row[1]) for row in session.query(sql))

    statements = list[str]()

    def after(sql: str, _parameters: object) -> None:
        statements.append(sql)

    for size in (50, 100):
        statements.clear()
        unnamed = [
            tuple((clean_row | {"task_id": "", "created_at": number // 2}).values())
            for number in range(size)
        ]
        tables.make(session, "gorm", unnamed)
        before = rows_read()
        upgrade(Watched(session, after), resolutions={"empty-task-id": "generate"})
        counted.append((len(statements), rows_read() - before))
        ids = session.query("SELECT COUNT(DISTINCT task_id), MIN(task_id) FROM videos")
        assert ids == [(size, ids[0][1])]
        assert ids[0][1].startswith("legacy-1-")
        downgrade(session)
        assert session.query("SELECT COUNT(*) FROM videos WHERE task_id = ''") == [(size,)]
        session.execute("DROP TABLE videos")
    (few, read), (many, read_later) = counted
    assert few == many
    assert read_later <= 2.5 * read


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_two_blockers_in_one_row_are_told_apart(session: Session) -> None:
    """A repeated id on a row of negative quota: a downgrade gives each row its own back."""
    negative = dict(zip(legacy.COLUMNS, legacy.CLEAN[3], strict=True))
    negative |= {"created_at": 1_700_009_999, "quota": -7}
    tables.make(session, "gorm", (*legacy.CLEAN, tuple(negative.values())))
    old = tables.checksum(session)
    words = {"duplicate-task-id": "rename", "negative-quota": "absolute"}
    upgrade(session, resolutions=words)
    quotas = session.query("SELECT quota FROM videos WHERE task_id LIKE 'luma%' ORDER BY task_id")
    assert quotas == [(12,), (7,)]
    downgrade(session)
    assert tables.checksum(session) == old


def test_an_id_with_a_blank_at_its_end_is_not_taken_for_the_one_without(session: Session) -> None:
    """MariaDB's comparison passes over blanks at the end; the honest row keeps its id."""
    blank = dict(zip(legacy.COLUMNS, legacy.CLEAN[3], strict=True))
    blank |= {"created_at": 1_600_000_000, "task_id": "luma-0001 ", "prompt": "the odd one"}
    tables.make(session, "gorm", (*legacy.CLEAN, tuple(blank.values())))
    old = tables.checksum(session)
    upgrade(session, resolutions={"odd-task-id": "generate", "duplicate-task-id": "rename"})
    odd = session.query("SELECT task_id FROM videos WHERE prompt = 'the odd one'")
    assert odd == [("legacy-1-1",)]
    downgrade(session)
    assert tables.checksum(session) == old


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_a_row_without_any_time_of_update_gets_its_own_nothing_back(session: Session) -> None:
    """NULL and 0 are both no time of an update; a downgrade knows which row had which."""
    tables.make(session, "go-seed")
    session.execute("UPDATE videos SET updated_at = 0 WHERE task_id = 'luma-0001'")
    old = tables.checksum(session)
    upgrade(session)
    assert session.query("SELECT COUNT(*) FROM videos WHERE updated_at <> created_at") == [(0,)]
    downgrade(session)
    assert tables.checksum(session) == old


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_what_was_written_since_is_not_overwritten_by_a_downgrade(session: Session) -> None:
    """An old value comes back only where nobody wrote another: later work is not lost."""
    row = legacy.blocking_row("negative-quota")
    tables.make(session, "gorm", (*legacy.CLEAN, row))
    upgrade(session, resolutions={"negative-quota": "absolute"})
    session.execute(
        "UPDATE videos SET mode = 'pro', video_id = '99', quota = 5 WHERE task_id = 'blocking-1'"
    )
    session.execute("UPDATE videos SET video_id = '98' WHERE task_id LIKE 'kling_b%'")
    downgrade(session)
    rows = session.query("SELECT mode, video_id, quota FROM videos WHERE task_id = 'blocking-1'")
    assert rows == [("pro", "99", 5)]
    assert session.query("SELECT video_id FROM videos WHERE task_id LIKE 'kling_b%'") == [("98",)]
    nulls = session.query("SELECT COUNT(*) FROM videos WHERE mode IS NULL")
    assert nulls == [(len(legacy.CLEAN),)]


def test_a_value_written_between_two_runs_is_restored_instead_of_the_first(
    session: Session,
) -> None:
    """The old program goes on after a direct upgrade that was killed before its swap."""
    tables.make(session, "gorm", (*legacy.CLEAN, legacy.blocking_row("negative-quota")))
    words = {"negative-quota": "absolute"}

    def after(sql: str, _parameters: tuple[object, ...]) -> None:
        if sql.startswith("INSERT INTO `kling_migration_new`"):
            raise Killed

    with pytest.raises(Killed):
        upgrade(Watched(session, after), resolutions=words)
    session.execute("UPDATE videos SET quota = -7 WHERE task_id = 'blocking-1'")
    upgrade(session, resolutions=words)
    downgrade(session)
    assert session.query("SELECT quota FROM videos WHERE task_id = 'blocking-1'") == [(-7,)]


# ---------------------------------------------------------------- interrupted


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("dialect", ["mariadb", "sqlite", "postgresql"])
def test_a_downgrade_killed_anywhere_is_finished_by_the_next(
    dialect: str, databases: Callable[[str], str]
) -> None:
    """A downgrade killed after any statement can be continued; until then upgrades are refused."""
    url = databases(dialect)
    with connect(url) as session:
        resolutions = make_blocked(session, "gorm")
        old = definition(session, "videos"), tables.checksum(session)
        upgrade(session, resolutions=resolutions)
    refused, fatal = 0, 0
    while killed_after(url, fatal := fatal + 1):
        with connect(url) as session:
            if MigrationState(session).get("downgrading") is not None:
                with pytest.raises(BlockedError, match="run kling-mock db downgrade again"):
                    upgrade(session)
                refused += 1
    with connect(url) as session:
        assert (definition(session, "videos"), tables.checksum(session)) == old
        assert not session.query(EVERYTHING[dialect].format(session.database))
    assert fatal > 8
    assert bool(refused) == (dialect == "mariadb")


#: Finds the tables beside `videos`.
EVERYTHING = {
    "mariadb": "SHOW TABLES WHERE Tables_in_{} <> 'videos'",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' "
    "AND name NOT IN ('videos', 'sqlite_sequence')",
    "postgresql": "SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'videos'",
}


def killed_after(url: str, count: int) -> bool:
    """Downgrade until the statement of that number; return whether there was one."""
    left = count

    def after(_sql: str, _parameters: tuple[object, ...]) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise Killed

    with connect(url) as session:
        try:
            downgrade(Watched(session, after))
        except Killed:
            return True
        except BlockedError as error:
            assert error.findings[0].name == "no-origin"  # all was done before it died
    return False


# ---------------------------------------------------------------- new data


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_new_data_stops_a_downgrade_until_it_is_set_aside(session: Session) -> None:
    """What only the new schema can hold is named; set aside, it is kept beside the old table."""
    tables.make(session, "gorm")
    upgrade(session)
    session.execute(
        "INSERT INTO videos (task_id, kling_task_id, held_quota) VALUES ('new-1', '81', 70)"
    )
    before = definition(session, "videos"), tables.checksum(session)
    with pytest.raises(BlockedError) as raised:
        downgrade(session)
    assert {finding.name for finding in raised.value.findings} == {
        "new-kling-task-id",
        "new-held-quota",
    }
    assert (definition(session, "videos"), tables.checksum(session)) == before
    assert downgrade(session, set_aside=["new-kling-task-id", "new-held-quota"]) is KnownSchema.GORM
    assert len(tables.rows(session)) == len(legacy.CLEAN) + 1
    kept_aside = session.query(
        "SELECT column_name, task_id, old_value FROM migration_changes ORDER BY column_name"
    )
    assert kept_aside == [("new:held_quota", "new-1", "70"), ("new:kling_task_id", "new-1", "81")]
    nulls = session.query("SELECT COUNT(*) FROM videos WHERE mode IS NULL")
    assert nulls == [(len(legacy.CLEAN),)]  # the old rows have NULL again, not the new one


def test_new_ids_that_the_old_index_refuses_stop_a_downgrade(session: Session) -> None:
    """Ids alike in their first 40 characters cannot go back under the guide's own index."""
    tables.make(session, "guide")
    upgrade(session)
    for end in "ab":
        session.execute(f"INSERT INTO videos (task_id) VALUES ('{'x' * 40}{end}')")
    with pytest.raises(BlockedError, match="first 40 characters"):
        downgrade(session)


def test_new_ids_that_an_old_key_takes_for_one_stop_a_downgrade(session: Session) -> None:
    """An old key over task_id that is blind to case is asked as well, whatever it is called."""
    tables.make(session, "task-id-key")
    upgrade(session)
    session.execute("INSERT INTO videos (task_id) VALUES ('NEW-1'), ('new-1')")
    before = definition(session, "videos"), tables.checksum(session)
    with pytest.raises(BlockedError, match="equal to the old key PRIMARY"):
        downgrade(session)
    assert (definition(session, "videos"), tables.checksum(session)) == before


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_there_is_no_way_back_where_none_was_recorded(session: Session) -> None:
    """A table that this program never upgraded is not downgraded."""
    tables.make(session, "gorm")
    with pytest.raises(BlockedError, match="no upgrade by this program is recorded"):
        downgrade(session)
    session.execute("DROP TABLE videos")
    with pytest.raises(BlockedError, match="there is no table"):
        upgrade(session)


@pytest.mark.parametrize("shape", ["gorm", "task-id-key", "go-seed"])
def test_a_table_that_the_server_would_refuse_is_found_by_the_check(
    session: Session, shape: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Too many indexes, for instance: nothing is begun, and everything is as it was."""
    tables.make(session, shape, [*legacy.CLEAN, legacy.blocking_row("negative-quota")])
    free = 63 - len(session.query("SHOW INDEX FROM videos WHERE Seq_in_index = 1"))
    names = [f"own_{number}" for number in range(free)]
    session.execute(
        "ALTER TABLE videos " + ", ".join(f"ADD {name} INT, ADD INDEX ({name})" for name in names)
    )
    before = definition(session, "videos"), tables.rows(session)
    words = ["upgrade", "--db", session.url, "--resolve", "negative-quota=absolute"]
    for _ in range(2):
        assert main(["db", *words]) == 11
        errors = capsys.readouterr().err
        assert "refused: the server refuses the table that an upgrade would make" in errors
        assert "code 1069" in errors
        assert "nothing was changed" in errors
        assert (definition(session, "videos"), tables.rows(session)) == before
        assert session.query("SHOW TABLES") == [("videos",)]
    session.execute("ALTER TABLE videos " + ", ".join(f"DROP {name}" for name in names))
    assert main(["db", *words]) == 0


_COPIED = STEPS["mariadb", "direct"]


@pytest.mark.parametrize("step", _COPIED[: _COPIED.index("renamed")])
def test_a_direct_upgrade_that_fails_anywhere_leaves_the_table_as_it_was(
    session: Session, step: str
) -> None:
    """To the byte, whichever statement fails before the swap; nothing is left beside it."""
    resolutions = {"null-task-id": "generate", "negative-quota": "absolute"}
    tables.make(session, "gorm", [*legacy.CLEAN, *map(legacy.blocking_row, resolutions)])
    before = definition(session, "videos"), tables.rows(session)

    def fail(done: str) -> None:
        if done == step:
            raise DatabaseError(1, "it fails")

    with pytest.raises(DatabaseError, match="it fails") as raised:
        upgrade(Watched(session, Steps(fail)), resolutions=resolutions)
    assert raised.value.__notes__ == ["the table is as it was before"]
    assert (definition(session, "videos"), tables.rows(session)) == before
    assert session.query("SHOW TABLES") == [("videos",)]


def test_a_direct_upgrade_whose_connection_is_lost_in_the_swap_says_nothing_of_the_table(
    session: Session,
) -> None:
    """It has been renamed, and the reply is lost: the next run finishes what follows."""
    tables.make(session, "gorm")
    number = session.query("SELECT CONNECTION_ID()")[0][0]
    with connect(session.url) as other:

        def lose(done: str) -> None:
            if done == "renamed":
                other.execute(f"KILL {number}")
                raise DatabaseError(2013, "Lost connection to server during query")

        with pytest.raises(DatabaseError, match="Lost connection") as raised:
            upgrade(Watched(session, Steps(lose)))
        assert not hasattr(raised.value, "__notes__")
        assert upgrade(other) is KnownSchema.OURS
        assert other.query("SHOW TABLES LIKE 'kling%'") == []


def test_a_direct_upgrade_lets_others_read_the_table_and_not_write_to_it(session: Session) -> None:
    """From before the first row is copied to the swap: no write can be missing in the copy."""
    tables.make(session, "gorm")
    refused: list[str] = []
    with connect(session.url) as other:
        other.execute("SET SESSION lock_wait_timeout = 1")

        def write(done: str) -> None:
            if done in _COPIED[_COPIED.index("origin") : _COPIED.index("renamed")]:
                assert len(tables.rows(other)) == len(legacy.CLEAN)
                with pytest.raises(DatabaseError, match="Lock wait timeout"):
                    other.execute("INSERT INTO videos (task_id) VALUES ('late')")
                refused.append(done)

        upgrade(Watched(session, Steps(write)))
        assert {"origin", "rows summed", "copy filled", "indexes made"} <= set(refused)
        other.execute("INSERT INTO videos (task_id) VALUES ('late')")
    assert len(tables.rows(session)) == len(legacy.CLEAN) + 1


def test_a_direct_upgrade_that_loses_its_lock_does_not_swap(session: Session) -> None:
    """Others could have written to the table meanwhile, so the copy is removed."""
    tables.make(session, "gorm")
    before = definition(session, "videos"), tables.rows(session)

    def kill(done: str) -> None:
        if done == "indexes made":
            others = session.query(
                "SELECT ID FROM information_schema.PROCESSLIST "
                "WHERE DB = DATABASE() AND ID <> CONNECTION_ID()"
            )
            for (number,) in others:
                session.execute(f"KILL {number}")

    with pytest.raises(UnfinishedError, match="lock of the table was lost"):
        upgrade(Watched(session, Steps(kill)))
    assert (definition(session, "videos"), tables.rows(session)) == before
    assert session.query("SHOW TABLES") == [("videos",)]


def test_a_table_with_the_name_of_the_copy_stops_a_direct_upgrade(session: Session) -> None:
    """It is somebody else's, so it is named and not dropped; what a killed run left is dropped."""
    tables.make(session, "gorm")

    def after(sql: str, _parameters: tuple[object, ...]) -> None:
        if sql.startswith("CREATE TABLE kling_migration_new"):
            raise Killed

    for name in ("kling_migration_new", "kling_migration_old"):
        session.execute(f"CREATE TABLE {name} (mine int)")
        for command in (upgrade, partial(upgrade, way="online")):
            with pytest.raises(BlockedError, match=f"left-over: there is a table {name}"):
                command(session)
        session.execute(f"DROP TABLE {name}")
    for way in ("direct", "online"):
        with pytest.raises(Killed):
            upgrade(Watched(session, after))
        assert upgrade(session, way) is KnownSchema.GORM
        assert session.query("SHOW TABLES LIKE 'kling%'") == []
        downgrade(session)
    with pytest.raises(Killed):
        upgrade(Watched(session, after))
    downgrade(session)
    session.execute("DROP TABLE videos_before_migration")
    assert session.query("SHOW TABLES") == [("videos",)]


@pytest.mark.parametrize("session", ["mariadb", "postgresql"], indirect=True)
@pytest.mark.parametrize("command", [partial(upgrade, way="direct"), downgrade])
def test_a_transaction_that_does_not_end_is_not_waited_for_without_limit(
    session: Session, command: Callable[..., KnownSchema]
) -> None:
    """The command ends, and the table is as it was."""
    tables.make(session, "gorm")
    if command is downgrade:
        upgrade(session)
    before = definition(session, "videos"), tables.checksum(session)
    other = session.another()
    try:
        other.execute("BEGIN")
        other.execute("UPDATE videos SET created_at = created_at + 1")
        with pytest.raises(UnfinishedError, match="--wait-at-most"):
            command(session, wait_at_most=1.0)
        other.execute("ROLLBACK")
    finally:
        other.close()
    assert (definition(session, "videos"), tables.checksum(session)) == before
    assert command(session) is KnownSchema.GORM
