"""Test runs inside a test: a folder of their own, this project's plugin, warnings as errors."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence

import anyio.pytest_plugin
import pytest
import pytest_asyncio.plugin
import pytest_socket

import _kling_mock_pytest
import kling_sdk

# All of the SDK is loaded, too: a module that an inner run unloads would be there twice.
for module in pkgutil.walk_packages(kling_sdk.__path__, "kling_sdk."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

Run = Callable[..., pytest.RunResult]

INI = """
[pytest]
filterwarnings = error
addopts = --strict-markers -p no:cacheprovider -p no:randomly
"""
PLUGINS = [_kling_mock_pytest, anyio.pytest_plugin, pytest_asyncio.plugin, pytest_socket]
SOCKETS = ["--disable-socket", "--allow-unix-socket", "--allow-hosts=127.0.0.1"]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Write tests and run them in this process: `run(source, *options, ini=...)`.

    With `plugins=`, they run in a process of their own that loads only those and ours. The
    other plugins of this project are not loaded: to find and begin them is most of a run's time.
    """

    def run(
        source: str, *options: str, ini: str = "", plugins: Sequence[str] | None = None
    ) -> pytest.RunResult:
        pytester.makeini(INI + ini)
        pytester.makepyfile(source)
        with monkeypatch.context() as patch:
            patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
            if plugins is None:
                loop = ("-o", "asyncio_default_fixture_loop_scope=function")
                return pytester.runpytest_inprocess(*loop, *SOCKETS, *options, plugins=PLUGINS)
            loaded = [word for name in ("kling_mock", *plugins) for word in ("-p", name)]
            return pytester.runpytest_subprocess(*loaded, *options)

    return run
