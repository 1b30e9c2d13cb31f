"""One client and one server of each kind for all tests of the evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest

from kling_mock import KlingMock
from tests.evidence.sides import Emulator, Sdk


@pytest.fixture(scope="session")
def sdk() -> Iterator[Sdk]:
    client = Sdk()
    yield client
    client.kling.close()


def _served(ignored: Literal["note", "refuse"]) -> Iterator[Emulator]:
    with KlingMock(seed=1, relay=False, ignored_fields=ignored) as mock:
        yield Emulator(mock)


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """An emulator that ignores what the real service ignores."""
    yield from _served("note")


@pytest.fixture(scope="session")
def strict_emulator() -> Iterator[Emulator]:
    """An emulator that refuses what is documented not to be supported."""
    yield from _served("refuse")
