"""The httpx client of a `Kling` or `AsyncKling` that was given none."""

from __future__ import annotations

import ssl
from functools import cache
from urllib.request import getproxies

import httpx

__all__ = ["default_async_client", "default_client", "shared_ssl_context"]


@cache
def shared_ssl_context() -> ssl.SSLContext:
    """Return the one TLS context of all default clients: building one takes milliseconds."""
    return httpx.create_ssl_context()


def _environment_names_a_proxy() -> bool:
    """Return True when requests may go through a proxy, which httpx's own pools know to use."""
    return bool(getproxies().keys() - {"no"})


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
    return httpx.Client(transport=DeadlineTransport(tls), trust_env=trust_env)


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
    return httpx.AsyncClient(transport=PooledTransport(tls), trust_env=trust_env)
