"""`kling-mock import one-api`: copy accounts and `videos` to the relay's own database.

The table `videos` is copied unchanged, compared with the old one by a checksum, and upgraded in the
new database. The version of the relay's tables is written last, so no relay opens an incomplete
import. If a run is killed, the next one does not write again what is already there, as long as the
old database is unchanged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from kling_mock.relay.migration.auxiliary_tables import make_tables
from kling_mock.relay.migration.check import CheckReport, check
from kling_mock.relay.migration.database.introspect import definition, read_table
from kling_mock.relay.migration.database.session import Session, insert, transaction
from kling_mock.relay.migration.findings import BlockedError, Finding, UnfinishedError
from kling_mock.relay.migration.one_api.accounts import ACCOUNTS, account_findings, copy_accounts
from kling_mock.relay.migration.schema.known_schemas import KnownSchema
from kling_mock.relay.migration.state import IMPORT, ImportStage, MigrationState
from kling_mock.relay.migration.upgrade import Upgrade
from kling_mock.relay.migration.verify import checksum
from kling_mock.relay.storage.schema import TABLE_NAMES, Dialect, Table, quoted

#: Rows in one transaction of the copy.
_AT_A_TIME: Final = 500

#: Findings of a check that concern an upgrade in place, and not a copy.
_IN_PLACE: Final = frozenset(
    {
        *("foreign-tables", "triggers", "foreign-keys", "long-transactions", "disk"),
        *("several-writers", "replica", "replica-unknown", "read-only", "online-unfinished"),
        *("left-over", "binlog", "trigger-privilege"),
    }
)


@attrs.frozen
class ImportPlan:
    """The plan of an import.

    Attributes:
        report: The check of the old `videos`.
        counts: For each table of accounts, the number of rows to import and of all rows.
        balance: The sum of all balances.
        findings: Blockers, warnings and notes about rows and accounts.
        done: Whether this database was imported before, and has not changed since.
    """

    report: CheckReport
    counts: dict[str, tuple[int, int]]
    balance: int
    findings: tuple[Finding, ...]
    done: bool


@attrs.frozen
class OneApiImport:
    """One import of a one-api database.

    Attributes:
        source: one-api's database; nothing is written to it.
        upgrade: The upgrade of the copied table, in the database that the import fills.
        hashed: Returns the hash by which the relay stores a token.
        progress: Called with the number of rows of `videos` copied so far, and the total.
    """

    source: Session
    upgrade: Upgrade
    hashed: Callable[[str], str]
    progress: Callable[[int, int], None]

    @property
    def _target(self) -> Session:
        return self.upgrade.session

    def plan(self) -> ImportPlan:
        """Return the plan of an import, without writing anything.

        Raises:
            BlockedError: The two databases are not compatible, or the new one is in use.
        """
        self._must_go_together()
        accounts = account_findings(self.source)
        report = check(self.source, self.upgrade.schema)
        findings = [
            *accounts,
            *(finding for finding in report.findings if finding.name not in _IN_PLACE),
        ]
        if report.table is None or not report.shape.upgradable:
            findings.insert(0, Finding(report.shape.value, "blocker", report.shape.means))
        record = self._record()
        done = record is not None and record["stage"] == ImportStage.DONE
        if record is not None and record["source"] != self._content():
            what = "was imported" if done else "began to be imported"
            says = (
                f"the old database has changed since it {what}; stop the old program, and import "
                "into an empty database"
            )
            findings.insert(0, Finding("changed", "blocker", says))
        counts, balance = dict[str, tuple[int, int]](), 0
        if not any(finding.name.startswith("no-") for finding in accounts):
            counts = {table.name: table.count(self.source) for table in ACCOUNTS}
            balance = self.source.query("SELECT COALESCE(SUM(quota), 0) FROM users")[0][0]
        return ImportPlan(report, counts, int(balance), tuple(findings), done)

    def run(self, plan: ImportPlan) -> None:
        """Run the import that *plan* describes.

        Raises:
            BlockedError: A blocker is not resolved.
            UnfinishedError: The old database was written during the import.
            DatabaseError: A database refused a statement.
        """
        blockers = [finding for finding in plan.findings if finding.severity == "blocker"]
        if refused := self.upgrade.unresolved(blockers):
            raise BlockedError(refused)
        old = plan.report.table
        assert old is not None  # noqa: S101 - else there is a blocker
        self._read_only()
        state = MigrationState(self._target)
        record = self._record() or self._begin(state)
        if record["stage"] == ImportStage.COPYING:
            make_tables(self._target, state, without="schema_version")
            copy_accounts(self.source, self._target, record["at"], self.hashed)
            self._copy(old, plan.report.rows)
            self._must_be_the_same(record["source"])
            record["stage"] = ImportStage.UPGRADING
            state.set(IMPORT, record)
        self._upgrade(state)
        record["stage"] = ImportStage.DONE
        state.set(IMPORT, record)

    # ------------------------------------------------------------ before

    def _must_go_together(self) -> None:
        source, target = self.source.dialect, self._target.dialect
        if source is Dialect.POSTGRES or target is not source:
            says = (
                f"the old database is {source} and the new one {target}; an import takes two of "
                "MariaDB, two of MySQL or two of SQLite"
            )
            raise BlockedError([Finding("databases", "blocker", says)])
        there = [name for name in TABLE_NAMES if read_table(self._target, name) is not None]
        if there and self._record() is None:
            says = f"the new database has the tables {', '.join(there)}; name an empty one in --to"
            raise BlockedError([Finding("not-empty", "blocker", says)])

    def _record(self) -> dict[str, Any] | None:
        record: dict[str, Any] | None = MigrationState(self._target).get(IMPORT)
        return record

    def _begin(self, state: MigrationState) -> dict[str, Any]:
        now, stage = int(time.time()), ImportStage.COPYING
        record: dict[str, Any] = {"source": self._content(), "at": now, "stage": stage}
        state.create()
        state.set(IMPORT, record)
        return record

    def _content(self) -> dict[str, str]:
        """Return number of rows and checksum of the columns to import, for each old table."""
        videos = read_table(self.source, "videos")
        columns = {table.name: table.columns(self.source) for table in ACCOUNTS}
        columns["videos"] = (
            () if videos is None else tuple(column.name for column in videos.columns)
        )
        return {name: _content(self.source, name, of_table) for name, of_table in columns.items()}

    def _read_only(self) -> None:
        """Make the old database refuse each statement that writes."""
        if self.source.dialect.is_mysql:
            self.source.execute("SET SESSION TRANSACTION READ ONLY")
        else:
            self.source.execute("PRAGMA query_only = ON")

    # ------------------------------------------------------------ the table

    def _copy(self, old: Table, total: int) -> None:
        """Copy the rows that are still missing, in the order in which the database stores them."""
        if read_table(self._target, "videos") is None:
            for statement in definition(self.source, "videos"):
                if not statement.startswith("CREATE TRIGGER"):
                    self._target.execute(statement)
        copied = int(self._target.query("SELECT COUNT(*) FROM videos")[0][0])
        columns = [column.name for column in old.columns]
        for rows in self._rows(copied):
            with transaction(self._target):
                insert(self._target, "videos", columns, rows)
            copied += len(rows)
            self.progress(copied, total)

    def _rows(self, done: int) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the old rows after the first *done*, in batches."""
        query = self.source.query
        if not self.source.dialect.is_mysql:
            place = "SELECT rowid FROM videos ORDER BY rowid LIMIT 1 OFFSET ?"
            after = query(place, done - 1)[0][0] if done else -(2**63)
            select = "SELECT rowid, * FROM videos WHERE rowid > ? ORDER BY rowid LIMIT ?"
            while page := query(select, after, _AT_A_TIME):
                after = page[-1][0]
                yield [row[1:] for row in page]
            return
        # The table may lack a key by which a SELECT could continue from page to page.
        self.source.execute("HANDLER videos OPEN")
        try:
            rows = query(f"HANDLER videos READ FIRST LIMIT {done}, {_AT_A_TIME}")
            while rows:
                yield rows
                rows = query(f"HANDLER videos READ NEXT LIMIT {_AT_A_TIME}")
        finally:
            self.source.execute("HANDLER videos CLOSE")

    def _must_be_the_same(self, content: dict[str, str]) -> None:
        """Check that copy and old database both have the content with which the import started.

        Raises:
            UnfinishedError: One of them has different content.
        """
        videos = read_table(self._target, "videos")
        assert videos is not None  # noqa: S101 - it was copied
        copied = _content(self._target, "videos", tuple(column.name for column in videos.columns))
        if copied == content["videos"] and self._content() == content:
            return
        raise UnfinishedError(
            "the old database was written during the import, which was not finished; stop the old "
            "program, and import into an empty database"
        )

    def _upgrade(self, state: MigrationState) -> None:
        # Even if the old table has the relay's schema: then only the other tables are missing.
        state.set("upgrading", {"way": "direct"})
        shape = self.upgrade.run()
        if shape is KnownSchema.OURS:  # no relay can have opened it beside one-api's tables
            self._target.execute("UPDATE videos SET legacy = 1 WHERE legacy <> 1")


def _content(session: Session, table: str, columns: tuple[str, ...]) -> str:
    names = [quoted(column, session.dialect) for column in columns]
    return checksum(session, quoted(table, session.dialect), names, "") if names else ""
