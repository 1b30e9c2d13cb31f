"""The command: `python -m tests.first_minutes`.

With `--pages` it does no step, and writes the pages from the record: for a changed text.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.first_minutes.browser import dashboard, pictures
from tests.first_minutes.page import DOCS, generated
from tests.first_minutes.steps import Record, environment, follow, install
from tests.mock.dashboard.chromium import NAMES, Chromium

ROOT = Path(__file__).parents[2]


def main(*words: str) -> int:
    """Do all steps in a new environment; write the record, the pages and their pictures."""
    if words == ("--pages",):
        _write(Record.load())
        return 0
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        sys.stderr.write("no Chromium; see CONTRIBUTING.md\n")
        return 1
    with tempfile.TemporaryDirectory() as name, Chromium(program) as browser:
        record = _record(Path(name), browser)
    record.save()
    _write(record)
    for done in record.done.values():
        sys.stdout.write(f"{done.step.name:10} {done.seconds:6.1f} s\n")
    return 0


def _write(record: Record) -> None:
    for file, text in generated(record).items():
        file.write_text(text, "utf-8")


def _record(folder: Path, browser: Chromium) -> Record:
    """Return the results of the steps with the committed code, in a clone."""
    work = folder / "work"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(work / "kling-sdk")], check=True)
    (folder / "run").mkdir()
    facts = _facts()
    variables = environment(
        work / ".venv" / "bin",
        PIP_NO_CACHE_DIR="1",
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        XDG_RUNTIME_DIR=str(folder / "run"),
    )
    first = install(work, variables)

    def look(url: str) -> float:
        began = time.perf_counter()
        with dashboard(browser, url, "en", "light"):
            seconds = time.perf_counter() - began
        pictures(browser, url, DOCS / "pictures")
        return seconds

    record = follow(work, variables, look)
    return Record({"install": first, **record.done}, record.exports, facts)


def _facts() -> dict[str, str]:
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
