"""The recorder: a proxy in front of the real service that writes a session.

Every request is forwarded unchanged, and its reply is returned unchanged. Both are written to the
file as `redaction` leaves them. The recorder does not send or repeat requests by itself.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from secrets import token_bytes
from typing import Any, Final, Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from kling_mock.recording.authorization import auth_kind, secrets_of
from kling_mock.recording.pricing import price_of, refusal_of
from kling_mock.recording.redaction import NOT_JSON, Redactor, read_json
from kling_mock.recording.serving import MAX_BYTES, LocalServer, envelope
from kling_mock.recording.session import RecordedExchange, RecordedReply
from kling_mock.recording.writer import SessionWriter
from kling_mock.web.addresses import is_loopback, read_base_url
from kling_mock.web.bodies import BodyEncodingError, BodyTooLargeError, Inflater, read_body
from kling_mock.web.connections import BodyTimeoutError

_log: Final = logging.getLogger("kling_mock.recording")

_CONNECT_LIMIT: Final = 30.0  # seconds of real time
_SILENCE_LIMIT: Final = 300.0  # seconds of real time between two pieces of a reply
_HOP: Final = frozenset(  # headers that belong to one connection (RFC 9110, 7.6.1)
    [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
        "expect",
    ]
)
_READABLE: Final = ("gzip", "deflate", "identity")  # content codings
_NO_REPLY: Final = "kling-mock record: no response came from the real service"
_KEPT_HEADERS: Final = frozenset({"content-type", "retry-after"})


class Recorder:
    """Proxy that records a session. It listens on this computer only.

    Args:
        upstream: Base URL of the real service.
        out: The file; an existing session is continued.
        max_units: Maximum number of units to spend, including the file's earlier creates.
        allows_unpriced: Whether creates with an unknown price are forwarded.
        port: The port to listen on; 0 picks a free one.
        certificates: A PEM file of certificates to trust instead of the system's.

    Raises:
        ValueError: An argument is out of range, or the file is not a session with this host.
        OSError: The file cannot be written, or the certificates cannot be read.
    """

    def __init__(
        self,
        upstream: str,
        out: Path,
        max_units: Decimal,
        *,
        allows_unpriced: bool = False,
        port: int = 0,
        certificates: Path | None = None,
    ) -> None:
        self._upstream = read_base_url("upstream", upstream)
        if not (max_units.is_finite() and max_units >= 0):
            raise ValueError(f"max_units: must be a number of units of 0 or more, got {max_units}")
        self._max_units = max_units
        self._allows_unpriced = allows_unpriced
        self._tls = ssl.create_default_context(cafile=certificates)
        host = urlsplit(self._upstream).hostname or ""
        self._trusts_environment = not is_loopback(host)
        self._session: aiohttp.ClientSession | None = None
        self._server = LocalServer(self._handle, "kling-mock-record", port, self._open, self._close)
        self._writer = SessionWriter(out, host, time.time(), lambda: token_bytes(16))
        self._redactor = Redactor(self._writer.names)

    @property
    def url(self) -> str:
        """The base URL for clients, without a slash at the end."""
        return self._server.url

    @property
    def spent(self) -> Decimal:
        """Units of the creates that were sent, including the file's earlier ones."""
        return self._writer.spent

    def start(self) -> Self:
        """Start the server; return once it accepts connections.

        Raises:
            OSError: The address cannot be bound.
        """
        try:
            self._server.start()
        except BaseException:
            self._writer.close()
            raise
        return self

    def stop(self, drain: float = 0.0) -> None:
        """Stop, and close the file.

        Args:
            drain: Seconds of real time that requests in progress may take.
        """
        try:
            self._server.stop(drain)
        finally:
            self._writer.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ------------------------------------------------------------ on the server's loop

    async def _open(self) -> None:
        timeout = aiohttp.ClientTimeout(
            connect=_CONNECT_LIMIT, sock_read=_SILENCE_LIMIT, total=None
        )
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls, limit=0),
            timeout=timeout,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            trust_env=self._trusts_environment,
        )
        # aiohttp repeats a GET whose connection was closed; its own test client sets this, too.
        self._session._retry_connection = False  # noqa: SLF001 - there is no public way

    async def _close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if not request.raw_path.startswith("/"):  # it would be parsed as part of the host
            return envelope(400, 1200, "kling-mock record: the request must have a path")
        try:
            body = await read_body(request, MAX_BYTES, inflate=False)
        except BodyTooLargeError:
            return envelope(413, 1200, f"kling-mock record: the body has over {MAX_BYTES} bytes")
        except (BodyTimeoutError, BodyEncodingError):
            return envelope(408, 1200, "kling-mock record: the body did not come as announced")
        plain = _inflated(body, request.headers)
        price = price_of(request.method, request.rel_url.path, plain)
        # No other request runs between this check and the line that counts the units.
        refusal = refusal_of(
            price, self._writer.spent, self._max_units, allows_unpriced=self._allows_unpriced
        )
        if refusal is not None:
            _log.warning("%s", refusal.message)
            return envelope(refusal.http, refusal.code, refusal.message, x_kling_mock_record="1")
        create = 0 if price.is_free else self._writer.begin_create(price.units)
        return await self._forward(request, body, plain, create)

    async def _forward(
        self, request: web.BaseRequest, body: bytes, plain: bytes, create: int
    ) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        started, sent_at = loop.time(), time.time()
        # The request is redacted first, so that its values are found where the reply repeats them.
        exchange = self._request(request, plain, sent_at, create)
        answer, reply = envelope(502, 5000, _NO_REPLY), None
        try:
            status, reason, headers, content = await self._fetch(request, body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.warning("no response came: %s", type(error).__name__)
        else:
            answer = web.Response(
                status=status, reason=reason, body=content, headers=_forwarded(headers)
            )
            reply = self._reply(status, headers, _inflated(content, headers))
        ms = int((loop.time() - started) * 1000)
        self._write(replace(exchange, ms=ms, reply=reply), secrets_of(request.headers))
        return answer

    async def _fetch(
        self, request: web.BaseRequest, body: bytes
    ) -> tuple[int, str | None, Mapping[str, str], bytes]:
        if self._session is None:
            raise ConnectionError
        url = URL(f"{self._upstream}{request.raw_path}", encoded=True)
        headers = _forwarded(request.headers)
        _keep_readable(headers)
        async with self._session.request(
            request.method, url, headers=headers, data=body or None, allow_redirects=False
        ) as reply:
            return reply.status, reply.reason, reply.headers, await reply.read()

    # ------------------------------------------------------------ writing the file

    def _request(
        self, request: web.BaseRequest, plain: bytes, sent_at: float, create: int
    ) -> RecordedExchange:
        path, _, query = request.raw_path.partition("?")
        body, text = self._body(plain, self._redactor.request)
        return RecordedExchange(
            at=self._writer.since_start(sent_at),
            ms=0,
            method=request.method,
            path=self._redactor.path(path),
            query=self._redactor.query(query),
            auth=auth_kind(request.headers.get("Authorization"), sent_at),
            body=body,
            text=text,
            headers=self._headers(request.headers),
            create=create,
        )

    def _reply(self, status: int, headers: Mapping[str, str], plain: bytes) -> RecordedReply:
        try:
            body, text = self._body(plain, self._redactor.reply)
        except Exception as error:  # noqa: BLE001 - a client must get what it has paid for, whatever is wrong here
            _log.error(
                "a response could not be redacted, and is left out of the file: %s",
                type(error).__name__,
            )
            return RecordedReply(status)
        return RecordedReply(status, body, text, self._headers(headers))

    def _write(self, exchange: RecordedExchange, secrets: tuple[str, ...]) -> None:
        try:
            self._writer.add(exchange, lambda line: self._redactor.scrub(line, secrets))
        except OSError as error:  # the client still gets its reply
            _log.error("an exchange is not in the file: %s", error.strerror)

    def _body(self, plain: bytes, redact: Callable[[Any], Any]) -> tuple[Any, str | None]:
        if not plain:
            return None, None
        document = read_json(plain)
        try:
            if document is not NOT_JSON:
                return redact(document), None
        except RecursionError:  # too deep for redaction, though not for the decoder
            pass
        return None, self._redactor.plain(plain)

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return self._redactor.headers(
            {
                name.lower(): value
                for name, value in headers.items()
                if name.lower() in _KEPT_HEADERS
            }
        )


def _forwarded(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """Return the headers without those of the connection itself."""
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    dropped = _HOP | named
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in dropped
    )


def _keep_readable(headers: CIMultiDict[str]) -> None:
    """Accept only codings that can be read here; nothing else in a request is changed."""
    accepted = headers.get("Accept-Encoding")
    if accepted is not None:
        codings = [coding.strip() for coding in accepted.split(",")]
        readable = [
            coding for coding in codings if coding.partition(";")[0].strip().lower() in _READABLE
        ]
        headers["Accept-Encoding"] = ", ".join(readable) or "identity"


def _inflated(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return *body* decompressed; unchanged if it cannot be decompressed."""
    coding = headers.get("Content-Encoding", "").strip().lower()
    if coding not in {"gzip", "deflate"} or not body:
        return body
    inflater, pieces, size = Inflater(coding), [], 0
    try:
        for piece in inflater.feed(body):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BYTES:
                return body
    except (BodyEncodingError, zlib.error):
        return body
    return b"".join(pieces)
