"""The pictures: small files that a page shows and describes, drawings in accord with the code."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from kling_mock.relay.domain.pricing import QUOTA_PER_UNIT
from kling_mock.relay.domain.states import TaskState
from kling_mock.relay.storage.values.records import LedgerKind

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = sorted((DOCS / "pictures").glob("*"))
DRAWINGS = [picture for picture in PICTURES if picture.suffix == ".svg"]
SHOWN = [
    (name, text)
    for page in DOCS.rglob("*.md")
    for text, name in re.findall(r"!\[([^\]]*)\]\(pictures/([^)]+)\)", page.read_text("utf-8"))
]


def shortest(picture: Path) -> int:
    """Return the length of its shortest description; a Chinese character counts as two."""
    return min(
        len(re.sub(r"([\u3400-\u9fff])", r"\1\1", text))
        for name, text in SHOWN
        if name == picture.name
    )


def texts(name: str) -> list[str]:
    """Return what a picture says, in the order of the file."""
    root = ET.parse(DOCS / "pictures" / name).getroot()  # noqa: S314 - our own file
    return [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_picture_is_shown_with_a_description(picture: Path) -> None:
    """It is a drawing, or a small picture of a page in the browser."""
    assert shortest(picture) > 20
    assert picture.suffix in {".svg", ".png"}
    assert picture.stat().st_size < 200_000


@pytest.mark.parametrize("picture", DRAWINGS, ids=lambda picture: picture.name)
def test_a_drawing_can_be_read_by_everybody(picture: Path) -> None:
    """Its description is long, it is small, follows dark mode and fetches nothing."""
    assert shortest(picture) > 80
    source = picture.read_text("utf-8")
    assert len(source) < 8_000
    assert "prefers-color-scheme: dark" in source
    assert not re.search(r"(?:href|src)=|url\((?!#)|@import|<image|<script", source)
    root = ET.fromstring(source)  # noqa: S314 - our own file
    for part in ("title", "desc"):
        assert root.findtext(f"{{http://www.w3.org/2000/svg}}{part}")


def test_the_states_are_those_of_the_relay() -> None:
    """Each state has its box."""
    assert {state.value for state in TaskState} <= set(texts("task-life.svg"))


def test_the_money_adds_up() -> None:
    """Kinds of entries and amounts are the relay's: the hold, its release, and the charge."""
    labels = texts("money.svg")
    amounts = {
        (kind, int(labels[at + 1].replace(",", "").replace("\N{MINUS SIGN}", "-")))
        for at, kind in enumerate(labels)
        if kind in set(LedgerKind)
    }
    held, charged = 2 * QUOTA_PER_UNIT, 3 * QUOTA_PER_UNIT // 2
    assert amounts == {
        ("opening", 1_000_000),
        ("hold", held),
        ("release", -held),
        ("charge", -charged),
    }
    assert {f"{1_000_000 - charged:,}", f"= {1_000_000 - held:,}"} <= set(labels)
