"""The SDK beside the libraries it stands on: `python -m tests.benchmarks sdk`."""

from __future__ import annotations

from tests.benchmarks import sdk_calls, sdk_download, sdk_import, sdk_many, sdk_polls
from tests.benchmarks.frame import Report

#: The packages whose versions the figures depend on.
PACKAGES = ("httpx", "httpcore", "aiohttp", "attrs", "pyjwt")


def run(*, quick: bool) -> Report:
    """Measure everything; *quick* takes under 50 s."""
    parts = [
        sdk_calls.run(quick=quick),
        sdk_polls.run(),
        sdk_many.run(quick=quick),
        sdk_import.run(quick=quick),
        sdk_download.run(quick=quick),
    ]
    return Report(
        "sdk",
        gates=[gate for part in parts for gate in part.gates],
        figures=[figure for part in parts for figure in part.figures],
        notes=[note for part in parts for note in part.notes],
    )
