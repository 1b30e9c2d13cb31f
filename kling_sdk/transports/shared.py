"""A client's transport: opened on first use, once for a client and its `with_options` copies."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable
from typing import Any

from kling_sdk.errors import RequestValidationError
from kling_sdk.transports.run import AsyncTransport, SyncTransport

# Held while a transport is opened, which is rare enough for one lock over all clients.
_opening = threading.Lock()


def _renew_lock() -> None:
    global _opening  # noqa: PLW0603 - a thread of the parent may have held it
    _opening = threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_renew_lock)


class Shared:
    """A transport that a client and its `with_options` copies have in common.

    Each process has its own. After a fork the parent's sockets are open in the child too, and
    whichever process reads first gets the other's replies.

    Args:
        open_it: Opens a transport.
        is_own: False for a transport over the caller's client, which cannot be opened again.
    """

    def __init__(self, open_it: Callable[[], Any], *, is_own: bool) -> None:
        self._open = open_it
        self._is_own = is_own
        self._pid = os.getpid()
        # A parent's transport is kept: closing its connections here would break them there.
        self._inherited: list[Any] = []
        self._transport: Any = None
        self._closed = False

    def __call__(self) -> Any:
        """Return the transport, which is opened on first use.

        Raises:
            RuntimeError: the client is closed, or its `http_client` was used before a fork.
        """
        if self._transport is None or self._closed or self._pid != os.getpid():
            with _opening:
                self._leave_parent()
                if self._closed:
                    raise RuntimeError("this client is closed; make a new one")
                if self._transport is None:
                    self._transport = self._open()
        return self._transport

    def close(self) -> Any:
        """Refuse to open a transport from now on; return the one to close, or None."""
        with _opening:
            self._closed = True
            return self._transport if self._pid == os.getpid() else None

    def _leave_parent(self) -> None:
        if self._pid == os.getpid():
            return
        if self._transport is not None and not self._is_own:
            raise RuntimeError(
                "this client's http_client was in use before the process was forked, and its "
                "connections belong to the parent; make a new http_client and client here"
            )
        self._inherited.append(self._transport)
        self._transport = None
        self._pid = os.getpid()


def sync_transport(
    http_client: Any,
    base_url: str,
    *,
    trust_env: bool = True,
    ssl_context: ssl.SSLContext | None = None,
) -> SyncTransport:
    """Return a transport over the caller's client, or over one of our own."""
    from kling_sdk.transports.default import default_client
    from kling_sdk.transports.httpx_sync import HttpxTransport

    client = http_client
    if client is None:
        client = default_client(trust_env=trust_env, ssl_context=ssl_context)
    elif _kind(client) != "httpx.Client":
        raise _foreign(client, "a Client of httpx or httpx2")
    return HttpxTransport(client, base_url, owned=http_client is None)


def async_transport(
    http_client: Any,
    base_url: str,
    *,
    trust_env: bool = True,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncTransport:
    """Return a transport over the caller's client, or over one of our own."""
    kind = _kind(http_client)
    if kind == "aiohttp.ClientSession":
        from kling_sdk.transports.aiohttp import AiohttpTransport

        return AiohttpTransport(http_client, base_url)
    from kling_sdk.transports.default import default_async_client
    from kling_sdk.transports.httpx_async import AsyncHttpxTransport

    client = http_client
    if client is None:
        client = default_async_client(trust_env=trust_env, ssl_context=ssl_context)
    elif kind != "httpx.AsyncClient":
        raise _foreign(client, "an AsyncClient of httpx or httpx2, or a ClientSession of aiohttp")
    return AsyncHttpxTransport(client, base_url, owned=http_client is None)


def _foreign(client: object, expected: str) -> RequestValidationError:
    name = f"{type(client).__module__}.{type(client).__qualname__}"
    return RequestValidationError("http_client", f"is a {name}", expected)


def _kind(client: object) -> str:
    """Return the kind of HTTP client that *client* is; "" if that kind is not supported."""
    for cls in type(client).__mro__:
        name = f"{cls.__module__.partition('.')[0].replace('httpx2', 'httpx')}.{cls.__name__}"
        if name in {"httpx.Client", "httpx.AsyncClient", "aiohttp.ClientSession"}:
            return name
    return ""
