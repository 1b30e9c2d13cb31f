"""No value is cut or lost on the way, whatever its type, its length and the time of its write."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest

from kling_mock.cli.main import main
from kling_mock.relay.migration.check import check
from kling_mock.relay.migration.database.session import DatabaseError, Session, connect
from kling_mock.relay.migration.findings import BlockedError, UnfinishedError
from kling_mock.relay.migration.online import upgrade as online_module
from kling_mock.relay.migration.online.copying import Copying
from kling_mock.relay.migration.online.progress import Progress
from kling_mock.relay.migration.online.sql import OnlineSql
from kling_mock.relay.migration.schema.known_schemas import goal, target_schema
from kling_mock.relay.storage.schema import Dialect, Table
from tests.mock.relay.migration import tables
from tests.mock.relay.migration.tables import url_of
from tests.mock.relay.migration.test_online import online
from tests.mock.relay.migration.test_upgrade import downgrade, upgrade

pytestmark = pytest.mark.slow  # a database server, or killed processes

#: The old types of some columns.
TYPES: Final = {
    "prompt": ("tinytext", "text", "mediumtext", "longtext", "varchar(300)"),
    "store_url": ("longtext", "varchar(150) CHARACTER SET latin1"),
    "model": ("varchar(100)", "varchar(150)", "text", "longtext", "varchar(150) CHARACTER SET gbk"),
    "status": ("longtext", "varchar(50)", "tinytext CHARACTER SET latin1"),
    "video_id": ("longtext", "varchar(255)"),
    "channel_id": ("int", "bigint", "bigint unsigned"),
    "n": ("smallint", "bigint"),
    "quota": ("int", "bigint", "bigint unsigned"),
}
LENGTHS: Final = (0, 1, 49, 50, 51, 99, 100, 101, 150, 200, 255, 256, 65_535, 65_536, 70_000)
NUMBERS: Final = (0, 1, -1, 32_767, 2**31 - 1, 2**31, -(2**31), 3_000_000_000, 2**63 - 1, 2**63)
MODES: Final = {
    Dialect.MARIADB: ("", "STRICT_TRANS_TABLES", "ANSI", "ORACLE"),
    Dialect.MYSQL: ("", "STRICT_TRANS_TABLES", "ANSI", "TRADITIONAL"),
}


def value(column: str, chance: random.Random) -> Any:
    """Return something that fits into the column, or does not."""
    if column in {"channel_id", "n", "quota"}:
        return chance.choice(NUMBERS)
    letter, end = chance.choice("aé"), chance.choice(("", " ", "   "))
    return letter * chance.choice(LENGTHS) + end


def make(session: Session, chance: random.Random) -> None:
    """Make an old table whose columns have other types, with rows that block nothing."""
    tables.make(session, chance.choice(("gorm", "guide", "go-seed")))
    for column, types in TYPES.items():
        if column == "status":  # some shapes have an index over a part of it
            continue
        with_index = column == "video_id"
        kind = types[0] if with_index else chance.choice(types)
        session.execute(f"ALTER TABLE videos MODIFY {column} {kind}")


class Writer:
    """Writes to the old table beside an upgrade, and takes an error for an answer."""

    def __init__(self, session: Session, chance: random.Random) -> None:
        self.session, self.chance = session, chance
        session.execute("SET SESSION sql_mode = ?", chance.choice(MODES[session.dialect]))
        self.number = self.acknowledged = 0

    def write(self) -> None:
        """Insert a row, or change one."""
        column = self.chance.choice([*TYPES])
        new = value(column, self.chance)
        self.number += 1
        try:
            if self.chance.random() < 0.5:
                self.session.execute(
                    f"INSERT INTO videos (task_id, created_at, {column}) VALUES (?, 5, ?)",
                    f"new-{self.number}",
                    new,
                )
            else:
                self.session.execute(
                    f"UPDATE videos SET {column} = ? WHERE task_id = 'luma-0001'", new
                )
        except DatabaseError:
            return
        self.acknowledged += 1


#: The errors of a value that does not fit: too long, out of range, of another character set.
UNFIT: Final = {1264, 1406, 1366}


def prove(url: str, seed: int, *, at_once: bool) -> int:
    """Upgrade online beside a writer; return how many of its writes were acknowledged.

    Args:
        url: The database.
        seed: What is done.
        at_once: Whether it writes from the beginning: then a row that was not copied yet may
            get a value that does not fit, and the upgrade ends with the old table in use.

    Raises:
        AssertionError: A value is not in the new table as it was in the old one.
    """
    chance = random.Random(seed)  # noqa: S311 - what is tried, not a secret
    with connect(url) as session, connect(url) as other:
        make(session, chance)
        writer = Writer(other, chance)

        def after(step: str) -> None:
            if at_once and step in {"copy begun", "committed: place noted"}:
                for _ in range(8):
                    writer.write()

        def progress(now: Progress) -> None:
            if now.ended:
                for _ in range(40):
                    writer.write()

        try:
            online(session, after=after, progress=progress, finish=False).run()
        except DatabaseError as error:
            assert at_once
            assert error.code in UNFIT
            assert session.query("SHOW TRIGGERS") == []
            assert session.query("SHOW TABLES LIKE 'videos_before%'") == []
            return writer.acknowledged
        names = "task_id, " + ", ".join(f"HEX(CONVERT({column} USING utf8mb4))" for column in TYPES)
        old = session.query(f"SELECT {names} FROM videos_before_migration ORDER BY task_id")
        new = session.query(f"SELECT {names} FROM videos ORDER BY task_id")
        filled = {"": None, "30": None, "31": None, "70656E64696E67": None}  # 0, 1 and pending
        assert [[filled.get(str(x), x) for x in row] for row in new] == [
            [filled.get(str(x), x) for x in row] for row in old
        ]
    return writer.acknowledged


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_no_value_is_cut_by_an_online_upgrade(
    seed: int,
    at_once: bool,  # noqa: FBT001 - a parameter of pytest
    databases: Callable[[str], str],
) -> None:
    """A write that was acknowledged is there as it was written, in each sql_mode of its writer."""
    assert prove(databases("mariadb"), seed, at_once=at_once)


def narrow(table: Table, new: Table) -> Table:
    """Return the target schema as it is, so that a LONGTEXT becomes a TEXT."""
    target = goal(table, new)
    columns = tuple(
        attrs.evolve(column, type="text") if column.type in {"mediumtext", "longtext"} else column
        for column in target.columns
    )
    return attrs.evolve(target, columns=columns)


def unchecked(_words: OnlineSql, _column: object, words: str) -> str:
    """Return the value as it is, so that blanks are cut."""
    return words


@pytest.mark.parametrize("compared", [True, False])
def test_the_proof_catches_texts_that_are_cut(
    compared: bool,  # noqa: FBT001 - a parameter of pytest
    databases: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Control: with narrower columns values are cut; the comparison stops that, the proof too."""
    monkeypatch.setattr(online_module, "goal", narrow)
    monkeypatch.setattr(OnlineSql, "_whole", unchecked)
    if not compared:
        monkeypatch.setattr(Copying, "compare", lambda _: None)
    caught = 0
    for seed in range(8):
        try:
            prove(databases("mariadb"), seed, at_once=False)
        except UnfinishedError as error:
            assert "the copy is not the table" in str(error)
            caught += compared
        except AssertionError:
            assert not compared
            caught += 1
    assert caught >= 2


def test_a_copy_that_is_not_the_table_never_becomes_it(session: Session) -> None:
    """Control: one changed character in the copy, and the tables are not swapped."""
    tables.make(session, "gorm")
    changed: list[int] = []

    def after(step: str) -> None:
        if step == "committed: place noted" and not changed:
            changed.append(
                session.execute("UPDATE videos_migrating SET prompt = 'seb' WHERE prompt = 'sea'")
            )
            if not changed[0]:
                changed.clear()

    with pytest.raises(UnfinishedError, match="the copy is not the table"):
        online(session, after=after).run()
    assert session.query("SHOW TRIGGERS") == []
    assert session.query("SELECT COUNT(*) FROM videos WHERE prompt = 'sea'") == [(1,)]


def test_triggers_are_strict_whatever_the_server_is(session: Session) -> None:
    """A trigger keeps the sql_mode of the session that made it, so that has to be strict."""
    tables.make(session, "gorm")
    modes: list[str] = []

    def after(step: str) -> None:
        if step == "copy begun":
            rows = session.query(
                "SELECT SQL_MODE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()"
            )
            modes.extend(str(row[0]) for row in rows)

    online(session, after=after).run()
    assert len(modes) == 3
    assert all("STRICT_ALL_TABLES" in mode for mode in modes)
    assert not any("ANSI" in mode for mode in modes)


# ---------------------------------------------------------------- longer than a packet


@pytest.mark.parametrize("way", ["direct", "online"])
def test_a_text_longer_than_a_packet_survives_a_cut(session: Session, way: str) -> None:
    """What `cut` cuts off comes back, also where CAST would give NULL for its size."""
    tables.make(session, "gorm")
    packet = int(session.query("SELECT @@max_allowed_packet")[0][0])
    session.execute("ALTER TABLE videos MODIFY model longtext CHARACTER SET latin1")
    session.execute(
        "UPDATE videos SET model = REPEAT(CONVERT('é' USING latin1), ?) "
        "WHERE task_id = 'luma-0001'",
        packet - 1000,
    )
    session.execute("ALTER TABLE videos MODIFY model longtext CHARACTER SET utf8mb4")
    summed = "SELECT LENGTH(model), CRC32(model) FROM videos WHERE task_id = 'luma-0001'"
    before = session.query(summed)
    assert before[0][0] > packet
    upgrade(session, way, resolutions={"long-model": "cut"})
    assert session.query(summed)[0][0] == 200
    downgrade(session)
    assert session.query(summed) == before


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("session", "way"),
    [("mariadb", "direct"), ("mariadb", "online"), ("sqlite", "direct"), ("postgresql", "direct")],
    indirect=["session"],
)
def test_the_number_of_a_row_that_is_gone_is_not_given_again(session: Session, way: str) -> None:
    """A table that numbers its rows goes on from where it was, there and back."""
    tables.make(session, "go-seed")
    highest = int(session.query("SELECT MAX(id) FROM videos")[0][0])
    session.execute("DELETE FROM videos WHERE id >= ?", highest - 1)
    upgrade(session, way)
    session.execute("INSERT INTO videos (task_id) VALUES ('new-1')")
    assert session.query("SELECT id > ? FROM videos WHERE task_id = 'new-1'", highest) in (
        [(1,)],
        [(True,)],
    )
    session.execute("DELETE FROM videos WHERE task_id = 'new-1'")
    downgrade(session)
    session.execute("INSERT INTO videos (task_id) VALUES ('new-2')")
    rows = session.query("SELECT id FROM videos WHERE task_id = 'new-2'")
    assert int(rows[0][0]) > highest + 1


# ---------------------------------------------------------------- use_id and user_id


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_a_user_in_the_wrong_column_is_not_lost(session: Session) -> None:
    """A table with use_id beside user_id is refused until the owner of its rows is chosen."""
    tables.make(session, "gorm")
    session.execute("ALTER TABLE videos ADD COLUMN use_id bigint")
    session.execute("UPDATE videos SET use_id = user_id")
    session.execute("UPDATE videos SET user_id = NULL WHERE task_id = 'luma-0001'")
    session.execute("UPDATE videos SET user_id = 0 WHERE user_id = 7")
    before = tables.checksum(session)
    with pytest.raises(BlockedError, match="the user is in the column use_id"):
        upgrade(session)
    assert tables.checksum(session) == before
    if session.dialect.is_mysql:
        with pytest.raises(BlockedError, match="upgrade without --online"):
            upgrade(session, "online", resolutions={"use-id": "copy"})
        assert main(["db", "check", "--db", url_of(session)]) == 11
    upgrade(session, resolutions={"use-id": "copy"})
    assert session.query("SELECT COUNT(*) FROM videos WHERE user_id <> use_id") == [(0,)]
    downgrade(session)
    assert tables.checksum(session) == before


def test_rows_with_two_different_users_are_for_the_operator(session: Session) -> None:
    """If both columns name a user, no `--resolve` value helps."""
    tables.make(session, "gorm")
    session.execute("ALTER TABLE videos ADD COLUMN use_id bigint")
    session.execute("UPDATE videos SET use_id = user_id + 1")
    (finding,) = check(session, target_schema(Dialect.MARIADB)).blockers
    assert (finding.name, finding.count, finding.resolution) == ("use-id-differs", 4, "")
