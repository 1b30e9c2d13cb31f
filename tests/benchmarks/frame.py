"""The report of every benchmark, as a table, a JSON line and a page of docs.

Pure: no clock, no file, no process. `measure` does the measuring, `__main__` the writing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple


class Gate(NamedTuple):
    """A figure that has to keep a limit.

    Attributes:
        name: Its name, as in the design's table.
        value: What was measured, or None when it could not be.
        limit: What it is compared with.
        sense: `<=` when less is better, `>=` when more is.
        unit: Unit of value and limit; "x" for a ratio.
        means: One sentence: what was compared with what.
        full_size: False in a quick run whose size is too small for a verdict.
        broken: Why the figure does not count, whatever it is; "" when it does.
    """

    name: str
    value: float | None
    limit: float
    sense: Literal["<=", ">="]
    unit: str
    means: str
    full_size: bool = True
    broken: str = ""

    @property
    def ok(self) -> bool | None:
        """Whether the limit is kept; None when this run cannot tell."""
        if self.broken:
            return False
        if self.value is None or not self.full_size or math.isnan(self.value):
            return None
        return self.value <= self.limit if self.sense == "<=" else self.value >= self.limit


class Figure(NamedTuple):
    """A figure without a limit, shown beside the gates."""

    name: str
    value: float
    unit: str
    means: str = ""


class Table(NamedTuple):
    """The benchmark's own table, shown as it is.

    Attributes:
        title: One line.
        columns: What its columns are called.
        rows: Texts, one per column.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


class Report(NamedTuple):
    """The result of one benchmark."""

    bench: str
    gates: Sequence[Gate]
    figures: Sequence[Figure] = ()
    notes: Sequence[str] = ()
    tables: Sequence[Table] = ()


def number(value: float | None) -> str:
    """Return *value* with three significant digits, whole from 100 on."""
    if value is None or math.isnan(value):
        return "-"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def quantity(value: float | None, unit: str) -> str:
    """Return a number and its unit; a ratio is written 1.23x."""
    text = number(value)
    return text if not unit or text == "-" else f"{text}{unit if unit == 'x' else f' {unit}'}"


def verdict(gate: Gate) -> str:
    """Return `ok`, `FAILED`, or `-` when the run cannot tell."""
    return {True: "ok", False: "FAILED", None: "-"}[gate.ok]


def rows(report: Report) -> list[tuple[str, str, str, str]]:
    """Return the report as rows of name, value, limit and verdict."""
    gates = [
        (
            gate.name,
            quantity(gate.value, gate.unit),
            f"{gate.sense} {quantity(gate.limit, gate.unit)}",
            verdict(gate),
        )
        for gate in report.gates
    ]
    return [
        *gates,
        *((figure.name, quantity(figure.value, figure.unit), "", "") for figure in report.figures),
    ]


def notes(report: Report) -> list[str]:
    """Return the report's notes, and what broke a gate."""
    broken = [f"{gate.name}: {gate.broken}" for gate in report.gates if gate.broken]
    return [*broken, *report.notes]


def table(report: Report) -> str:
    """Return the report as an aligned table for a terminal."""
    lines = [("gate or figure", "value", "limit", ""), *rows(report)]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    text = [
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {limit:>{widths[2]}}  {state}".rstrip()
        for name, value, limit, state in lines
    ]
    for own_table in report.tables:
        text += ["", own_table.title, *_aligned([own_table.columns, *own_table.rows])]
    return "\n".join([*text, *(f"note: {note}" for note in notes(report))])


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def json_line(report: Report) -> str:
    """Return the machine-readable last line of a run."""
    gates: list[dict[str, Any]] = [
        {
            "name": gate.name,
            "value": None if gate.value is None else round(gate.value, 3),
            "limit": gate.limit,
            "ok": gate.ok,
        }
        for gate in report.gates
    ]
    return json.dumps({"bench": report.bench, "gates": gates})


# ---------------------------------------------------------------- the page in docs


def markdown(report: Report, *, command: str, date: str, machine: Iterable[str]) -> str:
    """Return the report as a section of `docs/benchmarks.md`."""
    lines = [
        f"## {report.bench}",
        "",
        f"`{command}`, {date}, on " + "; ".join(machine) + ".",
        "",
        "| gate | value | limit | kept | what it compares |",
        "|---|---|---|---|---|",
        *(
            f"| `{gate.name}` | {quantity(gate.value, gate.unit)} "
            f"| {gate.sense} {quantity(gate.limit, gate.unit)} "
            f"| {_yes_or_no(gate)} | {gate.means} |"
            for gate in report.gates
        ),
    ]
    for own_table in report.tables:
        lines += [
            "",
            f"### {own_table.title}",
            "",
            _row(own_table.columns),
            "|---" * len(own_table.columns) + "|",
        ]
        lines += map(_row, own_table.rows)
    if report.figures:
        lines += ["", "| figure | value | |", "|---|---|---|"]
        lines += [
            f"| {figure.name} | {quantity(figure.value, figure.unit)} | {figure.means} |"
            for figure in report.figures
        ]
    if notes(report):
        lines += ["", *(f"- {note}" for note in notes(report))]
    return "\n".join(lines) + "\n"


def _row(texts: Sequence[str]) -> str:
    return "".join(f"| {text.replace('|', chr(92) + '|')} " for text in texts) + "|"


def _yes_or_no(gate: Gate) -> str:
    return {True: "yes", False: "**no**", None: "not judged"}[gate.ok]


def replace_section(page: str, bench: str, section: str) -> str:
    """Return *page* with the section of *bench* replaced, or added at its end."""
    pattern = re.compile(rf"^## {re.escape(bench)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if pattern.search(page):
        # A function, so that backslashes in the section are not taken for group references.
        return pattern.sub(lambda _: section + "\n", page, count=1).rstrip("\n") + "\n"
    return page.rstrip("\n") + "\n\n" + section
