"""Whatever is built on the table survives a migration, or is refused by name and not touched.

The proof reads the whole database with statements of its own, before and after. Its negative
control is the same proof with the comparison of the catalogue left out.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kling_mock.cli.main import main
from kling_mock.relay.migration import check, downgrade
from kling_mock.relay.migration.database.session import DatabaseError, Session, connect
from kling_mock.relay.migration.findings import Finding
from kling_mock.relay.migration.schema.known_schemas import target_schema
from kling_mock.relay.storage.schema import Dialect, Table
from tests.mock.relay.migration import legacy, tables
from tests.mock.relay.migration.database_contents import everything, extras
from tests.mock.relay.migration.features import FEATURES, Feature
from tests.mock.relay.migration.test_matrix import WAYS, command, old_columns
from tests.nightly import NIGHTLY

CASES = [
    pytest.param(dialect, way, feature, id=f"{dialect}-{way}-{feature.name}")
    for dialect, features in FEATURES.items()
    for feature in features
    for way in (*WAYS[dialect], *(("downgrade",) if feature.upgraded else ()))
]


def make(session: Session, feature: Feature, way: str) -> None:
    """Make a table with rows and the feature; for the way back, an upgraded one."""
    if feature.mariadb_only and session.dialect is Dialect.MYSQL:
        pytest.skip(f"MariaDB only: {feature.mariadb_only}")
    tables.make(session, feature.shape)
    if way == "downgrade":
        assert command(url_of(session), "direct") == 0
    for statement in feature.statements:
        session.execute(statement)
    if session.dialect == "sqlite" and not session.query("SELECT COUNT(*) FROM videos")[0][0]:
        tables.insert(session, legacy.CLEAN)


def url_of(session: Session) -> str:
    if session.dialect == "sqlite":
        return f"sqlite:///{session.database}"
    if session.dialect == "postgresql":
        from tests.mock.relay.storage.databases import POSTGRES

        return f"postgresql://postgres@{POSTGRES[0]}:{POSTGRES[1]}/{session.database}"
    return tables.url_of(session)


def known(session: Session) -> tuple[set[str], set[str]]:
    """Return the columns and the indexes of the old table and of the new one."""
    new = target_schema(session.dialect)
    columns = {column.name for column in new.columns} | {*legacy.COLUMNS, "video_duration"}
    return columns, {index.name for index in new.indexes} | {"idx_tid", "PRIMARY", "videos_pkey"}


def prove(session: Session, feature: Feature, way: str, read: Callable[[], str]) -> str:
    """Run one command; return what happened to the feature, `kept` or `refused`.

    Raises:
        AssertionError: It was lost, or something was touched although it was refused.
    """
    make(session, feature, way)
    read()
    url, before = url_of(session), everything(session)
    facts, expected = extras(session, *known(session)), old_columns(session, was="gorm")
    if way == "downgrade":
        status = main(["db", "downgrade", "--db", url, "--set-aside", "all"])
    else:
        status = command(url, way)
    errors = read()
    if status == 11:
        assert feature.says in errors
        assert "nothing was changed" in errors
        assert everything(session) == before
        return "refused"
    assert status == 0, errors
    if way == "downgrade":
        return "kept"
    assert extras(session, *known(session)) == facts
    assert old_columns(session, names=expected[0]) == expected
    if session.dialect.is_mysql:
        session.execute("DROP TABLE IF EXISTS videos_before_migration")
    assert main(["db", "downgrade", "--db", url]) == 0
    assert everything(session) == before
    return "kept"


@pytest.mark.parametrize(("dialect", "way", "feature"), CASES)
def test_a_feature_is_kept_or_refused_by_name(
    dialect: str,
    way: str,
    feature: Feature,
    databases: Callable[[str], str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Nothing that an operator built on the table is lost without a word."""
    with connect(databases(dialect)) as session:
        outcome = prove(session, feature, way, lambda: capfd.readouterr().err)
        for statement in feature.undo:
            session.execute(statement)
    if way != "downgrade" or not feature.survives:
        assert outcome == ("kept" if feature.survives else "refused")


def nothing(_session: Session, _table: Table, _schema: Table) -> list[Finding]:
    """Compare nothing, as a migration does that trusts its own description of a table."""
    return []


#: What is refused and would do no harm, or is refused by another check as well.
HARMLESS = {
    "mariadb": {
        *("CHECK of a column", "CHECK of the table", "CHECK without a name", "json column"),
        *("COMPRESSED rows", "compressed pages", "compressed column", "statistics"),
        *("application time", "binary", "bit", "blob", "inet6", "uuid", "vector", "point"),
        *("invisible column", "char for mode"),
        *("Aria", "MyISAM", "foreign key from another table", "trigger"),
    },
    "postgresql": {
        *("CHECK of a column", "CHECK of the table", "bytes", "interval", "network address"),
        *("foreign key from another table", "the name that a rebuild needs", "trigger"),
    },
    "sqlite": {"text for quota", "full text search", "the name that a rebuild needs", "trigger"},
}
LOST = [
    pytest.param(dialect, feature, id=f"{dialect}-{feature.name}")
    for dialect, features in FEATURES.items()
    for feature in features
    if not feature.survives and feature.name not in HARMLESS[dialect]
]


@pytest.mark.parametrize(("dialect", "feature"), LOST if NIGHTLY else LOST[::8])
def test_the_proof_catches_a_migration_that_compares_nothing(
    dialect: str,
    feature: Feature,
    databases: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Control: without the comparison, the same proof finds the feature lost or broken."""
    for module in (check, downgrade):
        monkeypatch.setattr(module, "unsupported", nothing)
    monkeypatch.setattr(check, "types", nothing)
    with connect(databases(dialect)) as session:
        with pytest.raises((AssertionError, DatabaseError)):
            prove(session, feature, WAYS[dialect][-1], lambda: capfd.readouterr().err)
        for statement in feature.undo:
            session.execute(statement)
