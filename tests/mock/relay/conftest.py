"""Fixtures of the relay's tests."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from kling_mock import KlingMock
from tests.mock.relay.http_calls import Caller
from tests.plain_http import NO_TLS


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=7) as mock:
        yield mock


@pytest.fixture
def caller(mock: KlingMock) -> Iterator[Caller]:
    with httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as client:
        yield Caller(client, mock)
