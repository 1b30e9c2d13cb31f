"""The number of wrong values of facts that the evidence notices."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from tests.evidence.forks import NOT_LOADED, judge_in_forks
from tests.evidence.wrong_values import FACTS, ROOT, wrong_values
from tests.mutation.mutants import Mutant, draw
from tests.mutation.run import Result

RESULT: Final = Path(__file__).parent / "mutants.json"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command to a parser."""
    parser.add_argument("--seed", type=int, required=True, help="draws the wrong values")
    parser.add_argument("--count", type=int, default=200, help="how many, of both sides (200)")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (2)")
    parser.add_argument("--write", action="store_true", help=f"write the sums to {RESULT.name}")
    parser.add_argument("--report", type=Path, help="a file for each result, and to go on with")


def run(options: Namespace) -> int:
    """Draw wrong values, run the tests of the evidence on each, and print what they notice."""
    rows: list[dict[str, Any]] = []
    if options.report and options.report.exists():
        rows = json.loads(options.report.read_text("utf-8"))
    known = {(row["side"], *(row[field] for field in Mutant._fields)) for row in rows}
    for side, modules in FACTS.items():
        files = modules.files()
        sources = {file: (ROOT / file).read_bytes() for file in files}
        every = [mutant for file, text in sources.items() for mutant in wrong_values(file, text)]
        drawn = draw(every, options.seed, options.count // len(FACTS))
        _say(f"{side}: {len(drawn)} of {len(every)} wrong values in {len(files)} files")
        left = [mutant for mutant in drawn if (side, *mutant) not in known]
        for result in judge_in_forks(side, left, options.jobs):
            rows.append(_row(side, result, sources[result.mutant.file]))
            _say("{verdict:10} {side} {file}:{line} ({kind}) {by}".format(**rows[-1]))
            if options.report:
                options.report.write_text(json.dumps(rows, indent=1), "utf-8")
    _summary(rows)
    if options.write:
        sums = {"seed": options.seed, "kinds": _sums(rows)}
        RESULT.write_text(json.dumps(sums, indent=1) + "\n", "utf-8")
    return 0


def _row(side: str, result: Result, source: bytes) -> dict[str, Any]:
    before, after = result.mutant.before_and_after(source)
    verdict = "noticed" if result.by else "unnoticed"
    verdict = NOT_LOADED if result.by.startswith(NOT_LOADED) else verdict
    return {
        "side": side,
        "verdict": verdict,
        "by": result.by,
        "before": before,
        "after": after,
        **result.mutant._asdict(),
    }


def _sums(rows: Iterable[dict[str, Any]]) -> dict[str, list[int]]:
    """Return by kind how many were noticed, and of how many."""
    loaded = [row for row in rows if row["verdict"] != NOT_LOADED]
    noticed = Counter(row["kind"] for row in loaded if row["verdict"] == "noticed")
    drawn = Counter(row["kind"] for row in loaded)
    return {kind: [noticed[kind], count] for kind, count in sorted(drawn.items())}


def _summary(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["verdict"] == "unnoticed":
            _say(
                "\nunnoticed {side} {file}:{line} ({kind})\n  - {before}\n  + {after}".format(**row)
            )
    sums = _sums(rows)
    for kind, (noticed, drawn) in sums.items():
        _say(f"{kind}: {noticed} of {drawn} noticed")
    noticed, drawn = (sum(both) for both in zip(*sums.values(), strict=True))
    not_loaded = len(rows) - drawn
    _say(
        f"noticed by evidence {noticed} of {drawn} ({noticed / max(drawn, 1):.1%}), by nothing "
        f"{drawn - noticed}; {not_loaded} more cannot be loaded"
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
