"""What `kling-mock db …` does with its arguments, and what it prints."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import attrs

from kling_mock.migration.backup import BackupError, backup
from kling_mock.migration.check import Report, Verdict, check
from kling_mock.migration.display import display
from kling_mock.migration.downgrade import Downgrade
from kling_mock.migration.findings import Finding
from kling_mock.migration.known_schemas import Shape
from kling_mock.migration.online import Online
from kling_mock.migration.row_changes import WORDS
from kling_mock.migration.script import downgrade_script, upgrade_script
from kling_mock.migration.session import DatabaseError, Session, connect
from kling_mock.migration.state import State
from kling_mock.migration.stopping import StoppedError, stopping
from kling_mock.migration.target_schema import wanted
from kling_mock.migration.throttle import Throttle
from kling_mock.migration.upgrade import BlockedError, UnfinishedError, Upgrade
from kling_mock.migration.verify import verify

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
            return _COMMANDS[name](session, options)
    except BlockedError as error:
        for line in _findings(error.findings):
            _tell(line)
        _tell("nothing was changed")
        return Verdict.BLOCKED
    except (BackupError, DatabaseError, UnfinishedError, ImportError, ValueError) as error:
        _tell(f"kling-mock: {error}")
        _notes(error)
        return 1
    except KeyboardInterrupt as error:
        _tell("kling-mock: stopped; run the same command again to go on")
        _notes(error)
        return error.status if isinstance(error, StoppedError) else 130


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _notes(error: BaseException) -> None:
    """Print what an interrupted command has left, and how to remove it."""
    for note in getattr(error, "__notes__", ()):
        _tell(f"kling-mock: {note}")


# ---------------------------------------------------------------- check


def _check(session: Session, options: argparse.Namespace) -> int:
    report = check(session, wanted(session.dialect))
    if options.json:
        _say(json.dumps(report.to_json(), ensure_ascii=False))
    else:
        for line in _reported(report):
            _say(line)
    return report.verdict


def _reported(report: Report) -> list[str]:
    lines = [f"shape     {report.shape.value}: {report.shape.means}"]
    facts, costs = report.facts, report.estimate
    if facts is not None and costs is not None:
        free = "unknown" if facts.free is None else f"{_mega(facts.free)} free"
        lines += [
            f"server    {facts.server}",
            f"rows      {report.rows:,}, {_mega(facts.size)}",
            f"room      {_mega(costs.room)} needed, {free}",
            f"direct    about {costs.direct:.0f} s, in which no write gets through",
            f"online    about {costs.online:.0f} s, in which writes wait for moments",
        ]
    lines += _findings(report.findings)
    return [*lines, f"verdict   {_VERDICTS[report.verdict]}"]


_VERDICTS: Final[Mapping[Verdict, str]] = {
    Verdict.WANTED: "nothing to do",
    Verdict.POSSIBLE: "can be upgraded",
    Verdict.BLOCKED: "something stands in the way",
    Verdict.UNKNOWN: "nothing that can be upgraded",
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
                f"{'':<11}--resolve {one.name}={one.resolution} would {WORDS[one.resolution]}"
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
    state = State(session)
    if options.pause or options.resume:
        return _pause(state, pause=options.pause)
    job = Upgrade(
        session,
        wanted(session.dialect),
        lambda: f"legacy-{secrets.token_hex(12)}",
        _resolutions(options.resolve),
        log=_say,
    )
    throttle = Throttle(share=options.share, running=options.max_running)
    online = Online(job, throttle, display(options.progress, sys.stderr))
    if options.abandon:
        online.abandon()
        _say("what the unfinished upgrade left is gone; the table is as it was")
        return 0
    if options.backup and job.needed("online" if options.online else "direct"):
        rows = backup(options.db, Path(options.backup))
        _say(f"backup of {rows:,} rows in {options.backup}")
    shape = online.run() if options.online else job.run()
    if shape is Shape.OURS:
        _say("nothing to do: the table is in the wanted schema")
    else:
        _say(f"upgraded from {shape.value}; see kling-mock db verify")
    return 0


def _pause(state: State, *, pause: bool) -> int:
    if state.way != "online":
        _tell("kling-mock: no online upgrade is under way")
        return 1
    if pause:
        state.set("paused", value=True)
    else:
        state.delete("paused")
    _say("it pauses after the rows it is copying" if pause else "it goes on")
    return 0


def _resolutions(given: Sequence[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    for name, equals, word in pairs:
        if not (name and equals) or word not in WORDS:
            known = ", ".join(WORDS)
            raise ValueError(f"--resolve takes NAME=WORD, and WORD is one of {known}")
    return {name: word for name, _, word in pairs}


# ---------------------------------------------------------------- the others


def _verify(session: Session, options: argparse.Namespace) -> int:
    results = verify(session, wanted(session.dialect))
    if options.json:
        _say(json.dumps({"results": [attrs.asdict(one) for one in results]}, ensure_ascii=False))
    else:
        words = {True: "pass", False: "FAIL", None: "-"}
        for one in results:
            _say(f"{words[one.passed]:<5} {one.name}: {one.says}")
    return Verdict.BLOCKED if any(one.passed is False for one in results) else 0


def _downgrade(session: Session, options: argparse.Namespace) -> int:
    shape = Downgrade(session, wanted(session.dialect), options.set_aside, log=_say).run()
    _say(f"the table is {shape.value} again")
    return 0


def _sql(session: Session, options: argparse.Namespace) -> int:
    words = options.dialect or session.dialect
    make = downgrade_script if options.down else upgrade_script
    for line in make(session, words):
        _say(line)
    return 0


_COMMANDS: Final[Mapping[str, Callable[[Session, argparse.Namespace], int]]] = {
    "check": _check,
    "upgrade": _upgrade,
    "verify": _verify,
    "downgrade": _downgrade,
    "sql": _sql,
}
