"""`kling-mock db sql`: the statements of an upgrade or downgrade, printed and not run."""

from __future__ import annotations

from collections.abc import Iterator

from kling_mock.migration.check import check
from kling_mock.migration.ddl import alter
from kling_mock.migration.downgrade import in_the_way, recorded, way_back
from kling_mock.migration.findings import Finding
from kling_mock.migration.known_schemas import goal
from kling_mock.migration.plan import plan
from kling_mock.migration.rebuild import rebuild
from kling_mock.migration.row_changes import Rows
from kling_mock.migration.session import Dialect, Session
from kling_mock.migration.table import Table
from kling_mock.migration.target_schema import wanted
from kling_mock.migration.upgrade import BlockedError, with_default

__all__ = ["downgrade_script", "upgrade_script"]


def upgrade_script(session: Session, words: Dialect) -> Iterator[str]:
    """Return the lines of a script that upgrades the table that *session* sees.

    Args:
        session: The database whose table is looked at; nothing is written.
        words: The database that the script is for. A table found on MariaDB can be worded
            for MySQL and the other way round; others only for themselves.

    Raises:
        BlockedError: There is nothing to upgrade, or a blocker: a script resolves none.
    """
    report = check(session, wanted(session.dialect))
    _same_family(session.dialect, words)
    if report.found is None or not report.shape.upgradable:
        raise BlockedError([Finding(report.shape.value, "blocker", report.shape.means)])
    if report.blockers:
        raise BlockedError(report.blockers)
    found, target = report.found, goal(report.found, wanted(session.dialect))
    yield f"-- from {report.shape.value} to the wanted schema, for {words}"
    if words == "mysql":
        yield "-- no MySQL server was at hand when this was written: not executed there"
    rows = Rows(session, found, target, new_id=str, log=_silent)
    if words in {"mariadb", "mysql"}:
        yield from _altered(found, target, rows, words)
    else:
        yield "BEGIN;"
        yield from (f"{one};" for one in rebuild(found, target, words, rows.copied))
        yield "COMMIT;"


def _altered(found: Table, target: Table, rows: Rows, words: Dialect) -> Iterator[str]:
    yield from (f"{one};" for one in rows.filling())
    marked = target if found.has("legacy") else with_default(target, "legacy", "1")
    if steps := plan(found, marked):
        yield f"{alter(found.name, steps, words)};"
    if not found.has("updated_at"):
        yield "UPDATE videos SET updated_at = created_at WHERE updated_at = 0 AND legacy = 1;"
    if last := plan(marked, target):
        yield f"{alter(found.name, last, words)};"


def downgrade_script(session: Session, words: Dialect) -> Iterator[str]:
    """Return the lines of a script that brings an upgraded table back, without old values.

    Raises:
        BlockedError: No upgrade is recorded.
    """
    _same_family(session.dialect, words)
    origin, found = recorded(session, "videos")
    if refused := in_the_way(session, found, origin.table, wanted(session.dialect)):
        raise BlockedError(refused)
    yield f"-- back to {origin.shape.value}, for {words}"
    yield "-- values that the upgrade changed stay in migration_changes; db downgrade restores them"
    statements = (f"{one};" for one in way_back(found, origin, words))
    yield from statements if words in {"mariadb", "mysql"} else ("BEGIN;", *statements, "COMMIT;")


def _same_family(seen: Dialect, words: Dialect) -> None:
    families = {"mysql": "mariadb"}
    if families.get(seen, seen) != families.get(words, words):
        raise ValueError(f"the table is on {seen}; its statements cannot be worded for {words}")


def _silent(_line: str) -> None:
    """Say nothing: no row is changed here."""
