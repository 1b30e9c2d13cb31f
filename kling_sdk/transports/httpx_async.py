"""Calls over an async client of httpx or httpx2."""

from __future__ import annotations

import asyncio
from typing import Any

from kling_sdk.errors import TransportError
from kling_sdk.flows import Fetch, Send
from kling_sdk.transports.address import speaks_tls
from kling_sdk.transports.async_fetch import TransferLimit
from kling_sdk.transports.httpx_shared import (
    TOO_LONG,
    UNSENT,
    Body,
    Calls,
    ConnectTrace,
    fetching,
    is_large,
)
from kling_sdk.transports.threads import in_thread
from kling_sdk.wire import Reply

__all__ = ["AsyncHttpxTransport"]


class AsyncHttpxTransport(Calls):
    """Calls over an async client of httpx or httpx2; an attempt is cancelled at its deadline."""

    @staticmethod
    def timeouts(seconds: float) -> dict[str, float | None]:
        """Return limits for what happens before a request is sent.

        They are a little less than the whole: they prove that nothing was sent. A default
        client's connections say so themselves, also when a busy machine is late by more.
        """
        return {"connect": 0.9 * seconds, "pool": 0.9 * seconds, "read": None, "write": None}

    async def perform(self, effect: Send | Fetch) -> Any:
        """Make the call; see `SyncTransport.perform`."""
        was_fetching = fetching.set(isinstance(effect, Fetch))
        try:
            if is_large(effect.call.json):
                request = await in_thread(self.request, effect)
            else:
                request = self.request(effect)
            try:
                async with asyncio.timeout(effect.timeout) as limit:
                    if isinstance(effect, Send):
                        return await self._send(effect, request)
                    return await self._fetch(effect, request, limit)
            except TimeoutError:
                sent = UNSENT not in request.extensions
                raise TransportError(TOO_LONG, maybe_sent=sent) from None
        except self.library.failures as error:
            failure = self.failed(error, effect)
            if isinstance(effect, Send) and failure.maybe_sent and self.address.is_doubtful():
                answer = await asyncio.to_thread(speaks_tls, self.address.host, self.address.port)
                failure = self.address.wants_tls(answer=answer) or failure
            raise failure from None
        finally:
            fetching.reset(was_fetching)

    async def _send(self, effect: Send, request: Any) -> Any:
        trace = None
        if effect.fresh:
            trace = ConnectTrace()
            request.extensions["trace"] = trace.anote
        while True:
            response = await self.client.send(request, stream=True, follow_redirects=False)
            try:
                body = Body()
                async for chunk in response.stream:
                    body.add(chunk)
                self.address.answered()
                fresh = trace is not None and trace.is_fresh(response)
                if fresh == effect.fresh or effect.call.method != "GET":
                    return effect.read(body.reply(response, fresh=fresh))
            except TransportError:
                await _disconnect(response)
                raise
            finally:
                await response.aclose()
            # As in the sync transport: each round closes a used connection.
            await _disconnect(response)

    async def _fetch(self, effect: Fetch, request: Any, limit: asyncio.Timeout) -> Reply:
        transfer = TransferLimit(effect, limit)
        response = await self.client.send(request, stream=True, follow_redirects=False, auth=None)
        try:
            effect.sink.start(response.status_code, dict(response.headers))
            async for chunk in response.stream:
                await transfer.take(chunk)
            return Reply(response.status_code, response.headers, b"")
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close the client if it is ours."""
        if self.owned:
            await self.client.aclose()


async def _disconnect(response: Any) -> None:
    """Close the connection of a reply; its pool drops it before the next use."""
    stream = response.extensions.get("network_stream")
    if stream is not None:
        await stream.aclose()
