"""Calls over an async client of httpx or httpx2."""

from __future__ import annotations

import asyncio
from typing import Any

from kling_sdk.errors import KlingError, TransportError
from kling_sdk.flows import Fetch, Send
from kling_sdk.transports.address import speaks_tls
from kling_sdk.transports.async_fetch import TransferLimit
from kling_sdk.transports.httpx_shared import (
    Body,
    Calls,
    Trace,
    fetching,
    has_length,
    is_end_said,
    is_large,
)
from kling_sdk.transports.threads import in_thread
from kling_sdk.wire import Reply


class AsyncHttpxTransport(Calls):
    """Calls over an async client of httpx or httpx2; an attempt is cancelled at its deadline."""

    has_time_limit = True

    def timeouts(self, seconds: float) -> dict[str, float | None]:
        """Return limits for the steps before a request is sent.

        They are a little shorter than the whole: a timeout of theirs proves that nothing was sent.
        A default client's connections say so themselves, even when a busy machine is late by more.
        """
        return {"connect": 0.9 * seconds, "pool": 0.9 * seconds, "read": None, "write": None}

    async def perform(self, effect: Send | Fetch) -> Any:
        """Make the call; see `SyncTransport.perform`."""
        was_fetching = fetching.set(isinstance(effect, Fetch))
        request, trace = None, Trace()
        try:
            if is_large(effect.call.json):
                request = await in_thread(self.request, effect, trace.anote)
            else:
                request = self.request(effect, trace.anote)
            async with asyncio.timeout(effect.timeout) as limit:
                if isinstance(effect, Fetch):
                    return await self._fetch(effect, request, limit)
                return await self._send(effect, request, trace)
        except KlingError:
            raise
        except Exception as error:  # noqa: BLE001 - raised again, or as one of ours
            failure = self.failed(error, effect, request, trace)
            if self.is_doubtful(failure, effect):
                answer = await asyncio.to_thread(speaks_tls, self.address.host, self.address.port)
                failure = self.address.wants_tls(answer=answer) or failure
            raise failure from failure.__cause__
        finally:
            fetching.reset(was_fetching)

    async def _open(self, request: Any, **options: Any) -> Any:
        try:
            response = await self.client.send(
                request, stream=True, follow_redirects=False, **options
            )
        except self.library.status_error as error:  # of a response hook's `raise_for_status`
            response = error.response
        return self.readable(response)

    async def _send(self, effect: Send, request: Any, trace: Trace) -> Any:
        while True:
            response = await self._open(request)
            try:
                body = Body()
                async for chunk in response.stream:
                    body.add(chunk)
                chunk = b""  # an error would show it
                self.address.has_answered = True
                fresh = effect.fresh and (self.is_direct or trace.is_fresh(response))
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
        response = await self._open(request, auth=None)
        try:
            effect.sink.start(response.status_code, dict(response.headers))
            async for chunk in response.stream:
                await transfer.take(chunk)
            if not has_length(response):
                if is_end_said(response):
                    effect.sink.end_is_certain()
                await _disconnect(response)
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
