"""The changes of a command to its process are undone after a test that has run it here."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

#: The loggers that a command directs to standard error.
LOGGERS = ("kling_mock.relay", "kling_mock.storage", "kling_mock.recording")
FLAGS = ("logThreads", "logProcesses", "logMultiprocessing")


@pytest.fixture(autouse=True)
def the_log_of_the_process() -> Iterator[None]:
    """A handler that stays would write to a standard error that is closed when the test ends."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger, logger.handlers, logger.level, logger.propagate) for logger in loggers]
    flags = {name: getattr(logging, name) for name in FLAGS}
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers = handlers
        logger.setLevel(level)
        logger.propagate = propagate
    for name, value in flags.items():
        setattr(logging, name, value)
