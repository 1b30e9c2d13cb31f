"""Calls over an `aiohttp.ClientSession` (extra `aiohttp`), the fastest at many in flight."""

from __future__ import annotations

import asyncio
import io
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import aiohttp

from kling_sdk.errors import TransportError
from kling_sdk.flows import Fetch, Send
from kling_sdk.transports.address import Address, speaks_tls
from kling_sdk.transports.async_fetch import TransferLimit
from kling_sdk.transports.httpx_shared import LARGE, encode, is_large, redact_text
from kling_sdk.transports.threads import in_thread
from kling_sdk.version import USER_AGENT
from kling_sdk.wire import Reply
from kling_sdk.wire.messages import MAX_REPLY

if TYPE_CHECKING:
    from kling_sdk.wire import HttpCall

__all__ = ["AiohttpTransport"]

# Failures after which the server cannot have received the request.
_NEVER_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)
_CHUNK: Final = 65536
_Encoded = tuple[dict[str, str], bytes | None]
_NO_LIMIT: Final = aiohttp.ClientTimeout(total=None)


class AiohttpTransport:
    """Calls over a session of aiohttp, which stays its owner's to close."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self.session = session
        self.base_url = base_url
        self.address = Address(base_url)
        self.user_agent = session.headers.get("user-agent") or USER_AGENT

    async def perform(self, effect: Send | Fetch) -> Any:
        """Make the call; see `SyncTransport.perform`."""
        try:
            if isinstance(effect, Fetch):
                return await self._fetch(effect)
            if is_large(effect.call.json):
                encoded = await in_thread(encode, effect.call, self.user_agent)
            else:
                encoded = encode(effect.call, self.user_agent)
            if effect.fresh:
                return await self._send_fresh(effect, encoded)
            async with self._request(effect.call, encoded, _whole(effect.timeout)) as response:
                return await self._read(effect, response, fresh=False)
        except (TimeoutError, aiohttp.ClientError) as error:
            found = None
            if isinstance(effect, Send):
                found = await self._about_the_address(error)
            raise found or _failed(error, effect.call) from None

    async def _about_the_address(self, error: Exception) -> TransportError | None:
        if isinstance(error, _NEVER_SENT):
            return self.address.not_connected(error)
        if not self.address.is_doubtful():
            return None
        answer = await asyncio.to_thread(speaks_tls, self.address.host, self.address.port)
        return self.address.wants_tls(answer=answer)

    def _request(
        self, call: HttpCall, encoded: _Encoded, timeout: aiohttp.ClientTimeout, **options: Any
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        headers, content = encoded
        return self.session.request(
            call.method,
            self.base_url + call.path,
            params=call.params,
            headers=headers,
            # aiohttp sends a file piece by piece, and warns of large bytes, which it does not.
            data=io.BytesIO(content) if content and len(content) > LARGE else content,
            allow_redirects=False,
            auto_decompress=False,
            timeout=timeout,
            **options,
        )

    async def _send_fresh(self, effect: Send, encoded: _Encoded) -> Any:
        call, (headers, content) = effect.call, encoded
        encoded = {**headers, "connection": "close"}, content
        # The session keeps connections apart by this name too, which is the one that TLS uses
        # without it. None of those with a name is kept, so this call opens one.
        host = urlsplit(self.base_url).hostname
        # Traces cost every request of the session, so this one is there for the call only.
        self.session.trace_configs.append(_CONNECT_TRACE)
        try:
            async with asyncio.timeout(effect.timeout):
                while True:
                    trace = _Connected()
                    async with self._request(
                        call,
                        encoded,
                        _whole(effect.timeout),
                        trace_request_ctx=trace,
                        server_hostname=host,
                    ) as response:
                        try:
                            if trace.connected or call.method != "GET":
                                return await self._read(effect, response, fresh=trace.connected)
                            await _bounded(response.content)
                        finally:
                            _disconnect(response)
        finally:
            self.session.trace_configs.remove(_CONNECT_TRACE)

    async def _read(self, effect: Send, response: aiohttp.ClientResponse, *, fresh: bool) -> Any:
        body = await _bounded(response.content)
        self.address.answered()
        try:
            return effect.read(Reply(response.status, response.headers, body, fresh=fresh))
        except TransportError:
            _disconnect(response)
            raise

    async def _fetch(self, effect: Fetch) -> Reply:
        call = effect.call
        headers, _ = encode(call, self.user_agent)
        # For the head as a whole, and then for each silence.
        async with (
            asyncio.timeout(effect.timeout) as limit,
            _without_credentials(self.session) as session,
            session.request(
                call.method,
                call.path,
                headers=headers,
                allow_redirects=False,
                auto_decompress=False,
                timeout=_NO_LIMIT,
            ) as response,
        ):
            transfer = TransferLimit(effect, limit)
            head = {name.lower(): value for name, value in response.headers.items()}
            effect.sink.start(response.status, head)
            async for chunk in response.content.iter_chunked(_CHUNK):
                await transfer.take(chunk)
            return Reply(response.status, response.headers, b"")

    async def aclose(self) -> None:
        """Do nothing: the session was opened by the caller."""


def _without_credentials(session: aiohttp.ClientSession) -> aiohttp.ClientSession:
    """Return a session over the same connections, to be closed, for the host of a file.

    A session's headers, cookies and authorization are for the API, and no request can leave
    them out.
    """
    if session.closed:
        raise RuntimeError("Session is closed")
    return aiohttp.ClientSession(
        connector=session.connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=session.trust_env,
        trace_configs=session.trace_configs,
        proxy=session._default_proxy,  # noqa: SLF001 - no public attribute; a test watches it
        proxy_auth=session._default_proxy_auth,  # noqa: SLF001 - as above
    )


@lru_cache(maxsize=64)
def _whole(seconds: float) -> aiohttp.ClientTimeout:
    """Return the limit of an attempt's whole time.

    Connecting gets a little less: its timeout proves that nothing was sent.
    """
    return aiohttp.ClientTimeout(total=seconds, sock_connect=0.9 * seconds)


class _Connected:
    """Whether a connection was opened for a request."""

    connected = False


async def _note_connected(_session: object, context: SimpleNamespace, _params: object) -> None:
    if isinstance(context.trace_request_ctx, _Connected):
        context.trace_request_ctx.connected = True


_CONNECT_TRACE: Final = aiohttp.TraceConfig()
_CONNECT_TRACE.on_connection_create_end.append(_note_connected)
_CONNECT_TRACE.freeze()


def _disconnect(response: aiohttp.ClientResponse) -> None:
    """Close the connection of a reply that was read whole."""
    # Such a connection is in the pool again, and no public attribute leads to it.
    protocol = response._protocol  # noqa: SLF001 - as above
    if protocol is not None:
        protocol.close()


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


def _failed(error: Exception, call: HttpCall) -> TransportError:
    sent = not isinstance(error, _NEVER_SENT)
    # aiohttp quotes whole URLs, also inside its own repr of a request; keep the sentence only.
    text = redact_text(str(error)) if sent else f"cannot connect for {call.method}"
    return TransportError(f"{type(error).__name__}: {text or 'no details'}", maybe_sent=sent)
