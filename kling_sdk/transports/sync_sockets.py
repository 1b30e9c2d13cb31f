"""Sockets of a default `Kling`, whose every step ends at the deadline of the call.

A blocking read has a timeout of its own, so a server that sends a byte now and then can
hold a call for as long as it likes. Here what is left of the call's time is the timeout of
each read and write. Async calls need none of this: their task is cancelled at the deadline.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore
import httpx

from kling_sdk.transports.deadline import left_of
from kling_sdk.transports.httpx_shared import FRESH, has_unread_bytes

__all__ = ["DeadlineTransport"]


class _Stream(httpcore.NetworkStream):
    """A connected socket; connecting and TLS are httpcore's."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._socket: socket.socket = stream.get_extra_info("socket")

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            self._socket.settimeout(left_of(timeout, httpcore.ReadTimeout))
            return self._socket.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        try:
            while rest:
                self._socket.settimeout(left_of(timeout, httpcore.WriteTimeout))
                rest = rest[self._socket.send(rest) :]
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


class _Backend(httpcore.SyncBackend):
    """Opens sockets that know of the deadline."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # the latter for a name that cannot be one
            raise httpcore.ConnectError(str(error)) from error
        # One address at a time: `socket.create_connection` gives each of them the whole time.
        *others, last = [str(address[0]) for *_, address in found]
        for address in others:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return self._connect(address, port, timeout, local_address, socket_options)
        return self._connect(last, port, timeout, local_address, socket_options)

    def _connect(self, address: str, port: int, timeout: float | None, *rest: Any) -> _Stream:
        left = left_of(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(address, port, left, *rest))


class _Connection(httpcore.HTTPConnection):
    """A connection that is not used again when bytes came that belong to no request."""

    def has_expired(self) -> bool:
        return super().has_expired() or has_unread_bytes(self)


class _LastBody:
    """The body of a reply whose connection is closed with it."""

    def __init__(self, connection: _Connection, stream: Any) -> None:
        self._connection = connection
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._connection.close()


class _Pool(httpcore.ConnectionPool):
    """httpcore's pool with these connections and sockets."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._settings: dict[str, Any] = {
            "ssl_context": tls,
            "keepalive_expiry": 5.0,
            "network_backend": _Backend(),
        }
        # httpx's own figures
        super().__init__(max_connections=100, max_keepalive_connections=20, **self._settings)

    def create_connection(self, origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        return _Connection(origin, **self._settings)

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        if FRESH not in request.extensions:
            return super().handle_request(request)
        connection = _Connection(request.url.origin, **self._settings)
        try:
            response = connection.handle_request(request)
        except BaseException:
            connection.close()
            raise
        response.stream = _LastBody(connection, response.stream)
        return response


class DeadlineTransport(httpx.HTTPTransport):
    """httpx's own transport over such a pool."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls)
        self._pool: Any = _Pool(tls)
