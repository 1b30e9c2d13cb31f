"""`kling-mock db sql`: the statements of an upgrade or downgrade, printed and not run."""

from __future__ import annotations

from collections.abc import Iterator

from kling_mock.migration.check import check
from kling_mock.migration.database.session import Session
from kling_mock.migration.downgrade import downgrade_statements, in_the_way, recorded
from kling_mock.migration.findings import BlockedError, Finding
from kling_mock.migration.rows.row_changes import RowChanges
from kling_mock.migration.schema.alter import alter
from kling_mock.migration.schema.known_schemas import goal, target_schema
from kling_mock.migration.schema.plan import plan
from kling_mock.migration.schema.rebuild import rebuild
from kling_mock.migration.upgrade import with_default
from kling_mock.storage.schema import Dialect, Table

__all__ = ["downgrade_script", "upgrade_script"]


def upgrade_script(session: Session, dialect: Dialect) -> Iterator[str]:
    """Return the lines of a script that upgrades the table that *session* sees.

    Args:
        session: The database whose table is looked at; nothing is written.
        dialect: The database that the script is for. A table found on MariaDB can get
            a script for MySQL and the reverse; others only one for their own database.

    Raises:
        BlockedError: There is nothing to upgrade, or a blocker: a script resolves none.
    """
    report = check(session, target_schema(session.dialect))
    _check_family(session.dialect, dialect)
    if report.found is None or not report.shape.upgradable:
        raise BlockedError([Finding(report.shape.value, "blocker", report.shape.means)])
    if report.blockers:
        raise BlockedError(report.blockers)
    found, target = report.found, goal(report.found, target_schema(session.dialect))
    yield f"-- from {report.shape.value} to the target schema, for {dialect}"
    if dialect is Dialect.MYSQL:
        yield "-- tested on MySQL 9.7, not on 5.7 or 8"
    rows = RowChanges(session, found, target, new_id=str, log=_silent)
    if dialect.is_mysql:
        yield from _altered(found, target, rows, dialect)
    else:
        yield "BEGIN;"
        yield from (f"{one};" for one in rebuild(found, target, dialect, rows.copied))
        yield "COMMIT;"


def _altered(found: Table, target: Table, rows: RowChanges, dialect: Dialect) -> Iterator[str]:
    yield from (f"{one};" for one in rows.filling())
    marked = target if found.has("legacy") else with_default(target, "legacy", "1")
    if steps := plan(found, marked):
        yield f"{alter(found.name, steps, dialect)};"
    if not found.has("updated_at"):
        yield "UPDATE videos SET updated_at = created_at WHERE updated_at = 0 AND legacy = 1;"
    if last := plan(marked, target):
        yield f"{alter(found.name, last, dialect)};"


def downgrade_script(session: Session, dialect: Dialect) -> Iterator[str]:
    """Return the lines of a script that brings an upgraded table back, without old values.

    Raises:
        BlockedError: No upgrade is recorded.
    """
    _check_family(session.dialect, dialect)
    origin, found = recorded(session, "videos")
    if refused := in_the_way(session, found, origin.table, target_schema(session.dialect)):
        raise BlockedError(refused)
    yield f"-- back to {origin.shape.value}, for {dialect}"
    yield "-- values that the upgrade changed stay in migration_changes; db downgrade restores them"
    statements = (f"{one};" for one in downgrade_statements(found, origin, dialect))
    yield from statements if dialect.is_mysql else ("BEGIN;", *statements, "COMMIT;")


def _check_family(seen: Dialect, dialect: Dialect) -> None:
    if seen is not dialect and not (seen.is_mysql and dialect.is_mysql):
        raise ValueError(f"the table is on {seen}; a script for {dialect} cannot be made from it")


def _silent(_line: str) -> None:
    """Ignore the line: no row is changed here."""
