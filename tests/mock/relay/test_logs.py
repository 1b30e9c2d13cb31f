"""The loggers of the relay and of its storage."""

from __future__ import annotations

import logging
import pkgutil
from importlib import import_module

import pytest

import kling_mock.relay

STORAGE = "kling_mock.relay.storage."


@pytest.mark.parametrize(
    ("logger", "is_of_storage"), [("kling_mock.relay", False), ("kling_mock.storage", True)]
)
def test_every_module_logs_under_the_name_that_the_page_has(
    logger: str, *, is_of_storage: bool
) -> None:
    """One setting covers the relay, and one its storage, wherever their modules are."""
    infos = pkgutil.walk_packages(kling_mock.relay.__path__, "kling_mock.relay.")
    names = [info.name for info in infos if not info.name.endswith("__main__")]
    loggers = [
        log
        for name in names
        if name.startswith(STORAGE) == is_of_storage
        and isinstance(log := vars(import_module(name)).get("_log"), logging.Logger)
    ]
    assert len(loggers) > 1
    assert {log.name for log in loggers} == {logger}
