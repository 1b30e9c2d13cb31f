"""A client of the model-path interface."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock import KlingMock
from tests.mock.kling.http.path_client import PathClient


@pytest.fixture
def client(mock: KlingMock, api: Any) -> PathClient:
    return PathClient(mock, api.http)
