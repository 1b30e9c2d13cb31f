"""Many requests in flight over httpx: several small pools instead of one large one.

One httpx pool does work per request that grows with its number of connections. Small pools
side by side do not slow down, and nothing is held back: a request goes to the first pool
with room, or else to the one with the fewest in flight.

Measured at 64 in flight (`docs/benchmarks.md` holds the figure of one pool): pools of 1 to
4 are equal within the noise, pools of 8 are 15 % slower. At 256 in flight, 64 pools of 4
are 30 % faster than 64 pools of 2, which are then overfull.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator
from functools import cache
from typing import Final
from urllib.request import getproxies

import httpx

__all__ = ["ShardingTransport", "default_async_client", "default_client", "shared_ssl_context"]

_PER_SHARD: Final = 4  # requests in flight per pool before another pool is opened
_MAX_SHARDS: Final = 64
_IDLE: Final = 5.0  # s after which a pool that a burst left behind is closed; httpx's own figure


@cache
def shared_ssl_context() -> ssl.SSLContext:
    """Return the one TLS context of all default clients: building one takes milliseconds."""
    return httpx.create_ssl_context()


class _Shard:
    """One pool, and how many requests are in flight on it."""

    __slots__ = ("busy", "idle_since", "transport")

    def __init__(self) -> None:
        self.transport = httpx.AsyncHTTPTransport(
            verify=shared_ssl_context(),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=_PER_SHARD),
        )
        self.busy = 0
        self.idle_since = 0.0

    def release(self) -> None:
        self.busy -= 1
        if not self.busy:
            self.idle_since = time.monotonic()


class _Body(httpx.AsyncByteStream):
    """A body that frees its shard's slot when it is closed."""

    def __init__(self, stream: httpx.AsyncByteStream, shard: _Shard) -> None:
        self._stream = stream
        self._shard: _Shard | None = shard

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            if self._shard is not None:
                self._shard.release()
                self._shard = None


class ShardingTransport(httpx.AsyncBaseTransport):
    """Spreads requests over small pools, opened as they are needed."""

    def __init__(self) -> None:
        self._shards = [_Shard()]

    def _pick(self) -> _Shard:
        best = self._shards[0]
        for shard in self._shards:
            if shard.busy < _PER_SHARD:
                return shard
            if shard.busy < best.busy:
                best = shard
        if len(self._shards) < _MAX_SHARDS:
            best = _Shard()
            self._shards.append(best)
        return best

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* over the first pool with room."""
        shard = self._pick()
        shard.busy += 1
        try:
            await self._close_a_surplus_shard()
            response = await shard.transport.handle_async_request(request)
        except BaseException:
            shard.release()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - what this pool makes
        response.stream = _Body(response.stream, shard)
        return response

    async def _close_a_surplus_shard(self) -> None:
        """Close the last pool if it is idle: a pool closes old connections only when used."""
        last = self._shards[-1]
        if len(self._shards) > 1 and not last.busy and time.monotonic() - last.idle_since > _IDLE:
            self._shards.pop()
            await last.transport.aclose()

    async def aclose(self) -> None:
        """Close all pools."""
        for shard in self._shards:
            await shard.transport.aclose()


def default_client() -> httpx.Client:
    """Return the client of a `Kling` that was given none."""
    return httpx.Client(verify=shared_ssl_context())


def default_async_client() -> httpx.AsyncClient:
    """Return the client of an `AsyncKling` that was given none.

    Where the environment names a proxy, httpx's own pool is used: it knows how to use one.
    """
    if getproxies().keys() - {"no"}:
        return httpx.AsyncClient(verify=shared_ssl_context())
    return httpx.AsyncClient(transport=ShardingTransport())
