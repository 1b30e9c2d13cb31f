"""One request to the emulated Kling and its reply: the stages that every exchange passes.

    received  routed, read and authenticated, as far as that goes
    served    what the call does has been done, or refused
    replied   the reply is known, in the journal, and sent

Where a test wants something to go wrong, `FaultHooks` looks in at these stages; an exchange
without faults has none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from kling_mock.journal.entries import BODY_KEPT, Entry, keep
from kling_mock.journal.notes import NOTE_HEADER, header_value
from kling_mock.journal.redaction import redact_body, redact_query
from kling_mock.kling import service
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.endpoints.registry import RoutedCall
from kling_mock.kling.http.protocol import late_call
from kling_mock.kling.http.requests import ClientGoneError, read_body
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.admission import admit_call
from kling_mock.kling.service_codes import SUCCEED, Refusal, UnknownPathError
from kling_mock.kling.wire.v1 import V1, unknown_path
from kling_mock.kling.world import World
from kling_mock.web.origins import ORIGINS
from kling_mock.web.poll_after import poll_after_line
from kling_mock.web.replies import Silence, json_reply

if TYPE_CHECKING:  # most servers have no faults
    from kling_mock.kling.http.fault_hooks import FaultHooks

__all__ = ["NO_REPLY", "EmulatorReply", "Exchange"]

_log = logging.getLogger("kling_mock")


class EmulatorReply(NamedTuple):
    """The reply to a request.

    Attributes:
        http: The HTTP status; 0 if no reply goes out.
        code: The service code.
        request_id: What the envelope calls the request.
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
        """Return it as aiohttp sends it; *now* is for its `Date` header."""
        return json_reply(request, self.http, self.body, now, self.retry_after, self.more)


# The dates of a token that an earlier test has made are wrong after a reset of the clock.
_TOO_EARLY_OR_LATE = frozenset({1003, 1004})

NO_REPLY = EmulatorReply(0, 0, "", b"")


class Exchange:
    """One request and its reply.

    Args:
        world: The state.
        request: The request.
        path: Its path.
        query: Its query.
        origin: Returns the scheme, host and port that result URLs begin with.

    Attributes:
        call: The endpoint and operation; `None` until the request is routed, or if the path or
            method does not exist.
        account: The caller; `None` until the request is authenticated, or if it cannot be.
        body: The body; `None` until it is read, or if it cannot be.
        task_fault: The fault that happened to the task that it made; "" if none did.
        noticed: The notes.
    """

    __slots__ = (
        "account",
        "body",
        "call",
        "noticed",
        "origin",
        "path",
        "query",
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
        origin: Callable[[], str],
    ) -> None:
        self.world = world
        self.request = request
        self.path = path
        self.query = query
        self.origin = origin
        self.call: RoutedCall | None = None
        self.account: Account | None = None
        self.body: bytes | None = None
        self.task_fault = ""
        self.noticed = Noticed(world.note_policy)

    async def run(self, faults: FaultHooks | None = None) -> web.StreamResponse:
        """Serve the request and return its reply.

        Args:
            faults: What may go wrong.
        """
        data: str | None = None
        refusal: Refusal | None = None
        try:
            try:
                await self._receive()
            except Refusal as error:
                refusal = error
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
            _log.exception("The mock failed on %s %s", self.request.method, self.path)
            refusal = Refusal(5000, "The mock itself failed; see its log.")
        reply = self._reply(200, 0, SUCCEED, data) if refusal is None else self.refused(refusal)
        if faults is not None:
            return await faults.replied(self, reply)
        return reply.to(self.request, self.record(reply))

    async def _receive(self) -> None:
        """Find out what the request is about and who sends it.

        Raises:
            Refusal: No such call, a body that cannot be read, or nobody that is known.
        """
        request, world = self.request, self.world
        method = request.method
        self.call = world.endpoints.route(method, self.path)
        self.body = await read_body(request) if method == "POST" else b""
        header = request.headers.get("Authorization")
        only_keys = self.call.record.interface.api_key_only
        self.account = world.accounts.authenticate(header, world.clock, only_keys=only_keys)

    def _serve(self, call: RoutedCall, account: Account) -> str:
        """Do what the call is for; return the reply's `data`.

        Raises:
            Refusal: It is refused; nothing has changed.
        """
        world, operation = self.world, call.operation
        if account.restricted:
            remote = self.request.remote or ""
            admit_call(account, world.clock.now(), remote, creates=operation == "create")
        if operation == "create":
            world.faults.on_task = ""
            data = service.create(world, account, call, self.body or b"", self.origin, self.noticed)
            self.task_fault = world.faults.on_task
            return data
        if operation == "get":
            return service.get(world, account, call, self.origin())
        if operation == "list":
            return service.list_tasks(world, account, call.record, self.query, self.origin())
        body = self.body or b""
        if operation == "presets":
            return service.list_presets(world, call.record, self.query, self.origin())
        if operation == "delete":
            return service.delete_item(world, account, call.record, body, self.noticed)
        return service.reply(
            world, account, call.record, body, self.query, self.origin, self.noticed
        )

    def _reply(
        self, http: int, code: int, message: str, data: str | None, retry_after: int | None = None
    ) -> EmulatorReply:
        interface = V1 if self.call is None else self.call.record.interface
        request_id = self.world.request_id()
        body = interface.envelope(code, message, request_id, data)
        return EmulatorReply(http, code, request_id, body, retry_after, self._lines())

    def _lines(self) -> str:
        """Return the header lines of the emulator's own."""
        lines = poll_after_line(self.world.clock.speed)
        notes = self.noticed.notes
        return f"{lines}{NOTE_HEADER}: {header_value(notes)}\r\n" if notes else lines

    def refused(self, refusal: Refusal) -> EmulatorReply:
        """Return the reply that *refusal* is."""
        if refusal.note is not None:
            self.noticed.add(refusal.note)
        if isinstance(refusal, UnknownPathError):
            body = unknown_path(refusal.path, self.world.clock.now())
            return EmulatorReply(refusal.http, refusal.http, "", body, None, self._lines())
        return self._reply(refusal.http, refusal.code, refusal.message, None, refusal.retry_after)

    def _shown_query(self) -> str:
        if self.call is None:
            return redact_query(self.query, ())
        record = self.call.record
        known = {one.name for one in (*record.interface.schemas.paging, *record.parameters)}
        return redact_query(self.query, known)

    def record(self, reply: EmulatorReply, fault: str = "") -> float:
        """Write the request and its reply into the journal; return the instant.

        Args:
            reply: The reply.
            fault: The faults that happened to it, with a "+" between.
        """
        if self.task_fault:
            fault = f"{self.task_fault}+{fault}".rstrip("+")
        world, account = self.world, self.account
        now = world.clock.now()
        entry = Entry(
            now,
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
        is_unexpected = bool(reply.code or entry.notes) and entry.unexpected
        if is_unexpected or ORIGINS.has_left:
            origin = late_call(self.request, by_connection=is_unexpected)
            if origin is not None:
                entry = entry._replace(late_of=origin.name)
                if is_unexpected and reply.code not in _TOO_EARLY_OR_LATE:
                    ORIGINS.note_late(origin, world.journal.explain(entry))
        world.journal.add(entry)
        return now
