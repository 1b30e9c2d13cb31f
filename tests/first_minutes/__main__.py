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
import zipfile
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
    """Return what came of the steps; the wheel is built before."""
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = folder.glob("*.whl")
    work = folder / "work"
    work.mkdir()
    (folder / "run").mkdir()
    facts = _facts()
    variables = environment(
        work / ".venv" / "bin",
        PIP_FIND_LINKS=str(folder),
        PIP_NO_CACHE_DIR="1",
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        XDG_RUNTIME_DIR=str(folder / "run"),
    )
    first = install(work, variables)
    check_installed(wheel, work / ".venv")

    def look(url: str) -> float:
        began = time.perf_counter()
        with dashboard(browser, url, "en", "light"):
            seconds = time.perf_counter() - began
        pictures(browser, url, DOCS / "pictures")
        return seconds

    record = follow(work, variables, look)
    return Record({"install": first, **record.done}, record.exports, facts)


def check_installed(wheel: Path, environment: Path) -> None:
    """Raise RuntimeError if pip took another kling-sdk than the wheel, such as one of PyPI."""
    (site,) = environment.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".py") and (site / name).read_bytes() != archive.read(name):
                raise RuntimeError(f"pip took another kling-sdk: {name} is not that of the wheel")


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
