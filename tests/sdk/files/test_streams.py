"""Downloads into memory and into streams, from which nothing can be taken back."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_sdk import DownloadError, TransportError
from kling_sdk.files.streams import MemoryTarget, StreamTarget, check_stream

VIDEO = bytes(range(256)) * 40
CUTS = st.lists(st.integers(0, len(VIDEO)), max_size=6)


def give(
    target: Any, start: int, end: int, etag: str | None = '"v1"', video: bytes = VIDEO
) -> None:
    """Give a reply with the bytes from *start*, cut at *end*."""
    headers = {"content-length": str(len(video) - start)}
    if etag:
        headers["etag"] = etag
    if start:
        headers["content-range"] = f"bytes {start}-{len(video) - 1}/{len(video)}"
    target.start(206 if start else 200, headers)
    for at in range(start, end, 700):
        target.write(video[at : min(at + 700, end)])


@given(cuts=CUTS, resumes=st.booleans())
@pytest.mark.slow
def test_a_stream_gets_every_byte_once(cuts: list[int], *, resumes: bool) -> None:
    """This holds whether the host continues where it was cut or begins again each time."""
    stream = io.BytesIO()
    target = StreamTarget(stream, 10**9)
    for cut in cuts:
        start = target.received if resumes else 0
        give(target, start, max(start, cut))
    give(target, 0, len(VIDEO))

    target.verify()
    assert target.finish() == len(VIDEO)
    assert stream.getvalue() == VIDEO


@given(CUTS)
def test_memory_gets_the_last_whole_file(cuts: list[int]) -> None:
    """What was received of an attempt that began again is dropped."""
    target = MemoryTarget(10**9)
    for cut in cuts:
        give(target, 0, cut)
    give(target, 0, len(VIDEO))

    target.verify()
    assert target.finish() == VIDEO


def test_two_versions_are_never_mixed_in_a_stream() -> None:
    """The first bytes are written already, so another version is an error that says so."""
    stream = io.BytesIO()
    target = StreamTarget(stream, 10**9)
    give(target, 0, 3000)
    with pytest.raises(DownloadError, match="has changed since its first 3,000 bytes"):
        give(target, 0, 3500, '"v2"', VIDEO[::-1])
    assert stream.getvalue() == VIDEO[:3000]


def test_a_file_that_became_shorter_is_not_whole() -> None:
    """Its host began again with a version that ends before what the stream has."""
    target = StreamTarget(io.BytesIO(), 10**9)
    give(target, 0, 3000)
    give(target, 0, 2000, '"v2"', VIDEO[:2000])
    with pytest.raises(DownloadError, match="shorter"):
        target.finish()


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"", "empty file"), (b"<html>no</html>", r"page \(HTML\)"), (b'{"code":1}', r"\(JSON\)")],
)
def test_a_page_goes_nowhere(body: bytes, words: str) -> None:
    """Not even its first bytes are written; the file may come with the next attempt."""
    stream = io.BytesIO()
    target = StreamTarget(stream, 10**9)
    give(target, 0, len(body), '"page"', body)
    with pytest.raises(TransportError, match=words):
        target.verify()
    assert stream.getvalue() == b""
    assert target.received == 0

    give(target, 0, len(VIDEO))
    target.verify()
    assert stream.getvalue() == VIDEO


def test_a_page_of_any_length_is_refused_as_it_comes() -> None:
    """It is refused before it was received whole."""
    stream = io.BytesIO()
    target = StreamTarget(stream, 10**9)
    with pytest.raises(TransportError, match="HTML"):
        give(target, 0, 1400, None, b"<html>" + b" " * 10_000)
    assert stream.getvalue() == b""


@pytest.mark.parametrize("target", [MemoryTarget(5000), StreamTarget(io.BytesIO(), 5000)])
def test_the_limit_of_size_holds(target: Any) -> None:
    """It applies to the announced length, before a byte is taken."""
    with pytest.raises(DownloadError, match="larger than 5,000 bytes"):
        give(target, 0, len(VIDEO))
    assert target.received == 0


class Raw(io.RawIOBase):
    """A raw file that takes a few bytes at a time."""

    def __init__(self, most: int | None) -> None:
        self.most = most
        self.written = b""

    def write(self, data: Any) -> int | None:
        if self.most is None:
            return 0
        part = bytes(data[: self.most])
        self.written += part
        return len(part)


def test_a_raw_file_that_takes_less_than_it_is_given_gets_all() -> None:
    """An unbuffered file or a pipe is such a file."""
    raw = Raw(333)
    target = StreamTarget(raw, 10**9)  # type: ignore[arg-type]
    give(target, 0, len(VIDEO))
    target.verify()
    assert target.finish() == len(VIDEO)
    assert raw.written == VIDEO


def test_a_stream_that_takes_nothing_ends_the_download() -> None:
    """It does not hang the download."""
    target = StreamTarget(Raw(None), 10**9)  # type: ignore[arg-type]
    with pytest.raises(DownloadError, match="does not take more data"):
        give(target, 0, len(VIDEO))


def test_a_stream_that_failed_gets_nothing_more() -> None:
    """Its last bytes may be in it or not, so a repeat could write them twice."""

    class Failing(io.BytesIO):
        def write(self, data: Any) -> int:
            super().write(data[:100])
            raise TimeoutError("the socket behind it")

    stream = Failing()
    target = StreamTarget(stream, 10**9)
    with pytest.raises(TimeoutError):
        give(target, 0, 3000)
    with pytest.raises(DownloadError, match=r"failed after 0 bytes with TimeoutError") as caught:
        give(target, 0, 3000)
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert len(stream.getvalue()) == 100


class Asynchronous:
    async def write(self, data: bytes) -> None: ...


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (io.StringIO(), "binary mode"),
        (Asynchronous(), "asynchronous"),
        (5, "not to a int"),
        ([], "not to a list"),
    ],
)
def test_what_is_no_binary_stream_is_refused(stream: Any, words: str) -> None:
    """The refusal comes at the call, and says what to pass instead."""
    with pytest.raises(TypeError, match=words):
        check_stream(stream)


def test_progress_is_reported() -> None:
    """Progress is the bytes so far and the total, or None; error pages do not count."""
    seen: list[tuple[int, int | None]] = []

    target = MemoryTarget(10**9, lambda received, total: seen.append((received, total)))
    target.start(503, {})
    target.write(b"busy")
    target.progressed()
    target.start(200, {"content-length": "7"})
    target.write(b"a vi")
    target.progressed()
    target.start(200, {})
    target.write(b"a video")
    target.progressed()

    assert seen == [(4, 7), (7, None)]
    target.end_is_certain()
    target.verify()
    assert target.finish() == b"a video"


def test_progress_that_fails_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """It ends nothing but itself: a large file has thousands of chunks."""

    def fail(_received: int, _total: int | None) -> None:
        raise ValueError("mine")

    target = MemoryTarget(10**9, fail)
    target.start(200, {"content-length": "7"})
    for chunk in (b"a vi", b"deo"):
        target.write(chunk)
        target.progressed()
    target.verify()
    assert target.finish() == b"a video"
    assert [record.getMessage() for record in caplog.records] == [
        "on_progress failed at byte 4; it is not called again for this file"
    ]


def test_encodings_that_change_nothing_are_taken() -> None:
    """An S3-compatible store leaves the framing of an upload in the header."""
    for encoding in ("", "Identity", "aws-chunked", "aws-chunked, identity"):
        MemoryTarget(100).start(200, {"content-encoding": encoding, "content-length": "7"})
    target = MemoryTarget(100)
    for encoding in ("gzip", "aws-chunked, gzip", "br"):
        with pytest.raises(DownloadError, match="compressed"):
            target.start(200, {"content-encoding": encoding})
