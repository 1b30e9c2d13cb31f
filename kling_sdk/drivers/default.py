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


def default_client() -> httpx.Client:
    """Return a new client whose calls end at their deadline."""
    from kling_sdk.drivers.sockets import DeadlineTransport

    if _environment_names_a_proxy():
        return httpx.Client(verify=shared_ssl_context())
    return httpx.Client(transport=DeadlineTransport(shared_ssl_context()))


def default_async_client() -> httpx.AsyncClient:
    """Return a new client that does not slow down with many requests in flight."""
    from kling_sdk.drivers.connections import PooledTransport  # loads asyncio

    if _environment_names_a_proxy():
        return httpx.AsyncClient(verify=shared_ssl_context())
    return httpx.AsyncClient(transport=PooledTransport(shared_ssl_context()))
