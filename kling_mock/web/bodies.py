"""Reading of request bodies within a limit, which applies to the inflated body too.

aiohttp would inflate a body as it arrives, read or not, and a few hundred kilobytes can inflate to
hundreds of megabytes. Here a body is inflated only when a handler reads it, in small steps, and
other requests get their turn between two steps.
"""

from __future__ import annotations

import asyncio
import io
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

from aiohttp import web

STEP: Final = 256 * 1024  # bytes that are inflated at a time, in about a millisecond
_MEMBERS: Final = 100  # gzip files that one body may consist of
_INFLATED: Final = frozenset({"gzip", "deflate"})
_NOT_INFLATED: Final = frozenset({"br", "zstd"})  # aiohttp knows them, given more libraries


class BodyTooLargeError(ValueError):
    """The body is larger than it may be, or its announced size is."""


class BodyEncodingError(ValueError):
    """The body is not encoded as its headers declare."""


async def read_body(
    request: web.BaseRequest,
    max_bytes: int,
    *,
    inflate: bool = True,
    on_size: Callable[[int], None] | None = None,
) -> bytes:
    """Return the body of *request*, inflated if it is compressed.

    Args:
        inflate: Whether it is inflated; otherwise it is returned as it was sent.
        max_bytes: The maximum size in bytes, as sent and inflated. No more bytes are kept, and if
            more are announced, none are requested or read.
        on_size: Called with the number of bytes kept so far, each time that some have arrived; an
            exception that it raises ends the reading.

    Raises:
        BodyTooLargeError: It is larger than *max_bytes*.
        BodyEncodingError: It is not encoded as its headers declare, or in an unknown way.
        BodyTimeoutError: It did not come in time.
        ConnectionError: The client has gone.
    """
    content = request.content
    headers = request.headers
    coding = headers.get("Content-Encoding") if inflate else None
    if content.is_eof() and content.exception() is None:
        # The whole body came with the head, as small bodies do: `read` would double the cost of
        # handling it.
        whole = content.read_nowait()
        if len(whole) > max_bytes:
            raise BodyTooLargeError
        return whole if coding is None else await _joined(_once(whole), coding, max_bytes, on_size)
    if (request.content_length or 0) > max_bytes:
        raise BodyTooLargeError
    if headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # or aiohttp would think that the reply has started
    try:
        return await _joined(content.iter_any(), coding or "", max_bytes, on_size)
    except web.RequestPayloadError:
        raise BodyEncodingError from None


async def _joined(
    chunks: AsyncIterator[bytes],
    coding: str,
    max_bytes: int,
    on_size: Callable[[int], None] | None,
) -> bytes:
    """Return the joined *chunks*, inflated as *coding* says.

    Raises:
        BodyTooLargeError: They add up to more than *max_bytes*.
        BodyEncodingError: They cannot be inflated.
    """
    coding = coding.strip().lower()
    if coding in _NOT_INFLATED:
        raise BodyEncodingError
    inflater = Inflater(coding) if coding in _INFLATED else None
    size = 0
    # The buffer hands its bytes out without a copy. It is closed whatever happens: an error of
    # aiohttp's reader keeps this frame alive until a garbage collection.
    with io.BytesIO() as body:
        async for chunk in chunks:
            for piece in (chunk,) if inflater is None else inflater.feed(chunk):
                size += len(piece)
                if size > max_bytes:
                    raise BodyTooLargeError
                if on_size is not None:
                    on_size(size)
                body.write(piece)
                if inflater is not None and len(piece) == STEP:
                    await asyncio.sleep(0)  # other requests get their turn
        if inflater is not None:
            inflater.end()
        return body.getvalue()


async def _once(whole: bytes) -> AsyncIterator[bytes]:
    yield whole


class Inflater:
    """Inflates one body, at most `STEP` bytes at a time.

    Args:
        coding: `gzip` or `deflate`; the latter with or without zlib's header.
    """

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._decoder: Any = None  # zlib's; its type has no public name
        self._members = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the inflated bytes of *chunk*.

        Raises:
            BodyEncodingError: It cannot be inflated, or consists of too many gzip files.
        """
        piece = b""
        while chunk or len(piece) == STEP:
            if self._decoder is None or (self._decoder.eof and chunk):
                self._decoder = self._next(chunk)
            try:
                piece = self._decoder.decompress(chunk, STEP)
            except zlib.error:
                raise BodyEncodingError from None
            chunk = self._decoder.unconsumed_tail or self._decoder.unused_data
            yield piece

    def end(self) -> None:
        """Check that nothing is missing.

        Raises:
            BodyEncodingError: The body is incomplete.
        """
        if self._decoder is not None and not self._decoder.eof:
            raise BodyEncodingError

    def _next(self, chunk: bytes) -> Any:
        self._members += 1
        if self._members > _MEMBERS:
            raise BodyEncodingError
        if self._coding == "gzip":
            return zlib.decompressobj(zlib.MAX_WBITS + 16)
        has_header = chunk[0] & 0xF == zlib.DEFLATED  # RFC 1950; some clients omit it
        return zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
