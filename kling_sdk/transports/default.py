"""The httpx client of a `Kling` or `AsyncKling` that was given none."""

from __future__ import annotations

import ssl
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.request import getproxies

import httpx

if TYPE_CHECKING:
    from kling_sdk.transports.async_pool import PooledTransport
    from kling_sdk.transports.sync_sockets import DeadlineTransport

__all__ = ["default_async_client", "default_client", "shared_ssl_context"]


@cache
def shared_ssl_context() -> ssl.SSLContext:
    """Return the one TLS context of all default clients: building one takes milliseconds."""
    return httpx.create_ssl_context()


def _environment_names_a_proxy() -> bool:
    """Return True when requests may go through a proxy, which httpx's own pools know to use."""
    return bool(getproxies().keys() - {"no"})


_CLOSED: Final = "this client is closed; make a new one"

# What a client does beside its transport - cookies, hooks, redirects, authentication, a line in the
# log - is nothing that calls of ours use, and a sixth of their CPU time.


class _Client(httpx.Client):
    """A client that only passes requests to its transport, and replies back unread."""

    def __init__(self, transport: DeadlineTransport) -> None:
        super().__init__(transport=transport, trust_env=False)
        self._direct = transport

    def build_request(self, method: str, url: httpx.URL | str, **parts: Any) -> httpx.Request:
        return httpx.Request(method, url, **parts)

    def send(self, request: httpx.Request, **_: Any) -> httpx.Response:
        if self.is_closed:
            raise RuntimeError(_CLOSED)
        return self._direct.handle_request(request)


class _AsyncClient(httpx.AsyncClient):
    """The same for async calls."""

    def __init__(self, transport: PooledTransport) -> None:
        super().__init__(transport=transport, trust_env=False)
        self._direct = transport

    def build_request(self, method: str, url: httpx.URL | str, **parts: Any) -> httpx.Request:
        return httpx.Request(method, url, **parts)

    async def send(self, request: httpx.Request, **_: Any) -> httpx.Response:
        if self.is_closed:
            raise RuntimeError(_CLOSED)
        return await self._direct.handle_async_request(request)


def default_client(
    *, trust_env: bool = True, ssl_context: ssl.SSLContext | None = None
) -> httpx.Client:
    """Return a new client whose calls end at their deadline.

    Args:
        trust_env: False to connect directly, whatever proxies the environment names.
        ssl_context: Which certificates are trusted; `None` is those of the system.
    """
    from kling_sdk.transports.sync_sockets import DeadlineTransport

    tls = shared_ssl_context() if ssl_context is None else ssl_context
    if trust_env and _environment_names_a_proxy():
        return httpx.Client(verify=tls)
    return _Client(DeadlineTransport(tls))


def default_async_client(
    *, trust_env: bool = True, ssl_context: ssl.SSLContext | None = None
) -> httpx.AsyncClient:
    """Return a new client that does not slow down with many requests in flight.

    Args:
        trust_env: See `default_client`.
        ssl_context: See `default_client`.
    """
    from kling_sdk.transports.async_pool import PooledTransport  # loads asyncio

    tls = shared_ssl_context() if ssl_context is None else ssl_context
    if trust_env and _environment_names_a_proxy():
        return httpx.AsyncClient(verify=tls)
    return _AsyncClient(PooledTransport(tls))
