"""Large bodies: so many bytes in memory, and the same replies as small ones."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.relay.domain import long_texts, wire
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.wire import CreateTaskRequest
from kling_mock.relay.http.large_bodies import LARGE, LargeBodies
from kling_mock.relay.metrics.counters import Metrics
from tests.mock.garbage import garbage
from tests.mock.relay.http_calls import GUIDE, Caller, error_of
from tests.mock.relay.scripted_kling import ScriptedKling, accepted, refusal
from tests.mock.relay.storage.databases import SqliteFile
from tests.plain_http import NO_TLS

MIB = 1024 * 1024


def large(most: int) -> LargeBodies:
    return LargeBodies(most, Metrics(lambda: 0.0))


async def test_bodies_count_while_they_are_kept() -> None:
    """Beyond their first MiB, as they come; what is answered makes room."""
    bodies = large(100 * MIB)
    with bodies.counting(1) as grow:
        for size in (LARGE // 2, LARGE, 10 * MIB, 50 * MIB, 70 * MIB):
            grow(size)
        with bodies.counting(2) as other:
            other(30 * MIB)
            with bodies.counting(3) as third:
                third(LARGE)
                with pytest.raises(RelayError) as full:
                    third(5 * MIB)
            assert (full.value.http, full.value.retry_after) == (503, 5)
        with bodies.counting(3) as third:
            third(5 * MIB)
    assert not bodies._total
    assert not bodies._by_token


async def test_one_token_leaves_room_for_the_others() -> None:
    """It gets three quarters, in one body or in many."""
    bodies = large(100 * MIB)
    with bodies.counting(1) as grow, bodies.counting(1) as second:
        grow(60 * MIB)
        with pytest.raises(RelayError):
            second(20 * MIB)
        with bodies.counting(2) as other:
            other(40 * MIB)


async def test_large_bodies_are_parsed_one_at_a_time() -> None:
    """Other requests get their turn meanwhile; the result is that of a small body."""
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
    assert {request.request_hash for request in parsed} == {
        (await bodies.parse(read, small)).request_hash
    }
    with pytest.raises(RelayError, match="values"):
        await bodies.parse(read, b"[" * (LARGE + 1))


@pytest.fixture
def caller() -> Iterator[Caller]:
    with (
        KlingMock(seed=7, relay=RelaySettings(body_memory_mib=96)) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=60, verify=NO_TLS) as http,
    ):
        yield Caller(http, mock)


@pytest.mark.slow
def test_a_body_that_has_no_room_is_refused(caller: Caller) -> None:
    """The refusal names a pause, and nothing is held; a body of the usual size is accepted."""
    with ScriptedKling(accepted) as kling:
        kling.serve(caller)
        picture = "A" * (80 * MIB)
        refused = caller.create("omni-video", model="kling-v3-omni", image_list=[picture])
        assert error_of(refused) == (503, "server_error", "too_many_large_bodies")
        assert refused.headers["Retry-After"] == "5"
        assert caller.mock.ledger.user().held_quota == 0
        usual = caller.create("image2video", model="kling-v1-6", image="A" * (13 * MIB))
        assert usual.status_code == 200, usual.text
        assert kling.requests[0].body["image"] == "A" * (13 * MIB)


@pytest.fixture
def hashing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that hash a request, in the order in which they begin."""
    threads = list[str]()

    def hash_in_steps(value: object, encoder: json.JSONEncoder) -> str:
        threads.append(threading.current_thread().name)
        return long_texts.hash_in_steps(value, encoder)

    monkeypatch.setattr(wire, "hash_in_steps", hash_in_steps)
    return threads


def test_a_large_create_is_compared_with_an_earlier_relay_s_in_a_thread(
    tmp_path: Path, hashing: list[str]
) -> None:
    """Its hash was of another form, which is computed only where the present one differs."""
    database = SqliteFile(tmp_path)
    body = GUIDE | {"image": "A" * MIB, "external_task_id": "a"}
    with (
        ScriptedKling(accepted) as kling,
        KlingMock(seed=7, relay=RelaySettings(database=database.url)) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20) as http,
    ):
        caller = Caller(http, mock)
        kling.serve(caller)
        created = [caller.create("image2video", **body).json()["task_id"] for _ in range(2)]
        assert len(hashing) == 2
        older = wire.read_create("image2video", json.dumps(body).encode()).older_hash()
        asyncio.run(database.query(f"UPDATE videos SET request_hash = '{older}'"))
        hashing.clear()
        created.append(caller.create("image2video", **body).json()["task_id"])
        assert len(set(created)) == 1
        other = caller.create("image2video", **{**body, "prompt": "y"})
        assert error_of(other)[2] == "external_task_id_conflict"
    assert len(hashing) == 4
    assert all(thread.startswith("asyncio_") for thread in hashing), hashing


# ---------------------------------------------------------------- what is left of a refused one


@pytest.fixture(params=["memory", "sqlite"])
def poor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Caller]:
    """A user without a balance."""
    url = None if request.param == "memory" else SqliteFile(tmp_path).url
    with (
        KlingMock(seed=7, relay=RelaySettings(database=url)) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as http,
    ):
        yield Caller(http, mock).another(quota=0)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "http"), [("kling-v1-6", 402), ("of nobody", 503)])
def test_nothing_of_a_refused_create_waits_for_a_garbage_collection(
    poor: Caller, model: str, http: int
) -> None:
    """It may have 80 MB, and collections are rare: a few of them would take all memory."""
    poor.operate("PATCH", "channels/1", json={"models": "kling-v1-6"})
    poor.create(model=model)
    with garbage() as unreachable:
        assert poor.create(model=model).status_code == http
    assert [leftover for leftover in unreachable if isinstance(leftover, CreateTaskRequest)] == []


@pytest.mark.slow
def test_nothing_of_a_body_that_is_cut_off_waits_for_a_garbage_collection(caller: Caller) -> None:
    """A client that sends most of a body and hangs up, again and again, takes no more memory."""
    address = urlsplit(caller.mock.relay_url)
    head = f"Authorization: Bearer {caller.token}\r\nHost: a\r\nContent-Length: {8 * MIB}\r\n\r\n"
    caller.operate("GET", "users")
    tracemalloc.start()
    try:
        with garbage():
            for _ in range(4):
                with socket.create_connection((address.hostname, address.port)) as client:
                    client.sendall(
                        b"POST /kling/v1/videos/image2video HTTP/1.1\r\n" + head.encode()
                    )
                    client.sendall(b"A" * 7 * MIB)
                caller.operate("GET", "users")  # by then the relay has noticed it
            allocated, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert allocated < 2 * 7 * MIB


def is_large(tracked: object) -> bool:
    return isinstance(tracked, CreateTaskRequest) and len(tracked.body.get("image", "")) > MIB


@contextmanager
def collections() -> Iterator[threading.Event]:
    """An event that is set by each garbage collection; the process does not collect by itself."""
    collected = threading.Event()

    def note(phase: str, _: object) -> None:
        if phase == "stop":
            collected.set()

    gc.collect()  # what other tests have left
    gc.disable()
    gc.callbacks.append(note)
    try:
        yield collected
    finally:
        gc.callbacks.remove(note)
        gc.enable()


@pytest.mark.slow
def test_bodies_that_kling_refuses_do_not_add_up(caller: Caller) -> None:
    """Errors of the client are part of cycles with the request; after each large body they are
    collected, so that the last one at most is still there.
    """
    with ScriptedKling(lambda _: refusal(1301, 400)) as kling, collections() as collected:
        kling.serve(caller)
        for _ in range(9):
            collected.clear()
            picture = "A" * (3 * MIB)
            reply = caller.create("image2video", model="kling-v1-6", image=picture)
            assert reply.status_code == 400
            del reply
            kling.requests.clear()
        # The one after the last body, or one that was due while that was being answered.
        assert collected.wait(10)
        assert sum(map(is_large, gc.get_objects())) <= 1
