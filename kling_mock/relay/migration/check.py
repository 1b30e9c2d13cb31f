"""`kling-mock db check`: inspect a `videos` table without changing it."""

from __future__ import annotations

import enum
from typing import Any, Final

import attrs

from kling_mock.relay.migration.auxiliary_tables import auxiliary_tables, foreign_says
from kling_mock.relay.migration.database.cluster import read_only, seen_server, several_writers
from kling_mock.relay.migration.database.features import types, unsupported
from kling_mock.relay.migration.database.introspect import definition, read_table
from kling_mock.relay.migration.database.preflight import (
    OWN_TRIGGERS,
    Facts,
    UpgradeEstimate,
    binary_log,
    estimate,
    judge,
    look,
)
from kling_mock.relay.migration.database.session import DatabaseError, Session
from kling_mock.relay.migration.findings import Finding, Severity
from kling_mock.relay.migration.rows.data_checks import check_rows
from kling_mock.relay.migration.schema.known_schemas import (
    KnownSchema,
    goal,
    own_columns,
    recognise,
)
from kling_mock.relay.migration.schema.rebuild import BEFORE, COPY, INDEX, OLD, TRIAL, trial
from kling_mock.relay.migration.state import ImportStage, MigrationState, name_taken, taken_names
from kling_mock.relay.migration.versions import table_version
from kling_mock.relay.storage.adapters.mysql_nodes import MysqlNode
from kling_mock.relay.storage.rule_queries import RULE_QUERIES
from kling_mock.relay.storage.schema import VERSION, Table, quoted
from kling_mock.relay.storage.values import MAX_BALANCE


class CheckVerdict(enum.IntEnum):
    """The result of a check; also the command's exit status."""

    WANTED = 0
    POSSIBLE = 10
    BLOCKED = 11
    UNKNOWN = 12


#: The name of the finding about an online upgrade that waits for `db finish`.
_SWAPPED: Final = "online-swapped"


@attrs.frozen
class CheckReport:
    """The result of a check.

    Attributes:
        shape: The known schema of the table.
        rows: The number of rows.
        facts: Size and server; None if the table is missing or its schema is unknown.
        findings: Blockers first, then warnings, then notes.
        table: The table's description; None if the table is missing.
        definition: The database's own statements for the table, read after `table` and before
            `table` was compared with the database.
        version: The version of the relay's own tables; None if they do not exist.
        cluster: The server and its replication; None on databases other than MariaDB and MySQL.
    """

    shape: KnownSchema
    rows: int = 0
    facts: Facts | None = None
    findings: tuple[Finding, ...] = ()
    table: Table | None = None
    definition: tuple[str, ...] = ()
    version: int | None = None
    cluster: MysqlNode | None = None

    @property
    def blockers(self) -> tuple[Finding, ...]:
        """The findings that stop an upgrade."""
        return tuple(finding for finding in self.findings if finding.severity == "blocker")

    @property
    def estimate(self) -> UpgradeEstimate | None:
        """The estimated time and disk space of an upgrade."""
        if self.facts is None:
            return None
        has_engine = bool(self.facts.engine)  # MariaDB and MySQL
        numbers_rows = has_engine and self.table is not None and not self.table.has("id")
        return estimate(self.facts, numbers_rows=numbers_rows)

    @property
    def verdict(self) -> CheckVerdict:
        """The result."""
        if self.version is not None and self.version > VERSION:
            return CheckVerdict.BLOCKED
        if any(finding.name == _SWAPPED for finding in self.findings):
            return CheckVerdict.BLOCKED if self.blockers else CheckVerdict.POSSIBLE
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
            "findings": [attrs.asdict(finding) for finding in self.findings],
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


def check(session: Session, schema: Table) -> CheckReport:
    """Inspect the table that *schema* describes; nothing is written."""
    table = read_table(session, schema.name)
    shape, version = recognise(table, schema), table_version(session)
    server, unseen = seen_server(session)
    cluster = server if isinstance(server, MysqlNode) else None
    foreign, others = _foreign(session, shape), taken_names(session)
    # Another program's table cannot be read as the state of a migration.
    foreign += others or import_unfinished(MigrationState(session))
    if table is None or not shape.upgradable:
        early = tuple(foreign)
        return CheckReport(shape, findings=early, table=table, version=version, cluster=cluster)
    text, facts = definition(session, table.name), look(session, table.name)
    findings = [*unseen, *read_only(server), *several_writers(server, "warning"), *foreign]
    if server.problem is None or cluster:  # a PostgreSQL standby cannot create temporary tables
        findings += unsupported(session, table, schema) or _refused(session, table, schema)
    if types(session, table, schema):  # then checks of the rows make no sense
        rows = int(
            session.query(f"SELECT COUNT(*) FROM {quoted(table.name, session.dialect)}")[0][0]
        )
    else:
        rows, of_rows = check_rows(session, table, goal(table, schema))
        findings += of_rows
    if session.dialect.is_mysql:
        findings += [*binary_log(session, "warning"), *_character_sets(table, schema)]
    findings += [*judge(facts), *_columns(table, schema)]
    if not others:
        findings += [*_unfinished(session), *left_over(session)]
    return CheckReport(
        shape,
        rows,
        facts,
        tuple(sorted(findings, key=lambda finding: _ORDER[finding.severity])),
        table,
        text,
        version,
        cluster,
    )


def _foreign(session: Session, shape: KnownSchema) -> list[Finding]:
    """Return a finding if no relay can open the database, whatever happens to `videos`."""
    names = auxiliary_tables(session).foreign
    if not names or read_table(session, "schema_version") is not None:  # an older relay made them
        return []
    # The operator may still upgrade the table, for a program of their own.
    severity: Severity = "warning" if shape is KnownSchema.OURS else "blocker"
    return [Finding("foreign-tables", severity, foreign_says(names), resolution="leave")]


def import_unfinished(state: MigrationState) -> list[Finding]:
    """Return a finding if an import is unfinished: a blocker while rows are missing."""
    stage = state.import_stage
    if stage is None or stage is ImportStage.DONE:
        return []
    severity: Severity = "blocker" if stage is ImportStage.COPYING else "warning"
    says = (
        "an import into this database has started and not ended; run the same kling-mock import "
        "again, which continues it"
    )
    return [Finding("import-unfinished", severity, says)]


def _unfinished(session: Session) -> list[Finding]:
    """Return a warning if the triggers of an interrupted online upgrade may remain."""
    state = MigrationState(session)
    if state.method != "online":
        return []
    if state.is_swapped:
        says = (
            "the tables are swapped, and the old program may write to the new one; no relay opens "
            "it until the old program is stopped and kling-mock db finish has run"
        )
        return [Finding(_SWAPPED, "warning", says)]
    says = (
        "an online upgrade has started and not ended; if no process is running it, its "
        "triggers may still be on the table and can make writes fail: run kling-mock db upgrade "
        "--online again, or remove what is left with kling-mock db upgrade --abandon"
    )
    return [Finding("online-unfinished", "warning", says)]


def left_over(session: Session) -> list[Finding]:
    """Return a blocker for each object whose name a migration needs for its own."""
    if not session.dialect.is_mysql:
        return [] if read_table(session, BEFORE) is None else [name_taken("table", BEFORE)]
    method, findings = MigrationState(session).method, list[Finding]()
    if method != "direct":  # an interrupted run has made them, and the next one removes them
        names = (name for name in (COPY, OLD) if read_table(session, name) is not None)
        findings += [name_taken("table", name) for name in names]
    if method != "online":
        triggers = session.query(
            "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS "
            f"WHERE TRIGGER_SCHEMA = DATABASE() AND TRIGGER_NAME LIKE '{OWN_TRIGGERS}%'"
        )
        findings += [name_taken("trigger", str(row[0])) for row in triggers]
        table = read_table(session, "videos")
        if table is not None and table.index(INDEX) is not None:
            findings.append(name_taken("index", INDEX))
    return findings


def _refused(session: Session, table: Table, schema: Table) -> list[Finding]:
    """Return a blocker if MariaDB or MySQL refuses the table that an upgrade would make.

    An empty temporary table is made for a moment.
    """
    if not session.dialect.is_mysql:
        return []
    try:
        for statement in trial(table, goal(table, schema), session.dialect):
            session.execute(statement)
    except DatabaseError as error:
        says = f"the server refuses the table that an upgrade would make: {error}"
        return [Finding("refused", "blocker", says)]
    finally:
        session.execute(f"DROP TEMPORARY TABLE IF EXISTS {TRIAL}")
    return []


def _character_sets(table: Table, schema: Table) -> list[Finding]:
    """Return a warning about texts on MariaDB or MySQL that cannot hold every character."""
    narrow = [
        f"{column.name} ({column.collation.partition('_')[0]})"
        for column in goal(table, schema).columns
        if schema.has(column.name)
        and column.collation
        and not column.collation.startswith(("utf8mb4_", "ascii_"))
    ]
    if not narrow:
        return []
    says = (
        f"{', '.join(narrow)} cannot hold every character, so the relay gets error 1366 for a text "
        "with another one; first run ALTER TABLE videos CONVERT TO CHARACTER SET utf8mb4"
    )
    return [Finding("character-set", "warning", says)]


def _columns(table: Table, schema: Table) -> list[Finding]:
    """Return a blocker for each column of the operator's own that the relay could not live with."""
    own = [
        Finding(
            f"own-{name.replace('_', '-')}",
            "blocker",
            f"the column {name} is not the relay's, and the relay would take its values for its "
            "own; rename the column",
        )
        for name in own_columns(table)
    ]
    return own + [
        Finding(
            f"required-{column.name.replace('_', '-')}",
            "blocker",
            f"the column {column.name} is NOT NULL without a default, and the relay does not know "
            "it: its first INSERT would fail; give the column a default",
        )
        for column in table.columns
        if column.required
        and schema.column(column.name) is None
        and column.name not in table.primary
    ]


def unresolved_numbers(session: Session) -> list[str]:
    """Return a line for each user number in old rows whose owner is unknown."""
    tables = (read_table(session, name) for name in ("videos", "users", "old_users"))
    if not all(
        table is not None and table.has(column)
        for table, column in zip(tables, ("legacy", "username", "number"), strict=True)
    ):
        return []
    (rule,) = (query for query in RULE_QUERIES if query.rule.name == "user-number")
    return [
        f"user {number}: rows of the old program name this number, and nobody sees them; kling-mock"
        f" user bind NAME --old-user {number}, or kling-mock user disown --old-user {number}"
        for number, _key, _amount in session.query(rule.query.sql, 0, MAX_BALANCE)
    ]
