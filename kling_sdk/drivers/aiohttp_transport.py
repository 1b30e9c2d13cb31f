"""Calls over an `aiohttp.ClientSession` (extra `aiohttp`), the fastest at many in flight."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import aiohttp

from kling_sdk.dialects import Reply
from kling_sdk.dialects.wire import MAX_REPLY
from kling_sdk.drivers.httpx_shared import encode, redact_text
from kling_sdk.errors import TransportError
from kling_sdk.flows import Fetch, Send

if TYPE_CHECKING:
    from kling_sdk.dialects import Call

__all__ = ["AiohttpTransport"]

# Failures after which the server cannot have received the request.
_NEVER_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)
_CHUNK: Final = 65536
_NO_LIMIT: Final = aiohttp.ClientTimeout(total=None)


class AiohttpTransport:
    """Calls over a session of aiohttp, which stays its owner's to close."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self.session = session
        self.base_url = base_url

    async def perform(self, effect: Send | Fetch) -> Reply:
        """Make the call."""
        try:
            if isinstance(effect, Send):
                return await self._send(effect)
            return await self._fetch(effect)
        except (TimeoutError, aiohttp.ClientError) as error:
            raise _failed(error, effect.call) from None

    def _request(
        self, call: Call, timeout: aiohttp.ClientTimeout
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        absolute = call.path.startswith(("http://", "https://"))
        headers, content = encode(call)
        return self.session.request(
            call.method,
            call.path if absolute else self.base_url + call.path,
            params=call.params,
            headers=headers,
            data=content,
            allow_redirects=False,
            auto_decompress=False,
            timeout=timeout,
        )

    async def _send(self, effect: Send) -> Reply:
        async with self._request(effect.call, _whole(effect.timeout)) as response:
            return Reply(response.status, response.headers, await _bounded(response.content))

    async def _fetch(self, effect: Fetch) -> Reply:
        now = asyncio.get_running_loop().time
        # For the head as a whole, and then for each silence.
        async with (
            asyncio.timeout(effect.timeout) as limit,
            self._request(effect.call, _NO_LIMIT) as response,
        ):
            head = {name.lower(): value for name, value in response.headers.items()}
            effect.sink.start(response.status, head)
            async for chunk in response.content.iter_chunked(_CHUNK):
                effect.sink.write(chunk)
                limit.reschedule(now() + effect.timeout)
            return Reply(response.status, response.headers, b"")

    async def aclose(self) -> None:
        """Do nothing: the session was opened by the caller."""


@lru_cache(maxsize=64)
def _whole(seconds: float) -> aiohttp.ClientTimeout:
    """Return the limit of an attempt's whole time.

    Connecting gets a little less: its timeout proves that nothing was sent.
    """
    return aiohttp.ClientTimeout(total=seconds, sock_connect=0.9 * seconds)


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while not content.at_eof():
        # Most replies are here whole by now, and need no further turn of the event loop.
        chunk = content.read_nowait() if content.is_eof() else await content.readany()
        size += len(chunk)
        if size > MAX_REPLY:
            raise TransportError(f"the reply is larger than {MAX_REPLY:,} bytes")
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _failed(error: Exception, call: Call) -> TransportError:
    sent = not isinstance(error, _NEVER_SENT)
    # aiohttp quotes whole URLs, also inside its own repr of a request; keep the sentence only.
    text = redact_text(str(error)) if sent else f"cannot connect for {call.method}"
    return TransportError(f"{type(error).__name__}: {text or 'no details'}", maybe_sent=sent)
