"""The command: `python -m tests.mutation sdk --seed N --count 220`."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections import Counter
from itertools import chain
from math import inf
from pathlib import Path
from typing import Any, Final

from tests.mutation.equivalent import LIMIT, why_equivalent
from tests.mutation.mutants import Mutant, draw
from tests.mutation.run import ROOT, Project, Result, judge
from tests.mutation.sets import SETS

Row = dict[str, Any]
#: What a report must agree in, for its rows to be taken over.
HEADER: Final = ("set", "seed", "count", "code")


def main() -> int:
    """Print every survivor and the score; 1 when one survives or mutants are left."""
    options = _arguments()
    project = Project(
        ROOT, SETS[options.set], options.prefix, thorough=options.thorough, limit=options.limit
    )
    if options.again:
        rows: list[Row] = json.loads(options.again.read_text("utf-8"))["mutants"]
        left = [row for row in rows if row["verdict"] == "survived"]
        drawn = [Mutant(*(row[field] for field in Mutant._fields)) for row in left]
        _print(f"{len(drawn)} survivors of {options.again}")
    else:
        mutants = project.mutants()
        drawn = draw(mutants, options.seed, options.count)
        lines = len({(mutant.file, mutant.line) for mutant in mutants})
        _print(f"seed {options.seed}: {len(drawn)} of {lines} lines with {len(mutants)} mutants")
    report: Row = {"set": options.set, "seed": options.seed, "count": len(drawn)}
    report |= {"code": project.digest(), "mutants": []}
    if options.report and options.report.exists():
        earlier = json.loads(options.report.read_text("utf-8"))
        if any(earlier.get(field) != report[field] for field in HEADER):
            sys.exit(f"{options.report} is of another set, seed, count or code: give another name")
        report = earlier
    results: list[Row] = report["mutants"]
    sources = project.sources()
    record = options.report.with_suffix(".tests.json") if options.report else None
    known = {tuple(row[field] for field in Mutant._fields) for row in results}
    rest, reasons = list[Mutant](), list[Result]()
    for mutant in drawn:
        if mutant not in known:
            why = why_equivalent(mutant.file, *mutant.before_and_after(sources[mutant.file]))
            if why:
                reasons.append(Result(mutant, "equivalent", why))
            else:
                rest.append(mutant)
    judged = judge(project, rest, options.jobs, record=record, seconds=options.seconds)
    for mutant, verdict, by in chain(reasons, judged):
        before, after = mutant.before_and_after(sources[mutant.file])
        row = {"verdict": verdict, "by": by, "before": before, "after": after}
        results.append({**mutant._asdict(), **row})
        _print("{verdict:10} {file}:{line} ({kind}) {by}".format(**results[-1]))
        if options.report:
            options.report.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return _summary(results, len(drawn))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("set", choices=SETS, help="what is mutated")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", type=int, help="draws the mutants")
    which.add_argument("--again", type=Path, help="the survivors of this report, of the same code")
    parser.add_argument("--count", type=int, default=220, help="how many are drawn (220)")
    parser.add_argument(
        "--thorough",
        action="store_true",
        help="show what survives to slow tests too, and to those that run nothing of its module",
    )
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (2)")
    parser.add_argument(
        "--report", type=Path, help="write the results there, as JSON; go on with those that it has"
    )
    parser.add_argument(
        "--seconds", type=float, default=inf, help="begin with no mutant after so many"
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=inf,
        metavar="SECONDS",
        help="count a mutant that no test has noticed for so long as a survivor",
    )
    parser.add_argument("--prefix", type=shlex.split, default=(), help="runs each test command")
    return parser.parse_args()


def _summary(results: list[Row], drawn: int) -> int:
    verdicts = Counter(row["verdict"] for row in results)
    for row in results:
        if row["verdict"] in {"survived", "copied", "equivalent"}:
            _print("\n{verdict} {file}:{line} ({kind})\n  - {before}\n  + {after}".format(**row))
            if row["by"]:
                _print(f"  {row['by']}")
    equivalent = verdicts["equivalent"]
    counted = len(results) - equivalent
    killed, late = verdicts["killed"] + verdicts["timeout"], verdicts["timeout"]
    copied = verdicts["copied"]
    _print(
        f"\nkilled {killed} of {counted} ({killed / max(counted, 1):.1%}), {late} of them by "
        f"timeout; {copied} more only by a committed copy; {equivalent} equivalent; "
        f"{drawn - len(results)} left to judge"
    )
    too_many = equivalent > LIMIT * len(results)
    if too_many:
        _print(f"more than {LIMIT:.0%} are called equivalent")
    return int(too_many or killed < counted or len(results) < drawn)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
