"""Downloads over real sockets, on every transport."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kling_sdk import AsyncKling, DownloadError, Kling
from tests.sdk.clients import CLIENTS, KEY, Calls, over
from tests.sdk.fake_kling import ETAG, VIDEO, HonestKling
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock

clients = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture
def server() -> Iterator[FaultyKling]:
    with FaultyKling() as server:
        yield server


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "clip.mp4"


def fetch(client: str, server: FaultyKling, place: Path, **options: Any) -> Any:
    calls = Calls(place=place, url=f"{server.url}/files/clip.mp4?signature=s3cret")
    return over(client, calls.download, server.url, FakeClock(), **options)


def is_clean(place: Path) -> bool:
    return list(place.parent.iterdir()) == []


@clients
def test_a_cut_download_fetches_only_the_rest(
    server: FaultyKling, place: Path, client: str
) -> None:
    """A connection that breaks three times costs no byte twice."""
    server.breaks(Fault("cut"), Fault("cut"), Fault("cut"))

    result = fetch(client, server, place)

    assert result.sha256 == hashlib.sha256(VIDEO).hexdigest()
    first, *rest = server.requests
    assert "range" not in first.headers
    starts = [int(request.headers["range"][6:-1]) for request in rest]
    assert starts == sorted(starts)
    # Each answer was cut in its middle, within the few bytes of its head.
    left = len(VIDEO)
    for start in starts:
        left -= left // 2
        assert abs(len(VIDEO) - start - left) < 1000
    assert {request.headers["if-range"] for request in rest} == {ETAG}


@clients
def test_a_file_that_changed_between_two_attempts_is_fetched_anew(
    server: FaultyKling, place: Path, client: str
) -> None:
    """Two versions of a file never become one video."""
    server.breaks(Fault("cut"))
    calls = Calls(place=place, url=f"{server.url}/files/clip.mp4")
    clock = FakeClock()

    def change(_seconds: float) -> None:
        server.kling.video, server.kling.etag = VIDEO[::-1], '"clip-2"'

    clock.on_sleep = change
    over(client, calls.download, server.url, clock)

    assert place.read_bytes() == VIDEO[::-1]
    assert "range" in server.requests[1].headers


@clients
def test_a_file_over_the_cap_is_refused(server: FaultyKling, place: Path, client: str) -> None:
    """An unexpectedly large file does not fill the disk."""
    with pytest.raises(DownloadError, match="larger than 1,000 bytes"):
        fetch(client, server, place, max_download=1000)

    assert is_clean(place)
    assert len(server.requests) == 1


@clients
def test_the_key_is_never_sent_to_a_file_host(
    server: FaultyKling, place: Path, client: str
) -> None:
    """Not to the host of the video, and not to the host that one redirects to."""
    with FaultyKling(HonestKling(video=b"elsewhere")) as other:
        server.redirects["/files/clip.mp4"] = f"{other.url}/cdn/clip.mp4?signature=again"
        use = Calls("order-1", place, f"{server.url}/files/clip.mp4?signature=s3cret")
        over(client, use.create, server.url, FakeClock())
        over(client, use.download, server.url, FakeClock())
        (create,), files = server.sent("POST"), server.sent("GET") + other.sent("GET")

    assert place.read_bytes() == b"elsewhere"
    assert create.headers["authorization"].startswith("Bearer ")
    token = create.headers["authorization"].removeprefix("Bearer ")
    assert len(files) == 2
    for request in files:
        assert "authorization" not in request.headers
        assert token not in str(request)


@clients
def test_a_host_that_is_down_leaves_no_partial_file(
    server: FaultyKling, place: Path, client: str
) -> None:
    """After the last attempt the folder is as it was before the first."""
    server.breaks(Fault("cut"), then=Fault("unread"))

    with pytest.raises(DownloadError, match=r"after \d+ bytes"):
        fetch(client, server, place)

    assert is_clean(place)


@clients
def test_an_older_file_stays_until_the_new_one_is_whole(
    server: FaultyKling, place: Path, client: str
) -> None:
    """A failed download does not cost the video that was there."""
    place.write_bytes(b"the old one")
    server.breaks(then=Fault("cut", at=0.0))

    with pytest.raises(DownloadError):
        fetch(client, server, place)
    assert place.read_bytes() == b"the old one"

    server.heal()
    fetch(client, server, place)
    assert place.read_bytes() == VIDEO


async def test_a_cancelled_download_leaves_no_partial_file(
    server: FaultyKling, place: Path
) -> None:
    """Cancelling the asyncio task removes what had arrived."""
    server.breaks(Fault("cut"), then=Fault("silent"))
    reached = asyncio.Event()
    loop, clock = asyncio.get_running_loop(), FakeClock()
    clock.on_sleep = lambda _seconds: loop.call_soon(reached.set)
    async with AsyncKling(KEY, base_url=server.url, clock=clock) as kling:
        call = asyncio.ensure_future(kling.download(f"{server.url}/files/clip.mp4", place))
        await reached.wait()
        assert not is_clean(place)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    assert is_clean(place)


def test_a_closed_client_creates_no_file(place: Path) -> None:
    """Using a client after its end is a mistake that leaves nothing behind."""
    kling = Kling(KEY)
    kling.close()

    with pytest.raises(RuntimeError, match="closed"):
        kling.download("http://127.0.0.1:9/clip.mp4", place)

    assert is_clean(place)
