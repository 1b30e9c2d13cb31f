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


def default_client(*, trust_env: bool = True) -> httpx.Client:
    """Return a new client whose calls end at their deadline.

    Args:
        trust_env: False to connect directly, whatever proxies the environment names.
    """
    from kling_sdk.transports.sync_sockets import DeadlineTransport

    if trust_env and _environment_names_a_proxy():
        return httpx.Client(verify=shared_ssl_context())
    return httpx.Client(transport=DeadlineTransport(shared_ssl_context()), trust_env=trust_env)


def default_async_client(*, trust_env: bool = True) -> httpx.AsyncClient:
    """Return a new client that does not slow down with many requests in flight.

    Args:
        trust_env: See `default_client`.
    """
    from kling_sdk.transports.async_pool import PooledTransport  # loads asyncio

    if trust_env and _environment_names_a_proxy():
        return httpx.AsyncClient(verify=shared_ssl_context())
    return httpx.AsyncClient(transport=PooledTransport(shared_ssl_context()), trust_env=trust_env)
