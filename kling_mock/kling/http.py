"""HTTP in front of the emulated Kling.

One handler for everything, on aiohttp's low-level server: no router and no middlewares, because
a mock is asked thousands of times and each request should cost about what aiohttp costs.
Whatever a client sends, the answer is Kling's envelope with a 4xx, never a dropped connection.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

from aiohttp import web

from kling_mock.control.journal import BODY_KEPT, Entry
from kling_mock.kling import service
from kling_mock.kling.accounts import Account
from kling_mock.kling.capabilities import ENDPOINTS
from kling_mock.kling.errors import SUCCEED, Refusal
from kling_mock.kling.media_route import find_result, send_result
from kling_mock.kling.media_urls import MEDIA
from kling_mock.kling.reply import json_reply
from kling_mock.kling.validation import MAX_BODY
from kling_mock.kling.wire import envelope
from kling_mock.kling.world import World

__all__ = ["OPENAPI", "KlingHandler"]

_log = logging.getLogger("kling_mock")

OPENAPI = "/openapi.json"

_ROUTES = {f"/v1/videos/{endpoint}": endpoint for endpoint in ENDPOINTS}
_HOST = re.compile(r"[A-Za-z0-9._\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


class _Answer(NamedTuple):
    http: int
    code: int
    request_id: str
    account: str
    body: bytes
    sent: bytes  # the request's body


class KlingHandler:
    """The aiohttp handler of one emulated Kling.

    Args:
        world: The state; assign another one to reset.
        public_url: Scheme, host and port that result URLs begin with; `None` is those by
            which the client came.
        document: Makes the OpenAPI document, when it is asked for.
    """

    def __init__(
        self,
        world: World,
        public_url: str | None = None,
        document: Callable[[], bytes] = bytes,
    ) -> None:
        self.world = world
        self._document = document
        self._public_url = None if public_url is None else public_url.rstrip("/")

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer *request*."""
        path, _, query = request.raw_path.partition("?")
        if not path.startswith("/"):
            path = request.rel_url.raw_path  # a proxy's form, with scheme and host
        if path.startswith(MEDIA) and request.method in {"GET", "HEAD"}:
            found = find_result(self.world, path)
            if found is not None:
                return await send_result(request, *found)
        if path == OPENAPI and request.method in {"GET", "HEAD"}:
            return json_reply(request, 200, self._document(), self.world.clock.now())
        answer = await self._answer(request, path, query)
        now = self.world.clock.now()
        self._record(now, request.method, path, query, answer)
        return json_reply(request, answer.http, answer.body, now)

    async def _answer(self, request: web.BaseRequest, path: str, query: str) -> _Answer:
        world = self.world
        request_id = world.request_id()
        account: Account | None = None
        body = b""
        try:
            endpoint, name = _route(request.method, path)
            if request.method == "POST":
                body = await _read(request)
            header = request.headers.get("Authorization")
            account = world.accounts.authenticate(header, world.clock)
            data: str | None
            if request.method == "POST":
                data = service.create(world, account, endpoint, body)
            elif name is None:
                data = service.list_tasks(world, account, endpoint, query, self._origin(request))
            else:
                data = service.get(world, account, endpoint, name, self._origin(request))
            http, code, message = 200, 0, SUCCEED
        except Refusal as refusal:
            http, code, message, data = refusal.http, refusal.code, refusal.message, None
        except Exception:  # noqa: BLE001 - whatever it is, the client gets the envelope
            _log.exception("The mock failed on %s %s", request.method, path)
            http, code, message, data = 500, 5000, "The mock itself failed; see its log.", None
        reply = envelope(code, message, request_id, data)
        owner = "" if account is None else account.name
        return _Answer(http, code, request_id, owner, reply, body)

    def _record(self, now: float, method: str, path: str, query: str, answer: _Answer) -> None:
        self.world.journal.add(
            Entry(
                now,
                method,
                path,
                query,
                answer.http,
                answer.code,
                answer.request_id,
                answer.account,
                answer.sent[:BODY_KEPT],
                answer.body[:BODY_KEPT],
            )
        )

    def _origin(self, request: web.BaseRequest) -> str:
        """Return the scheme, host and port by which the client came, or the public ones."""
        if self._public_url is not None:
            return self._public_url
        headers = request.headers
        scheme = headers.get("X-Forwarded-Proto", "")
        if scheme not in {"http", "https"}:
            scheme = request.scheme
        host = headers.get("X-Forwarded-Host") or headers.get("Host") or ""
        if not _HOST.fullmatch(host):
            host = _own_host(request)
        return f"{scheme}://{host}"


def _route(method: str, path: str) -> tuple[str, str | None]:
    """Return the endpoint that *path* names, and the id in it, if any.

    Raises:
        Refusal: 404 with 1203 for an unknown path, with 1202 for a method that it has not.
    """
    endpoint = _ROUTES.get(path)
    if endpoint is not None:
        if method not in {"GET", "POST"}:
            raise Refusal(1202, f"{method} {path}: accepted are GET and POST")
        return endpoint, None
    head, _, name = path.rpartition("/")
    endpoint = _ROUTES.get(head)
    if endpoint is None or not name:
        accepted = ", ".join(_ROUTES)
        raise Refusal(1203, f"The path {path[:100]} does not exist; accepted are {accepted}")
    if method != "GET":
        raise Refusal(1202, f"{method} {head}/<id>: accepted is GET")
    return endpoint, unquote(name) if "%" in name else name


async def _read(request: web.BaseRequest) -> bytes:
    """Return the request's body.

    Raises:
        Refusal: It is too large (413), or what came is not what its headers say (400).
    """
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # or aiohttp would take the answer for begun
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        limit = f"The body is too large; accepted are up to {MAX_BODY} bytes."
        raise Refusal(1200, limit, http=413) from None
    except web.RequestPayloadError:
        raise Refusal(1200, "The body is not encoded as its headers say.") from None


def _own_host(request: web.BaseRequest) -> str:
    """Return the address that the client connected to, for a request without a usable Host."""
    name: tuple[Any, ...] = request.get_extra_info("sockname")
    host, port = str(name[0]), int(name[1])
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
