"""The relay beside the raw libraries: `python -m tests.benchmarks relay`."""

from __future__ import annotations

import asyncio

from tests.benchmarks import (
    relay_abuse,
    relay_chain,
    relay_rates,
    relay_rows,
    storage_pages,
    storage_raw,
)
from tests.benchmarks.frame import Report

#: The packages whose versions the figures depend on.
PACKAGES = ("aiohttp", "asyncmy", "asyncpg", "attrs")


def run(*, quick: bool) -> Report:
    """Measure everything; *quick* takes under 50 s."""
    parts = [
        relay_chain.run(quick=quick),
        relay_rates.run(quick=quick),
        asyncio.run(storage_raw.run(quick=quick)),
        asyncio.run(storage_pages.run(quick=quick)),
        relay_rows.run(quick=quick),
        relay_abuse.run(quick=quick),
    ]
    return Report(
        "relay",
        gates=[gate for part in parts for gate in part.gates],
        tables=[table for part in parts for table in part.tables],
        figures=[figure for part in parts for figure in part.figures],
        notes=[note for part in parts for note in part.notes],
    )
