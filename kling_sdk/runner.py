"""What a client runs its flows on: its settings, and connections that open on first use."""

from __future__ import annotations

import os
import ssl
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator
from typing import Any, TypeVar

from kling_sdk.flows import Context, Operation
from kling_sdk.settings import ClientSettings
from kling_sdk.transports import AsyncTransport, SyncTransport, arun, astream, run, stream

__all__ = ["AsyncRunner", "Shared", "SyncRunner", "async_transport", "sync_transport"]

T = TypeVar("T")

# Held while a transport is opened, which is rare enough for one lock over all clients.
_opening = threading.Lock()


def _renew_lock() -> None:
    global _opening  # noqa: PLW0603 - a thread of the parent may have held it
    _opening = threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_renew_lock)


class SyncRunner:
    """Runs flows for a `Kling`; opens its transport on first use."""

    def __init__(
        self, settings: ClientSettings, open_transport: Callable[[], SyncTransport]
    ) -> None:
        self.settings = settings
        self.open_transport = open_transport

    def run(self, operation: Operation[T], **options: Any) -> T:
        """Run an operation with some options changed."""
        ctx = self.settings.context(options)
        if _is_traced(ctx):
            from kling_sdk.tracing import Traced  # only who traces needs it

            with Traced(ctx, operation, self.settings.base_url).call() as span:
                return span.noted(self._play(operation, span.ctx))
        return self._play(operation, ctx)

    def _play(self, operation: Operation[T], ctx: Context) -> T:
        flow, settings = operation.start(ctx), self.settings
        return run(flow, self.open_transport(), settings.clock, settings.options.cancel)

    def stream(self, operation: Operation[None], **options: Any) -> Iterator[Any]:
        """Run an operation that hands out items."""
        ctx = self.settings.context(options)
        if _is_traced(ctx):
            from kling_sdk.tracing import Traced  # as above

            return Traced(ctx, operation, self.settings.base_url).stream(
                lambda ctx: self._play_all(operation, ctx)
            )
        return self._play_all(operation, ctx)

    def _play_all(self, operation: Operation[None], ctx: Context) -> Generator[Any, None, None]:
        flow, settings = operation.start(ctx), self.settings
        return stream(flow, self.open_transport(), settings.clock, settings.options.cancel)


class AsyncRunner:
    """Runs flows for an `AsyncKling`; opens its transport on first use."""

    def __init__(
        self, settings: ClientSettings, open_transport: Callable[[], AsyncTransport]
    ) -> None:
        self.settings = settings
        self.open_transport = open_transport

    async def run(self, operation: Operation[T], **options: Any) -> T:
        """Run an operation with some options changed."""
        ctx = self.settings.context(options)
        if _is_traced(ctx):
            from kling_sdk.tracing import Traced  # only who traces needs it

            with Traced(ctx, operation, self.settings.base_url).call() as span:
                return span.noted(await self._play(operation, span.ctx))
        return await self._play(operation, ctx)

    def _play(self, operation: Operation[T], ctx: Context) -> Coroutine[Any, Any, T]:
        return arun(operation.start(ctx), self.open_transport(), self.settings.clock)

    def stream(self, operation: Operation[None], **options: Any) -> AsyncIterator[Any]:
        """Run an operation that hands out items."""
        ctx = self.settings.context(options)
        if _is_traced(ctx):
            from kling_sdk.tracing import Traced  # as above

            return Traced(ctx, operation, self.settings.base_url).astream(
                lambda ctx: self._play_all(operation, ctx)
            )
        return self._play_all(operation, ctx)

    def _play_all(self, operation: Operation[None], ctx: Context) -> AsyncGenerator[Any, None]:
        return astream(operation.start(ctx), self.open_transport(), self.settings.clock)


def _is_traced(ctx: Context) -> bool:
    # A program that has not loaded the API has nowhere to send spans, and is not made to.
    return ctx.options.trace and "opentelemetry.trace" in sys.modules


class Shared:
    """A transport that a client and its `with_options` copies have in common.

    Each process has its own. After a fork the parent's sockets are open in the child too, and
    whichever process reads first gets the other's replies.

    Args:
        open_it: Opens a transport.
        is_own: False when it calls over a client of the caller's, which cannot be opened again.
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
        """Return the transport, opened now if it was not.

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
        """Open no transport from now on; return the one to close, or None."""
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

    _check_kind(http_client, "Client", "Kling")
    client = http_client
    if client is None:
        client = default_client(trust_env=trust_env, ssl_context=ssl_context)
    return HttpxTransport(client, base_url, owned=http_client is None)


def async_transport(
    http_client: Any,
    base_url: str,
    *,
    trust_env: bool = True,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncTransport:
    """Return a transport over the caller's client, or over one of our own."""
    from kling_sdk.transports.httpx_shared import library_of

    if http_client is not None and library_of(http_client) is None:
        from kling_sdk.transports.aiohttp import AiohttpTransport

        return AiohttpTransport(http_client, base_url)
    from kling_sdk.transports.default import default_async_client
    from kling_sdk.transports.httpx_async import AsyncHttpxTransport

    _check_kind(http_client, "AsyncClient", "AsyncKling")
    client = http_client
    if client is None:
        client = default_async_client(trust_env=trust_env, ssl_context=ssl_context)
    return AsyncHttpxTransport(client, base_url, owned=http_client is None)


def _check_kind(client: object, wanted: str, ours: str) -> None:
    names = {cls.__name__ for cls in type(client).__mro__}
    if client is not None and wanted not in names and names & {"Client", "AsyncClient"}:
        raise TypeError(f"{ours} takes a {wanted} as http_client, not a {type(client).__name__}")
