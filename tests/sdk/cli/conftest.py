"""Fixtures of the command's tests."""

from __future__ import annotations

from functools import cache

import pytest

from kling_sdk.cli import commands
from kling_sdk.cli.parser import make_parser

_parser = cache(make_parser)


@pytest.fixture(autouse=True)
def _one_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the parser once per process, and not for each call: it is most of a command's time."""
    monkeypatch.setattr(commands, "make_parser", _parser)
