"""Hooks for faults at the stages of an exchange; see the table in `faults.kinds`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from kling_mock.kling import service
from kling_mock.kling.endpoints.fields import FieldShape
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.endpoints.registry import RoutedCall
from kling_mock.kling.endpoints.validation import read_object
from kling_mock.kling.faults.matching import Fault
from kling_mock.kling.http.exchange import NO_REPLY, EmulatorReply, Exchange
from kling_mock.kling.http.media import Damage, FoundFile, send_result
from kling_mock.kling.journal.matching import Subject
from kling_mock.kling.journal.notes import Note
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.service_codes import CODES, Refusal
from kling_mock.kling.world import World
from kling_mock.web.replies import Silence, drop_connection, head, retry_after_line

_LOOK = 0.05  # seconds of real time between checks whether a hanging client has gone
_HANGS = 60.0  # seconds of real time; a client's own limit ends first
_HANGS_FOR_SDK = 2.0  # the SDK treats a reset like its own time limit; a test waits for it
_SDK = "kling-sdk/"
# Kinds that happen to a result file, in this order.
_DAMAGES = ("wrong-length", "truncated-body", "slow-body", "response-lost")


class FaultHooks:
    """The faults of one exchange.

    Args:
        world: The state, with the faults.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._subject: Subject | None = None
        self._struck: list[str] = []

    # ------------------------------------------------------------ the stages

    async def received(self, exchange: Exchange) -> web.StreamResponse | None:
        """Apply the faults of the stages `delay`, `before` and `accept`.

        Returns:
            The reply that is sent instead of serving the request; `None` if it is served.
        """
        subject = self._subject = _subject_of(exchange)
        early = await self._delay_and_before(exchange, subject)
        if early is not None:
            return early
        call, account = exchange.call, exchange.account
        if call is not None and call.operation == "create" and account is not None:
            fault = self._take("accept", subject)
            if fault is not None:
                return self._accept_late(exchange, fault, call, account)
        return None

    async def replied(self, exchange: Exchange, reply: EmulatorReply) -> web.StreamResponse:
        """Apply the faults of the stages `reply` and `after`, and send the reply."""
        after: Fault | None = None
        subject = self._subject
        if subject is not None:
            shortened = _without_external_id(exchange, reply)
            if shortened != reply.body and self._take("reply", subject) is not None:
                reply = reply._replace(body=shortened)
            after = self._take("after", subject)
        now = self._record(exchange, reply)
        if after is None or exchange.request.method == "HEAD":
            return reply.to(exchange.request, now)
        return await _send_corrupt(exchange.request, after, reply, now)

    async def send_file(self, exchange: Exchange, file: FoundFile) -> web.StreamResponse:
        """Apply the faults of result files, and send the file, whole or damaged."""
        subject, plan = Subject(exchange.request.method, exchange.path), file.plan
        if plan is not None:
            subject = subject._replace(prompt=plan.prompt, external_id=plan.external_task_id)
        early = await self._delay_and_before(exchange, subject)
        if early is not None:
            return early
        damage = Damage()
        for name in _DAMAGES:
            fault = self._take(name, subject)
            if fault is not None:
                damage = damage.with_fault(name, fault.settings)
        return await send_result(exchange, file, damage, "+".join(self._struck))

    # ------------------------------------------------------------ effects of faults

    def _take(self, stage: str, subject: Subject) -> Fault | None:
        fault = self._world.faults.take(stage, subject)
        if fault is not None:
            self._struck.append(fault.kind.name)
        return fault

    async def _delay_and_before(
        self, exchange: Exchange, subject: Subject
    ) -> web.StreamResponse | None:
        delay = self._take("delay", subject)
        if delay is not None:
            await asyncio.sleep(delay.settings["seconds"])
        before = self._take("before", subject)
        if before is None:
            return None
        settings = before.settings
        if before.kind.name == "status":
            refusal = _refusal(settings, settings["retry_after"])
            _note_hidden(exchange, refusal.http)
            return self._refuse(exchange, refusal, settings["body"])
        _note_hidden(exchange, 0)
        if before.kind.name == "hang":
            with self._world.clock.holding_back_reply():
                await _hang(exchange.request, settings["seconds"])
        self._record(exchange, NO_REPLY)
        return drop_connection(exchange.request)

    def _accept_late(
        self, exchange: Exchange, fault: Fault, call: RoutedCall, account: Account
    ) -> web.StreamResponse:
        """Serve a create request after its reply was sent or the connection dropped."""
        world = self._world
        when = world.clock.now() + fault.settings["seconds"]
        name, body, origin = call.record.name, exchange.body or b"", exchange.origin()
        # The record is passed by its name, since a snapshot holds what waits on the clock.
        world.clock.call_at(when, _create, world, account, name, call.name, body, origin)
        if fault.settings["http"] is not None:
            return self._refuse(exchange, _refusal(fault.settings))
        self._record(exchange, NO_REPLY)
        return drop_connection(exchange.request)

    def _refuse(
        self, exchange: Exchange, refusal: Refusal, body: str | None = None
    ) -> web.StreamResponse:
        """Reply with *refusal*, or with *body* under its status."""
        reply = exchange.refused(refusal)
        if body is not None:
            reply = reply._replace(body=body.encode())
        now = self._record(exchange, reply)
        return reply.to(exchange.request, now)

    def _record(self, exchange: Exchange, reply: EmulatorReply) -> float:
        return exchange.record(reply, "+".join(self._struck))


def _note_hidden(exchange: Exchange, http: int) -> None:
    """Note what a fault that replies with the status *http* hides: the refusal of a wrong call."""
    hidden = exchange.refusal
    if hidden is not None and hidden.http != http:
        text = f"without the fault it is refused: {hidden.http}/{hidden.code} {hidden.message}"
        exchange.noticed.notes.append(Note("refused", "", text, unexpected=True))


# ---------------------------------------------------------------- subjects of rules


def _subject_of(exchange: Exchange) -> Subject:
    subject = Subject(exchange.request.method, exchange.path)
    account, call = exchange.account, exchange.call
    if account is not None:
        subject = subject._replace(account=account.name)
    if call is None:
        return subject
    if exchange.body:
        return _with_body(subject, exchange.body, call.record.fields)
    names = [call.name] if call.name else call.record.interface.named(exchange.query)
    if account is None or len(names) != 1:
        return subject
    task = exchange.world.tasks.peek(account, names[0])
    if task is None:
        return subject
    plan = task.plan
    return subject._replace(prompt=plan.prompt, external_id=plan.external_task_id)


def _without_external_id(exchange: Exchange, reply: EmulatorReply) -> bytes:
    if exchange.call is None or reply.code != 0:
        return reply.body
    return exchange.call.record.interface.without_external_id(reply.body)


def _with_body(subject: Subject, body: bytes, shape: FieldShape) -> Subject:
    """Add the contents of a create request, as far as they can be read."""
    try:
        fields = read_object(body)
    except Refusal:
        return subject
    options = fields.get("options")
    external_id = (options if isinstance(options, dict) else fields).get("external_task_id")
    return subject._replace(
        prompt="\n".join(shape.words(fields)),
        external_id=external_id if isinstance(external_id, str) else "",
    )


def _create(
    world: World, account: Account, endpoint: str, name: str, body: bytes, origin: str
) -> None:
    call = RoutedCall(world.endpoints[endpoint], "create", name)
    noticed = Noticed(world.note_policy)
    try:
        service.create(world, account, call, body, lambda: origin, noticed)
    except Refusal as error:
        if noticed.is_refused:
            world.findings.note_refused(f"POST {call.record.path}, accepted late: {error}")
    unexpected = [str(note) for note in noticed.notes if note.unexpected]
    if unexpected:  # the entry in the journal was written before the body was read
        text = f"POST {call.record.path}, accepted late: {'; '.join(unexpected)}"
        world.findings.note_unexpected(text)


def _refusal(settings: Mapping[str, Any], retry_after: int | None = None) -> Refusal:
    code = settings["code"]
    http = settings["http"] or CODES[code].http
    return Refusal(code, settings["message"], http=http, retry_after=retry_after)


# ---------------------------------------------------------------- connections


async def _hang(request: web.BaseRequest, seconds: float | None) -> None:
    """Wait until the client has gone, or for *seconds* of real time."""
    if seconds is None:
        is_sdk = request.headers.get("User-Agent", "").startswith(_SDK)
        seconds = _HANGS_FOR_SDK if is_sdk else _HANGS
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while (left := until - loop.time()) > 0:
        transport = request.transport
        if transport is None or transport.is_closing():
            return
        await asyncio.sleep(min(left, _LOOK))


async def _send_corrupt(
    request: web.BaseRequest, fault: Fault, reply: EmulatorReply, now: float
) -> web.StreamResponse:
    """Send a reply, damaged by *fault* of the stage `after`, and close the connection."""
    transport = request.transport
    corrupt = _CORRUPTIONS.get(fault.kind.name)
    if transport is None or corrupt is None:
        return drop_connection(request)
    pieces, pause = corrupt(reply.body, fault.settings)
    more = f"Connection: close\r\n{retry_after_line(reply.retry_after)}{reply.more}"
    transport.write(head(reply.http, len(reply.body), now, more))
    for number, piece in enumerate(pieces):
        if number:
            await asyncio.sleep(pause)
        transport.write(piece)
    transport.close()
    return Silence()


def _truncated(body: bytes, settings: Mapping[str, Any]) -> tuple[list[bytes], float]:
    return [body[: min(int(len(body) * settings["keep"]), len(body) - 1)]], 0.0


def _malformed(body: bytes, settings: Mapping[str, Any]) -> tuple[list[bytes], float]:
    start = body[: int(len(body) * settings["keep"])]
    return [start.ljust(len(body), b"\x00")[: len(body) - 1] + b"\xff"], 0.0


def _slow(body: bytes, settings: Mapping[str, Any]) -> tuple[list[bytes], float]:
    size = -(-len(body) // settings["pieces"])
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return pieces, settings["seconds"] / (len(pieces) - 1)


# kind -> the pieces that are sent, and the seconds of real time between them
_CORRUPTIONS: Mapping[str, Callable[[bytes, Mapping[str, Any]], tuple[list[bytes], float]]] = {
    "truncated-body": _truncated,
    "malformed-body": _malformed,
    "slow-body": _slow,
}
