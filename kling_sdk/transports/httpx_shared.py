"""What sync and async calls over httpx or httpx2 share.

The two libraries have the same names and unrelated classes. Everything here takes the
library from the client it was given, so the same code drives both. Replies are read raw and
bounded: neither library bounds what a compressed body inflates to.
"""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Any, Final

from kling_sdk.errors import TransportError
from kling_sdk.flows import Fetch, Send
from kling_sdk.results import redact_url
from kling_sdk.transports.address import Address
from kling_sdk.version import USER_AGENT
from kling_sdk.wire import HttpCall, Reply
from kling_sdk.wire.messages import MAX_REPLY

__all__ = [
    "FRESH",
    "LARGE",
    "TOO_LONG",
    "UNSENT",
    "Body",
    "Calls",
    "ConnectTrace",
    "encode",
    "fetching",
    "has_unread_bytes",
    "is_large",
    "json_text",
    "library_of",
    "redact_text",
]

#: Extension of a request that gets a connection of its own, where the transport is ours.
FRESH: Final = "kling_sdk.fresh"
#: Extension of a request that no server can have received.
UNSENT: Final = "kling_sdk.unsent"
#: Characters of a text that an event loop can encode without being held up.
LARGE: Final = 256 * 1024
_STEP: Final = 128 * 1024
TOO_LONG: Final = "the reply took longer than the attempt's timeout"

# `json.dumps` with settings makes an encoder for each call.
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

# Failures after which the server cannot have received the request.
_NEVER_SENT: Final = ("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol")


def library_of(client: object) -> str | None:
    """Return `httpx` or `httpx2` when *client* is one of theirs, else None."""
    for cls in type(client).__mro__:
        name = cls.__module__.partition(".")[0]
        if name in {"httpx", "httpx2"} and cls.__name__ in {"Client", "AsyncClient"}:
            return name
    return None


# True while a file is fetched: its host may redirect, and then its headers hold a signature,
# which must stay out of the log.
fetching: ContextVar[bool] = ContextVar("kling_sdkfetching", default=False)


def _without_headers(record: logging.LogRecord) -> bool:
    """Shorten what httpcore logs at DEBUG of a reply to our own download."""
    if fetching.get():
        record.msg, record.args = record.getMessage().partition(" return_value=")[0], None
    return True


class _Library:
    """What is needed of httpx or httpx2, by name."""

    def __init__(self, name: str) -> None:
        module: Any = importlib.import_module(name)
        self.new_request: Any = module.Request
        self.failures: tuple[type[Exception], ...] = (module.HTTPError, module.InvalidURL)
        self.never_sent: tuple[type[Exception], ...] = (
            module.InvalidURL,
            *(getattr(module, name) for name in _NEVER_SENT),
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

    def failed(self, error: Exception) -> TransportError:
        """Return our error for one of theirs, without the URL that theirs may quote."""
        sent = not isinstance(error, self.never_sent)
        text = redact_text(str(error)) or "no details"
        return TransportError(f"{type(error).__name__}: {text}", maybe_sent=sent)


@cache
def _library(name: str) -> _Library:
    return _Library(name)


def redact_text(text: str) -> str:
    """Return *text* with every word that is a URL shortened to host and path."""
    return " ".join(redact_url(word) if "://" in word else word for word in text.split())


def encode(call: HttpCall, user_agent: str) -> tuple[dict[str, str], bytes | None]:
    """Return the headers and the body of *call*."""
    headers = {
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": user_agent,
        **call.headers,
    }
    if call.json is None:
        return headers, None
    headers["content-type"] = "application/json"
    return headers, json_text(call.json).encode()


def json_text(value: Any) -> str:
    """Return *value* as JSON; a long text is encoded in steps.

    For the time of a step other threads stand still, so one step for a picture would hold up an
    event loop although the encoding runs beside it.
    """
    if not is_large(value):
        return _JSON.encode(value)
    if isinstance(value, str):
        steps = (value[at : at + _STEP] for at in range(0, len(value), _STEP))
        return f'"{"".join(_JSON.encode(step)[1:-1] for step in steps)}"'
    if isinstance(value, Mapping):
        # The encoder writes names as it does in a whole object: numbers become text.
        items = (f"{_JSON.encode({name: 0})[1:-2]}{json_text(one)}" for name, one in value.items())
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
    """What the sync and the async transport share: making a request, bounding a reply."""

    @staticmethod
    def timeouts(seconds: float) -> dict[str, float | None]:
        """Return the limits of the steps of an attempt, in httpx's form."""
        return dict.fromkeys(("connect", "read", "write", "pool"), seconds)

    def __init__(self, client: Any, base_url: str, *, owned: bool) -> None:
        name = library_of(client)
        if name is None:
            raise TypeError(f"not a client of httpx or httpx2: {type(client).__name__}")
        self.client = client
        self.library = _library(name)
        self.base_url = base_url
        self.address = Address(base_url)
        self.owned = owned
        own = client.headers.get("user-agent", "")
        # The library's default is not the caller's choice.
        self.user_agent = USER_AGENT if own.startswith(f"python-{name}/") or not own else own

    def failed(self, error: Exception, effect: Send | Fetch) -> TransportError:
        """Return our error for one of the library's."""
        if isinstance(effect, Send) and isinstance(error, self.library.never_sent):
            found = self.address.not_connected(error)
            if found is not None:
                return found
        return self.library.failed(error)

    def request(self, effect: Send | Fetch) -> Any:
        """Return the library's request."""
        call = effect.call
        headers, content = encode(call, self.user_agent)
        extensions = {"timeout": self.timeouts(effect.timeout)}
        if isinstance(effect, Fetch):
            # Not made by the client, which would add its headers, cookies and parameters: they
            # are for the API. The transports send it without the client's `auth`, too.
            request = self.library.new_request(
                call.method, call.path, headers=headers, extensions=extensions
            )
            request.url = self.library.quiet_url(request.url)
            return request
        request = self.client.build_request(
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


def has_unread_bytes(connection: Any) -> bool:
    """Return whether bytes came behind the last reply of an idle connection.

    They belong to no request. httpcore looks at the socket before it uses a connection
    again, but not at what it has read from it already, and would take that for the next reply.
    """
    inner = connection._connection  # noqa: SLF001 - httpcore shows neither; a test watches both
    if inner is None or not inner.is_idle():
        return False
    return bool(inner._h11_state.trailing_data[0])  # noqa: SLF001 - as above


class ConnectTrace:
    """A request's trace, which shows whether a connection was opened for the request."""

    def __init__(self) -> None:
        self.connected = False

    def note(self, event: str, _info: Any) -> None:
        """Take an event of httpcore's trace extension."""
        if ".connect_" in event and event.endswith(".complete"):
            self.connected = True

    async def anote(self, event: str, info: Any) -> None:
        """Take an event of an async client."""
        self.note(event, info)

    def is_fresh(self, response: Any) -> bool:
        """Return whether *response* cannot have been the reply to an earlier request."""
        return (
            self.connected
            or is_in_process(response)
            # HTTP/2 numbers its replies.
            or response.extensions.get("http_version") == b"HTTP/2"
        )


def is_in_process(response: Any) -> bool:
    """Return whether *response* came over no connection, as from a mock or an ASGI app."""
    return "network_stream" not in response.extensions


class Body:
    """A reply's bytes so far, within the limit of size."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.size = 0

    def add(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            TransportError: they are too many.
        """
        self.size += len(chunk)
        if self.size > MAX_REPLY:
            raise TransportError(f"the reply is larger than {MAX_REPLY:,} bytes")
        self.chunks.append(chunk)

    def reply(self, response: Any, *, fresh: bool) -> Reply:
        """Return the reply to which the bytes are the body."""
        body = self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)
        matched = fresh and is_in_process(response)
        return Reply(response.status_code, response.headers, body, fresh=fresh, matched=matched)
