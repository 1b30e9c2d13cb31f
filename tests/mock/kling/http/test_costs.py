"""`GET /account/costs`."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from kling_mock import KlingMock

DAY = 24 * 3600


def code(reply: httpx.Response) -> tuple[int, int]:
    return reply.status_code, reply.json()["code"]


# ------------------------------------------------------------ /account/costs


def costs(api: Any, query: str = "start_time=0&end_time=9999999999999") -> httpx.Response:
    reply: httpx.Response = api.get(f"/account/costs?{query}")
    return reply


def test_costs_are_wrapped_twice(mock: KlingMock, api: Any) -> None:
    """`data` holds a second envelope around the packs, with the vendor's keys and values."""
    mock.account.add_pack(3, name="small")
    mock.account.add_pack(100, name="later", begins_in=60, lasts=60)
    mock.account.add_pack(1, slots=5)
    mock.complete(api.new())
    body = costs(api).json()
    assert (body["code"], body["message"]) == (0, "SUCCEED")
    assert (body["data"]["code"], body["data"]["msg"]) == (0, "SUCCEED")
    small, later, usual = body["data"]["resource_pack_subscribe_infos"]
    now = int(mock.clock.now() * 1000)
    assert small == {
        "resource_pack_name": "small",
        "resource_pack_id": mock.account.packs[0].pack_id,
        "resource_pack_type": "decreasing_total",
        "total_quantity": 3.0,
        "remaining_quantity": 1.5,
        "purchase_time": now,
        "effective_time": now,
        "invalid_time": small["invalid_time"],
        "status": "online",
    }
    assert (later["status"], later["invalid_time"]) == ("toBeOnline", now + 120_000)
    assert usual["resource_pack_name"].endswith("5Con")


def test_costs_once_a_second(mock: KlingMock, api: Any) -> None:
    """A second call within a second is 1302; a wrong call does not count."""
    assert code(costs(api, "start_time=0&end_time=x")) == (400, 1201)
    assert code(costs(api)) == (200, 0)
    assert code(costs(api)) == (429, 1302)
    mock.clock.advance(1)
    assert code(costs(api)) == (200, 0)


@pytest.mark.parametrize(
    "query",
    [
        "start_time=&end_time=1",
        "start_time=a&end_time=1",
        "start_time=2&end_time=1",
        "start_time=-1&end_time=1",
    ],
)
def test_costs_need_two_times(api: Any, query: str) -> None:
    """An empty, unreadable or turned time is refused by name."""
    reply = costs(api, query)
    assert code(reply) == (400, 1201)
    assert "_time" in reply.json()["message"]


def test_costs_are_filtered(mock: KlingMock, api: Any) -> None:
    """Filters are by name and by time; an account without packs has no costs to show."""
    everything = "start_time=0&end_time=9999999999999"
    assert costs(api).json()["data"]["resource_pack_subscribe_infos"] == []
    mock.account.add_pack(0, name="one")
    mock.account.add_pack(1, name="two", lasts=10)

    def packs(query: str) -> list[tuple[str, str]]:
        mock.clock.advance(1)
        rows = costs(api, query).json()["data"]["resource_pack_subscribe_infos"]
        return [(row["resource_pack_name"], row["status"]) for row in rows]

    assert packs(f"{everything}&resource_pack_name=two") == [("two", "online")]
    after = int((mock.clock.now() + DAY) * 1000)
    assert packs(f"start_time={after}&end_time={after}") == [("one", "runOut")]
    assert packs("start_time=0&end_time=1") == []


def test_costs_are_only_read(api: Any) -> None:
    """Another method is refused with 1202, and does not make a task."""
    assert code(api.http.post("/account/costs", headers=api.headers())) == (404, 1202)


def test_a_time_that_is_missing_is_no_wrong_one(api: Any, mock: Any) -> None:
    """As the real service says it of the names in another spelling; a note names the right one."""
    for query in ("", "start_time=0", "startTime=0&endTime=1"):
        reply = costs(api, query)
        assert (reply.status_code, reply.json()["code"]) == (400, 1200)
        assert reply.json()["message"] == "Missing Request Parameter"
    assert "refused start_time: required, Unix time" in str(mock.journal[-1].notes[-1])
