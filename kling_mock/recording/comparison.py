"""Comparison of a recorded session with the emulator: the same requests, both replies.

Time passes as it was recorded, but the progress of a task at each reply is taken from the
recording: the time that the real service needs does not count as a difference.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import jwt

from kling_mock.kling.model.lifecycle import IllegalTransitionError
from kling_mock.recording.differences import Ids, ReplyDifference, differences
from kling_mock.recording.media import expand
from kling_mock.recording.redaction import NOT_JSON, read_json
from kling_mock.recording.session import RecordedExchange, RecordedReply, RecordedSession
from kling_mock.recording.tasks import is_task, tasks_in
from kling_mock.server.mock import KlingMock

_TIMEOUT: Final = 30.0  # seconds of real time for one reply of the emulator
_LIFETIME: Final = 1800  # seconds of a token
# Service codes for an unknown key pair, and for a malformed token.
_UNKNOWN_PAIR: Final = 1000
_WRONG_TOKEN: Final = 1002
_WRONG_KEY: Final = frozenset({_UNKNOWN_PAIR, _WRONG_TOKEN})


class ExchangeDifference(NamedTuple):
    """A difference, and the exchange in which it occurs.

    Attributes:
        line: The line of the exchange in the file.
        method: The HTTP method.
        path: The path.
        difference: The difference.
    """

    line: int
    method: str
    path: str
    difference: ReplyDifference


class SkippedExchange(NamedTuple):
    """An exchange that was not compared.

    Attributes:
        line: Its line in the file.
        method: The HTTP method.
        path: The path.
        reason: Why.
    """

    line: int
    method: str
    path: str
    reason: str


class ComparedSession(NamedTuple):
    """The result of a comparison.

    Attributes:
        compared: How many exchanges were compared.
        differences: The differences.
        skipped: The exchanges that were not compared.
    """

    compared: int
    differences: tuple[ExchangeDifference, ...]
    skipped: tuple[SkippedExchange, ...]


def compare(session: RecordedSession) -> ComparedSession:
    """Send the requests of a session to an emulator of its own, and compare the replies."""
    with KlingMock(clock="manual", start=session.header.start, relay=False) as mock:
        mock.progress.add("by-hand")
        mock.faults.add("callback-dropped")  # there is no receiver
        return _Comparison(session, mock).run()


class _Comparison:
    """One comparison, with an emulator that runs."""

    def __init__(self, session: RecordedSession, mock: KlingMock) -> None:
        self._session = session
        self._mock = mock
        self._ids = Ids()
        self._started = mock.clock.now()

    def run(self) -> ComparedSession:
        compared, mismatches, skipped = 0, list[ExchangeDifference](), list[SkippedExchange]()
        for exchange in self._session.exchanges:
            where = exchange.line, exchange.method, exchange.path
            reason = self._reason_to_skip(exchange)
            if exchange.reply is None or reason:
                skipped.append(SkippedExchange(*where, reason or "no response was recorded"))
                continue
            self._advance_to(exchange.at)
            self._move_tasks(exchange)
            emulated = self._ask(exchange, exchange.reply)
            compared += 1
            mismatches += [
                ExchangeDifference(*where, difference)
                for difference in differences(exchange.reply, emulated, self._ids)
            ]
        return ComparedSession(compared, tuple(mismatches), tuple(skipped))

    def _reason_to_skip(self, exchange: RecordedExchange) -> str:
        """Return why an exchange cannot be compared; "" if it can."""
        reply = exchange.reply
        if reply is None or reply.status != 200 or exchange.method != "GET":
            return ""
        named = [unquote(part) for part in exchange.path.split("/")]
        data = reply.body.get("data") if isinstance(reply.body, dict) else None
        if is_task(data) and not any(self._ids.knows(part) for part in named):
            return "its task was not made in the session, or the emulator refused it"
        return ""

    def _advance_to(self, at: float) -> None:
        missing = self._started + at - self._mock.clock.now()
        if missing > 0:
            self._mock.clock.advance(missing)

    def _move_tasks(self, exchange: RecordedExchange) -> None:
        """Move each task that a reply shows to the status recorded there, if possible."""
        body = None if exchange.reply is None else exchange.reply.body
        named = unquote(exchange.path.rpartition("/")[2])
        for task in tasks_in(body):
            known = task.task_id if self._ids.knows(task.task_id) else named
            if not self._ids.knows(known):
                continue  # a create, or a task that the emulator does not have
            emulated = self._ids.emulated(known)
            try:
                if task.end == "succeed":
                    self._mock.complete(emulated)
                elif task.end == "failed":
                    self._mock.fail(emulated, message=task.message)
                elif task.status == "processing":
                    self._mock.process(emulated)
            except (IllegalTransitionError, KeyError):
                continue  # it has that status already, or the recording is impossible: a difference

    def _ask(self, exchange: RecordedExchange, recorded: RecordedReply) -> RecordedReply:
        body = _sent(exchange, self._ids)
        headers = dict(exchange.headers) | self._authorization(exchange, recorded)
        if body is not None:
            headers.setdefault("content-type", "application/json")
        address = urlsplit(self._mock.kling_url)
        connection = http.client.HTTPConnection(address.netloc, timeout=_TIMEOUT)
        try:
            connection.request(exchange.method, _target(exchange, self._ids), body, headers)
            reply = connection.getresponse()
            content = reply.read()
        finally:
            connection.close()
        document = read_json(content) if content else None
        if document is NOT_JSON:
            return RecordedReply(reply.status, text=content.decode("utf-8", "replace"))
        return RecordedReply(reply.status, document)

    def _authorization(self, exchange: RecordedExchange, recorded: RecordedReply) -> dict[str, str]:
        if exchange.auth == "none":
            return {}
        if exchange.auth == "other":
            return {"authorization": "none"}
        code = recorded.body.get("code") if isinstance(recorded.body, dict) else None
        if exchange.auth == "api-key":
            key = "unknown" if code in _WRONG_KEY else self._mock.api_key
            return {"authorization": f"Bearer {key}"}
        now = int(self._mock.clock.now())
        late, early = exchange.auth == "key-pair-late", exchange.auth == "key-pair-early"
        claims: dict[str, Any] = {
            "iss": "unknown" if code == _UNKNOWN_PAIR else self._mock.access_key,
            "exp": now - 60 if late else now + _LIFETIME,
            "nbf": now + 600 if early else now - 5,
        }
        if code == _WRONG_TOKEN:
            del claims["exp"]
        token = jwt.encode(claims, self._mock.secret_key, "HS256")
        return {"authorization": f"Bearer {token}"}


def _sent(exchange: RecordedExchange, ids: Ids) -> bytes | None:
    """Return the body of a request as it is sent to the emulator."""
    if exchange.text is not None:
        return exchange.text.encode()
    if exchange.body is None:
        return None
    return json.dumps(_for_emulator(exchange.body, ids)).encode()


def _for_emulator(value: Any, ids: Ids) -> Any:
    """Return a value with the emulator's ids, and with files instead of their descriptions."""
    match value:
        case str():
            file = expand(value)
            return ids.emulated(value) if file is None else file
        case bool() | None | float():
            return value
        case int():
            emulated = ids.emulated(str(value))
            return int(emulated) if emulated.isdigit() else value
        case dict():
            return {name: _for_emulator(child, ids) for name, child in value.items()}
        case _:
            return [_for_emulator(child, ids) for child in value]


def _target(exchange: RecordedExchange, ids: Ids) -> str:
    """Return path and query with the emulator's ids."""
    path = "/".join(
        quote(ids.emulated(unquote(part)), safe="") for part in exchange.path.split("/")
    )
    query = urlencode(list(_pairs(exchange.query, ids)))
    return f"{path}?{query}" if query else path


def _pairs(query: str, ids: Ids) -> Iterator[tuple[str, str]]:
    for name, value in parse_qsl(query, keep_blank_values=True):
        yield name, ",".join(ids.emulated(part) for part in value.split(","))
