"""The calls of the classic interface, as they go out."""

from __future__ import annotations

import json

import pytest

from kling_sdk import KlingAPIError
from kling_sdk.wire import Reply, V1Wire


def test_the_packs_of_an_account_are_asked_for_by_time_and_name() -> None:
    """Without a name all packs are asked for, and no empty name is sent."""
    times = {"start_time": 1, "end_time": 2}
    assert V1Wire().account_costs(1, 2, None).params == times
    assert V1Wire().account_costs(1, 2, "a").params == {**times, "resource_pack_name": "a"}


@pytest.mark.parametrize(
    ("code", "read"),
    [(10**9 - 1, 10**9 - 1), (-(10**9) + 1, -(10**9) + 1), (10**9, 0), (-(10**9), 0)],
)
def test_a_code_of_more_than_nine_digits_is_none(code: int, read: int) -> None:
    """Nobody computes with it, or writes it into a log in full."""
    body = json.dumps({"code": code, "message": "no", "request_id": "r"}).encode()
    with pytest.raises(KlingAPIError) as refused:
        V1Wire().data(Reply(400, {}, body))
    assert refused.value.code == read
