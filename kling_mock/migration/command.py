"""What `kling-mock db …` does with its arguments, and what it prints."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import attrs

from kling_mock.migration.backup import BackupError, backup
from kling_mock.migration.check import CheckReport, CheckVerdict, check
from kling_mock.migration.database.cluster import cluster_text, read_only
from kling_mock.migration.database.session import DatabaseError, Session, connect
from kling_mock.migration.downgrade import Downgrade
from kling_mock.migration.findings import BlockedError, Finding, UnfinishedError
from kling_mock.migration.online.progress import Throttle, display
from kling_mock.migration.online.stopping import StoppedError, stopping
from kling_mock.migration.online.upgrade import OnlineUpgrade
from kling_mock.migration.rows.row_changes import RESOLUTIONS
from kling_mock.migration.schema.known_schemas import KnownSchema, target_schema
from kling_mock.migration.script import downgrade_script, upgrade_script
from kling_mock.migration.state import MigrationState
from kling_mock.migration.upgrade import Upgrade
from kling_mock.migration.verify import verify
from kling_mock.migration.versions import upgrade_tables
from kling_mock.storage.schema import VERSION, Dialect

__all__ = ["run"]


Opener = Callable[[str], AbstractContextManager[Session]]


def run(name: str, options: argparse.Namespace, opened: Opener = connect) -> int:
    """Run one command; return its exit status, which is 1 when the database fails.

    Args:
        name: `check`, `upgrade`, `verify`, `downgrade` or `sql`.
        options: What `arguments` made of the command line.
        opened: Opens a database; a test gives one that can be watched.
    """
    try:
        with opened(options.db) as session:
            if name in _WRITING:
                _must_take_writes(session)
            return _COMMANDS[name](session, options)
    except BlockedError as error:
        for line in _findings(error.findings):
            _print_error(line)
        _print_error("nothing was changed")
        return CheckVerdict.BLOCKED
    except (BackupError, DatabaseError, UnfinishedError, ImportError, ValueError) as error:
        _print_error(f"kling-mock: {error}")
        _notes(error)
        return 1
    except KeyboardInterrupt as error:
        _print_error("kling-mock: stopped; run the same command again to continue")
        _notes(error)
        return error.status if isinstance(error, StoppedError) else 130


def _must_take_writes(session: Session) -> None:
    if refused := read_only(session.server()):
        raise BlockedError(refused)


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _print_error(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _notes(error: BaseException) -> None:
    """Print what an interrupted command has left, and how to remove it."""
    for note in getattr(error, "__notes__", ()):
        _print_error(f"kling-mock: {note}")


# ---------------------------------------------------------------- check


def _check(session: Session, options: argparse.Namespace) -> int:
    report = check(session, target_schema(session.dialect))
    if options.json:
        _print(json.dumps(report.to_json(), ensure_ascii=False))
    else:
        for line in _reported(report):
            _print(line)
    return report.verdict


def _reported(report: CheckReport) -> list[str]:
    lines = [f"shape     {report.shape.value}: {report.shape.means}"]
    if report.version is not None:
        lines.append(f"tables    version {report.version} of {VERSION}")
    if report.cluster is not None:
        lines.append(f"cluster   {cluster_text(report.cluster)}")
    facts, costs = report.facts, report.estimate
    if facts is not None and costs is not None:
        free = "unknown" if facts.free is None else f"{_mega(facts.free)} free"
        lines += [
            f"server    {facts.server}",
            f"rows      {report.rows:,}, {_mega(facts.size)}",
            f"disk      {_mega(costs.room)} needed, {free}",
            f"direct    about {costs.direct:.0f} s, in which no write gets through",
            f"online    about {costs.online:.0f} s, in which writes wait for moments",
        ]
    lines += _findings(report.findings)
    return [*lines, f"verdict   {_VERDICTS[report.verdict]}"]


_VERDICTS: Final[Mapping[CheckVerdict, str]] = {
    CheckVerdict.WANTED: "nothing to do",
    CheckVerdict.POSSIBLE: "can be upgraded",
    CheckVerdict.BLOCKED: "something stands in the way",
    CheckVerdict.UNKNOWN: "nothing that can be upgraded",
}


def _findings(findings: Sequence[Finding]) -> list[str]:
    lines: list[str] = []
    for one in findings:
        count = f" ({one.count:,} rows)" if one.count else ""
        lines.append(f"{one.severity:<9} {one.name}: {one.says}{count}")
        lines += [f"{'':<11}{row}" for row in one.rows]
        if one.resolution == "set-aside":
            lines.append(f"{'':<11}--set-aside {one.name} keeps them beside the old table")
        elif one.resolution:
            lines.append(
                f"{'':<11}--resolve {one.name}={one.resolution} would {RESOLUTIONS[one.resolution]}"
            )
    return lines


def _mega(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"


# ---------------------------------------------------------------- upgrade


def _upgrade(session: Session, options: argparse.Namespace) -> int:
    if options.online:
        with stopping(session) as stoppable:
            return _upgraded(stoppable, options)
    return _upgraded(session, options)


def _upgraded(session: Session, options: argparse.Namespace) -> int:
    state = MigrationState(session)
    if options.pause or options.resume:
        return _pause(state, pause=options.pause)
    job = Upgrade(
        session,
        target_schema(session.dialect),
        lambda: f"legacy-{secrets.token_hex(12)}",
        _resolutions(options.resolve),
        log=_print,
    )
    throttle = Throttle(share=options.share, running=options.max_running)
    online = OnlineUpgrade(
        job,
        throttle,
        display(options.progress, sys.stderr),
        all_writers_here=options.all_writers_on_this_node,
    )
    if options.abandon:
        online.abandon()
        _print("what the unfinished upgrade left is removed; the table is as before")
        return 0
    if options.online:
        online.must_carry_all_writes()
    others = upgrade_tables(session, int(time.time()), _print)
    if options.backup and job.needed("online" if options.online else "direct"):
        rows = backup(session.url, Path(options.backup))
        _print(f"backup of {rows:,} rows in {options.backup}")
    shape = online.run() if options.online else job.run()
    if shape is KnownSchema.OURS:
        done = "videos needs nothing" if others else "nothing to do"
        _print(f"{done}: the table is in the target schema")
    else:
        _print(f"upgraded from {shape.value}; see kling-mock db verify")
    return 0


def _pause(state: MigrationState, *, pause: bool) -> int:
    if state.method != "online":
        _print_error("kling-mock: no online upgrade is under way")
        return 1
    if pause:
        state.set("paused", value=True)
    else:
        state.delete("paused")
    _print("it pauses after the rows it is copying" if pause else "it continues")
    return 0


def _resolutions(given: Sequence[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    for name, equals, resolution in pairs:
        if not (name and equals) or resolution not in RESOLUTIONS:
            known = ", ".join(RESOLUTIONS)
            raise ValueError(f"--resolve: expected NAME=RESOLUTION, with one of {known}")
    return {name: resolution for name, _, resolution in pairs}


# ---------------------------------------------------------------- the others


def _verify(session: Session, options: argparse.Namespace) -> int:
    results = verify(session, target_schema(session.dialect))
    if options.json:
        _print(json.dumps({"results": [attrs.asdict(one) for one in results]}, ensure_ascii=False))
    else:
        labels = {True: "pass", False: "FAIL", None: "-"}
        for one in results:
            _print(f"{labels[one.passed]:<5} {one.name}: {one.says}")
    return CheckVerdict.BLOCKED if any(one.passed is False for one in results) else 0


def _downgrade(session: Session, options: argparse.Namespace) -> int:
    shape = Downgrade(session, target_schema(session.dialect), options.set_aside, log=_print).run()
    _print(f"the table is {shape.value} again")
    return 0


def _sql(session: Session, options: argparse.Namespace) -> int:
    dialect = Dialect(options.dialect or session.dialect)
    make = downgrade_script if options.down else upgrade_script
    for line in make(session, dialect):
        _print(line)
    return 0


_COMMANDS: Final[Mapping[str, Callable[[Session, argparse.Namespace], int]]] = {
    "check": _check,
    "upgrade": _upgrade,
    "verify": _verify,
    "downgrade": _downgrade,
    "sql": _sql,
}
_WRITING: Final = frozenset({"upgrade", "downgrade"})
