"""Large bodies: so many bytes in memory, and the same replies as small ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import partial

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.relay.domain import wire
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.http.large_bodies import LARGE, LargeBodies
from kling_mock.relay.metrics.counters import Metrics
from tests.mock.relay.http_calls import Caller, error_of
from tests.mock.relay.scripted_kling import ScriptedKling, accepted

MIB = 1024 * 1024


def large(most: int) -> LargeBodies:
    return LargeBodies(most, Metrics(lambda: 0.0))


def test_bodies_count_while_they_are_kept() -> None:
    """Beyond their first MiB, as they come; what is answered makes room."""
    bodies = large(100 * MIB)
    with bodies.kept(1) as grow:
        for size in (LARGE // 2, LARGE, 10 * MIB, 50 * MIB, 70 * MIB):
            grow(size)
        with bodies.kept(2) as other:
            other(30 * MIB)
            with bodies.kept(3) as third:
                third(LARGE)
                with pytest.raises(RelayError) as full:
                    third(5 * MIB)
            assert (full.value.http, full.value.retry_after) == (503, 5)
        with bodies.kept(3) as third:
            third(5 * MIB)
    assert not bodies._kept
    assert not bodies._by_token


def test_one_token_leaves_room_for_the_others() -> None:
    """It gets three quarters, in one body or in many."""
    bodies = large(100 * MIB)
    with bodies.kept(1) as grow, bodies.kept(1) as second:
        grow(60 * MIB)
        with pytest.raises(RelayError):
            second(20 * MIB)
        with bodies.kept(2) as other:
            other(40 * MIB)


async def test_large_bodies_are_parsed_one_at_a_time() -> None:
    """And others get their turn meanwhile; the result is that of a small one."""
    body = {"model": "kling-v1-6", "prompt": "x", "duration": 5}
    small = json.dumps(body).encode()
    padded = small + b" " * LARGE
    bodies, read = large(100 * MIB), partial(wire.read_create, "text2video")
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    parsed = await asyncio.gather(*(bodies.parse(read, padded) for _ in range(4)))
    counting.cancel()
    assert turns > 1
    assert {one.request_hash for one in parsed} == {(await bodies.parse(read, small)).request_hash}
    with pytest.raises(RelayError, match="values"):
        await bodies.parse(read, b"[" * (LARGE + 1))


@pytest.fixture
def caller() -> Iterator[Caller]:
    with (
        KlingMock(seed=7, relay=RelaySettings(body_memory_mib=96)) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=60) as http,
    ):
        yield Caller(http, mock)


@pytest.mark.slow
def test_a_body_that_has_no_room_is_refused(caller: Caller) -> None:
    """With a pause to wait, and nothing is held; one of the usual size is accepted."""
    with ScriptedKling(accepted) as kling:
        kling.serve(caller)
        picture = "A" * (80 * MIB)
        refused = caller.create("omni-video", model="kling-v3-omni", image_list=[picture])
        assert error_of(refused) == (503, "server_error", "too_many_large_bodies")
        assert refused.headers["Retry-After"] == "5"
        assert caller.mock.ledger.user().held_quota == 0
        usual = caller.create("image2video", model="kling-v1-6", image="A" * (13 * MIB))
        assert usual.status_code == 200, usual.text
        assert kling.asked[0].body["image"] == "A" * (13 * MIB)
