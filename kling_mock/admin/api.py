"""HTTP in front of the calls: who may call, what the request is, and the reply."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from kling_mock.admin.calls import CALLS
from kling_mock.admin.context import AdminContext
from kling_mock.admin.files import input_picture, result_file
from kling_mock.dashboard import files as dashboard
from kling_mock.kling.endpoints.validation import read_object
from kling_mock.kling.http.handler import ADMIN
from kling_mock.kling.http.requests import ClientGoneError, read_body
from kling_mock.kling.model.lifecycle import IllegalTransitionError
from kling_mock.kling.service_codes import Refusal
from kling_mock.web.access import AccessPolicy
from kling_mock.web.errors import ApiError
from kling_mock.web.replies import Silence, has_next

__all__ = ["EVENTS", "FILES", "MAX_BODY", "PREFIX", "AdminApi"]

_log = logging.getLogger("kling_mock")

MAX_BODY = 1024 * 1024  # bytes
PREFIX = ADMIN.rstrip("/")
EVENTS = f"{PREFIX}/events"
FILES = f"{PREFIX}/media/"  # of results
_INPUT = re.compile(f"{PREFIX}/tasks/([0-9]{{18}})/inputs/([0-9]{{1,3}})")


class AdminApi:
    """The admin API of one server. Runs on the server's own thread.

    Args:
        context: What its calls work with.
        access: Who may call it.
    """

    def __init__(self, context: AdminContext, access: AccessPolicy) -> None:
        self._context = context
        self._access = access

    async def __call__(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        """Answer *request*: the dashboard, or JSON of one of two shapes."""
        headers: Mapping[str, str] = {}
        try:
            self._access.check_origin(request.remote, request.headers)
            reads = request.method in {"GET", "HEAD"}
            if path == PREFIX and reads:  # as a browser's user types it
                there = f"{ADMIN}?{query}" if query else ADMIN
                return web.Response(status=308, headers={"Location": there})
            page = dashboard.find(path.removeprefix(ADMIN), dashboard.EMULATOR) if reads else None
            if page is not None:
                return page.to(request.headers.get("If-None-Match"))
            self._access.check_token(request.remote, request.headers)
            if reads and (other := await self._serve_other(request, path)) is not None:
                return other
            status, reply = await self._serve(request, path, query)
            body = json.dumps(reply).encode()
        except ApiError as error:
            status, body, headers = error.status, error.body(), error.headers
        except ClientGoneError:
            return Silence()
        except Exception:  # noqa: BLE001 - whatever it is, the client gets an answer
            _log.exception("The admin API failed on %s %s", request.method, path)
            broken = ApiError(500, "broken", "The mock itself failed; see its log.")
            status, body = broken.status, broken.body()
        more = {"Content-Type": "application/json;charset=UTF-8", "Cache-Control": "no-store"}
        response = web.Response(status=status, body=body, headers={**more, **headers})
        if not has_next(request, status):
            response.force_close()
        return response

    async def _serve_other(self, request: web.BaseRequest, path: str) -> web.StreamResponse | None:
        """Return the reply to a GET or HEAD that is not answered with JSON; `None` for others.

        Raises:
            ApiError: It is refused.
        """
        if path == EVENTS and request.method == "GET":
            from kling_mock.admin.events import send_events  # most tests watch nothing

            return await send_events(request, self._context)
        if path.startswith(FILES):
            return await result_file(self._context.world, path.removeprefix(FILES))
        found = _INPUT.fullmatch(path)
        return (
            None if found is None else input_picture(self._context.world, found[1], int(found[2]))
        )

    async def _serve(
        self, request: web.BaseRequest, path: str, query: str
    ) -> tuple[int, Mapping[str, Any]]:
        """Return status and body of a success.

        Raises:
            ApiError: It is refused; nothing has changed.
        """
        call, inside = CALLS.route(request.method, path.removeprefix(PREFIX))
        pairs = parse_qsl(query, keep_blank_values=True)
        body = None if call.body is None else await _read(request)
        try:
            return call.status, await call.run(self._context, inside, pairs, body)
        except IllegalTransitionError as error:
            raise ApiError(409, "illegal_transition", str(error)) from None
        # What the controls raise, with a text for the reader.
        except KeyError as error:
            raise ApiError(404, "not_found", str(error.args[0])) from None
        except ValueError as error:
            raise ApiError(400, "invalid_request", str(error)) from None


async def _read(request: web.BaseRequest) -> dict[str, object]:
    """Return the JSON object in the body; an empty body is an empty object.

    Raises:
        ApiError: 400 or 413.
    """
    try:
        body = await read_body(request, MAX_BODY)
        return read_object(body) if body else {}
    except Refusal as refusal:
        status = HTTPStatus(refusal.http).value
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            text = f"A body must not exceed {MAX_BODY} bytes."
            raise ApiError(status, "too_large", text) from None
        raise ApiError(status, "invalid_body", refusal.message) from None
