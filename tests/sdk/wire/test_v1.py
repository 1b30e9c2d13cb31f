"""The calls of the classic interface, as they go out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from kling_sdk import KlingAPIError, RequestValidationError, TextToVideo, TransportError
from kling_sdk.wire import RelayWire, Reply, V1Wire, Wire
from kling_sdk.wire.v1 import packs_from


def test_the_packs_of_an_account_are_asked_for_by_time_and_name() -> None:
    """Without a name all packs are asked for, and no empty name is sent."""
    times = {"start_time": 1, "end_time": 2}
    assert V1Wire().account_costs(1, 2, None).params == times
    assert V1Wire().account_costs(1, 2, "a").params == {**times, "resource_pack_name": "a"}


def test_pages_go_from_1_to_1000_with_1_to_500_tasks() -> None:
    """The vendor's limits; beyond them nothing is sent."""
    wire, record = V1Wire(), TextToVideo.record
    for page, size in ((1, 1), (1000, 500)):
        assert wire.list(record, page, size, None).params == {"pageNum": page, "pageSize": size}
    for page, size, field in ((0, 1, "page"), (1001, 1, "page"), (1, 0, "page_size")):
        with pytest.raises(RequestValidationError) as refused:
            wire.list(record, page, size, None)
        assert refused.value.field == field
    with pytest.raises(RequestValidationError, match="page_size is 501; expected 1 to 500"):
        wire.list(record, 1, 501, None)


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


@pytest.mark.parametrize(
    "shown", [{"task_id": "1"}, {"task_status": "submitted", "status": "submitted"}, {}]
)
@pytest.mark.parametrize("wire", [V1Wire(), RelayWire()], ids=lambda wire: wire.name)
def test_a_task_without_an_id_or_a_status_is_none(wire: Wire, shown: dict[str, str]) -> None:
    """It says nothing about any task, so the reply is no answer."""
    body = {"code": 0, "data": shown} if isinstance(wire, V1Wire) else shown
    with pytest.raises(TransportError, match="a task without task_id"):
        wire.task(Reply(200, {}, json.dumps(body).encode()), TextToVideo.record)


def test_a_pack_has_what_the_vendor_says_of_it() -> None:
    """Each field under its own name."""
    sent = {
        "resource_pack_name": "video pack",
        "resource_pack_id": "pack-7",
        "resource_pack_type": "decreasing_total",
        "status": "online",
        "total_quantity": "200.5",
        "remaining_quantity": 118,
        "effective_time": 1_726_124_664_368,
        "invalid_time": 1_727_366_400_000,
    }
    (pack,) = packs_from({"resource_pack_subscribe_infos": [sent]})

    assert (pack.name, pack.id, pack.type) == ("video pack", "pack-7", "decreasing_total")
    assert (pack.status, pack.total, pack.remaining) == ("online", Decimal("200.5"), Decimal(118))
    assert pack.effective_at == datetime(2024, 9, 12, 7, 4, 24, 368_000, UTC)
    assert pack.invalid_at == datetime(2024, 9, 26, 16, 0, tzinfo=UTC)


def test_a_relay_tells_times_in_seconds() -> None:
    """Of a task: when it was made, and when it last changed."""
    shown = {"task_id": "kling_1", "status": "submitted", "created_at": 60, "updated_at": 3600}
    task = RelayWire().task(Reply(200, {}, json.dumps(shown).encode()), TextToVideo.record)
    assert task.created_at == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    assert task.updated_at == datetime(1970, 1, 1, 1, 0, tzinfo=UTC)
