"""`kling-mock db sql`: print the statements of an upgrade or downgrade without running them."""

from __future__ import annotations

from collections.abc import Iterator

from kling_mock.relay.migration.check import check
from kling_mock.relay.migration.database.cluster import REPLICA_UNKNOWN
from kling_mock.relay.migration.database.introspect import next_number
from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.migration.downgrade import downgrade_statements, in_the_way, recorded
from kling_mock.relay.migration.findings import BlockedError, Finding
from kling_mock.relay.migration.rows.row_changes import RowChanges
from kling_mock.relay.migration.schema.known_schemas import KnownSchema, goal, target_schema
from kling_mock.relay.migration.schema.rebuild import (
    copy_beside,
    rebuild,
    settled,
    without_late_checks,
)
from kling_mock.relay.migration.state import MigrationState
from kling_mock.relay.storage.schema import Dialect


def upgrade_script(session: Session, dialect: Dialect) -> Iterator[str]:
    """Return the lines of a script that upgrades the table that *session* sees.

    Args:
        session: The database whose table is read; nothing is written.
        dialect: The database that the script is for. A table on MariaDB can get a script
            for MySQL, and vice versa; other tables only get one for their own database.

    Raises:
        BlockedError: There is no table to upgrade, an upgrade was interrupted, or there is a
            blocker, which a script cannot resolve.
    """
    report = check(session, target_schema(session.dialect))
    _check_family(session.dialect, dialect)
    if report.table is None or not report.shape.upgradable:
        raise BlockedError([Finding(report.shape.value, "blocker", report.shape.means)])
    allowed = {"foreign-tables", REPLICA_UNKNOWN}
    blockers = [finding for finding in report.blockers if finding.name not in allowed]
    if blockers:
        raise BlockedError(blockers)
    _must_be_idle(session)
    if report.shape is KnownSchema.OURS:
        yield "-- nothing to do: the table is in the target schema"
        return
    source, target = report.table, goal(report.table, target_schema(session.dialect))
    yield f"-- from {report.shape.value} to the target schema, for {dialect}"
    if dialect is Dialect.MYSQL:
        yield "-- tested on MySQL 9.7, not on 8; 5.7 does not have ROW_NUMBER"
    rows = RowChanges(session, source, target, new_id=str, log=_silent)
    if not dialect.is_mysql:
        yield "BEGIN;"
        yield from (f"{statement};" for statement in rebuild(source, target, dialect, rows.copied))
        yield "COMMIT;"
        return
    if any(finding.name == REPLICA_UNKNOWN for finding in report.blockers):
        yield "-- run it on the server that takes the writes: whether this is a replica is unknown"
    yield "-- first stop the application: what it writes meanwhile would be lost"
    yield "-- if a statement fails, do not run those after it: the table is as it was before"
    next_id = next_number(session, source.name)
    for statement in copy_beside(source, target, dialect, rows.copied, next_id):
        yield f"{statement};"
    yield "-- once nothing is missing, run these, which remove the old table:"
    for statement in settled(without_late_checks(source, target, dialect), target, dialect):
        yield f"-- {' '.join(statement.split())};"


def downgrade_script(session: Session, dialect: Dialect) -> Iterator[str]:
    """Return the lines of a script that undoes an upgrade, except for the values that it changed.

    Raises:
        BlockedError: No upgrade is recorded, one was interrupted, or there is a blocker.
    """
    _check_family(session.dialect, dialect)
    origin, migrated = recorded(session, "videos")
    _must_be_idle(session)
    if refused := in_the_way(session, migrated, origin.table, target_schema(session.dialect)):
        raise BlockedError(refused)
    yield f"-- back to {origin.shape.value}, for {dialect}"
    yield "-- values that the upgrade changed stay in migration_changes; db downgrade restores them"
    statements = (f"{statement};" for statement in downgrade_statements(migrated, origin, dialect))
    yield from statements if dialect.is_mysql else ("BEGIN;", *statements, "COMMIT;")


def _must_be_idle(session: Session) -> None:
    """Refuse a script that could not be run beside the leftovers of an interrupted upgrade."""
    if MigrationState(session).method is not None:
        says = "an upgrade was interrupted, or waits for kling-mock db finish; end that one first"
        raise BlockedError([Finding("unfinished", "blocker", says)])


def _check_family(seen: Dialect, dialect: Dialect) -> None:
    if seen is not dialect and not (seen.is_mysql and dialect.is_mysql):
        raise ValueError(f"the table is on {seen}; a script for {dialect} cannot be made from it")


def _silent(_line: str) -> None:
    """Ignore the line, because rows are not changed here."""
