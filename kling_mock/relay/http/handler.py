"""HTTP in front of the relay: parse, call, reply, count.

It runs on aiohttp's low-level server, without router and middlewares, so a request costs only the
relay's own work. Whatever a client sends, the reply has the relay's format.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from typing import Any, Final
from urllib.parse import unquote

from aiohttp import web

from kling_mock.clock import MockClock
from kling_mock.relay.domain import errors, replies, wire
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.http import kling_paths
from kling_mock.relay.http.kling_paths import VIDEOS
from kling_mock.relay.http.large_bodies import LargeBodies
from kling_mock.relay.http.pages import Page
from kling_mock.relay.http.routes import (
    CALLBACK,
    DASHBOARD,
    HEALTH,
    INTERNAL_CALLBACK,
    OPERATOR,
    REFUSAL,
    known_method,
    template,
)
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.operator.http import OperatorApi
from kling_mock.relay.service.callbacks import CallbackReceiver
from kling_mock.relay.service.tasks import RelayService
from kling_mock.relay.storage.errors import StorageUnavailableError
from kling_mock.relay.storage.values import Caller
from kling_mock.web import bodies
from kling_mock.web.addresses import comes_from_here
from kling_mock.web.connections import BodyTimeoutError
from kling_mock.web.polling import BusyPolling
from kling_mock.web.replies import add_header, json_reply
from kling_mock.web.request_log import REQUEST_ID, REQUEST_ID_HEADER, chosen_id
from kling_sdk import ENDPOINTS

_log: Final = logging.getLogger("kling_mock.relay")

_OPEN = frozenset({"submitted", "processing"})  # statuses of an open task
_MIB: Final = 1024 * 1024
#: Bytes that one file may take in a body: 10 MB are 13.4 MB in base64. A list may have more images
#: than fit: the rest have to be URLs.
_FILE: Final = 16 * _MIB
_MAX_BODY: Final = 6 * _FILE


class RelayHandler:
    """The aiohttp handler of one relay.

    Args:
        service: What users can do.
        callbacks: Receives the callbacks of Kling.
        operator: The operator's API.
        health: Returns whether the relay can serve, and the body of `/health`.
        clock: The time, for the `Date` header.
        pages: The other pages that are served, by path.
        metrics: Counts the requests.
        new_id: Creates the id of a request that comes without one.
        large: Limits the memory of large bodies.
    """

    def __init__(
        self,
        service: RelayService,
        callbacks: CallbackReceiver,
        operator: OperatorApi,
        health: Callable[[], Awaitable[tuple[bool, dict[str, Any]]]],
        clock: MockClock,
        pages: Mapping[str, Page],
        metrics: Metrics,
        new_id: Callable[[], str],
        large: LargeBodies,
    ) -> None:
        self._large = large
        self._pages = pages
        self._service = service
        self._callbacks = callbacks
        self._operator = operator
        self._health = health
        self._clock = clock
        self._metrics = metrics
        self._new_id = new_id
        # On the manual clock of a test, an app's own loop would never see a task end.
        self._polling = BusyPolling() if clock.speed is None else None

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Respond to *request*; raise only if the connection is gone."""
        started_at = self._metrics.begin()
        request_id = chosen_id(request.headers.get(REQUEST_ID_HEADER), self._new_id)
        REQUEST_ID.set(request_id)  # aiohttp gives each request a context of its own
        path = request.rel_url.raw_path
        reply = await self._reply(request, path)
        add_header(reply, REQUEST_ID_HEADER, request_id)
        method = known_method(request.method)
        self._metrics.request(method, template(path), reply.status, started_at)
        return reply

    async def _reply(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        try:
            page = self._pages.get(path)
            if path.startswith(DASHBOARD) and not path.startswith(f"{OPERATOR}/"):
                page = self._pages[DASHBOARD]
            if page is not None:
                return await page(request)
            status, body = await self._answer(request, path)
        except RelayError as error:
            return self._refuse(request, path, error)
        except StorageUnavailableError as error:
            _log.error("kling relay error: the database is unavailable: %s", error)
            unavailable = RelayError(
                errors.UNAVAILABLE, "the relay's database is unavailable; try again", retry_after=1
            )
            return self._refuse(request, path, unavailable)
        except (ConnectionResetError, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001 - whatever it is, the client gets the relay's shape
            _log.exception("kling relay error on %s %s", request.method, path)
            broken = RelayError(errors.BROKEN, "the relay itself failed; see its log")
            return self._refuse(request, path, broken)
        return json_reply(request, status, replies.to_json(body), self._clock.now())

    async def _answer(self, request: web.BaseRequest, path: str) -> tuple[int, Mapping[str, Any]]:
        if call := kling_paths.split(path):
            return 200, await self._user_call(request, self._kling_call(request, path, *call))
        if path.startswith(VIDEOS):
            return 200, await self._user_call(request, self._videos(request, path))
        if path.startswith(CALLBACK):
            return 200, await self._callback(request, unquote(path[len(CALLBACK) :]))
        if path == INTERNAL_CALLBACK:
            return 200, await self._callback(request, None)
        if path == HEALTH:
            errors.check_method(request.method, "GET", "HEAD")
            healthy, body = await self._health()
            return 200 if healthy else 503, body
        if path.startswith(f"{OPERATOR}/") and self._operator.is_on:
            return await self._operator(
                request.remote,
                request.headers,
                request.method,
                path[len(OPERATOR) :],
                request.query,
                partial(read_body, request, _MIB),
            )
        raise kling_paths.not_served(path)

    async def _user_call(
        self, request: web.BaseRequest, call: Awaitable[dict[str, Any]]
    ) -> dict[str, Any]:
        body = await call
        if self._polling is not None and request.method == "GET":
            self._watch(self._polling, body)
        if "code" in body:  # Kling's envelope, of one task
            body["request_id"] = REQUEST_ID.get()
        return body

    def _watch(self, polling: BusyPolling, body: Mapping[str, Any]) -> None:
        """Detect open tasks that are queried again and again while the clock stands still.

        Raises:
            RelayError: 400, a task has been queried so for half a minute of real time.
        """
        rows = body.get("data")
        for row in rows if isinstance(rows, list) else [body]:
            if (row.get("status") or row.get("task_status")) in _OPEN:
                refusal = polling.watch(row["task_id"], self._clock)
                if refusal:
                    raise RelayError(errors.INVALID, refusal)

    async def _videos(self, request: web.BaseRequest, path: str) -> dict[str, Any]:
        """List all tasks, or query the one whose id is in the path."""
        rest = path[len(VIDEOS) :]
        name = unquote(rest[1:])
        if rest and (not rest.startswith("/") or not name):
            raise errors.no_path(path)
        caller = await self._service.authenticate(request.headers.get("Authorization"))
        if request.method == "POST" and kling_paths.is_not_served(path):
            raise kling_paths.not_served(path)
        errors.check_method(request.method, "GET")
        if not name:
            return await self._service.list(caller, replies.read_list(request.query))
        return await self._service.query(caller, name)

    async def _kling_call(
        self, request: web.BaseRequest, path: str, endpoint: str, task: str
    ) -> dict[str, Any]:
        """Create a task, list tasks, or query the one whose id is in the path."""
        errors.check_method(request.method, *(("GET",) if task else ("POST", "GET")))
        caller = await self._service.authenticate(request.headers.get("Authorization"))
        if task:
            return await self._service.query(caller, unquote(task), endpoint)
        if request.method == "POST":
            return await self._create(request, caller, endpoint)
        if path == f"{VIDEOS}/{endpoint}" and request.query.keys().isdisjoint(replies.PAGE_QUERY):
            try:  # it may be the user's own id of a task
                return await self._service.query(caller, endpoint)
            except RelayError as error:
                if error.kind is not errors.NOT_FOUND:
                    raise
        return await self._list(request, caller, endpoint)

    async def _list(
        self, request: web.BaseRequest, caller: Caller, endpoint: str
    ) -> dict[str, Any]:
        page = replies.read_page(request.query)
        return await self._service.list_of_endpoint(caller, endpoint, page)

    async def _create(
        self, request: web.BaseRequest, caller: Caller, endpoint: str
    ) -> dict[str, Any]:
        with self._large.counting(caller.token.id) as grow:
            raw = await read_body(request, body_limit(endpoint), grow)
            key = request.headers.get(wire.IDEMPOTENCY_KEY, "")
            read = partial(wire.read_create, endpoint, idempotency_key=key)
            parsed = await self._large.parse(read, raw)
            del raw  # while Kling works, the parsed request is enough
            return await self._service.create(caller, parsed)

    async def _callback(self, request: web.BaseRequest, task_id: str | None) -> dict[str, str]:
        errors.check_method(request.method, "POST")
        raw = await read_body(request, _MIB)
        is_local = partial(comes_from_here, request.remote, request.headers)
        return await self._callbacks.receive(task_id, raw, request.headers, is_local)

    def _refuse(self, request: web.BaseRequest, path: str, error: RelayError) -> web.StreamResponse:
        level = logging.ERROR if error.http >= 500 else logging.INFO
        code = error.code
        request[REFUSAL] = error.message
        _log.log(level, "kling relay error %d %s on %s %s", error.http, code, request.method, path)
        body = error.body(REQUEST_ID.get())
        return json_reply(request, error.http, body, self._clock.now(), error.retry_after)


@cache
def body_limit(endpoint: str) -> int:
    """Return the maximum size in bytes of the body of a create, or with "" of any other call."""
    files = ENDPOINTS[endpoint].max_files if endpoint else 0
    return int(min(files * _FILE, _MAX_BODY)) or _MIB


async def read_body(
    request: web.BaseRequest, max_bytes: int, on_size: Callable[[int], None] | None = None
) -> bytes:
    """Return the request's body.

    Args:
        max_bytes: Maximum size in bytes, both as sent and after decompression.
        on_size: Called with the size so far as the body arrives; its exceptions end the reading.

    Raises:
        RelayError: It is larger (413), did not arrive in time (408), or does not match its
            headers (400).
    """
    try:
        return await bodies.read_body(request, max_bytes, on_size=on_size)
    except bodies.BodyTooLargeError:
        text = f"the body is too large; the limit is {max_bytes} bytes"
        raise RelayError(errors.TOO_LARGE, text) from None
    except bodies.BodyEncodingError:
        raise RelayError(errors.INVALID, "the body does not match its headers") from None
    except BodyTimeoutError:
        raise RelayError(
            errors.TIMEOUT, "the body did not arrive in time; send it faster"
        ) from None
