"""A recorded session as a file: JSON lines that a person can read and edit.

    {"kling_recording": 1, "date": "2026-11-27", "upstream": "api-singapore.klingai.com", ...}
    {"create": 1, "units": "1.5"}
    {"at": 0.2, "ms": 231, "method": "POST", "path": "/v1/...", "create": 1, ..., "reply": {...}}

A line with the price of a create is written before the create is sent, so that the units spent are
known whatever happens next. Each line is written immediately and as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

VERSION: Final = 1
FIRST: Final = b'{"kling_recording": '  # how a file begins

AuthKind = Literal["none", "key-pair", "key-pair-early", "key-pair-late", "api-key", "other"]
_AUTH: Final[tuple[str, ...]] = get_args(AuthKind)


class SessionFileError(ValueError):
    """The file is not a recorded session, or one of its lines cannot be read."""


@dataclass(frozen=True, slots=True)
class SessionHeader:
    """The first line.

    Attributes:
        date: The day on which the session started, in UTC.
        upstream: The host that was recorded.
        salt: The salt of the pseudonyms, in hexadecimal digits.
        start: The instant from which `at` counts, in Unix seconds, shifted like all times.
    """

    date: str
    upstream: str
    salt: str
    start: float


@dataclass(frozen=True, slots=True)
class RecordedReply:
    """The reply of the service.

    Attributes:
        status: The HTTP status.
        body: A JSON value; `None` if *text* is the body.
        text: A body that is not JSON; `None` if it is JSON.
        headers: The headers that matter, with names in lower case.
    """

    status: int
    body: Any = None
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class RecordedExchange:
    """One request, and the reply to it.

    Attributes:
        at: Seconds since the header's `start`.
        ms: Milliseconds until the reply was complete.
        method: The HTTP method.
        path: The path.
        query: The query string.
        auth: The kind of authentication.
        body: A JSON value; `None` if there is no body, or if *text* is it.
        text: A body that is not JSON; `None` if it is JSON, or if there is no body.
        headers: The headers that matter, with names in lower case.
        create: The number of the create; 0 for other requests.
        reply: The reply; `None` if none came.
        line: The number of the line in the file; 0 if it is not in a file yet.
    """

    at: float
    ms: int
    method: str
    path: str
    query: str = ""
    auth: AuthKind = "none"
    body: Any = None
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    create: int = 0
    reply: RecordedReply | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class RecordedSession:
    """A recorded session.

    Attributes:
        header: The first line.
        exchanges: The exchanges, in the order in which they ended.
        creates: How many creates were sent.
        spent: The units that they cost, as far as their prices were known.
        whole: The number of bytes in whole lines; the rest is an incomplete line, which was being
            written when the recorder was killed.
    """

    header: SessionHeader
    exchanges: tuple[RecordedExchange, ...]
    creates: int
    spent: Decimal
    whole: int


def line_of(written: SessionHeader | RecordedExchange | tuple[int, Decimal | None]) -> str:
    """Return a line of the file, with its newline.

    Args:
        written: The header, an exchange, or the number of a create and its price in units (`None`
            is an unknown one).
    """
    members: dict[str, Any]
    if isinstance(written, SessionHeader):
        members = {
            "kling_recording": VERSION,
            "date": written.date,
            "upstream": written.upstream,
            "salt": written.salt,
            "start": written.start,
        }
    elif isinstance(written, RecordedExchange):
        members = _exchange_members(written)
    else:
        number, units = written
        members = {"create": number, "units": None if units is None else f"{units:f}"}
    return json.dumps(members, ensure_ascii=False, allow_nan=False) + "\n"


def _exchange_members(exchange: RecordedExchange) -> dict[str, Any]:
    members: dict[str, Any] = {
        "at": round(exchange.at, 3),
        "ms": exchange.ms,
        "method": exchange.method,
        "path": exchange.path,
    }
    optional = {
        "query": exchange.query,
        "create": exchange.create,
        "headers": dict(exchange.headers),
    }
    members |= {name: value for name, value in optional.items() if value}
    members["auth"] = exchange.auth
    members |= _body(exchange.body, exchange.text)
    reply = exchange.reply
    if reply is None:
        return members | {"reply": None}
    inner: dict[str, Any] = {"status": reply.status}
    if reply.headers:
        inner["headers"] = dict(reply.headers)
    return members | {"reply": inner | _body(reply.body, reply.text)}


def _body(body: Any, text: str | None) -> dict[str, Any]:
    if text is not None:
        return {"text": text}
    return {} if body is None else {"body": body}


def read_session(path: Path) -> RecordedSession:
    """Return the session in a file.

    Raises:
        OSError: The file cannot be read.
        SessionFileError: It is not a recorded session; the text names the line.
    """
    return parse_session(path.read_bytes(), str(path))


def parse_session(content: bytes, name: str) -> RecordedSession:
    """Return the session in *content*; a last line without a newline is left out.

    Args:
        content: The content of the file.
        name: The name of the file in an error.

    Raises:
        SessionFileError: It is not a recorded session; the text names the line.
    """
    whole = content.rfind(b"\n") + 1
    lines = content[:whole].split(b"\n")
    rows = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise SessionFileError(f"{name}: empty; a session begins with a line of its version")
    number, first = rows[0]
    header = _header(_Row(name, number, first))
    exchanges: list[RecordedExchange] = []
    creates, spent = 0, Decimal(0)
    for number, line in rows[1:]:
        row = _Row(name, number, line)
        if "method" in row.members:
            exchanges.append(_exchange(row))
        else:
            creates = max(creates, row.whole("create"))
            spent += row.units()
    return RecordedSession(header, tuple(exchanges), creates, spent, whole)


class _Row:
    """One line of a file, with checked access to its members."""

    def __init__(self, name: str, number: int, line: bytes) -> None:
        self.where = f"{name}, line {number}"
        self.number = number
        try:
            document: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise SessionFileError(f"{self.where}: not JSON: {error}") from None
        if not isinstance(document, dict):
            raise SessionFileError(f"{self.where}: must be a JSON object")
        self.members: dict[str, Any] = document

    def inner(self, name: str) -> _Row | None:
        """Return an object in the row; `None` if it is null or missing."""
        child = self.members.get(name)
        if child is None:
            return None
        row = object.__new__(_Row)
        row.where, row.number = f"{self.where}, {name}", self.number
        if not isinstance(child, dict):
            raise SessionFileError(f"{row.where}: must be an object or null")
        row.members = child
        return row

    def text(self, name: str, default: str | None = None) -> str:
        text = self.members.get(name, default)
        if not isinstance(text, str):
            raise self.wrong(name, "a text")
        return text

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if self.members.get(name) is not None else None

    def whole(self, name: str, default: int | None = None) -> int:
        number = self.members.get(name, default)
        if type(number) is not int or number < 0:
            raise self.wrong(name, "a whole number of 0 or more")
        return number

    def number_of(self, name: str) -> float:
        number = self.members.get(name)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise self.wrong(name, "a number")
        return float(number)

    def units(self) -> Decimal:
        if self.members.get("units") is None:
            return Decimal(0)
        try:
            units = Decimal(self.text("units"))
        except InvalidOperation:
            units = Decimal(-1)
        if not (units.is_finite() and units >= 0):
            raise self.wrong("units", "a number of units as a text, or null")
        return units

    def headers(self) -> dict[str, str]:
        row = self.inner("headers")
        return {} if row is None else {name.lower(): row.text(name) for name in row.members}

    def wrong(self, name: str, what: str) -> SessionFileError:
        return SessionFileError(f"{self.where}: {name}: must be {what}")


def _header(row: _Row) -> SessionHeader:
    version = row.members.get("kling_recording")
    if version != VERSION:
        raise SessionFileError(
            f"{row.where}: kling_recording: must be {VERSION}, the version of the format"
        )
    salt = row.text("salt")
    if not _is_salt(salt):
        raise row.wrong("salt", "an even number of hexadecimal digits, at least 16")
    return SessionHeader(row.text("date"), row.text("upstream"), salt, row.number_of("start"))


def _is_salt(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) >= 8
    except ValueError:
        return False


def _exchange(row: _Row) -> RecordedExchange:
    auth = row.text("auth", "none")
    if auth not in _AUTH:
        raise row.wrong("auth", f"one of {', '.join(_AUTH)}")
    return RecordedExchange(
        at=row.number_of("at"),
        ms=row.whole("ms"),
        method=row.text("method"),
        path=row.text("path"),
        query=row.text("query", ""),
        auth=cast("AuthKind", auth),
        body=row.members.get("body"),
        text=row.optional_text("text"),
        headers=row.headers(),
        create=row.whole("create", 0),
        reply=_reply(row.inner("reply")),
        line=row.number,
    )


def _reply(row: _Row | None) -> RecordedReply | None:
    if row is None:
        return None
    status = row.whole("status")
    if not 100 <= status <= 999:
        raise row.wrong("status", "an HTTP status")
    return RecordedReply(status, row.members.get("body"), row.optional_text("text"), row.headers())
