"""Delivery of reports to an app in this process, in place of a server between it and a socket.

An ASGI app runs in an event loop other than the emulator's, a WSGI app in a thread. So an app that
blocks, or calls the emulator, does not hold up the server that waits for its reply. Lifespan events
of ASGI are not sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import logging
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, MutableMapping
from contextvars import Context
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from yarl import URL

from kling_mock.kling.callbacks.sender import EXCERPT, USER_AGENT, Receipt
from kling_mock.web.loop_thread import LoopThread

_log = logging.getLogger("kling_mock")

_END_LIMIT = 0.5  # seconds of real time that an app's loop has to end
_CLIENT = "127.0.0.1"

AppKind = Literal["asgi", "wsgi"]
_Headers = Collection[tuple[str, str]]


class InProcessApp(ABC):
    """An app that receives reports in this process."""

    @abstractmethod
    async def post(self, url: str, headers: _Headers, body: bytes, seconds: float) -> Receipt:
        """Call the app; the receipt says what happened.

        Args:
            url: The URL of the report.
            headers: As `CallbackSender.send` takes them.
            body: The bytes.
            seconds: The maximum real time.
        """

    #: The test's event loop in which the app runs; `None` if it has a thread of its own.
    test_loop: asyncio.AbstractEventLoop | None = None

    @property
    def idle_loop(self) -> asyncio.AbstractEventLoop | None:
        """The test's event loop in which the app runs, while that loop is idle; else `None`."""
        loop = self.test_loop
        return None if loop is None or loop.is_running() else loop

    def start(self) -> None:  # noqa: B027 - optional: a WSGI app needs nothing
        """Start the loop or thread of the app; otherwise the first report does so."""

    def stop(self) -> None:  # noqa: B027 - the same
        """End the loop or thread of the app; the next report starts it again."""


def app_of(app: object, kind: object, loop: asyncio.AbstractEventLoop | None) -> InProcessApp:
    """Return the adapter that calls *app*.

    Args:
        app: An ASGI or a WSGI app.
        kind: Its kind; `None` detects it from the app's signature.
        loop: The event loop of an ASGI app; `None` is a thread of its own.

    Raises:
        ValueError: *app* is neither, or *kind* is unknown.
    """
    app_kind = _kind_of(app) if kind is None and callable(app) else kind
    if callable(app) and app_kind == "asgi":
        return AsgiApp(app, loop)
    if callable(app) and app_kind == "wsgi":
        return WsgiApp(app)
    if kind is not None:
        raise ValueError(f"kind: must be 'asgi', 'wsgi' or None, for an app; got {kind!r}")
    raise ValueError(
        "app: must be called as app(scope, receive, send) (ASGI: FastAPI, Starlette, Django) or "
        f"app(environ, start_response) (WSGI: Flask, Django); got {type(app).__name__}. If it is "
        "one of them, say which: kind='asgi' or kind='wsgi'"
    )


def _kind_of(app: Callable[..., Any]) -> AppKind | None:
    """Return the kind of *app* by its signature; `None` if that is ambiguous."""
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(type(app).__call__):
        return "asgi"
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return None
    positional = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    needed = [
        parameter
        for parameter in parameters
        if parameter.kind in positional and parameter.default is parameter.empty
    ]
    kinds: dict[int, AppKind] = {2: "wsgi", 3: "asgi"}
    return kinds.get(len(needed))


class _Request:
    """One report, as a server hands it to an app.

    Args:
        url: The URL of the report.
        headers: The headers of the report.
        body: The bytes.
    """

    def __init__(self, url: str, headers: _Headers, body: bytes) -> None:
        target = URL(url)
        self.scheme = target.scheme
        self.host = target.host or ""
        self.port = target.port or 0
        self.raw_path = target.raw_path.encode("ascii")
        self.query = target.raw_query_string
        self.body = body
        self.headers = [
            ("Host", target.raw_authority.rpartition("@")[2]),
            ("User-Agent", USER_AGENT),
            *headers,
            ("Content-Length", str(len(body))),
        ]


class _Reply:
    """The reply of an app so far, written by the app's thread and read by the emulator's.

    Attributes:
        status: The HTTP status; 0 until the reply begins.
        body: The first bytes of the body.
        is_whole: Whether the reply has ended.
        error: The error that replaced the rest; "" if there is none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0
        self.body = b""
        self.is_whole = False
        self.error = ""
        self._loop = loop
        self._ended = asyncio.Event()

    def add(self, piece: bytes) -> None:
        """Add a piece of the body."""
        if len(self.body) < EXCERPT:
            self.body = (self.body + piece)[:EXCERPT]

    def failed(self, error: BaseException) -> None:
        """Note that the app has raised: a 500, unless its reply has started."""
        _log.error("The app that a callback was delivered to has raised.", exc_info=error)
        self.error = f"the app raised {type(error).__name__} in its response"
        if not self.status:
            self.status, self.is_whole = 500, True

    def end(self) -> None:
        """Note that the app has returned; from any thread."""
        with contextlib.suppress(RuntimeError):  # the emulator has gone
            self._loop.call_soon_threadsafe(self._ended.set)

    async def receipt(self, seconds: float) -> Receipt:
        """Wait until the app has returned; return the receipt.

        A whole reply counts even if the app continues to work after it.
        """
        error, timed_out = "the app has returned without a response", False
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            error, timed_out = f"no response within {seconds:g} s", True
        if self.is_whole:
            return Receipt(self.status, body=self.body)
        return Receipt(0, self.error or error, timed_out=timed_out)


# ------------------------------------------------------------ ASGI


class AsgiApp(InProcessApp):
    """An ASGI app, version 3.

    Args:
        loop: Its event loop; `None` is a loop on a thread of its own.
    """

    def __init__(
        self, app: Callable[..., Any], loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self._app = app
        self.test_loop = loop
        self._loop: asyncio.AbstractEventLoop | None = loop
        self._thread = LoopThread("kling-mock-app")
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start the app's own loop, unless it runs in a given one."""
        if self._loop is None:
            self._thread.start()
            self._loop = self._thread.call(asyncio.get_running_loop)

    def stop(self) -> None:
        """End the app's own loop, and what the app does there."""
        if self.test_loop is not None or self._loop is None:
            return
        self._loop = None
        try:
            self._thread.stop(_nothing, _END_LIMIT)
        except TimeoutError:
            _log.warning("An app that callbacks were delivered to still blocks its event loop.")

    async def post(self, url: str, headers: _Headers, body: bytes, seconds: float) -> Receipt:
        """Call the app in its loop; after the time limit, tell it that its client has gone."""
        self.start()
        loop = self._loop
        assert loop is not None  # noqa: S101 - it was started
        reply = _Reply(asyncio.get_running_loop())
        gone = asyncio.Event()
        request = _Request(url, headers, body)

        def begin() -> None:
            # A context of its own: the caller that made the clock move is not its origin.
            work = self._run(request, reply, gone)
            task = loop.create_task(work, context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        try:
            loop.call_soon_threadsafe(begin, context=Context())
        except RuntimeError:
            text = "the event loop that the app was given in is closed"
            return Receipt(0, text, unreached=True)
        try:
            return await reply.receipt(seconds)
        finally:
            with contextlib.suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(gone.set)

    async def _run(self, request: _Request, reply: _Reply, gone: asyncio.Event) -> None:
        messages = [{"type": "http.request", "body": request.body, "more_body": False}]

        async def receive() -> MutableMapping[str, Any]:
            if messages:
                return messages.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
            elif message["type"] == "http.response.body":
                reply.add(message.get("body", b""))
                if not message.get("more_body", False):
                    reply.is_whole = True
                    gone.set()

        try:
            await self._app(_scope(request), receive, send)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, a server answers 500
            reply.failed(error)
        finally:
            reply.end()


async def _nothing() -> None:
    """Leave the clean-up to the loop, which cancels what is left."""


def _scope(request: _Request) -> MutableMapping[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": request.scheme,
        "path": unquote_to_bytes(request.raw_path).decode("utf-8", "replace"),
        "raw_path": request.raw_path,
        "query_string": request.query.encode("ascii"),
        "root_path": "",
        "headers": [
            (name.lower().encode("ascii"), value.encode("latin-1"))
            for name, value in request.headers
        ],
        "client": (_CLIENT, 0),
        "server": (request.host, request.port),
        "extensions": {},
    }


# ------------------------------------------------------------ WSGI


class WsgiApp(InProcessApp):
    """A WSGI app. Each report is given to it in a new thread."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self._app = app

    async def post(self, url: str, headers: _Headers, body: bytes, seconds: float) -> Receipt:
        """Call the app in a new thread, which ends when the app lets it."""
        reply = _Reply(asyncio.get_running_loop())
        work = (_Request(url, headers, body), reply)
        threading.Thread(target=self._run, args=work, name="kling-mock-app", daemon=True).start()
        return await reply.receipt(seconds)

    def _run(self, request: _Request, reply: _Reply) -> None:
        status = 0

        def start_response(line: str, _headers: object, _error: object = None) -> object:
            nonlocal status
            status = int(line.split(" ", 1)[0])
            return reply.add

        try:
            pieces: Iterable[bytes] = self._app(_environ(request), start_response)
            try:
                for piece in pieces:
                    reply.status = status
                    reply.add(piece)
                reply.status = status
            finally:
                getattr(pieces, "close", bool)()
            reply.is_whole = bool(status)
        except BaseException as error:  # noqa: BLE001 - whatever it is, a server answers 500
            reply.failed(error)
        finally:
            reply.end()


def _environ(request: _Request) -> dict[str, Any]:
    fields = {name.upper().replace("-", "_"): value for name, value in request.headers}
    return {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.raw_path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_NAME": request.host,
        "SERVER_PORT": str(request.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": _CLIENT,
        "CONTENT_TYPE": fields.pop("CONTENT_TYPE", ""),
        "CONTENT_LENGTH": fields.pop("CONTENT_LENGTH"),
        **{f"HTTP_{name}": value for name, value in fields.items()},
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
