"""A check names what stops an upgrade, with the rows, and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock.relay.migration.check import CheckVerdict, check
from kling_mock.relay.migration.database.preflight import Facts, estimate, judge, look
from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.migration.downgrade import Downgrade
from kling_mock.relay.migration.schema.known_schemas import KnownSchema, target_schema
from kling_mock.relay.migration.upgrade import Upgrade
from kling_mock.relay.storage.schema import Column, Table
from tests.mock.relay.migration import legacy, tables

CASES = [(dialect, shape) for dialect, shapes in tables.SHAPES.items() for shape in shapes]


@pytest.mark.parametrize(("session", "shape"), CASES, indirect=["session"])
def test_every_shape_is_known(session: Session, shape: str) -> None:
    """A check says what the table is, and that it can be upgraded."""
    tables.make(session, shape)
    report = check(session, target_schema(session.dialect))
    assert report.shape is tables.shape_of(shape)
    assert report.verdict is CheckVerdict.POSSIBLE, report.findings
    assert report.rows == len(legacy.CLEAN)
    assert report.table is not None
    assert Table.from_json(report.table.to_json()) == report.table  # as an upgrade records it


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_ids_that_only_the_guide_refuses_are_a_warning(session: Session) -> None:
    """Ids that differ only in case stop the guide's index and not the wanted one."""
    alike = dict(zip(legacy.COLUMNS, legacy.CLEAN[2], strict=True)) | {"task_id": "LUMA-0001"}
    tables.make(session, "gorm", (*legacy.CLEAN, tuple(alike[name] for name in legacy.COLUMNS)))
    report = check(session, target_schema(session.dialect))
    assert report.verdict is CheckVerdict.POSSIBLE
    (warning,) = (finding for finding in report.findings if finding.name == "alike-task-id")
    assert (warning.severity, warning.count) == ("warning", 2)


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("shape", ["gorm", "go-head"])
def test_tasks_in_flight_are_counted_and_named(session: Session, shape: str) -> None:
    """Nobody finishes them after an upgrade; afterwards they are not reported again."""
    tables.make(session, shape)
    target = target_schema(session.dialect)
    (in_flight,) = (
        finding for finding in check(session, target).findings if finding.name == "tasks-in-flight"
    )
    assert (in_flight.severity, in_flight.count) == ("warning", 2)
    assert "luma-0001" in "".join(in_flight.rows)
    Upgrade(session, target, str, log=lambda _: None).run()
    assert check(session, target).findings == ()
    session.execute("UPDATE videos SET status = 'succeed'")
    Downgrade(session, target, log=lambda _: None).run()
    names = [finding.name for finding in check(session, target).findings]
    assert "tasks-in-flight" not in names


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_a_missing_table_and_a_foreign_one_are_told(session: Session) -> None:
    """Where there is nothing to upgrade, the check says so and asks nothing else."""
    assert check(session, target_schema(session.dialect)).verdict is CheckVerdict.UNKNOWN
    session.execute("CREATE TABLE videos (title text)")
    report = check(session, target_schema(session.dialect))
    assert (report.shape, report.facts) == (KnownSchema.UNKNOWN, None)
    assert report.to_json()["verdict"] == "unknown"


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_triggers_and_unknown_required_columns_stop_an_upgrade(session: Session) -> None:
    """What the operator built on the table is not broken behind their back."""
    tables.make(session, "gorm")
    body = {
        "mariadb": "BEFORE INSERT ON videos FOR EACH ROW SET NEW.n = 1",
        "sqlite": "AFTER INSERT ON videos BEGIN SELECT 1; END",
        "postgresql": "BEFORE INSERT ON videos FOR EACH ROW EXECUTE FUNCTION "
        "suppress_redundant_updates_trigger()",
    }[legacy.family(session.dialect)]
    if session.dialect == "postgresql":
        body = body.replace("INSERT", "UPDATE")
    session.execute(f"CREATE TRIGGER mine {body}")
    session.execute("ALTER TABLE videos ADD COLUMN tenant varchar(20) DEFAULT 'x' NOT NULL")
    if session.dialect != "sqlite":
        session.execute("ALTER TABLE videos ALTER COLUMN tenant DROP DEFAULT")
    names = {blocker.name for blocker in check(session, target_schema(session.dialect)).blockers}
    assert names == {"triggers"} | ({"required-tenant"} if session.dialect != "sqlite" else set())


def test_surroundings_are_judged() -> None:
    """A full disk, another engine and foreign keys block; an open transaction only warns."""
    facts = Facts(
        server="x",
        size=1_300_000_000,
        free=1_000_000,
        references=("fk_video",),
        transactions=(7, 900),
        engine="MyISAM",
    )
    findings: dict[str, Any] = {finding.name: finding for finding in judge(facts)}
    assert {name: finding.severity for name, finding in findings.items()} == {
        "engine": "blocker",
        "foreign-keys": "blocker",
        "long-transactions": "warning",
        "disk": "blocker",
    }
    assert "900 s" in findings["long-transactions"].says
    assert 15 < estimate(facts).direct < estimate(facts).online
    assert not list(judge(Facts(server="x", size=10, free=None, engine="InnoDB")))


def test_a_required_column_is_one_without_a_default() -> None:
    """A column that numbers itself, takes NULL or has a default lets an INSERT pass."""
    assert Column("a", "int", nullable=False).required
    assert not Column("a", "int", nullable=False, auto=True).required
    assert not Column("a", "int", nullable=False, default="0").required
    assert Table("t", ()).column("a") is None


def test_the_size_of_a_table_is_not_that_of_old_statistics(session: Session) -> None:
    """Which say 16 KB of a table that was filled since; the disk would be full in the middle."""
    tables.make(session, "gorm", ())
    session.execute("ALTER TABLE videos STATS_AUTO_RECALC = 0")
    row = dict(zip(legacy.COLUMNS, legacy.CLEAN[0], strict=True)) | {"prompt": "p" * 100_000}
    tables.insert(session, [tuple(row.values())] * 20)
    statistics = "SELECT DATA_LENGTH FROM information_schema.TABLES WHERE TABLE_NAME = 'videos' "
    assert session.query(f"{statistics} AND TABLE_SCHEMA = DATABASE()") == [(16_384,)]
    assert 2_000_000 < look(session, "videos").size < 2_100_000


@pytest.mark.parametrize(
    ("session", "shape"),
    [("mariadb", "gorm"), ("mariadb", "guide"), ("sqlite", "gorm"), ("postgresql", "gorm")],
    indirect=["session"],
)
@pytest.mark.parametrize("name", ["legacy", "service"])
def test_a_column_that_only_has_the_name_of_ours_is_a_blocker(
    session: Session, shape: str, name: str
) -> None:
    """A `legacy` of 0, for instance, made old rows the relay's own, which it polls and charges."""
    tables.make(session, shape)
    session.execute(f"ALTER TABLE videos ADD {name} int NOT NULL DEFAULT 0")
    report = check(session, target_schema(session.dialect))
    assert report.verdict is CheckVerdict.BLOCKED
    assert f"own-{name}" in {finding.name for finding in report.blockers}


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_what_a_relay_would_read_otherwise_is_a_warning(session: Session) -> None:
    """Statuses in capitals, times in the wrong order, texts that cannot hold every character."""
    tables.make(session, "gorm")
    session.execute("ALTER TABLE videos ADD updated_at bigint")
    session.execute(
        "UPDATE videos SET updated_at = created_at - 1, status = 'SUCCEED', prompt = ''"
    )
    session.execute("UPDATE videos SET status = 'Processing' WHERE task_id = 'luma-0001'")
    if session.dialect.is_mysql:
        session.execute("ALTER TABLE videos CONVERT TO CHARACTER SET latin1")
    report = check(session, target_schema(session.dialect))
    counts = {finding.name: finding.count for finding in report.findings}
    assert counts["capital-status"] == len(legacy.CLEAN)
    assert counts["tasks-in-flight"] == 1
    assert (
        counts["early-updated-at"]
        == session.query("SELECT COUNT(*) FROM videos WHERE created_at IS NOT NULL")[0][0]
    )
    assert ("character-set" in counts) is session.dialect.is_mysql
