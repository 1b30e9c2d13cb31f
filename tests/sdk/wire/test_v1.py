"""The calls of the classic interface, as they go out."""

from __future__ import annotations

from kling_sdk.wire import V1Wire


def test_the_packs_of_an_account_are_asked_for_by_time_and_name() -> None:
    """Without a name all packs are asked for, and no empty name is sent."""
    times = {"start_time": 1, "end_time": 2}
    assert V1Wire().account_costs(1, 2, None).params == times
    assert V1Wire().account_costs(1, 2, "a").params == {**times, "resource_pack_name": "a"}
