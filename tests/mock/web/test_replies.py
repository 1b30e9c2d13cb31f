"""The first bytes of an answer."""

from __future__ import annotations

from wsgiref.handlers import format_date_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.web.replies import head


@given(st.floats(min_value=0, max_value=253_402_300_799))  # the last second of the year 9999
def test_the_date_is_as_http_writes_it(now: float) -> None:
    """This holds for any day, time of day and fraction of a second."""
    assert f"\r\nDate: {format_date_time(int(now))}\r\n".encode() in head(200, 2, now)


@pytest.mark.parametrize("second", [0, 86_399, 86_400, 1_709_164_799, 1_709_251_199, 1_709_251_200])
def test_the_date_changes_at_midnight(second: int) -> None:
    """This includes 29 February."""
    assert format_date_time(second).encode() in head(200, 2, second)
