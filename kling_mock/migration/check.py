"""`kling-mock db check`: look at a `videos` table and change nothing."""

from __future__ import annotations

import enum
from typing import Any

import attrs

from kling_mock.migration.database.cluster import read_only, several_writers
from kling_mock.migration.database.features import types, unsupported
from kling_mock.migration.database.introspect import definition, read_table
from kling_mock.migration.database.preflight import Facts, UpgradeEstimate, estimate, judge, look
from kling_mock.migration.database.session import Session
from kling_mock.migration.findings import Finding
from kling_mock.migration.rows.data_checks import check_rows
from kling_mock.migration.schema.known_schemas import KnownSchema, goal, recognise
from kling_mock.migration.schema.rebuild import BEFORE
from kling_mock.migration.state import MigrationState
from kling_mock.migration.versions import table_version
from kling_mock.storage.adapters.mysql_nodes import MysqlNode
from kling_mock.storage.schema import VERSION, Table, quoted

__all__ = ["CheckReport", "CheckVerdict", "check", "left_over"]


class CheckVerdict(enum.IntEnum):
    """The result of a check; also the command's exit status."""

    WANTED = 0
    POSSIBLE = 10
    BLOCKED = 11
    UNKNOWN = 12


@attrs.frozen
class CheckReport:
    """The result of a check.

    Attributes:
        shape: Which known schema the table has.
        rows: How many rows it has.
        facts: Size and server; None when there is no known table.
        findings: Blockers first, then warnings, then notes.
        found: The table's description; None when there is no table.
        definition: The statements that the database itself gave for it, read after `found`
            and before it was compared with the database.
        version: The version of the relay's own tables; None where there are none.
        cluster: The server and what it is replicated with; None except on MariaDB and MySQL.
    """

    shape: KnownSchema
    rows: int = 0
    facts: Facts | None = None
    findings: tuple[Finding, ...] = ()
    found: Table | None = None
    definition: tuple[str, ...] = ()
    version: int | None = None
    cluster: MysqlNode | None = None

    @property
    def blockers(self) -> tuple[Finding, ...]:
        """What stops an upgrade."""
        return tuple(one for one in self.findings if one.severity == "blocker")

    @property
    def estimate(self) -> UpgradeEstimate | None:
        """What an upgrade will take."""
        return estimate(self.facts) if self.facts else None

    @property
    def verdict(self) -> CheckVerdict:
        """The result."""
        if self.version is not None and self.version > VERSION:
            return CheckVerdict.BLOCKED
        if self.shape is KnownSchema.OURS:
            is_present = self.version in {None, VERSION}
            return CheckVerdict.WANTED if is_present else CheckVerdict.POSSIBLE
        if not self.shape.upgradable:
            return CheckVerdict.UNKNOWN
        return CheckVerdict.BLOCKED if self.blockers else CheckVerdict.POSSIBLE

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "shape": self.shape.value,
            "means": self.shape.means,
            "verdict": self.verdict.name.lower(),
            "rows": self.rows,
            "tables_version": self.version,
            "facts": attrs.asdict(self.facts) if self.facts else None,
            "estimate": attrs.asdict(self.estimate) if self.estimate else None,
            "cluster": _cluster(self.cluster) if self.cluster else None,
            "findings": [attrs.asdict(one) for one in self.findings],
        }


def _cluster(server: MysqlNode) -> dict[str, Any]:
    return {
        "kind": server.kind.value,
        "node": server.name,
        "nodes": server.nodes,
        "writers": server.writers,
        "online_refused": bool(several_writers(server, "warning") or read_only(server)),
    }


_ORDER = {"blocker": 0, "warning": 1, "note": 2}


def check(session: Session, wanted: Table) -> CheckReport:
    """Inspect the table that *wanted* describes; nothing is written."""
    found = read_table(session, wanted.name)
    shape, version = recognise(found, wanted), table_version(session)
    server = session.server()
    cluster = server if isinstance(server, MysqlNode) else None
    if found is None or not shape.upgradable:
        return CheckReport(shape, found=found, version=version, cluster=cluster)
    text, facts = definition(session, found.name), look(session, found.name)
    findings = [*read_only(server), *several_writers(server, "warning")]
    if server.problem is None or cluster:  # a standby of PostgreSQL makes no temporary table
        findings += unsupported(session, found, wanted)
    if types(session, found, wanted):  # no question about the rows makes sense then
        rows = int(
            session.query(f"SELECT COUNT(*) FROM {quoted(found.name, session.dialect)}")[0][0]
        )
    else:
        rows, of_rows = check_rows(session, found, goal(found, wanted))
        findings += of_rows
    findings += [*judge(facts), *_required(found, wanted), *_unfinished(session)]
    findings += left_over(session)
    return CheckReport(
        shape,
        rows,
        facts,
        tuple(sorted(findings, key=lambda one: _ORDER[one.severity])),
        found,
        text,
        version,
        cluster,
    )


def _unfinished(session: Session) -> list[Finding]:
    """Return a warning where the triggers of an interrupted online upgrade may remain."""
    if MigrationState(session).method != "online":
        return []
    says = (
        "an online upgrade was begun and has not ended; if no process is running it, its "
        "triggers may still be on the table and can make writes fail: run kling-mock db upgrade "
        "--online again, or remove what is left with kling-mock db upgrade --abandon"
    )
    return [Finding("online-unfinished", "warning", says)]


def left_over(session: Session) -> list[Finding]:
    """Return a blocker where a rebuild needs a name for the old table that is taken."""
    if session.dialect.is_mysql or read_table(session, BEFORE) is None:
        return []
    says = (
        f"there is a table {BEFORE}, a name that a migration needs for a moment; rename that table"
    )
    return [Finding("left-over", "blocker", says)]


def _required(found: Table, wanted: Table) -> list[Finding]:
    return [
        Finding(
            f"required-{one.name.replace('_', '-')}",
            "blocker",
            f"the column {one.name} is NOT NULL without a default, and the relay does not know "
            "it: its first INSERT would fail; give the column a default",
        )
        for one in found.columns
        if one.required and wanted.column(one.name) is None and one.name not in found.primary
    ]
