"""Runs the tests of the evidence on wrong values, each in a fork that loads the packages again.

A process of pytest would take most of its time to start. The parent has loaded what the packages
need, and not the packages.
"""

from __future__ import annotations

import importlib
import inspect
import os
import queue
import select
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from tests.evidence.wrong_values import ROOT
from tests.mutation.mutants import Mutant
from tests.mutation.run import NOT_COPIED, Result

#: The modules of the tests, the quickest first.
TESTS: Final = ("test_paths", "test_prices", "test_fields", "test_models", "test_replies")
LOADED: Final = ("aiohttp.web", "attrs", "httpx", "jwt", "pytest")
LIMIT: Final = 600.0  # seconds for the tests of one wrong value
NOT_LOADED: Final = "not loaded"  # Python has noticed it, not the evidence


def judge_in_forks(side: str, mutants: Sequence[Mutant], jobs: int) -> Iterator[Result]:
    """Yield what the tests of a side say of each wrong value; its `by` is the test that fails.

    Args:
        side: `sdk`, `emulator`, or `both` of them.
        mutants: The wrong values.
        jobs: How many are judged at a time.

    Raises:
        RuntimeError: the tests fail without a wrong value.
    """
    for name in LOADED:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory(prefix="evidence-") as folder:
        copies = queue.SimpleQueue[Path]()
        for number in range(jobs):
            copy = Path(folder, str(number))
            for package in ("kling_sdk", "kling_mock"):
                shutil.copytree(ROOT / package, copy / package, ignore=NOT_COPIED)
            copies.put(copy)
        first = copies.get()
        copies.put(first)
        if by := _forked(side, first):
            raise RuntimeError(f"the tests fail without a wrong value: {by}")

        def judged(mutant: Mutant) -> Result:
            copy = copies.get()
            by = _judged(side, mutant, copy)
            copies.put(copy)
            return Result(mutant, "killed" if by else "survived", by)

        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(judged, mutants)


def _judged(side: str, mutant: Mutant, copy: Path) -> str:
    file = copy / mutant.file
    source, times = file.read_bytes(), file.stat()
    file.write_bytes(mutant.apply(source))
    try:
        return _forked(side, copy)
    finally:
        file.write_bytes(source)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # with the compiled file's times


def _forked(side: str, copy: Path) -> str:
    """Return which test fails in a fork; "" if all pass."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        os.write(writing, _first_failure(side, copy).encode()[:200])
        os._exit(0)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], LIMIT)
    failure = os.read(reading, 200).decode() if ready else "no end"
    os.close(reading)
    os.kill(child, signal.SIGKILL)  # a server that a test has started may hold it
    os.waitpid(child, 0)
    return failure


def _first_failure(side: str, copy: Path) -> str:
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(copy))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        importlib.import_module("kling_sdk.client.clients")
        importlib.import_module("kling_mock.kling.endpoints.registry")
        modules = [importlib.import_module(f"tests.evidence.{name}") for name in TESTS]
    except Exception as error:  # noqa: BLE001 - whatever a wrong value leads to
        return f"{NOT_LOADED}: {type(error).__name__}"
    fixtures = _Given()
    beginning = "test_the_" if side == "both" else f"test_the_{side}"
    tests: list[Callable[..., None]] = [
        test
        for module in modules
        for name, test in vars(module).items()
        if name.startswith(beginning)
    ]
    for test in tests:
        try:
            test(**{name: fixtures.get(name) for name in inspect.signature(test).parameters})
        except Exception:  # noqa: BLE001 - a test fails by any error
            return test.__name__
    return ""


class _Given:
    """The objects for the tests, made when they are first asked for."""

    def __init__(self) -> None:
        self._fixtures: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        if name not in self._fixtures:
            from kling_mock import KlingMock  # those of the copy
            from tests.evidence.sides import Emulator, Sdk

            if name == "sdk":
                self._fixtures[name] = Sdk()
            else:
                ignored: Any = "refuse" if name.startswith("strict") else "note"
                mock = KlingMock(seed=1, relay=False, ignored_fields=ignored, strict=False)
                self._fixtures[name] = Emulator(mock.start())
        return self._fixtures[name]
