"""The pure parts of the benchmarks: verdicts, tables, the JSON line, the page."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks.frame import (
    Figure,
    Gate,
    Report,
    Table,
    json_line,
    markdown,
    number,
    quantity,
    replace_section,
    table,
)
from tests.benchmarks.measure import Cost, Rounds

FAST = Gate("fast", 1.26, 1.3, "<=", "x", "ours against theirs")
SLOW = Gate("slow", 1.4, 1.3, "<=", "x", "ours against theirs")
UNKNOWN = Gate("unknown", None, 2, ">=", "x", "could not be measured")


@pytest.mark.parametrize(
    ("gate", "ok"),
    [
        (FAST, True),
        (SLOW, False),
        (FAST._replace(value=1.3), True),
        (FAST._replace(sense=">="), False),
        (SLOW._replace(sense=">="), True),
        (SLOW._replace(full_size=False), None),
        (UNKNOWN, None),
        (FAST._replace(value=float("nan")), None),
        (FAST._replace(broken="an end was missed"), False),
    ],
)
def test_a_gate_is_kept_missed_or_not_judged(gate: Gate, ok: object) -> None:
    """A run too small for a verdict gives none; a figure that does not count fails."""
    assert gate.ok is ok


def test_the_last_line_is_json_with_every_gate() -> None:
    """The line is valid JSON also when a value is missing."""
    line = json_line(Report("sdk", [FAST, UNKNOWN]))
    assert "\n" not in line
    assert json.loads(line) == {
        "bench": "sdk",
        "gates": [
            {"name": "fast", "value": 1.26, "limit": 1.3, "ok": True},
            {"name": "unknown", "value": None, "limit": 2, "ok": None},
        ],
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0, "0"),
        (1.234, "1.23"),
        (0.05678, "0.0568"),
        (42.42, "42.4"),
        (9120.4, "9,120"),
    ],
)
def test_numbers_have_three_digits(value: float | None, text: str) -> None:
    """More digits would claim more than a noisy machine can tell."""
    assert number(value) == text


def test_units_stand_beside_numbers() -> None:
    """A ratio is written as one word, everything else with a space."""
    assert (quantity(1.5, "x"), quantity(8, "MiB"), quantity(None, "MiB")) == (
        "1.50x",
        "8.00 MiB",
        "-",
    )


def test_the_table_names_what_failed_and_why() -> None:
    """A reader sees the missed gate and, where its figure does not count, the reason."""
    broken = FAST._replace(name="polls", broken="an end was noticed after 12 s")
    text = table(Report("sdk", [FAST, SLOW, broken], [Figure("rate", 512.3, "requests/s")]))
    assert [line.split()[-1] for line in text.splitlines()[1:4]] == ["ok", "FAILED", "FAILED"]
    assert "512 requests/s" in text
    assert "note: polls: an end was noticed after 12 s" in text


def test_a_section_of_the_page_is_replaced_and_the_others_kept() -> None:
    """Each benchmark owns one section of the page."""
    first = markdown(
        Report("sdk", [FAST]), command="run sdk", date="2026-01-02", machine=["a", "b"]
    )
    second = markdown(Report("mock", [SLOW]), command="run mock", date="2026-01-02", machine=["a"])
    page = replace_section(replace_section("# Benchmarks\n", "sdk", first), "mock", second)
    again = markdown(Report("sdk", [SLOW]), command=r"run \1", date="2026-02-03", machine=["a"])

    page = replace_section(page, "sdk", again)

    assert page.startswith("# Benchmarks\n\n## sdk\n")
    assert page.count("## ") == 2
    assert "2026-02-03" in page
    assert "`fast`" not in page
    assert r"run \1" in page
    assert page.endswith("|\n")
    assert replace_section(page, "mock", second) == page


def test_a_benchmarks_own_table_is_shown_in_the_terminal_and_on_the_page() -> None:
    """Its columns are its own, a line in it breaks no table, and it goes with its section."""
    own = Table("Claims", ["claim", "measured"], [["a | b", "1.41x"], ["c", "1,089x"]])
    report = Report("storage", [FAST], tables=[own])
    assert table(report).splitlines()[2:] == [
        "",
        "Claims",
        "claim  measured",
        "a | b  1.41x",
        "c      1,089x",
    ]
    section = markdown(report, command="run", date="2026-01-02", machine=["a"])
    assert "### Claims\n\n| claim | measured |\n|---|---|\n| a \\| b | 1.41x |\n" in section
    page = replace_section("# Benchmarks\n", "storage", section)
    without = markdown(Report("storage", [FAST]), command="run", date="2026-01-02", machine=["a"])
    assert "Claims" not in replace_section(page, "storage", without)


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    """One slow round of the machine falls on both sides and changes nothing."""
    rounds = Rounds()
    for factor in (1, 10, 1):
        rounds.add("raw", Cost(1.0 * factor, 2.0 * factor))
        rounds.add("ours", Cost(1.5 * factor, 2.2 * factor))
    assert rounds.wall_ratio("ours", "raw") == pytest.approx(1.5)
    assert rounds.cpu_ratio("ours", "raw") == pytest.approx(1.1)
    assert rounds.cpu_added("ours", "raw") == pytest.approx(0.2)
