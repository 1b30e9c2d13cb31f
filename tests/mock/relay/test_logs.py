"""The loggers of the relay and of its storage."""

from __future__ import annotations

import logging
import pkgutil
from importlib import import_module
from types import ModuleType

import pytest

import kling_mock.relay
import kling_mock.storage


@pytest.mark.parametrize("package", [kling_mock.relay, kling_mock.storage])
def test_every_module_logs_under_the_name_that_the_page_has(package: ModuleType) -> None:
    """`kling_mock.relay` and `kling_mock.storage`: whoever sets one has all of its lines."""
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    modules = [import_module(one.name) for one in found if not one.name.endswith("__main__")]
    loggers = [log for one in modules if isinstance(log := vars(one).get("_log"), logging.Logger)]
    assert len(loggers) > 1
    assert {log.name for log in loggers} == {package.__name__}
