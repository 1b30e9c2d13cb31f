"""The default httpx client of a `Kling` or `AsyncKling`."""

from __future__ import annotations

import os
import ssl
from functools import cache
from typing import Any, Final, TypeVar
from urllib.request import getproxies

import httpx

from kling_sdk.transports.address import given_up

_T = TypeVar("_T", httpx.Client, httpx.AsyncClient)
#: The variables from which httpx reads certificates; the first that is set counts.
_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@cache
def shared_ssl_context() -> ssl.SSLContext:
    """Return the one TLS context of all default clients: building one takes milliseconds.

    Raises:
        UnreachableError: the environment names certificates that cannot be read.
    """
    try:
        return httpx.create_ssl_context()
    except (OSError, ValueError) as error:
        name = next((name for name in _CERTIFICATES if os.environ.get(name)), "")
        raise given_up(
            f"{name or 'certifi'} is {os.environ.get(name)!r}, which cannot be read as "
            f"certificates ({type(error).__name__}); it must be a file in PEM format, or unset"
        ) from error


def _over_proxy(client: type[_T], tls: ssl.SSLContext) -> _T | None:
    """Return httpx's own client, if the environment names a proxy: it can use proxies.

    Raises:
        UnreachableError: httpx cannot use it.
    """
    if not getproxies().keys() - {"no"}:
        return None
    try:
        return client(verify=tls)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise given_up(
            f"a proxy that the environment names cannot be used ({type(error).__name__}); "
            "HTTPS_PROXY and ALL_PROXY must be http:// or https:// URLs, or socks5:// with "
            "`pip install httpx[socks]`; trust_env=False ignores them"
        ) from error


# Our calls do not use what a client does beside its transport - cookies, hooks, redirects,
# authentication, a line in the log - which would take a sixth of their CPU time.


class _Direct:
    """A client that only passes requests to its transport, and replies back unread."""

    is_direct = True

    def __init__(self, transport: Any) -> None:
        options: dict[str, Any] = {"transport": transport, "trust_env": False}
        super().__init__(**options)  # of httpx's client, which comes next
        self._direct = transport


class _Client(_Direct, httpx.Client):
    def send(self, request: httpx.Request, **_: Any) -> Any:
        return self._direct.handle_request(request)


class _AsyncClient(_Direct, httpx.AsyncClient):
    def send(self, request: httpx.Request, **_: Any) -> Any:
        return self._direct.handle_async_request(request)


def default_client(
    *, trust_env: bool = True, ssl_context: ssl.SSLContext | None = None
) -> httpx.Client:
    """Return a new client whose calls end at their deadline.

    Args:
        trust_env: False to connect directly, whatever proxies the environment names.
        ssl_context: The trusted certificates; `None` is those of the system.
    """
    from kling_sdk.transports.sync_sockets import DeadlineTransport

    tls = shared_ssl_context() if ssl_context is None else ssl_context
    over_proxy = _over_proxy(httpx.Client, tls) if trust_env else None
    return over_proxy or _Client(DeadlineTransport(tls))


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
    over_proxy = _over_proxy(httpx.AsyncClient, tls) if trust_env else None
    return over_proxy or _AsyncClient(PooledTransport(tls))
