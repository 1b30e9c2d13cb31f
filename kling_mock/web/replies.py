"""JSON responses that are sent in one write.

aiohttp's own `web.Response` can do far more, and takes a third of the time of a request for it.
Nearly every response of this server is a small JSON body on a connection that stays open, so that
case is written out here; everything else is left to `web.Response`.
"""

from __future__ import annotations

import struct
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from socket import SO_LINGER, SOL_SOCKET

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

_NO_LINGER = struct.pack("ii", 1, 0)

_TYPE = "application/json;charset=UTF-8"
# The statuses as numbers: looking up a member of the enum takes longer than all of `has_next`.
_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value
_TIMEOUT = HTTPStatus.REQUEST_TIMEOUT.value
_TWO = [f"{number:02}" for number in range(60)]  # formatting takes three times as long
_HEADS = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {_TYPE}\r\n"
    for status in HTTPStatus
}


def json_reply(
    request: web.BaseRequest,
    status: int,
    body: bytes,
    now: float,
    retry_after: int | None = None,
    more: str = "",
) -> web.StreamResponse:
    """Return the response to *request*.

    Args:
        request: The request to answer.
        status: The HTTP status.
        body: JSON.
        now: Unix seconds, for the `Date` header.
        retry_after: Seconds for a `Retry-After` header; `None` sends none.
        more: More header lines, each with its line end.
    """
    lines = more if retry_after is None else f"{retry_after_line(retry_after)}{more}"
    stays = request.keep_alive and has_next(request, status)
    if stays and request.version == HttpVersion11 and request.method != "HEAD":
        return _OneWrite(status, body, now, lines)
    headers = {"Content-Type": _TYPE}
    for line in filter(None, lines.split("\r\n")):
        name, _, value = line.partition(": ")
        headers[name] = value
    reply = web.Response(body=body, status=status, headers=headers)
    if not stays:
        reply.force_close()
    return reply


def has_next(request: web.BaseRequest, status: int) -> bool:
    """Return whether another request can follow on the connection after a response.

    It cannot where the rest of a body is refused: a client that asks before it sends the body
    (`Expect: 100-continue`) may never send it, and its next request would be taken for the body.

    Args:
        request: The request to answer.
        status: The HTTP status of the response.
    """
    if status == _TOO_LARGE:
        return request.content.is_eof()
    return status != _TIMEOUT


def add_header(reply: web.StreamResponse, name: str, value: str) -> None:
    """Add a header to a response that is not sent yet.

    Args:
        reply: The response, of `json_reply` or another one.
        name: The header's name.
        value: Visible ASCII.
    """
    if isinstance(reply, _OneWrite):
        reply.add_line(f"{name}: {value}\r\n")
    else:
        reply.headers[name] = value


def retry_after_line(seconds: int | None) -> str:
    """Return the line of a `Retry-After` header with its line end; "" for `None`."""
    return "" if seconds is None else f"Retry-After: {seconds}\r\n"


def drop_connection(request: web.BaseRequest) -> web.StreamResponse:
    """Reset the connection: the client learns only that there is no response."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            # Closing it this way resets the connection instead of ending it gracefully.
            connection.setsockopt(SOL_SOCKET, SO_LINGER, _NO_LINGER)
        transport.abort()
    return Silence()


def head(status: int, length: int, now: float, more: str = "") -> bytes:
    """Return the first bytes of a response, up to its body.

    Args:
        status: The HTTP status.
        length: The value of `Content-Length`.
        now: Unix seconds, for the `Date` header.
        more: More header lines, each with its line end.
    """
    date = _date(int(now))
    first = _HEADS.get(status) or f"HTTP/1.1 {status} Unknown\r\nContent-Type: {_TYPE}\r\n"
    return f"{first}{more}Content-Length: {length}\r\nDate: {date}\r\n\r\n".encode("ascii")


class _OneWrite(web.StreamResponse):
    """The part of a response that aiohttp needs: `prepare`, `write_eof` and `keep_alive`."""

    def __init__(self, status: int, body: bytes, now: float, more: str) -> None:
        # The call of super().__init__() is saved: it builds headers that are fixed here.
        self._status_code = status
        self._content = body
        self._now = now
        self._more = more

    def add_line(self, line: str) -> None:
        """Add a header line, with its line end."""
        self._more += line

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._status_code

    @property
    def keep_alive(self) -> bool:
        """The connection stays open: otherwise this class is not used."""
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send everything."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("The client has gone.")
        body = self._content
        transport.write(head(self._status_code, len(body), self._now, self._more) + body)
        if request.protocol.writing_paused:
            await request.writer.drain()  # if a client does not read, delay its next requests
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the body has been sent."""


class Silence(_OneWrite):
    """The empty response on a connection that was closed by hand."""

    def __init__(self) -> None:
        super().__init__(200, b"", 0.0, "")

    @property
    def keep_alive(self) -> bool:
        """The connection is closed."""
        return False

    async def prepare(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
    ) -> AbstractStreamWriter | None:
        """Send nothing."""
        return None


@lru_cache(maxsize=4)
def _day(number: int) -> str:
    """Return the first half of the date of the day *number* after 1 January 1970."""
    return formatdate(number * 86_400, usegmt=True).partition("00:00:00")[0]


def _date(second: int) -> str:
    """Return Unix seconds as HTTP writes them, like `Fri, 27 Nov 2026 22:39:00 GMT`.

    On a fast clock each reply has another second, but hardly ever another day.
    """
    day, second = divmod(second, 86_400)
    minute, second = divmod(second, 60)
    return f"{_day(day)}{_TWO[minute // 60]}:{_TWO[minute % 60]}:{_TWO[second]} GMT"
