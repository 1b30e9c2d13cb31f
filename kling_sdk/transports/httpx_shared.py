"""Code that sync and async calls over httpx or httpx2 share.

The two libraries have the same names and unrelated classes. Everything here takes the
library from the client it was given, so the same code drives both. Replies are read raw and
bounded: neither library bounds what a compressed body inflates to.
"""

from __future__ import annotations

import importlib
import json
import logging
import ssl
import time
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Any, ClassVar, Final

import attrs

from kling_sdk.errors import RequestValidationError, TransportError
from kling_sdk.flows import Fetch, Send
from kling_sdk.results.task import redact_url
from kling_sdk.text.hidden import HiddenBytes
from kling_sdk.transports.address import (
    Address,
    before_sending,
    given_up,
    is_raised_by,
    proxy_failed,
    redact_text,
)
from kling_sdk.version import USER_AGENT
from kling_sdk.wire import HttpCall, Reply
from kling_sdk.wire.messages import MAX_REPLY

#: Extension of a request that gets a connection of its own, where the transport is ours.
FRESH: Final = "kling_sdk.fresh"
#: Extension of a request that no server can have received.
UNSENT: Final = "kling_sdk.unsent"
#: Characters of a text that an event loop can encode without being held up.
LARGE: Final = 256 * 1024
_STEP: Final = 128 * 1024
_NOT_SENT_IN_TIME: Final = "nothing was sent within the attempt's timeout"
TOO_LONG: Final = "the response took longer than the attempt's timeout"

# `json.dumps` with settings makes an encoder for each call.
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


# True while a file is fetched: its host may redirect, and then its headers hold a signature,
# which must stay out of the log.
fetching: ContextVar[bool] = ContextVar("kling_sdkfetching", default=False)


def _without_headers(record: logging.LogRecord) -> bool:
    """Shorten httpcore's DEBUG records of a reply to our own download."""
    if fetching.get():
        record.msg, record.args = record.getMessage().partition(" return_value=")[0], None
    return True


class _Library:
    """The names that are needed from httpx or httpx2."""

    def __init__(self, name: str) -> None:
        module: Any = importlib.import_module(name)
        self.new_request: Any = module.Request
        self.failures: tuple[type[Exception], ...] = (module.HTTPError, module.InvalidURL)
        self.proxy_error: type[Exception] = module.ProxyError
        self.status_error: Any = module.HTTPStatusError
        self.not_read: type[Exception] = module.ResponseNotRead
        self.byte_stream: Any = module.ByteStream
        self.not_connected: tuple[type[Exception], ...] = (
            module.ConnectError,
            module.ConnectTimeout,
        )
        self.never_sent: tuple[type[Exception], ...] = (
            *self.not_connected,
            module.InvalidURL,
            module.PoolTimeout,
            module.ProxyError,
            module.UnsupportedProtocol,
        )
        for version in ("http11", "http2"):
            core = logging.getLogger(f"{name.replace('httpx', 'httpcore')}.{version}")
            core.addFilter(_without_headers)

        class QuietURL(module.URL):  # type: ignore[misc]  # a class of either library
            """A URL that shows no signature: both libraries log the URL of each request."""

            def __str__(self) -> str:
                return redact_url(super().__str__())

        self.quiet_url = QuietURL
        # A wait asks for the same URL again and again, and parsing it is a tenth of a call's
        # CPU time. Signed URLs of files do not pass through here.
        self.url: Any = lru_cache(maxsize=256)(module.URL)


@cache
def _library(name: str) -> _Library:
    return _Library(name)


@attrs.frozen
class Encoded:
    """The headers and the body of a call."""

    headers: dict[str, str]
    content: bytes | None = attrs.field(repr=False)


def encode(call: HttpCall, user_agent: str) -> Encoded:
    """Return the headers and the body of *call*."""
    headers = {
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": user_agent,
        **call.headers,
    }
    if call.json is None:
        return Encoded(headers, None)
    headers["content-type"] = "application/json"
    try:
        return Encoded(headers, json_text(call.json).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestValidationError(
            "the request",
            f"cannot be written as JSON ({type(error).__name__})",
            "texts in UTF-8, numbers, lists and objects",
        ) from error


def json_text(value: Any) -> str:
    """Return *value* as JSON; a long text is encoded in steps.

    Other threads stand still during a step, so encoding a picture in one step would hold up an
    event loop although the encoding runs in another thread.
    """
    if not is_large(value):
        return _JSON.encode(value)
    if isinstance(value, str):
        steps = (value[at : at + _STEP] for at in range(0, len(value), _STEP))
        return f'"{"".join(_JSON.encode(step)[1:-1] for step in steps)}"'
    if isinstance(value, Mapping):
        # The encoder writes names as it does in a whole object: numbers become text.
        items = (
            f"{_JSON.encode({name: 0})[1:-2]}{json_text(member)}" for name, member in value.items()
        )
        return f"{{{','.join(items)}}}"
    return f"[{','.join(map(json_text, value))}]"


def is_large(value: Any) -> bool:
    """Return whether a body holds text that takes long to encode, such as a picture."""
    if isinstance(value, str):
        return len(value) > LARGE
    if isinstance(value, Mapping):
        return any(map(is_large, value.values()))
    return isinstance(value, list | tuple) and any(map(is_large, value))


class Calls:
    """Base class of the sync and async transports: making a request, bounding a reply."""

    #: Whether an attempt is cancelled at its deadline.
    has_time_limit: ClassVar[bool] = False

    def timeouts(self, seconds: float) -> dict[str, float | None]:
        """Return the limits of the steps of an attempt, in httpx's form."""
        return dict.fromkeys(("connect", "read", "write", "pool"), seconds)

    def __init__(self, client: Any, base_url: str, *, owned: bool) -> None:
        modules = (cls.__module__.partition(".")[0] for cls in type(client).__mro__)
        name = next(module for module in modules if module in {"httpx", "httpx2"})
        self.client = client
        self.library = _library(name)
        self.base_url = base_url
        self.address = Address(base_url)
        self.owned = owned
        # Whether its transport is ours, and says itself what was sent and over which connection.
        self.is_direct: bool = getattr(client, "is_direct", False)
        own = client.headers.get("user-agent", "")
        # The library's default is not the caller's choice.
        self.user_agent = USER_AGENT if own.startswith(f"python-{name}/") or not own else own

    def failed(
        self, error: Exception, effect: Send | Fetch, request: Any, trace: Trace
    ) -> Exception:
        """Return the exception to raise for an error of the library, or of the caller's hooks.

        Args:
            error: The exception raised instead of a reply.
            effect: The call.
            request: The library's request; None if it could not be made.
            trace: The progress of the request.
        """
        hooks, later_hooks = (self.client.event_hooks[kind] for kind in ("request", "response"))
        # A transport may repeat a request that was sent: its last error says nothing of the first.
        unsent = not trace.sent and (
            request is None
            or UNSENT in request.extensions
            or not trace.is_silent
            or isinstance(error, self.library.never_sent)
            or (is_raised_by(error, hooks) and not is_raised_by(error, later_hooks))
        )
        if unsent and (trace.proxy or isinstance(error, self.library.proxy_error)):
            return proxy_failed(trace.proxy, error)
        if self.has_time_limit and isinstance(error, TimeoutError):
            text = _NOT_SENT_IN_TIME if unsent else TOO_LONG
            return TransportError(text, maybe_sent=not unsent)
        if not isinstance(error, self.library.failures):
            return before_sending(error, hooks) if unsent else error
        if unsent and isinstance(effect, Send) and isinstance(error, self.library.not_connected):
            return self.address.not_connected(error)
        text = redact_text(str(error)) or "no details"  # theirs may quote a URL
        return TransportError(f"{type(error).__name__}: {text}", maybe_sent=not unsent)

    def readable(self, response: Any) -> Any:
        """Return *response*, with a body that can be read although the caller's hook has read it.

        Raises:
            TransportError: the hook took the body and did not keep it.
        """
        if not (response.is_closed or response.is_stream_consumed):
            return response
        try:
            response.stream = self.library.byte_stream(response.content)
        except self.library.not_read:
            raise TransportError(
                f"HTTP {response.status_code}, whose body is lost: a response hook of http_client "
                "must call response.read(), or await response.aread(), before it raises or closes"
            ) from None
        response.headers.pop("content-encoding", None)  # the library has decoded what it kept
        return response

    def is_doubtful(self, failure: Exception, effect: Send | Fetch) -> bool:
        """Return whether to test if the port speaks TLS, where plain HTTP got no reply."""
        return (
            isinstance(effect, Send)
            and isinstance(failure, TransportError)
            and failure.maybe_sent
            and self.address.is_doubtful()
        )

    def request(self, effect: Send | Fetch, trace: Any) -> Any:
        """Return the library's request.

        Args:
            effect: The call.
            trace: Called with what httpcore does.

        Raises:
            UnreachableError: the client is closed.
            RequestValidationError: the body is not JSON.
        """
        if self.client.is_closed:
            name = "this client" if self.owned else "http_client"
            raise given_up(f"{name} is closed; make a new one")
        call = effect.call
        encoded = encode(call, self.user_agent)
        headers, content = encoded.headers, encoded.content
        extensions: dict[str, Any] = {"timeout": self.timeouts(effect.timeout)}
        if not self.is_direct:
            extensions["trace"] = trace
        if isinstance(effect, Fetch):
            # Not made by the client, which would add its headers, cookies and parameters: they
            # are for the API. The transports send it without the client's `auth`, too.
            request = self.library.new_request(
                call.method, call.path, headers=headers, extensions=extensions
            )
            request.url = self.library.quiet_url(request.url)
            return request
        build = self.library.new_request if self.is_direct else self.client.build_request
        request = build(
            call.method,
            self.library.url(self.base_url + call.path),
            params=call.params,
            headers=headers,
            content=content,
            extensions=extensions,
        )
        if effect.fresh:
            request.headers["connection"] = "close"
            request.extensions[FRESH] = True
        return request


class Trace:
    """httpcore's account of a request: how far it got, and over which connection.

    Args:
        until: When it is too late to send it, by `time.monotonic`.

    Attributes:
        connected: Whether a connection was opened for it.
        sent: Whether writing it has started.
        proxy: The proxy that is asked to connect to the server, until it has.
        is_silent: Whether httpcore said nothing, because something else answers in its place.
    """

    def __init__(self, until: float = float("inf")) -> None:
        self._until = until
        self.connected = False
        self.sent = False
        self.proxy = ""
        self.is_silent = True

    def note(self, event: str, info: Any) -> None:
        """Take an event of httpcore's trace extension.

        Raises:
            TransportError: the request would be sent too late.
        """
        self.is_silent = False
        if event.endswith(".send_request_headers.started"):
            request = info["request"]
            if request.method == b"CONNECT":
                url = request.url
                self.proxy = f"{url.scheme.decode()}://{url.host.decode()}:{url.port}"
            else:
                if time.monotonic() > self._until:
                    raise TransportError(_NOT_SENT_IN_TIME, maybe_sent=self.sent)
                self.sent = True
        elif event.endswith(".start_tls.started"):
            self.proxy = ""
        elif ".connect_" in event and event.endswith(".complete"):
            self.connected = True

    async def anote(self, event: str, info: Any) -> None:
        """Take an event of an async client."""
        self.note(event, info)

    def is_fresh(self, response: Any) -> bool:
        """Return whether *response* cannot have been the reply to an earlier request."""
        return (
            self.connected
            or "network_stream" not in response.extensions  # a mock's, or an ASGI app's
            # HTTP/2 numbers its replies.
            or response.extensions.get("http_version") == b"HTTP/2"
        )


def has_length(response: Any) -> bool:
    """Return whether the head of a reply says how its body ends."""
    return bool(response.headers.keys() & {"content-length", "transfer-encoding"})


def is_end_said(response: Any) -> bool:
    """Return whether the other side has announced the end of a body without a length.

    A connection that breaks looks the same, except under TLS, where the end is a message of its
    own, which `unwrap` answers. The connection cannot be used afterwards.
    """
    stream = response.extensions.get("network_stream")
    if stream is None or response.extensions.get("http_version") == b"HTTP/2":
        return True
    tls = stream.get_extra_info("socket")
    if not isinstance(tls, ssl.SSLSocket):
        tls = stream.get_extra_info("ssl_object")
    try:
        tls.unwrap()
    except (OSError, ValueError, AttributeError):  # the last for a connection without TLS
        return False
    return True


class Body:
    """A reply's bytes so far, within the limit of size."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.size = 0

    def add(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            TransportError: there are too many.
        """
        self.size += len(chunk)
        if self.size > MAX_REPLY:
            raise TransportError(f"the response is larger than {MAX_REPLY:,} bytes")
        self.chunks.append(chunk)

    def reply(self, response: Any, *, fresh: bool) -> Reply:
        """Return the reply whose body these bytes are."""
        body = HiddenBytes(b"".join(self.chunks))
        matched = fresh and "network_stream" not in response.extensions
        return Reply(response.status_code, response.headers, body, fresh=fresh, matched=matched)
