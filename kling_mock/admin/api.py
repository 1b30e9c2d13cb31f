"""The HTTP layer of the admin API: access, parsing of requests, replies, and files of tasks."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from kling_mock.admin.calls import CALLS
from kling_mock.admin.context import AdminContext
from kling_mock.dashboard import files as dashboard
from kling_mock.kling.endpoints.validation import read_object
from kling_mock.kling.http.exchange import ClientGoneError, read_body
from kling_mock.kling.http.handler import ADMIN
from kling_mock.kling.http.media import find_result, made_aside
from kling_mock.kling.journal.forgotten import IncompleteJournalError
from kling_mock.kling.media.urls import MEDIA
from kling_mock.kling.model.lifecycle import IllegalTransitionError
from kling_mock.kling.service_codes import Refusal
from kling_mock.kling.world import World
from kling_mock.web.access import AccessPolicy
from kling_mock.web.errors import ApiError
from kling_mock.web.replies import Silence, has_next

_log = logging.getLogger("kling_mock")

MAX_BODY = 1024 * 1024  # bytes
PREFIX = ADMIN.rstrip("/")
_MISTAKES = frozenset({400, 401, 403, 404, 405, 413})  # of the test, which does not stop
EVENTS = f"{PREFIX}/events"
FILES = f"{PREFIX}/media/"  # of results
_INPUT = re.compile(f"{PREFIX}/tasks/([^/]+)/inputs/([0-9]{{1,3}})")


class AdminApi:
    """The admin API of one server. Runs on the server's own thread.

    Args:
        context: The server on which its calls work.
        access: The callers allowed.
    """

    def __init__(self, context: AdminContext, access: AccessPolicy) -> None:
        self._context = context
        self._access = access

    async def __call__(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        """Answer *request* with the dashboard, or with JSON of one of two shapes."""
        headers: Mapping[str, str] = {}
        cors: Mapping[str, str] = {}
        try:
            self._access.check_origin(request.remote, request.headers)
            cors = self._access.cors(request.method, request.headers)
            if cors and request.method == "OPTIONS":  # preflight, without a token
                return web.Response(status=204, headers=cors)
            reads = request.method in {"GET", "HEAD"}
            if path == PREFIX and reads:  # as a user types it in a browser
                there = f"{ADMIN}?{query}" if query else ADMIN
                return web.Response(status=308, headers={"Location": there})
            page = dashboard.find(path.removeprefix(ADMIN), dashboard.EMULATOR) if reads else None
            if page is not None:
                return page.to(request.headers.get("If-None-Match"))
            self._access.check_token(request.remote, request.headers)
            if reads and (other := await self._serve_other(request, path, cors)) is not None:
                return other
            status, reply = await self._serve(request, path, query)
            body = json.dumps(reply).encode()
        except ApiError as error:
            status, body, headers = error.status, error.body(), error.headers
            if status in _MISTAKES:
                text = f"{request.method} {path[:200]}: {status}, {error.message}"
                self._context.world.findings.note_unexpected(text)
        except ClientGoneError:
            return Silence()
        except Exception:  # noqa: BLE001 - whatever it is, the client gets a response
            _log.exception("The admin API failed on %s %s", request.method, path)
            broken = ApiError(500, "broken", "The mock itself failed; see its log.")
            status, body = broken.status, broken.body()
        more = {"Content-Type": "application/json;charset=UTF-8", "Cache-Control": "no-store"}
        response = web.Response(status=status, body=body, headers={**more, **headers, **cors})
        if not has_next(request, status):
            response.force_close()
        return response

    async def _serve_other(
        self, request: web.BaseRequest, path: str, cors: Mapping[str, str]
    ) -> web.StreamResponse | None:
        """Return the reply to a GET or HEAD that is not answered with JSON; `None` for others.

        Raises:
            ApiError: The request is refused.
        """
        if path == EVENTS and request.method == "GET":
            from kling_mock.admin.events import send_events  # rarely needed

            return await send_events(request, self._context, cors)
        if path.startswith(FILES):
            reply = await result_file(self._context.world, path.removeprefix(FILES))
        elif (match := _INPUT.fullmatch(path)) is not None:
            reply = input_picture(self._context.world, unquote(match[1]), int(match[2]))
        else:
            return None
        reply.headers.update(cors)
        return reply

    async def _serve(
        self, request: web.BaseRequest, path: str, query: str
    ) -> tuple[int, Mapping[str, Any]]:
        """Return status and body of a success.

        Raises:
            ApiError: The request is refused; nothing has changed.
        """
        call, inside = CALLS.route(request.method, path.removeprefix(PREFIX))
        pairs = parse_qsl(query, keep_blank_values=True)
        body = None if call.body is None else await _read(request)
        try:
            return call.status, await call.run(self._context, inside, pairs, body)
        except IllegalTransitionError as error:
            raise ApiError(409, "illegal_transition", str(error)) from None
        # Errors of the controls, whose texts are for the reader.
        except IncompleteJournalError as error:
            raise ApiError(409, "incomplete_journal", str(error)) from None
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


# ---------------------------------------------------------------- files

# For viewers other than the app under test: these requests are not in the journal, and faults do
# not apply to them.


async def result_file(world: World, name: str) -> web.Response:
    """Return the reply with the file that `results` of a task names.

    Raises:
        ApiError: 404, there is no such file.
    """
    result = find_result(world, f"{MEDIA}{name}")
    if result is None:
        text = "There is no such result: its task has not succeeded, or it is over 30 days old."
        raise ApiError(404, "unknown_result", text)
    file = await made_aside(result)
    return _reply(file.read(), file.content_type)


def input_picture(world: World, task_id: str, place: int) -> web.Response:
    """Return the reply with a picture that came inline with the request of a task.

    Raises:
        ApiError: 404, there is no such picture.
    """
    pictures = world.inputs.of(world.tasks.id_of(task_id))
    content = pictures[place].read() if place < len(pictures) else b""
    if not content:
        raise ApiError(404, "unknown_input", "There is no such picture, or it is no longer kept.")
    return _reply(content, pictures[place].content_type)


def _reply(content: bytes, content_type: str) -> web.Response:
    headers = {
        "Content-Type": content_type,
        "Cache-Control": "no-store",  # after a reset the same name may refer to another file
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return web.Response(body=content, headers=headers)
