"""One request to the emulated Kling and its reply: the stages that every exchange passes.

    received  routed, read and authenticated, as far as that goes
    served    what the call does has been done, or refused
    replied   the reply is known, in the journal, and sent

Where a test makes something go wrong, `FaultHooks` acts at these stages; an exchange without
faults does not have hooks. The connection that it came by is aiohttp's, which replies with Kling's
envelope even to bytes that are not HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_plus

from aiohttp import web

from kling_mock.kling import service
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.endpoints.registry import RoutedCall
from kling_mock.kling.journal.entries import BODY_KEPT, Entry, keep
from kling_mock.kling.journal.notes import NOTE_HEADER, header_value
from kling_mock.kling.journal.redaction import HIDDEN, redact_body, redact_query
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.admission import admit_call
from kling_mock.kling.service_codes import SUCCEED, Refusal, UnknownPathError
from kling_mock.kling.wire.v1 import V1, envelope, unknown_path
from kling_mock.kling.world import World
from kling_mock.web import bodies
from kling_mock.web.connections import BodyTimeoutError, Connection
from kling_mock.web.limits import Seen
from kling_mock.web.origins import ORIGINS, TestRun
from kling_mock.web.polling import poll_after_line
from kling_mock.web.replies import Silence, json_reply

if TYPE_CHECKING:
    from kling_mock.kling.http.fault_hooks import FaultHooks

_log = logging.getLogger("kling_mock")


class KlingProtocol(Connection):
    """One connection.

    aiohttp itself replies to a request that it cannot parse, in plain text; this class replies
    as to any other bad request. The connection ends after it, because the start of the next
    request in such bytes cannot be known.

    Attributes:
        origin: The test in which it was opened; `None` if it belongs to none.
    """

    __slots__ = ("origin",)

    def __init__(self, server: web.Server, open_: dict[Connection, Seen]) -> None:
        super().__init__(server, open_)
        self.origin = ORIGINS.owner  # the test that opened it

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Reply to a request that never reached the handler, or on which the handler failed."""
        # The message is left out: it quotes what the client sent, its URL or its key.
        _log.info("A connection brought no request: %s", type(exc).__name__)
        if status >= 500:
            code, text = 5000, "The mock itself failed; see its log."
        else:
            code, text = 1200, f"This is not HTTP: {' '.join((message or str(exc)).split())[:200]}"
        reply = web.Response(
            status=status,
            body=envelope(code, text, "", None),
            headers={"Content-Type": "application/json;charset=UTF-8"},
        )
        reply.force_close()
        return reply


def late_call(request: web.BaseRequest, *, by_connection: bool) -> TestRun | None:
    """Return the earlier test that *request* comes from; `None` if it is the running test's.

    Args:
        by_connection: Whether its connection decides where the thread is unknown.
    """
    protocol, transport = request.protocol, request.transport
    if not isinstance(protocol, KlingProtocol):
        return None
    if transport is None:  # the connection is closed
        return ORIGINS.late_call(
            protocol.origin, None, by_connection=by_connection, has_client=lambda: False
        )
    client, server = (transport.get_extra_info(name) for name in ("peername", "sockname"))
    if not isinstance(client, tuple) or not isinstance(server, tuple):
        return None
    return ORIGINS.late_call(
        protocol.origin,
        (client[1], server[1]),
        by_connection=by_connection,
        has_client=lambda: not _has_ended(transport),
    )


def _has_ended(transport: asyncio.Transport) -> bool:
    """Return whether the client has closed its side, even if the loop has not read that yet."""
    try:
        with socket.socket(fileno=socket.dup(transport.get_extra_info("socket").fileno())) as copy:
            copy.settimeout(0)
            return not copy.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


# Bytes of a request body. No page names a limit; eight images of 10 MB in base64 fit (assumed).
MAX_BODY = 128 * 1024 * 1024

_HOST = re.compile(r"[A-Za-z0-9._\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


class ClientGoneError(ConnectionError):
    """The client closed its connection before it had sent the whole body."""


async def read_body(request: web.BaseRequest, max_bytes: int | None = None) -> bytes:
    """Return the request's body.

    Args:
        max_bytes: The maximum size in bytes; `None` is `MAX_BODY`.

    Raises:
        Refusal: It is too large (413), it is not encoded as its headers declare (400), or it
            does not arrive in time (408).
        ClientGoneError: It never arrives.
    """
    limit = MAX_BODY if max_bytes is None else max_bytes
    try:
        return await bodies.read_body(request, limit)
    except bodies.BodyTooLargeError:
        text = f"The body is too large; it must have at most {limit} bytes."
        raise Refusal(1200, text, http=413) from None
    except bodies.BodyEncodingError:
        raise Refusal(1200, "The body is not encoded as its headers declare.") from None
    except BodyTimeoutError:
        raise Refusal(1200, "The body did not come in time.", http=408) from None
    except ConnectionError:
        raise ClientGoneError from None


def origin_of(request: web.BaseRequest) -> str:
    """Return the scheme, host and port that the client used."""
    headers = request.headers
    scheme = headers.get("X-Forwarded-Proto", "")
    if scheme not in {"http", "https"}:
        scheme = request.scheme
    host = headers.get("X-Forwarded-Host") or headers.get("Host") or ""
    if not _HOST.fullmatch(host):
        host = _own_host(request)
    return f"{scheme}://{host}"


def _own_host(request: web.BaseRequest) -> str:
    """Return the address that the client connected to, for a request without a usable Host."""
    name: tuple[Any, ...] = request.get_extra_info("sockname")
    host, port = str(name[0]), int(name[1])
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class EmulatorReply(NamedTuple):
    """The reply to a request.

    Attributes:
        http: The HTTP status; 0 if no reply goes out.
        code: The service code.
        request_id: The id of the request in the envelope.
        body: The envelope.
        retry_after: Seconds for a `Retry-After` header; `None` sends none.
        more: More header lines, each with its line end.
    """

    http: int
    code: int
    request_id: str
    body: bytes
    retry_after: int | None = None
    more: str = ""

    def to(self, request: web.BaseRequest, now: float) -> web.StreamResponse:
        """Return the reply as aiohttp sends it; *now* is for its `Date` header."""
        return json_reply(request, self.http, self.body, now, self.retry_after, self.more)


# After a reset of the clock, the dates of a token made by an earlier test are wrong.
_TOO_EARLY_OR_LATE = frozenset({1003, 1004})

NO_REPLY = EmulatorReply(0, 0, "", b"")


class Exchange:
    """One request and its reply.

    Args:
        path: Its path.
        query: Its query.
        public_url: Scheme, host and port that result URLs begin with; `None` uses those of the
            client's request.

    Attributes:
        call: The endpoint and operation; `None` until the request is routed, or if the path or
            method does not exist.
        account: The caller; `None` until the request is authenticated, or if it cannot be.
        body: The body; `None` until it is read, or if it cannot be.
        task_fault: The fault that happened to the task that the request made; "" if none did.
        noticed: The notes.
        refusal: Why the request is refused before its account is known; `None` if it is not.
    """

    __slots__ = (
        "_public_url",
        "account",
        "body",
        "call",
        "noticed",
        "path",
        "query",
        "refusal",
        "request",
        "task_fault",
        "world",
    )

    def __init__(
        self,
        world: World,
        request: web.BaseRequest,
        path: str,
        query: str,
        public_url: str | None,
    ) -> None:
        self.world = world
        self.request = request
        self.path = path
        self.query = query
        self._public_url = public_url
        self.call: RoutedCall | None = None
        self.account: Account | None = None
        self.body: bytes | None = None
        self.task_fault = ""
        self.noticed = Noticed(world.note_policy)
        self.refusal: Refusal | None = None

    def origin(self) -> str:
        """Return the scheme, host and port that result URLs begin with."""
        return origin_of(self.request) if self._public_url is None else self._public_url

    async def run(self, faults: FaultHooks | None = None) -> web.StreamResponse:
        """Serve the request and return its reply.

        Args:
            faults: What may go wrong.
        """
        request = self.request
        data: str | None = None
        refusal: Refusal | None = None
        try:
            try:
                self.call = self.world.endpoints.route(request.method, self.path)
                self.body = await read_body(request) if request.method == "POST" else b""
                header = request.headers.get("Authorization")
                self.account = self.world.accounts.authenticate(
                    header, self.world.clock, only_keys=self.call.record.interface.api_key_only
                )
            except Refusal as error:
                self.refusal = refusal = error
            # A body that cannot be read is refused, whatever the faults are.
            if faults is not None and (self.call is None or self.body is not None):
                early = await faults.received(self)
                if early is not None:
                    return early
            call, account = self.call, self.account
            if call is not None and account is not None:
                data = self._serve(call, account)
                if call.operation == "create" and self.world.callbacks.early:
                    await self.world.callbacks.sent_early()
        except Refusal as error:
            refusal = error
        except ClientGoneError:
            self.record(NO_REPLY)
            return Silence()
        except Exception:  # noqa: BLE001 - whatever it is, the client gets the envelope
            _log.exception("The mock failed on %s %s", request.method, self.path)
            refusal = Refusal(5000, "The mock itself failed; see its log.")
        reply = self._reply(200, 0, SUCCEED, data) if refusal is None else self.refused(refusal)
        if faults is not None:
            return await faults.replied(self, reply)
        return reply.to(request, self.record(reply))

    def _serve(self, call: RoutedCall, account: Account) -> str:
        """Run the call; return the reply's `data`.

        Raises:
            Refusal: It is refused; nothing has changed.
        """
        world, operation = self.world, call.operation
        if self.query:
            self._notice_query(call)
        if account.restricted:
            remote = self.request.remote or ""
            admit_call(account, world.clock.now(), remote, creates=operation == "create")
        if operation == "create":
            world.faults.on_task = ""
            data = service.create(world, account, call, self.body or b"", self.origin, self.noticed)
            self.task_fault = world.faults.on_task
            return data
        if operation == "get":
            return service.get(world, account, call, self.origin(), self.noticed)
        if operation == "list":
            return service.list_tasks(
                world, account, call.record, self.query, self.origin(), self.noticed
            )
        body = self.body or b""
        if operation == "presets":
            return service.list_presets(world, call.record, self.query, self.origin())
        if operation == "delete":
            return service.delete_item(world, account, call.record, body, self.noticed)
        return service.reply(
            world, account, call.record, body, self.query, self.origin, self.noticed
        )

    def _notice_query(self, call: RoutedCall) -> None:
        """Note query parameters that the call does not read, and values that cannot be ids."""
        known = () if call.operation in {"create", "delete"} else self._parameters(call)
        for pair in filter(None, self.query.split("&")):
            name, equals, _ = pair.partition("=")
            if unquote_plus(name) not in known:
                # A name without a value may be a token.
                self.noticed.unknown_parameter(unquote_plus(name) if equals else HIDDEN, known)
        for name in call.record.interface.named(self.query):
            service.note_strange_id(name, self.noticed)

    def _reply(
        self, http: int, code: int, message: str, data: str | None, retry_after: int | None = None
    ) -> EmulatorReply:
        interface = V1 if self.call is None else self.call.record.interface
        request_id = self.world.request_id()
        body = interface.envelope(code, message, request_id, data)
        return EmulatorReply(http, code, request_id, body, retry_after, self._lines())

    def _lines(self) -> str:
        """Return the emulator's own header lines."""
        lines = poll_after_line(self.world.clock.speed)
        notes = self.noticed.notes
        return f"{lines}{NOTE_HEADER}: {header_value(notes)}\r\n" if notes else lines

    def refused(self, refusal: Refusal) -> EmulatorReply:
        """Return the reply that *refusal* describes."""
        if refusal.note is not None:
            self.noticed.add(refusal.note)
        if isinstance(refusal, UnknownPathError):
            body = unknown_path(refusal.path, self.world.clock.now())
            return EmulatorReply(refusal.http, refusal.http, "", body, None, self._lines())
        return self._reply(refusal.http, refusal.code, refusal.message, None, refusal.retry_after)

    def _shown_query(self) -> str:
        if self.call is None:
            return redact_query(self.query, ())
        return redact_query(self.query, self._parameters(self.call))

    def _parameters(self, call: RoutedCall) -> tuple[str, ...]:
        """Return the parameters that the query of a call may have."""
        record = call.record
        return tuple(field.name for field in (*record.interface.schemas.paging, *record.parameters))

    def record(self, reply: EmulatorReply, fault: str = "") -> float:
        """Write the request and its reply into the journal; return the instant.

        Args:
            fault: The faults that happened to it, joined by "+".
        """
        if self.task_fault:
            fault = f"{self.task_fault}+{fault}".rstrip("+")
        world, under_way = self.world, self.world.findings.under_way
        entry = self._entry(reply, fault)
        is_unexpected = bool(reply.code or entry.notes) and entry.unexpected
        if is_unexpected or ORIGINS.has_left:
            origin = late_call(self.request, by_connection=is_unexpected)
            if origin is not None:
                entry = entry._replace(late_of=origin.name)
                if is_unexpected and reply.code not in _TOO_EARLY_OR_LATE:
                    ORIGINS.note_late(origin, world.journal.explain(entry))
        world.journal.add(entry, is_found=self not in under_way)
        if self.noticed.is_refused and not entry.late_of:
            world.findings.note_refused(entry)
        under_way.discard(self)  # after the journal entry, before the client knows
        return entry.at

    def _entry(self, reply: EmulatorReply, fault: str) -> Entry:
        account = self.account
        return Entry(
            self.world.clock.now(),
            self.request.method,
            self.path,
            self._shown_query() if self.query else "",
            reply.http,
            reply.code,
            reply.request_id,
            "" if account is None else account.name,
            keep(redact_body(self.body)) if self.body else b"",
            reply.body[:BODY_KEPT],
            fault,
            tuple(self.noticed.notes),
        )

    # ------------------------------------------------------------ for the findings, on any thread

    @property
    def is_refused(self) -> bool:
        """Whether the request is refused before its account is known."""
        return self.refusal is not None

    @property
    def has_client(self) -> bool:
        """Whether the client waits for the reply."""
        transport = self.request.transport
        return transport is not None and not transport.is_closing()

    def so_far(self) -> Entry:
        """Return what is known about the request, as an entry without a status."""
        return self._entry(NO_REPLY, "")

    def is_in(self, journal: object) -> bool:
        """Return whether the request's entry will be in *journal*."""
        return self.world.journal is journal
