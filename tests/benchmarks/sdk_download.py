"""The memory that a large download takes.

`python -m tests.benchmarks.sdk_download URL SIZE` runs in a separate process, so
that its peak memory is that of the download alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.benchmarks.frame import Figure, Gate, Report
from tests.benchmarks.measure import ROOT, server

MIB: Final = 1024 * 1024
SIZE: Final = 200_000_000  # bytes
QUICK_SIZE: Final = 50_000_000
WARM_UP: Final = MIB  # a download before, so that what it loads is not counted


def run(*, quick: bool) -> Report:
    """Download in another process, and ask it how its memory grew."""
    size = QUICK_SIZE if quick else SIZE
    with server() as url:
        command = [sys.executable, "-m", "tests.benchmarks.sdk_download", url, str(size)]
        out = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    figures = json.loads(out.stdout)
    gate = Gate(
        "download_rss_mib",
        figures["growth_mib"],
        8,
        "<=",
        "MiB",
        f"growth of the peak memory during `download` of {SIZE // 10**6} MB",
        full_size=not quick,
    )
    rate = Figure("download", size / figures["seconds"] / 1e6, "MB/s", "with SHA-256 and fsync")
    return Report("sdk", [gate], [rate])


def peak_memory() -> int:
    """Return the maximum of bytes this process ever had in memory (Linux)."""
    # Not getrusage: its figure is inherited from the process that started this one.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM")


def main(url: str, size: int) -> None:
    """Download *size* bytes and print how the memory grew."""
    from kling_sdk import Kling

    with tempfile.TemporaryDirectory() as folder, Kling("AK|SK", base_url=url) as kling:
        kling.download(f"{url}/file/{WARM_UP}", Path(folder) / "warm-up.mp4")
        before, start = peak_memory(), time.perf_counter()
        got = kling.download(f"{url}/file/{size}", Path(folder) / "video.mp4")
        seconds = time.perf_counter() - start
        assert got.size == size
    growth = (peak_memory() - before) / MIB
    print(json.dumps({"growth_mib": growth, "seconds": seconds}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
