"""The commands `kling-mock db …` and `import`: their actions and their output."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from kling_mock.relay.migration.backup import BackupError, backup
from kling_mock.relay.migration.check import (
    CheckReport,
    CheckVerdict,
    check,
    unresolved_numbers,
)
from kling_mock.relay.migration.database.cluster import cluster_text, read_only, seen_server
from kling_mock.relay.migration.database.run_lock import only_run
from kling_mock.relay.migration.database.session import DatabaseError, Session, connect
from kling_mock.relay.migration.downgrade import Downgrade
from kling_mock.relay.migration.findings import BlockedError, Finding, UnfinishedError
from kling_mock.relay.migration.online.progress import Progress, Throttle, display, silent
from kling_mock.relay.migration.online.stopping import StoppedError, stopping
from kling_mock.relay.migration.rows.row_changes import RESOLUTIONS, resolution_of
from kling_mock.relay.migration.schema.known_schemas import KnownSchema, target_schema
from kling_mock.relay.migration.script import downgrade_script, upgrade_script
from kling_mock.relay.migration.state import MigrationState, taken_names
from kling_mock.relay.migration.upgrade import Upgrade
from kling_mock.relay.migration.verify import verify
from kling_mock.relay.migration.versions import upgrade_tables, was_downgraded
from kling_mock.relay.storage.schema import VERSION, Dialect, Table
from kling_sdk.cli.standard_output import write

if TYPE_CHECKING:
    from kling_mock.relay.migration.one_api.importing import ImportPlan, OneApiImport
    from kling_mock.relay.migration.online.upgrade import OnlineUpgrade

Opener = Callable[[str], AbstractContextManager[Session]]


def run(name: str, options: argparse.Namespace, opened: Opener = connect) -> int:
    """Run one command; return its exit status, which is 1 when the database fails.

    Args:
        name: `check`, `upgrade`, `finish`, `verify`, `downgrade` or `sql`.
        options: The command line, as `arguments` parsed it.
        opened: Opens a database; a test passes one that it can watch.
    """

    def work() -> int:
        with opened(options.db) as session:
            if name not in _WRITING:
                return _COMMANDS[name](session, options)
            _must_take_writes(session, is_no_replica=options.yes_not_a_replica)
            with nullcontext() if _steers(options) else only_run(session):
                return _COMMANDS[name](session, options)

    return _status(work)


def _status(work: Callable[[], int]) -> int:
    """Return the exit status of a command, and print the error that stopped it."""
    try:
        return work()
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


def _steers(options: argparse.Namespace) -> bool:
    """Return whether the command controls a copy that another process makes."""
    return bool(getattr(options, "pause", False) or getattr(options, "resume", False))


def _must_take_writes(session: Session, *, is_no_replica: bool) -> None:
    server, unseen = seen_server(session)
    refused = read_only(server) or ([] if is_no_replica else unseen)
    if refused or (refused := taken_names(session)):
        raise BlockedError(refused)


def _print(text: str) -> None:
    write(f"{text}\n")


def _print_error(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _notes(error: BaseException) -> None:
    """Print what an interrupted command has left behind, and how to remove it."""
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
    CheckVerdict.BLOCKED: "blocked; first resolve the blockers above",
    CheckVerdict.UNKNOWN: "there is no table that can be upgraded",
}


def _findings(findings: Sequence[Finding]) -> list[str]:
    lines: list[str] = []
    for finding in findings:
        count = f" ({finding.count:,} rows)" if finding.count else ""
        lines.append(f"{finding.severity:<9} {finding.name}: {finding.says}{count}")
        lines += [f"{'':<11}{row}" for row in finding.rows]
        if finding.resolution == "set-aside":
            lines.append(f"{'':<11}--set-aside {finding.name} keeps them beside the old table")
        elif finding.resolution:
            lines.append(
                f"{'':<11}--resolve {finding.name}={finding.resolution} would "
                f"{RESOLUTIONS[finding.resolution]}"
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
    job = attrs.evolve(_direct(session, options.resolve), wait_at_most=options.wait_at_most)
    throttle = Throttle(share=options.share, running=options.max_running)
    if options.abandon:
        _online(job, throttle, options).abandon()
        _print("what the unfinished upgrade left is removed; the table is as before")
        return 0
    online = _online(job, throttle, options) if options.online else None
    if online is not None:
        online.must_carry_all_writes()
    is_back = was_downgraded(session)
    others = upgrade_tables(session, int(time.time()), _print, options.wait_at_most)
    if options.backup and job.needed("direct" if online is None else "online"):
        rows = backup(session.url, Path(options.backup))
        _print(f"backup of {rows:,} rows in {options.backup}")
    shape = job.run() if online is None else online.run()
    if is_back:  # entries and services that the relays of before left out
        upgrade_tables(session, int(time.time()), _print, options.wait_at_most)
    if shape is KnownSchema.OURS and not state.is_swapped:
        done = "the table videos needs no change" if others else "nothing to do"
        _print(f"{done}: the table is in the target schema")
    elif state.is_swapped:
        _print("the new table is in use; stop the old program, then run kling-mock db finish")
    else:
        _print(f"upgraded from {shape.value}; see kling-mock db verify")
    for line in unresolved_numbers(session):
        _print(line)
    return 0


def _online(job: Upgrade, throttle: Throttle, options: argparse.Namespace) -> OnlineUpgrade:
    from kling_mock.relay.migration.online.upgrade import OnlineUpgrade  # few upgrades are online

    return OnlineUpgrade(
        job,
        throttle,
        display(options.progress, sys.stderr),
        all_writers_here=options.all_writers_on_this_node,
        wait_at_most=options.wait_at_most,
    )


def _finish(session: Session, options: argparse.Namespace) -> int:
    from kling_mock.relay.migration.online.upgrade import OnlineUpgrade

    OnlineUpgrade(_direct(session, options.resolve)).finish()
    _print("finished: the relay can open the table; see kling-mock db verify")
    return 0


def _direct(session: Session, resolve: Sequence[str]) -> Upgrade:
    schema = target_schema(session.dialect)
    return Upgrade(
        session,
        schema,
        lambda: f"legacy-{secrets.token_hex(12)}",
        _resolutions(resolve, schema),
        log=_print,
    )


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


def _resolutions(arguments: Sequence[str], schema: Table) -> dict[str, str]:
    pairs = [argument.partition("=") for argument in arguments]
    for name, equals, resolution in pairs:
        if not (name and equals) or resolution not in RESOLUTIONS:
            known = ", ".join(RESOLUTIONS)
            raise ValueError(f"--resolve: expected NAME=RESOLUTION, with one of {known}")
        if resolution_of(name, schema) != resolution:
            raise ValueError(
                f"--resolve: {name} is not a finding that {resolution} resolves; kling-mock db "
                "check names the findings of this database"
            )
    return {name: resolution for name, _, resolution in pairs}


# ---------------------------------------------------------------- import


def run_import(
    options: argparse.Namespace, hashed: Callable[[str], str], opened: Opener = connect
) -> int:
    """Run `kling-mock import one-api`; return its exit status.

    Args:
        options: The command line, as `arguments` parsed it.
        hashed: Returns the hash by which the relay stores a token.
        opened: Opens a database; a test passes one that it can watch.
    """

    def work() -> int:
        is_file = options.db.startswith("sqlite:///") and not options.dry_run
        if is_file:  # an empty file is an empty database
            Path(options.db.removeprefix("sqlite:///")).touch()
        with opened(options.source) as source, opened(options.db) as target:
            if options.dry_run:
                return _import(source, target, options, hashed)
            _must_take_writes(target, is_no_replica=options.yes_not_a_replica)
            with only_run(target):
                return _import(source, target, options, hashed)

    return _status(work)


def import_job(
    source: Session,
    target: Session,
    resolve: Sequence[str],
    hashed: Callable[[str], str],
    show: Callable[[Progress], None] = silent,
) -> OneApiImport:
    """Return the import of *source* into *target*; see `run_import`."""
    from kling_mock.relay.migration.one_api.importing import OneApiImport

    started = time.monotonic()

    def progress(copied: int, total: int) -> None:
        rate = copied / max(time.monotonic() - started, 1e-6)
        show(Progress(copied, total, rate, ended=copied >= total))

    return OneApiImport(source, _direct(target, resolve), hashed, progress)


def _import(
    source: Session, target: Session, options: argparse.Namespace, hashed: Callable[[str], str]
) -> int:
    job = import_job(source, target, options.resolve, hashed, display(options.progress, sys.stderr))
    plan = job.plan()
    for line in _planned(plan):
        _print(line)
    blockers = job.upgrade.unresolved(
        finding for finding in plan.findings if finding.severity == "blocker"
    )
    if plan.done and not blockers:
        _print("nothing to do: it was imported before, and has not changed since")
        return 0
    if options.dry_run:
        return CheckVerdict.BLOCKED if blockers else CheckVerdict.POSSIBLE
    job.run(plan)
    _print("imported; see kling-mock db verify, and give each channel its key: kling-mock channel")
    return 0


def _planned(plan: ImportPlan) -> list[str]:
    shape = plan.report.shape
    lines = [
        f"shape     {shape.value}: {shape.means}",
        f"rows      {plan.report.rows:,} of videos",
        *(f"{name:<9} {selected:,} of {rows:,}" for name, (selected, rows) in plan.counts.items()),
        f"balances  {plan.balance} in total",
    ]
    return [*lines, *_findings(sorted(plan.findings, key=lambda finding: finding.severity))]


# ---------------------------------------------------------------- other commands


def _verify(session: Session, options: argparse.Namespace) -> int:
    results = verify(session, target_schema(session.dialect))
    if options.json:
        _print(
            json.dumps(
                {"results": [attrs.asdict(outcome) for outcome in results]}, ensure_ascii=False
            )
        )
    else:
        labels = {True: "pass", False: "FAIL", None: "-"}
        for outcome in results:
            _print(f"{labels[outcome.passed]:<5} {outcome.name}: {outcome.says}")
    return CheckVerdict.BLOCKED if any(outcome.passed is False for outcome in results) else 0


def _downgrade(session: Session, options: argparse.Namespace) -> int:
    shape = Downgrade(
        session,
        target_schema(session.dialect),
        options.set_aside,
        log=_print,
        wait_at_most=options.wait_at_most,
    ).run()
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
    "finish": _finish,
    "verify": _verify,
    "downgrade": _downgrade,
    "sql": _sql,
}
_WRITING: Final = frozenset({"upgrade", "finish", "downgrade"})
