"""The command: `python -m tests.mutation --seed N --count 220`."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any, Final

from tests.mutation.mutants import Mutant, draw
from tests.mutation.run import ROOT, Project, judge

#: The code that decides what is bought, and what a reply means.
TARGETS: Final = tuple(
    f"kling_sdk/{name}" for name in ("flows", "wire", "endpoints", "auth.py", "callbacks.py")
)
#: The second compares the SDK's table of models with the emulator's.
TESTS: Final = ("tests/sdk", "tests/mock/kling/endpoints/test_two_tables.py")


def main() -> int:
    """Print every survivor and the score; 1 when one survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", type=int, help="draws the mutants")
    which.add_argument("--again", type=Path, help="the survivors of this report, of the same code")
    parser.add_argument("--count", type=int, default=220, help="how many are drawn (220)")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (2)")
    parser.add_argument("--report", type=Path, help="write the results there, as JSON")
    parser.add_argument("--prefix", type=shlex.split, default=(), help="runs each test command")
    given = parser.parse_args()
    project = Project(ROOT, TARGETS, TESTS, given.prefix)
    if given.again:
        rows = json.loads(given.again.read_text("utf-8"))["mutants"]
        left = [row for row in rows if row["verdict"] == "survived"]
        drawn = [Mutant(*(row[field] for field in Mutant._fields)) for row in left]
        _print(f"{len(drawn)} survivors of {given.again}")
    else:
        mutants = project.mutants()
        drawn = draw(mutants, given.seed, given.count)
        lines = len({(one.file, one.line) for one in mutants})
        _print(f"seed {given.seed}: {len(drawn)} of {lines} lines with {len(mutants)} mutants")
    sources, results = project.sources(), list[dict[str, Any]]()
    for mutant, verdict, by in judge(project, drawn, given.jobs):
        before, after = mutant.shown(sources[mutant.file])
        told = {"verdict": verdict, "by": by, "before": before, "after": after}
        results.append({**mutant._asdict(), **told})
        _print("{verdict:8} {file}:{line} ({kind}) {by}".format(**results[-1]))
    survivors = [one for one in results if one["verdict"] == "survived"]
    for one in survivors:
        _print("\n{file}:{line} ({kind})\n  - {before}\n  + {after}".format(**one))
    killed, late = (
        len(results) - len(survivors),
        sum(one["verdict"] == "timeout" for one in results),
    )
    score = killed / max(len(results), 1)
    _print(f"\nkilled {killed} of {len(results)} ({score:.1%}), {late} of them by timeout")
    if given.report:
        report = {"seed": given.seed, "score": score, "mutants": results}
        given.report.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return int(bool(survivors))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
