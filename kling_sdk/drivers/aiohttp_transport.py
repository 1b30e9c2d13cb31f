"""Calls over an `aiohttp.ClientSession` (extra `aiohttp`), the fastest at many in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aiohttp

from kling_sdk.dialects import Reply
from kling_sdk.dialects.wire import MAX_REPLY
from kling_sdk.drivers.httpx_transport import encode, redact_text
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


class AiohttpTransport:
    """Calls over a session of aiohttp, which stays its owner's to close."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self.session = session
        self.base_url = base_url

    async def perform(self, effect: Send | Fetch) -> Reply:
        """Make the call."""
        call = effect.call
        url = (
            call.path
            if call.path.startswith(("http://", "https://"))
            else self.base_url + call.path
        )
        headers, content = encode(call)
        try:
            async with self.session.request(
                call.method,
                url,
                params=call.params,
                headers=headers,
                data=content,
                allow_redirects=False,
                auto_decompress=False,
                timeout=_timeout(effect),
            ) as response:
                if isinstance(effect, Send):
                    body = await _bounded(response.content)
                    return Reply(response.status, response.headers, body)
                head = {name.lower(): value for name, value in response.headers.items()}
                effect.sink.start(response.status, head)
                async for chunk in response.content.iter_chunked(_CHUNK):
                    effect.sink.write(chunk)
                return Reply(response.status, response.headers, b"")
        except (TimeoutError, aiohttp.ClientError) as error:
            raise _failed(error, call) from None

    async def aclose(self) -> None:
        """Do nothing: the session was opened by the caller."""


def _timeout(effect: Send | Fetch) -> aiohttp.ClientTimeout:
    if isinstance(effect, Send):
        # Connecting gets a little less than the whole: its timeout proves that nothing was sent.
        return aiohttp.ClientTimeout(total=effect.timeout, sock_connect=0.9 * effect.timeout)
    return aiohttp.ClientTimeout(total=None, sock_connect=effect.timeout, sock_read=effect.timeout)


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in content.iter_any():
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
