"""Playback: the choice of the recorded reply to a request, without any I/O.

A request matches a recorded one with the same method, path, query and body, after its private
values were replaced as in the recording. Values that a client generates each time are not
compared: external ids, callback URLs, times. An external id is mapped to the recorded one of the
first create that matches, and replaces it in the replies.

A create with a callback URL is followed by the callback about the end of its task, if the session
shows that end. From then on queries of the task show its end, as they did when the callback was
sent.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode

from kling_mock.recording.mapping import MEDIA_HOST, Pseudonyms
from kling_mock.recording.pricing import reads_only
from kling_mock.recording.redaction import NOT_JSON, Redactor, read_json
from kling_mock.recording.session import RecordedExchange, RecordedReply, RecordedSession
from kling_mock.recording.tasks import RecordedEnds, callback_body, option_of, tasks_in
from kling_mock.recording.vocabulary import kind_of, vocabulary
from kling_mock.web.addresses import is_http_url

MEDIA_PATH: Final = "/media/"

# Fields whose values a client generates each time.
_CHOSEN: Final = frozenset({"external_task_id", "callback_url", "start_time", "end_time"})
_EXTERNAL_ID: Final = "external_task_id"
_ANY: Final = "*"


class Callback(NamedTuple):
    """A callback to send.

    Attributes:
        url: The address.
        body: A JSON value with the client's own ids.
    """

    url: str
    body: Any


class Played(NamedTuple):
    """The response to a request.

    Attributes:
        exchange: The recorded exchange.
        reply: Its reply, with the client's own ids; `None` if no reply came.
        callback: The callback to send after it, if any.
    """

    exchange: RecordedExchange
    reply: RecordedReply | None
    callback: Callback | None


class Unrecorded(NamedTuple):
    """A request that was not recorded.

    Attributes:
        method: Its method.
        path: Its path, redacted.
        message: Its description, and the nearest request that was recorded.
    """

    method: str
    path: str
    message: str


class _Request(NamedTuple):
    """A request in the values of the recording."""

    method: str
    path: str
    query: str
    body: Any
    external_id: str  # as the client sent it; "" if there is none
    callback_url: str  # as the client sent it; "" if there is none


class Playback:
    """Playback of one session to one or several clients.

    Args:
        origin: Scheme, host and port that URLs of results begin with.
    """

    def __init__(self, session: RecordedSession, origin: str) -> None:
        self._origin = origin
        known = set[str]()
        for exchange in session.exchanges:
            known.update(_pseudonyms(exchange))
        self._redactor = Redactor(Pseudonyms(bytes.fromhex(session.header.salt), known))
        self._exchanges = session.exchanges
        self._groups: dict[str, list[RecordedExchange]] = defaultdict(list)
        for exchange in session.exchanges:
            body = exchange.text if exchange.body is None else exchange.body
            key = _key(exchange.method, exchange.path, exchange.query, body)
            self._groups[key].append(exchange)
        self._next: dict[str, int] = defaultdict(int)  # key of a read -> index of its next reply
        self._used: set[int] = set()  # lines of requests with an effect that were played back
        self._recorded_as: dict[str, str] = {}  # the client's external id -> the recorded one
        self._called: dict[str, str] = {}  # the recorded external id -> the client's
        self._ends = RecordedEnds(session.exchanges)
        # By recorded id: the queries of that task alone, and the first reply that shows its end.
        self._shown_at: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for key, group in self._groups.items():
            for task_id, index in _first_ends(group).items():
                self._shown_at[task_id].append((key, index))
        self._reported: set[str] = set()  # recorded ids of tasks whose end was reported

    def answer(self, method: str, target: str, body: bytes) -> Played | Unrecorded:
        """Return the recorded response to a request.

        Args:
            method: The HTTP method.
            target: Path and query, as they were sent.
            body: The body, not compressed.
        """
        request = self._translated_request(method, target, body)
        key = _key(request.method, request.path, request.query, request.body)
        group = self._groups.get(key, [])
        if reads_only(method, request.path):
            exchange = group[min(self._next[key], len(group) - 1)] if group else None
            self._next[key] += 1
        else:
            exchange = self._unused(group, request)
        if exchange is None:
            return Unrecorded(method, request.path, self._explain(request, used_up=bool(group)))
        reply = None if exchange.reply is None else self._reply(exchange.reply)
        return Played(exchange, reply, self._callback(exchange, request))

    @property
    def unplayed(self) -> list[RecordedExchange]:
        """The recorded requests not made so far; one of several equal queries is enough."""
        lines = {
            exchange.line
            for key, group in self._groups.items()
            for exchange in group
            if self._next.get(key) or exchange.line in self._used
        }
        return [exchange for exchange in self._exchanges if exchange.line not in lines]

    # ------------------------------------------------------------ requests

    def _translated_request(self, method: str, target: str, body: bytes) -> _Request:
        path, _, query = target.partition("?")
        parts = [self._recorded(unquote(part)) for part in path.split("/")]
        path = self._redactor.path("/".join(quote(part, safe="") for part in parts))
        pairs = parse_qsl(query, keep_blank_values=True)
        known = [(name, self._recorded_list(value)) for name, value in pairs]
        query = self._redactor.query(urlencode(known))
        content: Any = None
        external_id = callback_url = ""
        if body:
            content = read_json(body)
            if content is NOT_JSON:
                content = self._redactor.plain(body)
            else:
                external_id = option_of(content, _EXTERNAL_ID)
                callback_url = option_of(content, "callback_url")
                content = self._redactor.request(self._translated(content))
        return _Request(method, path, query, content, external_id, callback_url)

    def _recorded(self, text: str) -> str:
        """Return the recorded form of *text*, if the client or this server has renamed it."""
        start = f"{self._origin}{MEDIA_PATH}"
        if text.startswith(start):
            return f"https://{MEDIA_HOST}/{text[len(start) :]}"
        return self._recorded_as.get(text, text)

    def _recorded_list(self, text: str) -> str:
        return ",".join(self._recorded(part) for part in text.split(","))

    def _translated(self, value: Any) -> Any:
        match value:
            case str():
                return self._recorded(value)
            case dict():
                return {name: self._translated(child) for name, child in value.items()}
            case list():
                return [self._translated(child) for child in value]
            case _:
                return value

    def _unused(self, group: list[RecordedExchange], request: _Request) -> RecordedExchange | None:
        """Return the first unused exchange of *group* for the external id of *request*."""
        external_id = request.external_id
        same = self._recorded_as.get(external_id) or self._redactor.external_id(external_id)
        unused = [exchange for exchange in group if exchange.line not in self._used]
        create = next(
            (exchange for exchange in unused if option_of(exchange.body, _EXTERNAL_ID) == same),
            None,
        )
        if create is None and external_id not in self._recorded_as:
            create = next(
                (
                    exchange
                    for exchange in unused
                    if option_of(exchange.body, _EXTERNAL_ID) not in self._called
                ),
                None,
            )
        if create is not None:
            self._used.add(create.line)
            recorded = option_of(create.body, _EXTERNAL_ID)
            if recorded and external_id:
                self._recorded_as[external_id] = recorded
                self._called[recorded] = external_id
        return create

    # ------------------------------------------------------------ replies

    def _reply(self, reply: RecordedReply) -> RecordedReply:
        return RecordedReply(reply.status, self._renamed(reply.body), reply.text, reply.headers)

    def _renamed(self, value: Any) -> Any:
        match value:
            case str():
                return self._renamed_text(value)
            case dict():
                return {name: self._renamed(child) for name, child in value.items()}
            case list():
                return [self._renamed(child) for child in value]
            case _:
                return value

    def _renamed_text(self, text: str) -> str:
        if text in self._called:
            return self._called[text]
        for scheme in ("https", "http"):
            start = f"{scheme}://{MEDIA_HOST}/"
            if text.startswith(start):
                return f"{self._origin}{MEDIA_PATH}{text[len(start) :]}"
        if " " in text:  # a message
            for recorded, called in self._called.items():
                text = text.replace(recorded, called)
        return text

    # ------------------------------------------------------------ callbacks

    def _callback(self, create: RecordedExchange, request: _Request) -> Callback | None:
        """Return the callback that follows a create; from now on its task is shown as ended."""
        if not is_http_url(request.callback_url):
            return None
        end = self._ends.of(create)
        if end is None or end.task_id in self._reported:
            return None
        self._reported.add(end.task_id)
        for key, index in self._shown_at.get(end.task_id, ()):
            self._next[key] = max(self._next[key], index)
        body = callback_body(end, option_of(create.body, _EXTERNAL_ID))
        return Callback(request.callback_url, self._renamed(body))

    # ------------------------------------------------------------ unrecorded requests

    def _explain(self, request: _Request, *, used_up: bool) -> str:
        request_line = f"{request.method} {request.path}"
        if used_up:
            return f"{request_line}: all of its recorded responses have been played back"
        nearest = max(
            self._exchanges, key=lambda exchange: _likeness(request, exchange), default=None
        )
        if nearest is None:
            return f"{request_line} was not recorded, and neither was anything else"
        differing = "; ".join(list(_differing(request, nearest))[:3])
        return (
            f"{request_line} was not recorded; nearest is line {nearest.line}, {nearest.method} "
            f"{nearest.path}, which differs in {differing}"
        )


def _key(method: str, path: str, query: str, body: Any) -> str:
    """Return a text that is the same for requests that match."""
    pairs = sorted(
        (name, _ANY if name in _CHOSEN and value else ",".join(sorted(value.split(","))))
        for name, value in parse_qsl(query, keep_blank_values=True)
    )
    return json.dumps([method, path, pairs, _open(body)], sort_keys=True)


def _open(value: Any, name: str = "") -> Any:
    """Return a body with a wildcard for values that clients generate each time."""
    match value:
        case dict():
            return {key: _open(child, key) for key, child in value.items()}
        case list():
            return [_open(child, name) for child in value]
        case _:
            return _ANY if name in _CHOSEN and value else value


def _first_ends(group: list[RecordedExchange]) -> dict[str, int]:
    """Return, by task id, the index of the first reply that shows this task alone and ended."""
    indexes: dict[str, int] = {}
    for index, exchange in enumerate(group):
        tasks = list(tasks_in(None if exchange.reply is None else exchange.reply.body))
        if len(tasks) == 1 and tasks[0].end:
            indexes.setdefault(tasks[0].task_id, index)
    return indexes


def _pseudonyms(exchange: RecordedExchange) -> Iterator[str]:
    """Yield the pseudonyms of an exchange that its client may send again: ids and URLs."""
    parts = (unquote(part) for part in exchange.path.split("/"))
    yield from (part for part in parts if part not in vocabulary().path)
    for name, value in parse_qsl(exchange.query):
        yield from _leaves(value, name)
    yield from _leaves(exchange.body)
    yield from _leaves(None if exchange.reply is None else exchange.reply.body)


def _leaves(value: Any, name: str = "") -> Iterator[str]:
    match value:
        case dict():
            for inner, child in value.items():
                yield from _leaves(child, inner)
        case list():
            for child in value:
                yield from _leaves(child, name)
        case str() | int() if kind_of(name) == "id":
            yield from str(value).split(",")
        case str() if f"://{MEDIA_HOST}/" in value:
            yield value
        case _:
            pass


def _likeness(request: _Request, recorded: RecordedExchange) -> tuple[float, ...]:
    path = SequenceMatcher(None, request.path, recorded.path).ratio()
    return request.method == recorded.method, path, -len(list(_differing(request, recorded)))


def _differing(request: _Request, recorded: RecordedExchange) -> Iterator[str]:
    """Yield the differences, in redacted values."""
    if request.method != recorded.method:
        yield f"method: recorded {recorded.method}"
    if request.path != recorded.path:
        yield f"path: recorded {recorded.path}"
    if request.query != recorded.query:
        yield f"query: recorded {recorded.query!r}, got {request.query!r}"
    body = recorded.text if recorded.body is None else recorded.body
    yield from _differing_values(_open(body), _open(request.body), "")


def _differing_values(recorded: Any, got: Any, at: str) -> Iterator[str]:
    if isinstance(recorded, Mapping) and isinstance(got, Mapping):
        for name in sorted(recorded.keys() | got.keys()):
            inner = f"{at}.{name}" if at else str(name)
            if name not in got:
                yield f"{inner}: missing"
            elif name not in recorded:
                yield f"{inner}: not recorded"
            else:
                yield from _differing_values(recorded[name], got[name], inner)
    elif recorded != got or type(recorded) is not type(got):
        yield f"{at or 'body'}: recorded {_abbreviated(recorded)}, got {_abbreviated(got)}"


def _abbreviated(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:40]}..."
