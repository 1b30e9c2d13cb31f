"""The page about scaling out: its numbers are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from kling_mock.relay.domain.schedule import READ_INTERVAL
from kling_mock.relay.service.channel_registry import FRESH
from kling_mock.relay.storage.adapters.meanings import MYSQL, Meaning
from kling_mock.relay.storage.adapters.server import LIMITS
from kling_mock.relay.storage.schema import TABLES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scaling.md").read_text("utf-8")


def test_the_page_s_numbers_are_right() -> None:
    """Connections, seconds and error numbers are what the page says."""
    assert f"opens up to {LIMITS.connections} connections" in PAGE
    assert f"reads them again after {FRESH:.0f} s" in PAGE
    assert f"at most every {READ_INTERVAL} s" in PAGE
    errors = {int(number) for number in re.findall(r"\b(1213|3101|8002|8022|9007)\b", PAGE)}
    assert errors == {1213, 3101, 8002, 8022, 9007}
    assert {MYSQL[number] for number in errors} == {Meaning.RUN_AGAIN}


def test_every_table_has_a_primary_key() -> None:
    """What clusters need of a table, each of ours has."""
    assert all(table.primary for tables in TABLES.values() for table in tables)


def test_the_proof_that_the_page_names_is_there() -> None:
    """The command of the proof names a file of this repository."""
    (named,) = re.findall(r"\S+test_p2\S+\.py", PAGE)
    assert (ROOT / named).is_file()
