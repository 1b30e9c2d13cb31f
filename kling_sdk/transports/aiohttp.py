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
import attrs

from kling_sdk.errors import KlingError, TransportError
from kling_sdk.flows import Fetch, Send
from kling_sdk.text.hidden import HiddenBytes
from kling_sdk.transports.address import (
    Address,
    before_sending,
    given_up,
    proxy_failed,
    redact_text,
    speaks_tls,
)
from kling_sdk.transports.async_fetch import TransferLimit
from kling_sdk.transports.httpx_shared import LARGE, Encoded, encode, is_large
from kling_sdk.transports.private import disconnect, proxy_of
from kling_sdk.transports.threads import in_thread
from kling_sdk.version import USER_AGENT
from kling_sdk.wire import Reply
from kling_sdk.wire.messages import MAX_REPLY

if TYPE_CHECKING:
    from kling_sdk.wire import HttpCall

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
        self.address = Address(base_url)
        self.user_agent = session.headers.get("user-agent") or USER_AGENT

    async def perform(self, effect: Send | Fetch) -> Any:
        """Make the call; see `SyncTransport.perform`."""
        if self.session.closed:
            raise given_up("http_client is closed; make a new one")
        trace = _Trace()
        try:
            if isinstance(effect, Fetch):
                return await self._fetch(effect)
            if is_large(effect.call.json):
                encoded = await in_thread(encode, effect.call, self.user_agent)
            else:
                encoded = encode(effect.call, self.user_agent)
            if effect.fresh:
                return await self._send_fresh(effect, encoded, trace)
            async with self._request(effect.call, encoded, _whole(effect.timeout)) as response:
                return await self._read(effect, response, fresh=False)
        except KlingError:
            raise
        except Exception as error:  # noqa: BLE001 - raised again, or as one of ours
            failure = await self._failed(error, effect, is_unsent=trace.is_unsent)
            raise failure from failure.__cause__

    async def _failed(
        self, error: Exception, effect: Send | Fetch, *, is_unsent: bool | None
    ) -> Exception:
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return proxy_failed("", RuntimeError(f"{error.status} {error.message}"))
        if not isinstance(error, TimeoutError | aiohttp.ClientError):
            configs = self.session.trace_configs
            hooks = [hook for config in configs for hook in config.on_request_start]
            return before_sending(error, hooks) if is_unsent else error
        if is_unsent is None:
            is_unsent = isinstance(error, _NEVER_SENT)
        if isinstance(effect, Send) and is_unsent:
            return self.address.not_connected(error)
        if isinstance(effect, Send) and self.address.is_doubtful():
            answer = await asyncio.to_thread(speaks_tls, self.address.host, self.address.port)
            if (failure := self.address.wants_tls(answer=answer)) is not None:
                return failure
        # aiohttp quotes whole URLs, also inside its own repr of a request; keep the sentence only.
        text = f"cannot connect for {effect.call.method}" if is_unsent else redact_text(str(error))
        return TransportError(
            f"{type(error).__name__}: {text or 'no details'}", maybe_sent=not is_unsent
        )

    def _request(
        self, call: HttpCall, encoded: Encoded, timeout: aiohttp.ClientTimeout, **options: Any
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        content = encoded.content
        return self.session.request(
            call.method,
            self.base_url + call.path,
            params=call.params,
            headers=encoded.headers,
            # aiohttp sends a file piece by piece, and warns of large bytes, which it does not.
            data=io.BytesIO(content) if content and len(content) > LARGE else content,
            allow_redirects=False,
            auto_decompress=False,
            raise_for_status=False,
            timeout=timeout,
            **options,
        )

    async def _send_fresh(self, effect: Send, encoded: Encoded, trace: _Trace) -> Any:
        call = effect.call
        encoded = attrs.evolve(encoded, headers={**encoded.headers, "connection": "close"})
        # The session also keeps connections apart by this name, which is the one that TLS uses
        # without it. No connection with a name is kept, so this call opens a new one.
        host = urlsplit(self.base_url).hostname
        # Traces cost every request of the session, so this one is there for the call only.
        self.session.trace_configs.append(_CONNECT_TRACE)
        trace.is_unsent = True
        try:
            async with asyncio.timeout(effect.timeout):
                while True:
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
                            disconnect(response)
        finally:
            self.session.trace_configs.remove(_CONNECT_TRACE)

    async def _read(self, effect: Send, response: aiohttp.ClientResponse, *, fresh: bool) -> Any:
        # Where a trace of the caller's has read the body, aiohttp has kept it.
        body = HiddenBytes(await _bounded(response.content) or await response.read())
        self.address.has_answered = True
        try:
            return effect.read(Reply(response.status, response.headers, body, fresh=fresh))
        except TransportError:
            disconnect(response)
            raise

    async def _fetch(self, effect: Fetch) -> Reply:
        call = effect.call
        headers = encode(call, self.user_agent).headers
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
                raise_for_status=False,
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
    return aiohttp.ClientSession(
        connector=session.connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=session.trust_env,
        trace_configs=session.trace_configs,
        **proxy_of(session),
    )


@lru_cache(maxsize=64)
def _whole(seconds: float) -> aiohttp.ClientTimeout:
    """Return the limit of an attempt's whole time.

    Connecting, by name server and proxy too, gets a little less: its timeout proves that nothing
    was sent.
    """
    return aiohttp.ClientTimeout(total=seconds, connect=0.9 * seconds)


class _Trace:
    """The connection of a request: whether it has one, and whether that was opened for it."""

    connected = False
    is_unsent: bool | None = None  # until it is traced, only the error may say so


async def _note_connected(_session: object, context: SimpleNamespace, _params: object) -> None:
    if isinstance(context.trace_request_ctx, _Trace):
        context.trace_request_ctx.connected = True
        context.trace_request_ctx.is_unsent = False


async def _note_reused(_session: object, context: SimpleNamespace, _params: object) -> None:
    if isinstance(context.trace_request_ctx, _Trace):
        context.trace_request_ctx.is_unsent = False


_CONNECT_TRACE: Final = aiohttp.TraceConfig()
_CONNECT_TRACE.on_connection_create_end.append(_note_connected)
_CONNECT_TRACE.on_connection_reuseconn.append(_note_reused)
_CONNECT_TRACE.freeze()


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while not content.at_eof():
        # Most replies are here whole by now, and need no further turn of the event loop.
        chunk = content.read_nowait() if content.is_eof() else await content.readany()
        size += len(chunk)
        if size > MAX_REPLY:
            raise TransportError(f"the response is larger than {MAX_REPLY:,} bytes")
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
