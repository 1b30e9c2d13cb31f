"""The records of decisions can be found and dated, and what pages point to is there."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
STATUS = re.compile(r"accepted|superseded by \[\d+\]\([\w-]+\.md\)")


def mistakes(name: str, text: str) -> list[str]:
    """Return what is wrong with a record."""
    number = int(name.partition("-")[0])
    problems = []
    if not text.startswith(f"# {number}. "):
        problems.append("its heading does not begin with its number")
    dates = re.findall(r"^Date: (.*)$", text, re.MULTILINE)
    try:
        dt.date.fromisoformat(*dates)
    except (TypeError, ValueError):
        problems.append("it has not one date")
    states = re.findall(r"^Status: (.*)$", text, re.MULTILINE)
    if len(states) != 1 or not STATUS.fullmatch(states[0]):
        problems.append("it has not one status")
    if re.findall(r"^## (.*)$", text, re.MULTILINE) != ["Context", "Decision", "Consequences"]:
        problems.append("its parts are not context, decision, consequences")
    return problems


def test_every_record_has_its_date_status_and_parts() -> None:
    """A record says when the decision was made, whether it holds, and why it was made."""
    assert len(RECORDS) >= 9
    wrong = {record.name: mistakes(record.name, record.read_text("utf-8")) for record in RECORDS}
    assert not {name: problems for name, problems in wrong.items() if problems}


def test_a_record_without_them_is_noticed() -> None:
    """Control: each part that is missing or wrong is found."""
    good = RECORDS[0].read_text("utf-8")
    for before, after in (
        ("# 1. ", "# 2. "),
        ("Date: 2026-11-25", "Date: soon"),
        ("Date: 2026-11-25\n", ""),
        ("Status: accepted", "Status: maybe"),
        ("Status: accepted\n", ""),
        ("## Consequences", "## More"),
    ):
        assert before in good
        assert len(mistakes(RECORDS[0].name, good.replace(before, after))) == 1, before


def test_the_index_lists_every_record_as_it_is() -> None:
    """Number, title, date and status of the index are those of the records, in order."""
    row = re.compile(r"^\| \[(\d+)\]\(([\w-]+\.md)\) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
    rows = row.findall((FOLDER / "README.md").read_text("utf-8"))
    expected = []
    for record in RECORDS:
        text = record.read_text("utf-8")
        heading = re.search(r"^# (\d+)\. (.*)$", text, re.MULTILINE)
        about = re.search(r"^Date: (.*)\n\nStatus: (.*)$", text, re.MULTILINE)
        assert heading is not None, record.name
        assert about is not None, record.name
        expected.append((heading[1], record.name, heading[2], *about.groups()))
    assert rows == expected


def test_what_the_security_page_points_to_is_there() -> None:
    """Every file that shows a defence exists."""
    named = re.findall(r"`(tests/[\w/.]+)`", (ROOT / "SECURITY.md").read_text("utf-8"))
    assert len(named) >= 9
    assert not [name for name in named if not (ROOT / name).exists()]
