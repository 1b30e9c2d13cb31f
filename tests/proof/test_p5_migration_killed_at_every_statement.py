"""P5: a migration whose connection ends before any statement is finished by the same command.

The upgrade, the downgrade, the online upgrade, its end and the import, on each database that has
them. What they leave is what a run leaves that nobody has disturbed. `KLING_PROOF_SIZE=full` ends
the connection before each single statement that changes something, on MySQL 9 as well; otherwise
before some. The negative control is the guide's own SQL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from kling_mock.cli.main import make_parser
from kling_mock.relay.domain.credentials import token_hash
from kling_mock.relay.migration import command
from kling_mock.relay.migration.check import CheckVerdict, check
from kling_mock.relay.migration.database.introspect import definition
from kling_mock.relay.migration.database.session import (
    DatabaseError,
    Server,
    Session,
    SessionWrapper,
    connect,
)
from kling_mock.relay.migration.schema.known_schemas import target_schema
from kling_mock.relay.migration.verify import verify
from kling_mock.relay.storage.schema import Dialect
from tests.clusters.cluster import ClusterDatabase
from tests.clusters.fixtures import FULL
from tests.mock.relay.migration import legacy, one_api_tables, tables
from tests.mock.relay.migration.application import Application
from tests.mock.relay.storage.databases import Mysql, Postgres, SqliteFile, need

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7_200 if FULL else 300)]

#: Of MariaDB and MySQL; elsewhere the online upgrade is refused, and on PostgreSQL the import too.
SERVERS: Final = ("mariadb", "mysql9") if FULL else ("mariadb",)
WAYS: Final = (
    *((name, way) for name in SERVERS for way in ("direct", "back", "online", "finish", "import")),
    *(("postgresql", way) for way in ("direct", "back")),
    *(("sqlite", way) for way in ("direct", "back", "import")),
)
#: Points of each way that the small size tries, of its whole length.
SOME: Final = (0.35, 0.8)
#: What has to be resolved, each to the same value in every run.
RESOLVED: Final = {
    "direct": {"milliseconds-created-at": "to-seconds", "negative-quota": "absolute"},
    "online": {"long-task-id": "generate", "negative-quota": "absolute"},
}
ONLINE: Final = ("upgrade", "--online", "--max-running=0", "--progress=none")


@attrs.define
class Mortal(SessionWrapper):
    """A session whose connection ends before a statement that changes something.

    Attributes:
        session: Its connection.
        left: Statements until then.
        done: How many it has run.
    """

    session: Session
    left: int
    done: int = 0

    def server(self) -> Server:
        self._must_live()
        return super().server()

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        self._must_live()
        return super().query(sql, *parameters)

    def execute(self, sql: str, *parameters: object) -> int:
        self.left -= 1
        self._must_live()
        self.done += 1
        return super().execute(sql, *parameters)

    def _must_live(self) -> None:
        if self.left < 0:
            raise DatabaseError(2013, "the connection has ended")


@attrs.frozen
class Place:
    """A database that is emptied for each try, and one of one-api.

    Attributes:
        url: Its address.
        source: That of the other.
    """

    url: str
    source: str

    def empty(self) -> None:
        if self.url.startswith("sqlite"):
            Path(self.url.removeprefix("sqlite:///")).write_bytes(b"")
            return
        with connect(self.url) as session:
            if session.dialect is Dialect.POSTGRES:
                session.execute("DROP SCHEMA public CASCADE")
                session.execute("CREATE SCHEMA public")
                return
            for (name,) in session.query("SHOW TABLES"):
                session.execute(f"DROP TABLE {name}")

    def run(self, *words: str, left: int = 10**9) -> tuple[int, int]:
        """Run a command whose connection ends; return its status, and the statements it ran."""
        done = 0

        @contextmanager
        def opened(url: str) -> Generator[Session]:
            nonlocal done
            with connect(url) as session:
                mortal = Mortal(session, left if url == self.url else 10**9)
                try:
                    yield mortal
                finally:
                    done += mortal.done if url == self.url else 0

        parser = make_parser(["db", "import"])
        if words[0] == "import":
            options = parser.parse_args([*words, "--from", self.source, "--to", self.url])
            return command.run_import(options, token_hash, opened), done
        options = parser.parse_args(["db", *words, "--db", self.url])
        return command.run(words[0], options, opened), done


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place on the database that the parameter names."""
    if request.param == "sqlite":
        for name in ("target", "source"):
            (tmp_path / name).mkdir()
            SqliteFile(tmp_path / name).path.touch()
        yield Place(*(SqliteFile(tmp_path / name).url for name in ("target", "source")))
    elif request.param == "mysql9":
        cluster = request.getfixturevalue("mysql9")
        with ClusterDatabase(cluster) as target, ClusterDatabase(cluster) as source:
            yield Place(target.url, source.url)
    else:
        is_postgres = request.param == "postgresql"
        need("postgres" if is_postgres else "mysql")
        both = [Postgres() if is_postgres else Mysql() for _ in range(2)]
        for database in both:
            asyncio.run(database.make())
        yield Place(both[0].url, both[1].url)
        for database in both:
            asyncio.run(database.drop())


def words_of(way: str) -> tuple[str, ...]:
    """Return the command that is disturbed."""
    resolved = RESOLVED["online" if way in {"online", "finish"} else "direct"]
    resolve = tuple(f"--resolve={name}={word}" for name, word in resolved.items())
    return {
        "direct": ("upgrade", *resolve),
        "back": ("downgrade",),
        "online": (*ONLINE, *resolve),
        "finish": ("finish", *resolve),
        "import": ("import", "one-api", "--progress=none"),
    }[way]


def prepare(place: Place, way: str) -> None:
    """Bring the database to where the command begins."""
    place.empty()
    if way == "import":
        return
    names = RESOLVED["online" if way in {"online", "finish"} else "direct"]
    rows = [dict(zip(legacy.COLUMNS, legacy.blocking_row(name), strict=True)) for name in names]
    rows[-1]["task_id"] = "blocking-2"
    with connect(place.url) as session:
        tables.make(session, "gorm", (*legacy.CLEAN, *(tuple(row.values()) for row in rows)))
    if way in {"back", "finish"}:
        assert place.run(*words_of("direct" if way == "back" else "online"))[0] == 0


def state(place: Place) -> tuple[Any, ...]:
    """Return definition, rows in their order, tables, how many rows they have, and triggers."""
    with connect(place.url) as session:
        schema = [*definition(session, "videos")]
        columns = [row[0] for row in session.query(_COLUMNS[session.dialect])]
        selected = ", ".join(column for column in columns if column != "id")
        order = "id" if "id" in columns else "task_id, created_at, quota"
        rows = session.query(f"SELECT {selected} FROM videos ORDER BY {order}")
        names = sorted(row[0] for row in session.query(_TABLES[session.dialect]))
        counts = [
            session.query(f"SELECT COUNT(*) FROM {table}")
            for table in names
            if not table.startswith("migration_")  # of the migration's own, for its way back
        ]
        triggers = session.query("SHOW TRIGGERS") if session.dialect.is_mysql else []
        return schema, rows, names, counts, [row[:5] for row in triggers]  # without their time


_MYSQL_COLUMNS: Final = (
    "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() "
    "AND TABLE_NAME = 'videos' ORDER BY ORDINAL_POSITION"
)
_COLUMNS: Final = {
    Dialect.MARIADB: _MYSQL_COLUMNS,
    Dialect.MYSQL: _MYSQL_COLUMNS,
    Dialect.POSTGRES: "SELECT column_name FROM information_schema.columns "
    "WHERE table_schema = 'public' AND table_name = 'videos' ORDER BY ordinal_position",
    Dialect.SQLITE: "SELECT name FROM pragma_table_info('videos')",
}
_TABLES: Final = {
    Dialect.MARIADB: "SHOW TABLES",
    Dialect.MYSQL: "SHOW TABLES",
    Dialect.POSTGRES: "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
    Dialect.SQLITE: "SELECT name FROM sqlite_master WHERE type = 'table' "
    "AND name <> 'sqlite_sequence'",
}


def write(place: Place) -> None:
    """Write as the old program does, right after the end, and remove what was written."""
    with connect(place.url) as session:
        application = Application(session, own=True)
        for _ in range(2):
            application.work()
        application.check()
        session.execute("DELETE FROM videos WHERE task_id LIKE 'app-%'")


def points(total: int) -> Sequence[int]:
    return range(total) if FULL else sorted({int(total * part) for part in SOME})


@pytest.mark.parametrize(("place", "way"), WAYS, indirect=["place"])
def test_the_same_command_finishes_what_was_ended_before_any_statement(
    place: Place, way: str
) -> None:
    """The same tables, rows, ids in the same order; and no write of the application fails."""
    if way == "import":
        with connect(place.source) as session:
            one_api_tables.make(session, count=20)
    prepare(place, way)
    status, total = place.run(*words_of(way))
    assert status == 0
    undisturbed = state(place)
    for point in points(total):
        prepare(place, way)
        status, done = place.run(*words_of(way), left=point)
        assert (status, done) == (1, point), f"{way}, before statement {point} of {total}"
        if way != "import":
            write(place)
        finished(place, way)
        assert state(place) == undisturbed, f"{way}, before statement {point} of {total}"
        if way in {"direct", "finish", "import"}:
            with connect(place.url) as session:
                target = target_schema(session.dialect)
                assert check(session, target).verdict is CheckVerdict.WANTED
                wrong = [outcome for outcome in verify(session, target) if outcome.passed is False]
                assert not wrong, f"{way}, before statement {point} of {total}: {wrong}"
    print(f"\nP5 {way}: ended before {len(points(total))} of {total} statements")  # noqa: T201 - the figure


def finished(place: Place, way: str) -> None:
    """Run the same command again. One that had done all before it was ended has nothing to do."""
    status, _ = place.run(*words_of(way))
    if way == "back" and status == 11:
        with connect(place.url) as session:
            assert not [row for row in session.query(_TABLES[session.dialect]) if "migr" in row[0]]
    else:
        assert status == 0


@pytest.mark.parametrize("place", SERVERS, indirect=True)
def test_the_check_catches_the_guides_own_sql(place: Place) -> None:
    """Negative control: ended in the middle and run again, it stops at what is there already."""

    def guide(session: Session) -> None:
        for statement in legacy.GUIDE:
            session.execute(legacy.worded(statement, session.dialect))

    prepare(place, "import")
    with connect(place.url) as session:
        tables.make(session, "gorm")
        guide(session)
        undisturbed = state(place)
        for point in range(1, len(legacy.GUIDE)):
            place.empty()
            tables.make(session, "gorm")
            with suppress(DatabaseError):
                guide(Mortal(session, point))
            with pytest.raises(DatabaseError):
                guide(session)
            assert state(place) != undisturbed
