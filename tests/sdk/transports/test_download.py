"""Downloads over real sockets, on every transport."""

from __future__ import annotations

import asyncio
import hashlib
import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
from yarl import URL

from kling_sdk import AsyncKling, DownloadError, Kling
from kling_sdk.files import streams
from kling_sdk.transports import SystemClock
from tests.sdk.clients import CLIENTS, KEY, Calls, over
from tests.sdk.dripping import Dripping
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
    """This covers the host of the video, and the host that it redirects to."""
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


@clients
def test_a_file_comes_as_bytes_or_into_a_stream(server: FaultyKling, client: str) -> None:
    """The same bytes, also when the transfer is cut; the progress goes up to the whole."""
    calls, stream, seen = Calls(url=f"{server.url}/files/clip.mp4"), io.BytesIO(), list[Any]()
    server.breaks(Fault("cut"), None, Fault("cut"))

    assert over(client, calls.into_memory, server.url, FakeClock()) == VIDEO
    into = calls.into(stream, on_progress=lambda *now: seen.append(now))
    assert over(client, into, server.url, FakeClock()) == len(VIDEO)

    assert stream.getvalue() == VIDEO
    assert not stream.closed
    assert seen == sorted(seen)
    assert seen[-1] == (len(VIDEO), len(VIDEO))


@clients
def test_memory_has_a_limit_of_its_own(
    server: FaultyKling, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a server announces does not fill the memory; a limit that is set holds for all."""
    monkeypatch.setattr(streams, "MAX_MEMORY", 1000)
    calls = Calls(url=f"{server.url}/files/clip.mp4")

    with pytest.raises(DownloadError, match="larger than 1,000 bytes"):
        over(client, calls.into_memory, server.url, FakeClock())
    got = over(client, calls.into_memory, server.url, FakeClock(), max_download=10**6)
    assert got == VIDEO


@clients
def test_an_error_of_the_stream_is_its_owners(server: FaultyKling, client: str) -> None:
    """It comes out as it was raised, and nothing is fetched again."""

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught:
        over(client, Calls(url=f"{server.url}/a.mp4").into(Full()), server.url, FakeClock())
    assert type(caught.value) is OSError
    assert len(server.requests) == 1


@clients
def test_a_timeout_of_the_stream_is_not_taken_for_the_hosts(
    server: FaultyKling, client: str
) -> None:
    """Nothing is written twice: the download ends, with the stream's error or naming it."""

    class Stuck(io.BytesIO):
        def write(self, data: Any) -> int:
            super().write(data[:10])
            raise TimeoutError("the socket behind it")

    stream = Stuck()
    with pytest.raises((TimeoutError, DownloadError)) as caught:
        over(client, Calls(url=f"{server.url}/a.mp4").into(stream), server.url, FakeClock())
    error = caught.value
    assert isinstance(error, TimeoutError) or isinstance(error.__cause__, TimeoutError)
    assert len(stream.getvalue()) == 10


async def test_a_slow_stream_does_not_hold_up_the_event_loop(server: FaultyKling) -> None:
    """Its `write` runs on a thread; `on_progress` on the loop's."""
    loop_thread = threading.get_ident()
    threads: dict[str, set[int]] = {"write": set(), "progress": set()}

    class Noting(io.BytesIO):
        def write(self, data: Any) -> int:
            threads["write"].add(threading.get_ident())
            return super().write(data)

    def note(_received: int, _total: int | None) -> None:
        threads["progress"].add(threading.get_ident())

    async with AsyncKling(KEY, base_url=server.url) as kling:
        await kling.download(f"{server.url}/files/clip.mp4", Noting(), on_progress=note)

    assert loop_thread not in threads["write"]
    assert threads["progress"] == {loop_thread}


CREDENTIALS = {"Authorization": "Bearer mine", "X-Api-Key": "mine", "Cookie": "session=mine"}


def use_httpx(library: Any, url: str, place: Path, base_url: str) -> None:
    with (
        library.Client(
            headers=CREDENTIALS,
            auth=("me", "mine"),
            cookies={"session": "mine"},
            params={"token": "mine"},
        ) as http,
        Kling(KEY, http_client=http, base_url=base_url) as kling,
    ):
        kling.download(url, place)


def use_async_httpx(library: Any, url: str, place: Path, base_url: str) -> None:
    async def use() -> None:
        async with (
            library.AsyncClient(
                headers=CREDENTIALS, auth=("me", "mine"), cookies={"session": "mine"}
            ) as http,
            AsyncKling(KEY, http_client=http, base_url=base_url) as kling,
        ):
            await kling.download(url, place)

    asyncio.run(use())


def use_aiohttp(_library: Any, url: str, place: Path, base_url: str) -> None:
    async def use() -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        jar.update_cookies({"session": "mine"}, URL(url))
        async with (
            aiohttp.ClientSession(cookie_jar=jar, headers=CREDENTIALS) as session,
            AsyncKling(KEY, http_client=session, base_url=base_url) as kling,
        ):
            await kling.download(url, place)
            assert not session.closed

    asyncio.run(use())


@pytest.mark.parametrize(
    ("use", "library"),
    [
        (use_httpx, httpx),
        (use_httpx, httpx2),
        (use_async_httpx, httpx),
        (use_async_httpx, httpx2),
        (use_aiohttp, None),
    ],
    ids=["httpx", "httpx2", "async-httpx", "async-httpx2", "async-aiohttp"],
)
def test_the_credentials_of_your_own_client_stay_with_the_api(
    server: FaultyKling, place: Path, use: Any, library: Any
) -> None:
    """Its headers, cookies and authorization reach no host of a file, before or behind a redirect.

    Neither does a query parameter, which would also break a signed URL.
    """
    with FaultyKling(HonestKling(video=b"elsewhere")) as other:
        server.redirects["/files/clip.mp4"] = f"{other.url}/cdn/clip.mp4?signature=again"
        use(library, f"{server.url}/files/clip.mp4?signature=s3cret", place, server.url)
        files = server.sent("GET") + other.sent("GET")

    assert place.read_bytes() == b"elsewhere"
    assert len(files) == 2
    for request in files:
        assert not request.headers.keys() & {"authorization", "cookie", "x-api-key"}
        assert "mine" not in str(request)
        assert request.query.keys() == {"signature"}


@clients
def test_a_host_that_only_trickles_ends_at_the_downloads_deadline(place: Path, client: str) -> None:
    """Each silence is short, but the whole takes too long."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"
    with Dripping(head, b"\x01") as server:
        began = time.monotonic()
        with pytest.raises(DownloadError, match="download_timeout"):
            over(
                client,
                Calls(place=place, url=f"{server.url}/clip.mp4").download,
                server.url,
                SystemClock(),  # type: ignore[arg-type]
                download_timeout=0.3,
                timeout=30.0,
            )
        assert time.monotonic() - began < 5

    assert is_clean(place)


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
