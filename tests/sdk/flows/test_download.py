"""Fetching a file, judged by hand: resume, start over, give up; whole or not at all."""

from __future__ import annotations

import hashlib
import io
import itertools
import math
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_sdk import Download, DownloadError, TransportError
from kling_sdk.files.streams import MemoryTarget, StreamTarget
from kling_sdk.files.target import FileTarget
from kling_sdk.flows import Fetch
from kling_sdk.flows.download import download
from kling_sdk.wire import Reply
from tests.sdk.fake_kling import Answer, HonestKling
from tests.sdk.scripted import FakeClock, Played, context, play

URL: Final = "https://files.test/clip.mp4?signature=s3cret"
CUT: Final = TransportError("cut short")
Respond = Callable[[Fetch], Reply | Exception]


@attrs.define
class Host:
    """A file host whose responses are cut after so many bytes; None means not cut."""

    video: bytes = bytes(range(256)) * 40
    etag: str | None = '"v1"'
    cuts: Iterator[int | None] = attrs.field(factory=lambda: iter(()))
    ranges: list[str | None] = attrs.field(factory=list)

    def __call__(self, effect: Fetch) -> Reply | Exception:
        self.ranges.append(effect.call.headers.get("range"))
        honest = HonestKling(video=self.video, etag=self.etag)
        return deliver(effect, honest.file(effect.call.headers), next(self.cuts, None))


def deliver(effect: Fetch, response: Answer, cut: int | None = None) -> Reply | Exception:
    """Give an answer to the sink as a transport does, or the first *cut* bytes of it."""
    body = response.body if cut is None else response.body[:cut]
    headers = {"content-length": str(len(response.body)), **response.headers}
    try:
        effect.sink.start(response.status, headers)
        for at in range(0, len(body), 1000):
            effect.sink.write(body[at : at + 1000])
            effect.sink.progressed()
    except (DownloadError, TransportError) as error:
        return error
    return Reply(response.status, headers, b"") if cut is None or cut >= len(response.body) else CUT


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "clip.mp4"


def fetched(
    respond: Respond, place: Path, url: str = URL, limit: int = 10**9, **options: Any
) -> tuple[Played[Download], FakeClock]:
    clock = FakeClock()
    flow = download(context(clock, **options), url, partial(FileTarget, place, limit))
    # A host that gives one byte per attempt is still making progress.
    return play(flow, clock, respond, most=4 * 12_000), clock


def test_a_file_arrives_whole(place: Path) -> None:
    """The result names path, size and hash of what is on the disk, and nothing else is left."""
    host = Host()

    got = fetched(host, place)[0].result

    assert got == Download(place, len(host.video), hashlib.sha256(host.video).hexdigest())
    assert place.read_bytes() == host.video
    assert list(place.parent.iterdir()) == [place]


def test_a_cut_transfer_goes_on_where_it_was_cut(place: Path) -> None:
    """With a strong validator, only the rest is fetched again."""
    host = Host(cuts=iter([3000, 2000, 0]))

    got = fetched(host, place)[0].result

    assert host.ranges == [None, "bytes=3000-", "bytes=5000-", "bytes=5000-"]
    assert got.sha256 == hashlib.sha256(host.video).hexdigest()


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_validator_a_cut_transfer_begins_again(
    place: Path, etag: str | None
) -> None:
    """Else the rest could be the rest of another file."""
    host = Host(etag=etag, cuts=iter([3000, 4000]))

    got = fetched(host, place)[0].result

    assert host.ranges == [None, None, None]
    assert got.sha256 == hashlib.sha256(host.video).hexdigest()


def test_a_file_that_changed_meanwhile_is_fetched_anew(place: Path) -> None:
    """Another ETag means another file: what was received of the old one is dropped."""
    host = Host(cuts=iter([3000]))

    def respond(effect: Fetch) -> Reply | Exception:
        answer = host(effect)
        host.video, host.etag = b"new" * 1000, '"v2"'
        return answer

    got = fetched(respond, place)[0].result

    assert place.read_bytes() == host.video
    assert got.sha256 == hashlib.sha256(host.video).hexdigest()


def test_a_length_that_was_a_lie_once_costs_one_more_transfer(place: Path) -> None:
    """If the first answer announced more than it had, nothing can be resumed: begin again."""
    host = Host()

    def respond(effect: Fetch) -> Reply | Exception:
        if host.ranges:
            return host(effect)
        host.ranges.append(None)
        deliver(effect, Answer(200, host.video, {"content-length": "99999", "etag": '"v1"'}))
        return CUT  # the connection ended before the announced length

    got = fetched(respond, place)[0].result

    assert host.ranges == [None, f"bytes={len(host.video)}-", None]
    assert got.sha256 == hashlib.sha256(host.video).hexdigest()


def lying(**headers: str) -> Respond:
    """Return a host that is cut once and answers the range with these headers."""
    host = Host(cuts=iter([3000]))

    def respond(effect: Fetch) -> Reply | Exception:
        if "range" not in effect.call.headers:
            return host(effect)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return deliver(effect, Answer(206, b"x" * 7240, {"etag": '"v1"', **named}))

    return respond


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content_range": "bytes 0-10239/10240"},
        {"content_range": "bytes 3001-10239/10240"},
        {"content_range": "bytes 3000-10239/10240", "etag": '"v2"'},
        {"content_range": f"bytes 3000-10239/{'9' * 5000}"},
        {"content_range": "items 3000-10239/10240"},
        {"content_range": "bytes 3000-3049/3050"},
        {"content_range": "bytes 3000-10239/10241"},
    ],
)
def test_a_range_that_does_not_fit_is_refused(place: Path, headers: dict[str, str]) -> None:
    """The rest of another file, or from another place, never becomes part of a video."""
    played, _ = fetched(lying(**headers), place)

    assert isinstance(played.error, DownloadError)
    assert list(place.parent.iterdir()) == []


@settings(max_examples=200)
@given(
    st.lists(st.none() | st.integers(0, 12_000), max_size=40),
    st.integers(-1, 12_000),
    st.sampled_from(['"v1"', None, 'W/"v1"']),
    st.none() | st.integers(0, 3),
)
@pytest.mark.slow
def test_a_download_is_whole_or_nothing(
    cuts: list[int | None], then: int, etag: str | None, retries: int | None
) -> None:
    """However often and wherever it is cut, it ends, and the folder holds all or nothing."""

    def forever() -> Iterator[int | None]:
        yield from cuts
        while then >= 0:
            yield then

    host = Host(etag=etag, cuts=forever())
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "clip.mp4"
        played, _ = fetched(host, place, retries=retries)
        left = {path.name: path.read_bytes() for path in Path(folder).iterdir()}

    if played.error is None:
        assert left == {"clip.mp4": host.video}
    else:
        assert isinstance(played.error, DownloadError)
        assert left == {}
    if retries == 0:
        assert len(played.effects) == 1


def test_a_host_that_never_gets_further_is_given_up(place: Path) -> None:
    """A host that cuts sooner or later each time does not keep a download alive forever."""

    def seesaw() -> Iterator[int]:
        while True:
            yield 3000
            yield 4000

    host = Host(etag=None, cuts=seesaw())

    played, _ = fetched(host, place)

    assert isinstance(played.error, DownloadError)
    assert len(host.ranges) <= 8


@pytest.mark.parametrize(
    ("status", "words", "repeated"),
    [
        (401, "expired", False),
        (403, "expired", False),
        (404, "expired", False),
        (410, "expired", False),
        (400, "HTTP 400", False),
        (204, "HTTP 204", False),
        (304, "HTTP 304", False),
        (408, "HTTP 408", True),
        (429, "HTTP 429", True),
        (500, "HTTP 500", True),
        (503, "HTTP 503", True),
    ],
)
def test_what_a_file_host_refuses_is_repeated_if_that_can_help(
    place: Path, status: int, words: str, *, repeated: bool
) -> None:
    """An expired link is reported at once and says what to do; a busy host is asked again."""
    played, _ = fetched(lambda effect: deliver(effect, Answer(status, b"<html>no</html>")), place)

    assert isinstance(played.error, DownloadError)
    assert words in str(played.error)
    assert played.error.http_status == status
    assert (len(played.sent) > 1) is repeated
    assert "s3cret" not in str(played.error)
    assert list(place.parent.iterdir()) == []


def test_a_busy_file_host_gets_the_pause_it_asks_for(place: Path) -> None:
    """`Retry-After` is kept, unless it asks for more than a call may take."""
    host, busy = Host(), iter(["7", "3600"])

    def respond(effect: Fetch) -> Reply | Exception:
        if host.ranges:
            return host(effect)
        host.ranges.append(None)
        return deliver(effect, Answer(503, b"", {"retry-after": next(busy)}))

    played, clock = fetched(respond, place)
    assert played.result.size == len(host.video)
    assert clock.monotonic() == 7

    host.ranges.clear()
    played, clock = fetched(respond, place)
    assert isinstance(played.error, DownloadError)
    assert clock.monotonic() == 0


@pytest.mark.parametrize(
    ("length", "limit"), [("10240", 10_239), ("99999999999", 10**9), (None, 10_239)]
)
def test_a_file_beyond_the_cap_is_refused(place: Path, length: str | None, limit: int) -> None:
    """It is refused by its announced length before a byte is written, or else by its bytes."""
    response = Answer(200, Host().video, {"content-length": length or "unknown"})

    played, _ = fetched(lambda effect: deliver(effect, response), place, limit=limit)

    assert isinstance(played.error, DownloadError)
    assert "max_download" in str(played.error)
    assert list(place.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        (b"", {}, "empty file"),
        (b"", {"content-length": "unknown"}, "empty file"),
        (b"<html>log in</html>", {"content-type": "text/html"}, "page (HTML)"),
        (b"<html>log in</html>", {"content-type": "video/mp4"}, "page (HTML)"),
        (b"<html>" + b" " * 9000, {}, "page (HTML)"),
        (b'{"code": 1001}', {"content-type": "application/json"}, "page (JSON)"),
        (b"<?xml version='1.0'?><Error/>", {}, "page (XML)"),
    ],
)
@pytest.mark.parametrize("to", ["file", "memory", "stream"])
def test_a_page_is_not_saved_as_a_film(
    place: Path, body: bytes, headers: dict[str, str], words: str, to: str
) -> None:
    """Nothing, or a page with HTTP 200, is not a file; after a few attempts that is an error."""
    stream = io.BytesIO()
    begin: Any = {
        "file": partial(FileTarget, place, 10**9),
        "memory": partial(MemoryTarget, 10**9),
        "stream": partial(StreamTarget, stream, 10**9),
    }[to]
    clock = FakeClock()
    played: Played[Any] = play(
        download(context(clock), URL, begin),
        clock,
        lambda effect: deliver(effect, Answer(200, body, {"etag": '"page"', **headers})),
    )

    assert isinstance(played.error, DownloadError)
    assert words in str(played.error)
    assert "s3cret" not in str(played.error)
    assert 1 < len(played.sent) <= 6
    assert all("range" not in effect.call.headers for effect in played.effects[::2])  # type: ignore[union-attr]
    assert list(place.parent.iterdir()) == []
    assert stream.getvalue() == b""


def test_a_gateways_page_that_passes_costs_one_more_attempt(place: Path) -> None:
    """The file is fetched from its beginning, whatever version the page claims to be of."""
    host = Host()
    pages = iter([Answer(200, b"<html>busy</html>", {"etag": '"v1"'}), Answer(200, b"")])

    def respond(effect: Fetch) -> Reply | Exception:
        page = next(pages, None)
        return host(effect) if page is None else deliver(effect, page)

    assert fetched(respond, place)[0].result.size == len(host.video)
    assert host.ranges == [None]


@pytest.mark.parametrize("content_type", ["video/mp4", "application/octet-stream", None, "x/y"])
def test_a_file_of_an_unknown_kind_is_saved(place: Path, content_type: str | None) -> None:
    """Only its reader has to know the container."""
    headers = {} if content_type is None else {"content-type": content_type}
    response = Answer(200, b"\x93 a container of tomorrow", headers)

    assert fetched(lambda effect: deliver(effect, response), place)[0].result.size == 25


@pytest.mark.parametrize(("url", "tried"), [(URL.replace("https", "http"), 1), (URL, 6)])
def test_a_file_whose_end_nothing_can_tell_is_fetched_once(
    place: Path, url: str, tried: int
) -> None:
    """An MP3 up to the end of the connection; over TLS the next one may end as it should."""

    def respond(effect: Fetch) -> Reply:
        effect.sink.start(200, {"content-type": "audio/mpeg"})
        effect.sink.write(b"ID3\3\0\0\0\0\0\0" + b"\xff\xfb\x90\0" * 100)
        return Reply(200, {}, b"")

    played, _ = fetched(respond, place, url)
    assert isinstance(played.error, DownloadError)
    assert "does not state the file's length" in str(played.error)
    assert ("cannot be known" in str(played.error)) is (tried == 1)
    assert len([effect for effect in played.effects if isinstance(effect, Fetch)]) == tried
    assert list(place.parent.iterdir()) == []


def test_a_download_ends_at_its_own_deadline(place: Path) -> None:
    """However often it still got a little further, and whatever pause the host asks for."""
    host = Host(cuts=itertools.repeat(200))
    played, clock = fetched(host, place, download_timeout=2.0)

    assert isinstance(played.error, DownloadError)
    assert clock.monotonic() < 2.0
    limits = [effect.whole for effect in played.effects if isinstance(effect, Fetch)]
    assert limits[0] == 2.0
    assert limits == sorted(limits, reverse=True)

    played, _ = fetched(host, place, download_timeout=0.5)
    assert next(effect.whole for effect in played.effects if isinstance(effect, Fetch)) == 0.5

    def slow(effect: Fetch) -> Reply | Exception:
        clock.sleep(effect.whole)  # the transport ends it then
        return CUT

    clock = FakeClock()
    flow = download(context(clock, download_timeout=90.0), URL, partial(FileTarget, place, 10**9))
    played = play(flow, clock, slow)
    assert "longer than download_timeout, 90 s" in str(played.error)
    assert len(played.sent) == 1

    def busy(effect: Fetch) -> Reply | Exception:
        return deliver(effect, Answer(503, b"", {"retry-after": "30"}))

    played, clock = fetched(busy, place, download_timeout=20.0)
    assert isinstance(played.error, DownloadError)
    assert clock.monotonic() == 0


def test_without_a_deadline_only_silences_are_bounded(place: Path) -> None:
    """A large file over a slow line takes as long as it takes."""
    played, _ = fetched(Host(), place, timeout=30.0)

    (effect,) = played.effects
    assert isinstance(effect, Fetch)
    assert (effect.timeout, effect.whole) == (30.0, math.inf)


def redirecting(*places: str) -> tuple[Respond, list[str]]:
    host, seen, left = Host(), list[str](), list(places)

    def respond(effect: Fetch) -> Reply | Exception:
        seen.append(effect.call.path)
        if left:
            return deliver(effect, Answer(302, b"moved", {"location": left.pop(0)}))
        return host(effect)

    return respond, seen


def test_redirects_are_followed_wherever_they_lead(place: Path) -> None:
    """Absolute, relative, and to another host, as file hosts do."""
    respond, seen = redirecting("/b.mp4?signature=2", "https://cdn.test/c.mp4?signature=3")

    played, _ = fetched(respond, place)

    assert played.result.size == 10_240
    assert seen == [
        URL,
        "https://files.test/b.mp4?signature=2",
        "https://cdn.test/c.mp4?signature=3",
    ]
    fetches = [effect for effect in played.effects if isinstance(effect, Fetch)]
    assert len(fetches) == 3
    assert all("authorization" not in effect.call.headers for effect in fetches)


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "gopher://x/1", "data:video/mp4,x", "http://[x/"]
)
def test_redirects_out_of_the_web_are_refused(place: Path, to: str) -> None:
    """A host cannot make the client read a local file."""
    respond, _ = redirecting(to)

    played, _ = fetched(respond, place)

    assert isinstance(played.error, DownloadError)
    assert list(place.parent.iterdir()) == []


def test_redirects_in_a_circle_end(place: Path) -> None:
    """Five are followed, a sixth is an error."""
    respond, seen = redirecting(*[URL] * 100)

    played, _ = fetched(respond, place)

    assert isinstance(played.error, DownloadError)
    assert len(seen) == 6


def test_a_cancelled_download_leaves_nothing(place: Path) -> None:
    """Setting `cancel`, or tearing the call down, removes what had arrived."""
    clock, cancel = FakeClock(), threading.Event()
    ctx = context(clock, cancelled=cancel.is_set)
    clock.on_sleep = lambda _seconds: cancel.set()
    begin = partial(FileTarget, place, 10**9)

    played = play(download(ctx, URL, begin), clock, Host(cuts=iter([3000] * 9)))
    assert isinstance(played.error, DownloadError)
    assert len(played.sent) == 1
    assert list(place.parent.iterdir()) == []

    flow = download(ctx, URL, begin)
    effect = next(flow)
    assert isinstance(effect, Fetch)
    deliver(effect, Answer(200, b"some bytes"), cut=5)
    flow.close()
    assert list(place.parent.iterdir()) == []


def test_a_download_that_never_starts_touches_nothing(place: Path) -> None:
    """A flow that is made and dropped has opened no file."""
    download(context(FakeClock()), URL, partial(FileTarget, place, 1)).close()

    assert list(place.parent.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_fetched(
    tmp_path: Path,
) -> None:
    """The error is the package's own, and no bytes are paid for."""
    host = Host()

    played, _ = fetched(host, tmp_path / "missing" / "clip.mp4")

    assert isinstance(played.error, DownloadError)
    assert not host.ranges


def test_a_file_that_cannot_take_its_place_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """A folder of that name was made meanwhile: the error is the same, and nothing is left."""
    place, host = tmp_path / "clip.mp4", Host()

    def respond(effect: Fetch) -> Reply | Exception:
        place.mkdir()
        return host(effect)

    played, _ = fetched(respond, place)

    assert isinstance(played.error, DownloadError)
    assert list(tmp_path.iterdir()) == [place]
