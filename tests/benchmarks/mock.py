"""The emulated Kling beside a bare aiohttp server: `python -m tests.benchmarks mock`."""

from __future__ import annotations

from tests.benchmarks import mock_calls, mock_plugin, mock_start
from tests.benchmarks.frame import Report

#: The packages whose versions the figures depend on.
PACKAGES = ("aiohttp", "httpx", "pyjwt", "pytest")


def run(*, quick: bool) -> Report:
    """Measure everything; *quick* takes under 50 s."""
    parts = [
        mock_calls.run(quick=quick),
        mock_start.run(quick=quick),
        mock_plugin.run(quick=quick),
    ]
    return Report(
        "mock",
        gates=[gate for part in parts for gate in part.gates],
        figures=[figure for part in parts for figure in part.figures],
        notes=[note for part in parts for note in part.notes],
    )
