"""Settings of all tests."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.pytester import SysModulesSnapshot
from hypothesis import settings

from tests.clusters.in_memory import choose_port
from tests.nightly import NIGHTLY
from tests.programs import require
from tests.run_folder import begin

# A shell starts background jobs with SIGINT ignored, and `nohup` its command with SIGHUP. What is
# ignored stays so in the processes that the tests start, some of which should end by these signals.
for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    number = getattr(signal, name, None)  # Windows has no SIGHUP
    if number is not None and signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, handler)

# Before anything is imported that makes temporary files, or asks where the database server is.
begin()
choose_port()

# No deadline per example: the machine may be busy. Under CI the examples are the same in
# every run, so that a change is judged and not the draw; at a desk each run tries others.
settings.register_profile("kling", deadline=None, derandomize="CI" in os.environ and not NIGHTLY)
settings.load_profile("kling")

# pytester unloads what its runs in this process were the first to import, and the C part of PyYAML
# cannot be loaded twice: it would go on with the classes of the first.
with contextlib.suppress(ImportError):  # it comes with what the slow tests need
    importlib.import_module("yaml")

pytest_plugins = [
    "pytester",  # the tests of the pytest plugin run pytest
    "tests.speed",
    "tests.clusters.fixtures",
]


MAX_ID = 200  # characters of a parameter
_FIXTURES = {"kling_mock", "kling_mock_server"}


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Exclude the collected tests from garbage collections: a million objects that stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Judge the tests that use the plugin's own fixtures as it judges those of its users."""
    for item in items:
        if not _FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kling_mock(strict=True))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look for the programs that the test runs."""
    for mark in item.iter_markers("programs"):
        require(*mark.args)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long texts, and bytes that are not text, by their parameter.

    A document of a megabyte is no name. And what a program made may differ in the next one, as a
    compressed body with its time does, and workers that name a test differently cannot share the
    suite.
    """
    is_long = isinstance(val, str | bytes) and len(val) > MAX_ID
    is_text = not isinstance(val, bytes) or val.decode("latin-1").isprintable()
    return argname if is_long or not is_text else None


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    more = ["-addext", names, "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*words.split(), *more], check=True, capture_output=True)
    return cert, key


@pytest.fixture
def pytester(pytester: pytest.Pytester) -> pytest.Pytester:
    """Keep the modules of both packages that an inner run was the first to import.

    pytest forgets them after the run. What is imported again would be there twice, and a task
    of one no `Task` of the other.
    """

    def snapshot() -> SysModulesSnapshot:
        return SysModulesSnapshot(lambda name: name.startswith(("kling_", "zope", "readline")))

    # After each run, and after the test.
    vars(pytester).update(
        _Pytester__take_sys_modules_snapshot=snapshot, _sys_modules_snapshot=snapshot()
    )
    return pytester
