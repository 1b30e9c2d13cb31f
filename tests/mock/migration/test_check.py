"""A check names what stops an upgrade, with the rows, and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock.migration.check import CheckVerdict, check
from kling_mock.migration.database.preflight import Facts, estimate, judge
from kling_mock.migration.database.session import Session
from kling_mock.migration.schema.known_schemas import KnownSchema, target_schema
from kling_mock.storage.schema import Column, Table
from tests.mock.migration import legacy, tables

CASES = [(dialect, shape) for dialect, shapes in tables.SHAPES.items() for shape in shapes]


@pytest.mark.parametrize(("session", "shape"), CASES, indirect=["session"])
def test_every_shape_is_known(session: Session, shape: str) -> None:
    """A check says what the table is, and that it can be upgraded."""
    tables.make(session, shape)
    report = check(session, target_schema(session.dialect))
    assert report.shape is tables.shape_of(shape)
    assert report.verdict is CheckVerdict.POSSIBLE, report.findings
    assert report.rows == len(legacy.CLEAN)
    assert report.found is not None
    assert Table.from_json(report.found.to_json()) == report.found  # as an upgrade records it


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_ids_that_only_the_guide_refuses_are_a_warning(session: Session) -> None:
    """Ids alike but for case stop the guide's index and not the wanted one."""
    alike = dict(zip(legacy.COLUMNS, legacy.CLEAN[2], strict=True)) | {"task_id": "LUMA-0001"}
    tables.make(session, "gorm", (*legacy.CLEAN, tuple(alike[name] for name in legacy.COLUMNS)))
    report = check(session, target_schema(session.dialect))
    assert report.verdict is CheckVerdict.POSSIBLE
    warning = next(one for one in report.findings if one.severity == "warning")
    assert (warning.name, warning.count) == ("alike-task-id", 2)


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
    names = {one.name for one in check(session, target_schema(session.dialect)).blockers}
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
    found: dict[str, Any] = {one.name: one for one in judge(facts)}
    assert {name: one.severity for name, one in found.items()} == {
        "engine": "blocker",
        "foreign-keys": "blocker",
        "long-transactions": "warning",
        "disk": "blocker",
    }
    assert "900 s" in found["long-transactions"].says
    assert 15 < estimate(facts).direct < estimate(facts).online
    assert not list(judge(Facts(server="x", size=10, free=None, engine="InnoDB")))


def test_a_required_column_is_one_without_a_default() -> None:
    """A column that numbers itself, takes NULL or has a default lets an INSERT pass."""
    assert Column("a", "int", nullable=False).required
    assert not Column("a", "int", nullable=False, auto=True).required
    assert not Column("a", "int", nullable=False, default="0").required
    assert Table("t", ()).column("a") is None
