"""What a client runs its flows on: its settings, and connections that open on first use."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

from kling_sdk.drivers import AsyncTransport, SyncTransport, arun, astream, run, stream
from kling_sdk.flows import Context, Flow
from kling_sdk.settings import Settings

__all__ = ["AsyncRunner", "Shared", "SyncRunner", "async_transport", "sync_transport"]

T = TypeVar("T")


class SyncRunner:
    """Runs flows for a `Kling`; opens its transport on first use."""

    def __init__(self, settings: Settings, open_transport: Callable[[], SyncTransport]) -> None:
        self.settings = settings
        self.open_transport = open_transport

    def run(self, start: Callable[[Context], Flow[T]], **options: Any) -> T:
        """Run a flow with some options changed."""
        ctx = self.settings.context(options)
        return run(start(ctx), self.open_transport(), self.settings.clock, self.settings.cancel)

    def stream(self, start: Callable[[Context], Flow[None]], **options: Any) -> Iterator[Any]:
        """Run a flow that hands out items."""
        ctx = self.settings.context(options)
        return stream(start(ctx), self.open_transport(), self.settings.clock, self.settings.cancel)


class AsyncRunner:
    """Runs flows for an `AsyncKling`; opens its transport on first use."""

    def __init__(self, settings: Settings, open_transport: Callable[[], AsyncTransport]) -> None:
        self.settings = settings
        self.open_transport = open_transport

    async def run(self, start: Callable[[Context], Flow[T]], **options: Any) -> T:
        """Run a flow with some options changed."""
        ctx = self.settings.context(options)
        return await arun(start(ctx), self.open_transport(), self.settings.clock)

    def stream(self, start: Callable[[Context], Flow[None]], **options: Any) -> AsyncIterator[Any]:
        """Run a flow that hands out items."""
        ctx = self.settings.context(options)
        return astream(start(ctx), self.open_transport(), self.settings.clock)


class Shared:
    """A transport that a client and its `with_options` copies have in common."""

    def __init__(self, open_it: Callable[[], Any]) -> None:
        self._open = open_it
        self._lock = threading.Lock()
        self.transport: Any = None
        self.closed = False

    def __call__(self) -> Any:
        """Return the transport, opened now if it was not."""
        if self.transport is None or self.closed:
            with self._lock:
                if self.closed:
                    raise RuntimeError("this client is closed; make a new one")
                if self.transport is None:
                    self.transport = self._open()
        return self.transport


def sync_transport(http_client: Any, base_url: str) -> SyncTransport:
    """Return a transport over the caller's client, or over one of our own."""
    from kling_sdk.drivers.default import default_client
    from kling_sdk.drivers.httpx_transport import HttpxTransport

    client = http_client if http_client is not None else default_client()
    return HttpxTransport(client, base_url, owned=http_client is None)


def async_transport(http_client: Any, base_url: str) -> AsyncTransport:
    """Return a transport over the caller's client, or over one of our own."""
    from kling_sdk.drivers.httpx_shared import library_of

    if http_client is not None and library_of(http_client) is None:
        from kling_sdk.drivers.aiohttp_transport import AiohttpTransport

        return AiohttpTransport(http_client, base_url)
    from kling_sdk.drivers.async_httpx_transport import AsyncHttpxTransport
    from kling_sdk.drivers.default import default_async_client

    client = http_client if http_client is not None else default_async_client()
    return AsyncHttpxTransport(client, base_url, owned=http_client is None)
