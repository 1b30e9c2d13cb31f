"""The relay's storage beside the raw drivers: `python -m tests.benchmarks relay`."""

from __future__ import annotations

import asyncio

from tests.benchmarks import storage_pages, storage_raw
from tests.benchmarks.frame import Report

__all__ = ["PACKAGES", "run"]

#: The packages whose versions the figures depend on.
PACKAGES = ("asyncmy", "attrs")


def run(*, quick: bool) -> Report:
    """Measure everything; *quick* takes under 50 s."""
    parts = [
        asyncio.run(storage_raw.run(quick=quick)),
        asyncio.run(storage_pages.run(quick=quick)),
    ]
    return Report(
        "relay",
        gates=[gate for part in parts for gate in part.gates],
        figures=[figure for part in parts for figure in part.figures],
        notes=[note for part in parts for note in part.notes],
    )
