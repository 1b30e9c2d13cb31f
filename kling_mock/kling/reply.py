"""A JSON answer that goes out in one write.

aiohttp's own `web.Response` can do far more, and takes a third of the time of a request for it.
Nearly every answer of this server is a small JSON body on a connection that stays open, so that
case is written out here; everything else is left to `web.Response`.
"""

from __future__ import annotations

from http import HTTPStatus
from wsgiref.handlers import format_date_time

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

__all__ = ["json_reply"]

_TYPE = "application/json;charset=UTF-8"
_HEADS = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {_TYPE}\r\n"
    for status in HTTPStatus
}


def json_reply(
    request: web.BaseRequest, status: int, body: bytes, now: float
) -> web.StreamResponse:
    """Return the answer to *request*.

    Args:
        request: What is answered.
        status: The HTTP status.
        body: JSON.
        now: Unix seconds, for the `Date` header.
    """
    if request.version == HttpVersion11 and request.keep_alive and request.method != "HEAD":
        return _OneWrite(status, body, now)
    return web.Response(body=body, status=status, headers={"Content-Type": _TYPE})


class _OneWrite(web.StreamResponse):
    """What aiohttp needs of a response: `prepare`, `write_eof` and `keep_alive`."""

    def __init__(self, status: int, body: bytes, now: float) -> None:
        # super().__init__() is what is saved: it builds headers that are fixed here.
        self._head = _HEADS[status]
        self._content = body
        self._now = now

    @property
    def keep_alive(self) -> bool:
        """The connection stays open: otherwise this class is not used."""
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send everything."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("The client has gone.")
        head = (
            f"{self._head}Content-Length: {len(self._content)}\r\n"
            f"Date: {_date(int(self._now))}\r\n\r\n"
        )
        transport.write(head.encode("ascii") + self._content)
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the body is out."""


_dates: dict[int, str] = {}  # a cache of one entry, not state: the same second, the same text


def _date(second: int) -> str:
    text = _dates.get(second)
    if text is None:
        _dates.clear()
        text = _dates[second] = format_date_time(second)
    return text
