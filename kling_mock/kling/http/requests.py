"""A request's body, and the address by which the client came."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from kling_mock.kling.service_codes import Refusal
from kling_mock.web import bodies
from kling_mock.web.connections import BodyTimeoutError

__all__ = ["MAX_BODY", "ClientGoneError", "origin_of", "read_body"]

# Bytes of a request body. No page names a limit; eight images of 10 MB in base64 fit (assumed).
MAX_BODY = 128 * 1024 * 1024

_HOST = re.compile(r"[A-Za-z0-9._\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


class ClientGoneError(ConnectionError):
    """The client closed its connection before it had sent the whole body."""


async def read_body(request: web.BaseRequest, most: int | None = None) -> bytes:
    """Return the request's body.

    Args:
        request: The request.
        most: Bytes that it may have; `None` is `MAX_BODY`.

    Raises:
        Refusal: It is too large (413), it is not encoded as its headers declare (400), or it
            does not come in time (408).
        ClientGoneError: It never comes.
    """
    limit = MAX_BODY if most is None else most
    try:
        return await bodies.read_body(request, limit)
    except bodies.BodyTooLargeError:
        text = f"The body is too large; it must have at most {limit} bytes."
        raise Refusal(1200, text, http=413) from None
    except bodies.BodyEncodingError:
        raise Refusal(1200, "The body is not encoded as its headers declare.") from None
    except BodyTimeoutError:
        raise Refusal(1200, "The body did not come in time.", http=408) from None
    except ConnectionError:
        raise ClientGoneError from None


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
