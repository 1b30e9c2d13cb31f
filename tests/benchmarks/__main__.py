"""The command: `python -m tests.benchmarks NAME [--quick] [--write]`."""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import sys
from typing import Any, Final

from tests.benchmarks.frame import Report, json_line, markdown, replace_section, table
from tests.benchmarks.measure import ROOT, machine

PAGE: Final = ROOT / "docs" / "benchmarks.md"

#: One module of this package each; it has `run(quick=)` and `PACKAGES`.
NAMES: Final = ("sdk", "mock", "relay", "storage", "migration", "capacity")

INTRODUCTION: Final = """\
# Benchmarks

Written by `python -m tests.benchmarks NAME --write`; not by hand.
Every gate holds a figure of ours against the raw library doing the same work, in the same
run: both sides take turns, round by round, and the ratio is the median of the rounds'.
CPU time is used where wall time would measure the machine's other work. Absolute figures
are this machine's; only ratios carry over. The server answers from another process on the
same machine, over plain HTTP.
"""


def main() -> int:
    """Run one benchmark; 1 when a gate fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, under 50 s")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md too")
    options = parser.parse_args()
    if options.quick and options.write:
        parser.error("--write needs the full sizes")
    module: Any = importlib.import_module(f"tests.benchmarks.{options.name}")
    report: Report = module.run(quick=options.quick)
    if options.write:
        _write(report, module.PACKAGES)
    sys.stdout.write(f"{table(report)}\n{json_line(report)}\n")
    return int(any(gate.ok is False for gate in report.gates))


def _write(report: Report, packages: tuple[str, ...]) -> None:
    section = markdown(
        report,
        command=f"python -m tests.benchmarks {report.bench}",
        date=dt.datetime.now(tz=dt.UTC).date().isoformat(),
        machine=machine(*packages),
    )
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else INTRODUCTION
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(replace_section(page, report.bench, section), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
