"""The pytest plugin of the mutation tests, loaded by `-p`, not by the suite.

With `KLING_MUTATION_RECORD` it writes which test runs which line, and for how long. With
`KLING_MUTATION_PLAN` it runs the tests in the order of that file, each with a time limit.
"""

from __future__ import annotations

import faulthandler
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

COLLECTION_LIMIT: Final = 120.0  # seconds
COPY: Final = "committed_copy"  # the marker of tests that compare a committed file
TIMES: Final = 5.0  # a test may take so many times its time without a mutant, and the margin


def pytest_configure(config: pytest.Config) -> None:
    record, plan = map(os.environ.get, ("KLING_MUTATION_RECORD", "KLING_MUTATION_PLAN"))
    if record:
        config.pluginmanager.register(Recorder(Path(record)))
    if plan:
        config.pluginmanager.register(Plan(**json.loads(Path(plan).read_text("utf-8"))))


class Recorder:
    """Writes `{"seconds": {test: seconds}, "copies": [test], "lines": {file: {line: [test]}}}`."""

    def __init__(self, target: Path) -> None:
        import coverage  # only this run needs it

        self._target = target
        self._seconds: dict[str, float] = {}
        self._copies: list[str] = []
        self._coverage = coverage.Coverage(
            data_file=None, config_file=False, include=[f"{Path.cwd()}/*"]
        )
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(item.nodeid)
        if item.get_closest_marker(COPY):
            self._copies.append(item.nodeid)
        began = time.perf_counter()
        try:
            return (yield)
        finally:
            self._seconds[item.nodeid] = time.perf_counter() - began

    def pytest_sessionfinish(self) -> None:
        self._coverage.stop()
        data = self._coverage.get_data()
        lines = defaultdict[str, dict[int, list[str]]](dict)
        for file in data.measured_files():
            contexts = data.contexts_by_lineno(file)
            lines[str(Path(file).relative_to(Path.cwd()))] = {
                line: [test for test in tests if test] for line, tests in contexts.items()
            }
        report = {"seconds": self._seconds, "copies": self._copies, "lines": lines}
        self._target.write_text(json.dumps(report), encoding="utf-8")


class Plan:
    """Runs the tests in an order; a test that takes too long ends the process.

    Args:
        seconds: The time of each test without a mutant, in the order to run them.
        omitted: Tests that are not run.
        margin: Seconds that each may take beside.
        late: A file that is written when a test takes too long.
    """

    def __init__(
        self, seconds: dict[str, float], omitted: list[str], margin: float, late: str
    ) -> None:
        self._seconds, self._omitted, self._margin = seconds, frozenset(omitted), margin
        self._late = Path(late).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
        self._rank = {test: rank for rank, test in enumerate(seconds)}
        faulthandler.dump_traceback_later(COLLECTION_LIMIT, exit=True, file=self._late)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid not in self._omitted]
        items.sort(key=lambda item: self._rank.get(item.nodeid, len(self._rank)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        limit = TIMES * self._seconds.get(item.nodeid, 0.0) + self._margin
        faulthandler.dump_traceback_later(limit, exit=True, file=self._late)
        return (yield)

    def pytest_sessionfinish(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._late.close()
