"""Sockets of a default `Kling`, whose every step ends at the deadline of the call.

A blocking read has a timeout of its own, so a server that sends a byte now and then can
hold a call for as long as it likes. Here what is left of the call's time is the timeout of
each read and write. Async calls need none of this: their task is cancelled at the deadline.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from typing import Any, Final

import httpcore
import httpx

from kling_sdk.transports.address import TRIED
from kling_sdk.transports.httpx_shared import FRESH, UNSENT
from kling_sdk.transports.httpx_sync import attempt, left_of
from kling_sdk.transports.private import has_unread_bytes, use_pool

_MIN_SHARE: Final = 1.0  # s of the time to connect, for each address of a host
_MAX_SHARE: Final = 5.0  # s for each but the last
_CONNECTED, _UNTRIED, _FAILED = range(3)
_MAX_REMEMBERED: Final = 1000  # addresses


class _Stream(httpcore.NetworkStream):
    """A connected socket; connecting and TLS are httpcore's."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._socket: socket.socket = stream.get_extra_info("socket")

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, left_of(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        try:
            while rest:
                self._socket.settimeout(left_of(timeout, httpcore.WriteTimeout))
                rest = rest[self._socket.send(rest) :]
                attempt.get().sent = True
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = left_of(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _share(left: float, addresses: int) -> float:
    """Return the seconds to connect to the next address.

    Args:
        left: Seconds for all remaining addresses.
        addresses: The number of remaining addresses, including the next one.
    """
    if addresses == 1:
        return left
    return min(left, max(_MIN_SHARE, min(left / addresses, _MAX_SHARE)))


class _Backend(httpcore.SyncBackend):
    """Opens sockets that know of the deadline, at one of a host's addresses after the other."""

    def __init__(self) -> None:
        self._order: dict[str, int] = {}

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # the latter for a name that cannot be one
            raise httpcore.ConnectError(str(error)) from error
        # The one that was connected to last comes first, those that failed since come last.
        addresses = sorted({str(row[4][0]): None for row in rows}, key=self._rank)
        failures: list[Exception] = []
        tried: list[str] = []
        for address in addresses:
            try:
                left = left_of(timeout, httpcore.ConnectTimeout)
                if left is not None:
                    left = _share(left, len(addresses) - len(tried))
                tried.append(address)
                stream = super().connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failures.append(error)
            else:
                self._note(tried, address)
                return _Stream(stream)
        self._note(tried)
        # The error says "refused" only if all of them refused: a silent one may have a server.
        silent = (error for error in failures if isinstance(error, httpcore.ConnectTimeout))
        failure = next(silent, failures[-1])
        if tried:  # else no time was left
            failure.add_note(TRIED + ", ".join(tried))
        raise failure

    def _rank(self, address: str) -> int:
        return self._order.get(address, _UNTRIED)

    def _note(self, tried: list[str], connected: str | None = None) -> None:
        if len(self._order) > _MAX_REMEMBERED:
            self._order.clear()
        self._order |= dict.fromkeys(tried, _FAILED)
        if connected is not None:
            self._order[connected] = _CONNECTED


class _Connection(httpcore.HTTPConnection):
    """A connection that is not used again when bytes came that do not belong to a request."""

    def has_expired(self) -> bool:
        return super().has_expired() or has_unread_bytes(self)


class _Pool(httpcore.ConnectionPool):
    """httpcore's pool with these connections and sockets."""

    def create_connection(self, origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        return _Connection(origin, **self.settings)

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.settings: dict[str, Any] = {
            "ssl_context": tls,
            "keepalive_expiry": 5.0,
            "network_backend": _Backend(),
        }
        # httpx's own figures
        super().__init__(max_connections=100, max_keepalive_connections=20, **self.settings)
        #: Opens a connection for each request, and keeps none.
        self.fresh = httpcore.ConnectionPool(
            max_connections=None, max_keepalive_connections=0, **self.settings
        )

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send *request*; see httpcore.

        If it fails before a byte of it was sent, it gets the extension `UNSENT`.
        """
        try:
            if FRESH in request.extensions:
                return self.fresh.handle_request(request)
            return super().handle_request(request)
        except BaseException:
            if not attempt.get().sent:
                request.extensions[UNSENT] = True
            raise

    def close(self) -> None:
        """Close all connections."""
        super().close()
        self.fresh.close()


class DeadlineTransport(httpx.HTTPTransport):
    """httpx's own transport over such a pool."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls)
        use_pool(self, _Pool(tls))
