"""HTTP in front of the relay: parse, call, answer.

On aiohttp's low-level server, without router and middlewares: what a request costs is what the
relay itself does. Whatever a client sends, the answer has the relay's shape.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Protocol
from urllib.parse import unquote

from aiohttp import web

from kling_mock.clock import Clock
from kling_mock.relay.domain import errors, wire
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.http.pages import Page
from kling_mock.relay.http.routes import ADMIN, CALLBACK, HEALTH, INTERNAL_CALLBACK, VIDEOS
from kling_mock.relay.service.callbacks import Callbacks
from kling_mock.relay.service.tasks import RelayService
from kling_mock.storage.errors import StorageUnavailableError
from kling_mock.web.connections import BodyTimeoutError
from kling_mock.web.loopback import comes_from_here
from kling_mock.web.replies import json_reply

__all__ = ["RelayHandler"]

_log: Final = logging.getLogger("kling_mock.relay")

_MIB: Final = 1024 * 1024
# Most bytes of a body. An image may have 10 MB, which are 13.4 MB in base64; the counts are those
# of the vendor's pages (confidence medium).
_LIMITS: Final[Mapping[str, int]] = {
    "text2video": _MIB,
    "image2video": 32 * _MIB,
    "multi-image2video": 64 * _MIB,
    "omni-video": 96 * _MIB,
}

_NOT_LOCAL: Final = (
    "the operator's API takes calls from this computer only, and none through a proxy; to allow "
    "more: KlingMock(admin='remote') or kling-mock serve --admin remote"
)


class Health(Protocol):
    """Tells how the relay is."""

    async def __call__(self) -> tuple[bool, dict[str, Any]]:
        """Return whether it can serve, and what to show."""
        ...


class Admin(Protocol):
    """Answers the operator."""

    async def __call__(
        self, method: str, path: str, query: Mapping[str, str], raw: bytes, header: str | None
    ) -> tuple[int, dict[str, Any]]:
        """Return HTTP status and body."""
        ...


class RelayHandler:
    """The aiohttp handler of one relay.

    Args:
        service: What users can do.
        callbacks: Takes in what Kling reports.
        admin: What the operator can do; `None` is nothing, and its paths do not exist.
        admin_is_local: Whether the operator is served on this computer only.
        health: How the relay is.
        clock: The time, for the `Date` header.
        pages: What else is answered, by path.
    """

    def __init__(
        self,
        service: RelayService,
        callbacks: Callbacks,
        admin: Admin | None,
        health: Health,
        clock: Clock,
        pages: Mapping[str, Page],
        *,
        admin_is_local: bool = False,
    ) -> None:
        self._admin_is_local = admin_is_local
        self._pages = pages
        self._service = service
        self._callbacks = callbacks
        self._admin = admin
        self._health = health
        self._clock = clock

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer *request*."""
        path = request.rel_url.raw_path
        try:
            page = self._pages.get(path)
            if page is not None:
                return await page(request)
            status, body = await self._answer(request, path)
        except RelayError as error:
            return self._refuse(request, path, error)
        except StorageUnavailableError as error:
            _log.error("kling relay error: the database is away: %s", error)
            away = RelayError(
                errors.UNAVAILABLE, "the relay's database is away; repeat", retry_after=1
            )
            return self._refuse(request, path, away)
        except (ConnectionResetError, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001 - whatever it is, the client gets the relay's shape
            _log.exception("kling relay error on %s %s", request.method, path)
            broken = RelayError(errors.BROKEN, "the relay itself failed; see its log")
            return self._refuse(request, path, broken)
        return json_reply(request, status, wire.encode(body), self._clock.now())

    async def _answer(self, request: web.BaseRequest, path: str) -> tuple[int, dict[str, Any]]:
        if path.startswith(VIDEOS):
            return 200, await self._videos(request, path[len(VIDEOS) :])
        if path.startswith(CALLBACK):
            return 200, await self._callback(request, unquote(path[len(CALLBACK) :]))
        if path == INTERNAL_CALLBACK:
            return 200, await self._callback(request, None)
        if path == HEALTH:
            errors.only(request.method, "GET", "HEAD")
            well, body = await self._health()
            return 200 if well else 503, body
        if path.startswith(ADMIN) and self._admin is not None:
            if self._admin_is_local and not is_local(request):
                raise RelayError(errors.NOT_LOCAL, _NOT_LOCAL)
            raw = await read_body(request, _MIB)
            header = request.headers.get("Authorization")
            name = path[len(ADMIN) :]
            return await self._admin(request.method, name, request.query, raw, header)
        raise _no_path(path)

    async def _videos(self, request: web.BaseRequest, rest: str) -> dict[str, Any]:
        name = unquote(rest[1:])
        if rest and (not rest.startswith("/") or not name):
            raise _no_path(VIDEOS + rest)
        caller = await self._service.authenticate(request.headers.get("Authorization"))
        if not name:
            errors.only(request.method, "GET")
            return await self._service.list(caller, wire.read_list(request.query))
        if name in wire.ENDPOINTS and request.method == "POST":
            raw = await read_body(request, _LIMITS[name])
            return await self._service.create(caller, name, raw)
        if name in wire.ENDPOINTS:
            errors.only(request.method, "POST")
        errors.only(request.method, "GET")
        return await self._service.query(caller, name)

    async def _callback(self, request: web.BaseRequest, task_id: str | None) -> dict[str, str]:
        errors.only(request.method, "POST")
        raw = await read_body(request, _MIB)
        return await self._callbacks.take(task_id, raw, request.headers, partial(is_local, request))

    def _refuse(self, request: web.BaseRequest, path: str, error: RelayError) -> web.StreamResponse:
        level = logging.ERROR if error.http >= 500 else logging.INFO
        code = error.code
        _log.log(level, "kling relay error %d %s on %s %s", error.http, code, request.method, path)
        return json_reply(request, error.http, error.body(), self._clock.now(), error.retry_after)


async def read_body(request: web.BaseRequest, most: int) -> bytes:
    """Return the request's body.

    Args:
        request: The request.
        most: Bytes that it may have, also when it is compressed.

    Raises:
        RelayError: It is larger (413), did not come in time (408), or is not what its headers
            say (400).
    """
    too_large = RelayError(errors.TOO_LARGE, f"the body is too large; accepted are {most} bytes")
    if (request.content_length or 0) > most:
        raise too_large
    content = request.content
    if content.is_eof() and content.exception() is None:
        # The whole body came with the head, as small ones do: no turn of the loop for it.
        whole = content.read_nowait()
        if len(whole) > most:
            raise too_large
        return whole
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # or aiohttp would take the answer for begun
    body = bytearray()
    try:
        async for chunk in content.iter_any():
            body += chunk
            if len(body) > most:
                raise too_large
    except BodyTimeoutError:
        raise RelayError(errors.TIMEOUT, "the body did not come in time; send it faster") from None
    except web.RequestPayloadError:
        raise RelayError(errors.INVALID, "the body is not what its headers say") from None
    return bytes(body)


def is_local(request: web.BaseRequest) -> bool:
    """Whether *request* comes from this computer, and not through a proxy."""
    return comes_from_here(request.remote, request.headers)


def _no_path(path: str) -> RelayError:
    return RelayError(errors.NOT_FOUND, f"there is no path {path[:100]}")
