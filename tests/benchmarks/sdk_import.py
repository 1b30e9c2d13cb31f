"""The cost of importing the SDK compared with httpx, with nothing else installed.

Each import runs in a process of its own that sees the standard library, this package and
its runtime dependencies, and no `site-packages`: an extra that happens to be installed
would change what httpx loads.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.benchmarks.frame import Figure, Gate, Report
from tests.benchmarks.measure import ROOT, Cost, Rounds, server, take_turns
from tests.benchmarks.server import EXTERNAL_ID, TASK_PATH

_ID: Final = TASK_PATH.rpartition("/")[2]
_PATHS: Final = "import sys; sys.path[:0] = sys.argv[1].split('|'); url = sys.argv[2]\n"
_START: Final = "import time; cpu, wall = time.process_time(), time.perf_counter()\n"
_STOP: Final = "\nprint(time.perf_counter() - wall, time.process_time() - cpu)"

SIDES: Final = {
    "import httpx": "import httpx",
    "import kling_sdk, httpx": "import kling_sdk, httpx",
    "from kling_sdk import Kling; import httpx": "from kling_sdk import Kling; import httpx",
    "a first get with httpx": (
        f"import httpx\nwith httpx.Client() as c: c.get(url + {TASK_PATH!r}).json()"
    ),
    "a first get with Kling": (
        "from kling_sdk import Kling\n"
        f"with Kling('AK|SK', base_url=url) as c: c.text2video.get({_ID!r})"
    ),
    "a first create with Kling": (
        "from kling_sdk import Kling\n"
        "with Kling('AK|SK', base_url=url) as c: "
        f"c.text2video.create(prompt='a kitten', external_task_id={EXTERNAL_ID!r})"
    ),
    "every public name of kling_sdk": "import httpx\nfrom kling_sdk import *",
}


def run(*, quick: bool) -> Report:
    """Measure the imports, in turn."""
    with runtime_only() as folder, server() as url:
        paths = f"{folder}|{ROOT}"
        measures = {name: lambda code=code: _cost(code, paths, url) for name, code in SIDES.items()}
        rounds = take_turns(measures, 11 if quick else 31)
    gate = Gate(
        "import_vs_httpx",
        rounds.cpu_ratio("from kling_sdk import Kling; import httpx", "import httpx"),
        1.5,
        "<=",
        "x",
        "CPU time of `from kling_sdk import Kling; import httpx` against `import httpx`, "
        "runtime dependencies only",
    )
    return Report("sdk", [gate], _figures(rounds))


def _figures(rounds: Rounds) -> list[Figure]:
    return [
        Figure(
            f"CPU of {name}",
            rounds.cpu(name) * 1e3,
            "ms",
            "" if name == "import httpx" else f"{rounds.cpu_ratio(name, 'import httpx'):.2f}x",
        )
        for name in SIDES
    ]


def _cost(code: str, paths: str, url: str) -> Cost:
    """Return what *code* takes in a fresh process, without the interpreter's own start."""
    script = _PATHS + _START + code + _STOP
    command = [sys.executable, "-I", "-S", "-c", script, paths, url]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return Cost(float(out[0]), float(out[1]))


@contextmanager
def runtime_only() -> Iterator[Path]:
    """Yield a folder in which only the runtime dependencies can be imported from."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for distribution in _closure(project["dependencies"]):
            for entry in {Path(file).parts[0] for file in distribution.files or ()}:
                source = Path(str(distribution.locate_file(entry)))
                if entry != ".." and source.exists() and not (folder / entry).exists():
                    (folder / entry).symlink_to(source)
        yield folder


def _closure(requirements: list[str]) -> list[importlib.metadata.Distribution]:
    """Return the distributions that *requirements* need, extras and markers left out."""
    distributions: dict[str, importlib.metadata.Distribution] = {}
    pending = list(requirements)
    while pending:
        text = pending.pop()
        name = re.match(r"[A-Za-z0-9._-]+", text)
        if name is None or name[0].lower() in distributions or "extra ==" in text:
            continue
        try:
            distribution = importlib.metadata.distribution(name[0])
        except importlib.metadata.PackageNotFoundError:
            continue  # a marker excludes it from this Python or system
        distributions[name[0].lower()] = distribution
        pending += distribution.requires or []
    return list(distributions.values())
