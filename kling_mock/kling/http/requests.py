"""A request's body, and the address by which the client came."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from kling_mock.kling.service_codes import Refusal
from kling_mock.web.connections import BodyTimeoutError

__all__ = ["MAX_BODY", "ClientGoneError", "origin_of", "read_body"]

# Bytes of a request body. No page names a limit; eight images of 10 MB in base64 fit (assumed).
MAX_BODY = 128 * 1024 * 1024

_HOST = re.compile(r"[A-Za-z0-9._\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


class ClientGoneError(ConnectionError):
    """The client closed its connection before it had sent the whole body."""


async def read_body(request: web.BaseRequest) -> bytes:
    """Return the request's body.

    Raises:
        Refusal: It is too large (413), or it is not encoded as its headers declare (400).
        ClientGoneError: It never comes.
    """
    content = request.content
    if content.is_eof() and content.exception() is None:
        # The whole body came with the head, as small ones do: `read` would cost as much again
        # as all that is done with it.
        return _not_too_large(content.read_nowait())
    try:
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # or aiohttp would think that the reply has begun
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large() from None
    except BodyTimeoutError:
        raise Refusal(1200, "The body did not come in time.", http=408) from None
    except web.RequestPayloadError:
        raise Refusal(1200, "The body is not encoded as its headers declare.") from None
    except ConnectionError:
        raise ClientGoneError from None


def _not_too_large(body: bytes) -> bytes:
    if len(body) > MAX_BODY:
        raise _too_large()
    return body


def _too_large() -> Refusal:
    limit = f"The body is too large; it must have at most {MAX_BODY} bytes."
    return Refusal(1200, limit, http=413)


def origin_of(request: web.BaseRequest) -> str:
    """Return the scheme, host and port by which the client came."""
    headers = request.headers
    scheme = headers.get("X-Forwarded-Proto", "")
    if scheme not in {"http", "https"}:
        scheme = request.scheme
    host = headers.get("X-Forwarded-Host") or headers.get("Host") or ""
    if not _HOST.fullmatch(host):
        host = _own_host(request)
    return f"{scheme}://{host}"


def _own_host(request: web.BaseRequest) -> str:
    """Return the address that the client connected to, for a request without a usable Host."""
    name: tuple[Any, ...] = request.get_extra_info("sockname")
    host, port = str(name[0]), int(name[1])
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
