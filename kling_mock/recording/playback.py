"""Which recorded reply belongs to a request: decided without any I/O.

A request belongs to a recorded one with the same method, path, query and body, after what is
private in it was replaced as in the recording. What a client generates each time is not compared:
external ids, callback URLs, times. An external id is taken for the recorded one that the first
fitting create has, and stands in the replies instead of it.

A create with a callback URL is followed by the callback about the end of its task, if the session
shows that. From then on queries of the task show its end, as they did when the callback was sent.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode

from kling_mock.recording.ends import RecordedEnds, callback_body
from kling_mock.recording.mapping import MEDIA_HOST, Pseudonyms
from kling_mock.recording.pricing import reads_only
from kling_mock.recording.redaction import NOT_JSON, Redactor, read_json
from kling_mock.recording.session import RecordedExchange, RecordedReply, RecordedSession
from kling_mock.recording.tasks import option_of, tasks_in
from kling_mock.recording.vocabulary import kind_of, vocabulary
from kling_mock.web.addresses import is_http_url

__all__ = ["MEDIA_PATH", "Callback", "Playback", "Played", "Unrecorded"]

MEDIA_PATH: Final = "/media/"

# What a client generates each time.
_CHOSEN: Final = frozenset({"external_task_id", "callback_url", "start_time", "end_time"})
_EXTERNAL_ID: Final = "external_task_id"
_ANY: Final = "*"


class Callback(NamedTuple):
    """A callback to be sent.

    Attributes:
        url: Where to.
        body: A JSON value, in which the client's own ids are.
    """

    url: str
    body: Any


class Played(NamedTuple):
    """What is answered.

    Attributes:
        exchange: The recorded exchange.
        reply: Its reply, in which the client's own ids are; `None` if none came.
        callback: What is sent after it; `None` for nothing.
    """

    exchange: RecordedExchange
    reply: RecordedReply | None
    callback: Callback | None


class Unrecorded(NamedTuple):
    """A request that was not recorded.

    Attributes:
        method: Its method.
        path: Its path, redacted.
        message: What it is, and the nearest one that was recorded.
    """

    method: str
    path: str
    message: str


class _Asked(NamedTuple):
    """A request in the values of the recording."""

    method: str
    path: str
    query: str
    body: Any
    external_id: str  # as the client calls it; "" is none
    callback_url: str  # as the client has sent it; "" is none


class Playback:
    """Plays one session back, to one or several clients.

    Args:
        session: The session.
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
        self._next: dict[str, int] = defaultdict(int)  # of reads: which state is shown next
        self._used: set[int] = set()  # lines of requests that are played back once
        self._recorded_as: dict[str, str] = {}  # the client's external ids, and the recorded ones
        self._called: dict[str, str] = {}  # the reverse
        self._ends = RecordedEnds(session.exchanges)
        # By recorded id: the queries of the task alone, and the first reply that shows its end.
        self._shown_at: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for key, group in self._groups.items():
            for task_id, index in _first_ends(group).items():
                self._shown_at[task_id].append((key, index))
        self._reported: set[str] = set()  # recorded ids of tasks whose end was reported

    def answer(self, method: str, target: str, body: bytes) -> Played | Unrecorded:
        """Return what belongs to a request.

        Args:
            method: The HTTP method.
            target: Path and query, as they were sent.
            body: The body, not compressed.
        """
        asked = self._asked(method, target, body)
        key = _key(asked.method, asked.path, asked.query, asked.body)
        group = self._groups.get(key, [])
        if reads_only(method, asked.path):
            found = group[min(self._next[key], len(group) - 1)] if group else None
            self._next[key] += 1
        else:
            found = self._unused(group, asked)
        if found is None:
            return Unrecorded(method, asked.path, self._explain(asked, used_up=bool(group)))
        reply = None if found.reply is None else self._reply(found.reply)
        return Played(found, reply, self._callback(found, asked))

    # ------------------------------------------------------------ requests

    def _asked(self, method: str, target: str, body: bytes) -> _Asked:
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
        return _Asked(method, path, query, content, external_id, callback_url)

    def _recorded(self, text: str) -> str:
        """Return what *text* is in the recording, if the client or this server has renamed it."""
        start = f"{self._origin}{MEDIA_PATH}"
        if text.startswith(start):
            return f"https://{MEDIA_HOST}/{text[len(start) :]}"
        return self._recorded_as.get(text, text)

    def _recorded_list(self, text: str) -> str:
        return ",".join(self._recorded(one) for one in text.split(","))

    def _translated(self, value: Any) -> Any:
        match value:
            case str():
                return self._recorded(value)
            case dict():
                return {name: self._translated(one) for name, one in value.items()}
            case list():
                return [self._translated(one) for one in value]
            case _:
                return value

    def _unused(self, group: list[RecordedExchange], asked: _Asked) -> RecordedExchange | None:
        """Return the first of *group* that is not used up and has this external id."""
        given = asked.external_id
        same = self._recorded_as.get(given) or self._redactor.external_id(given)
        unused = [one for one in group if one.line not in self._used]
        found = next((one for one in unused if option_of(one.body, _EXTERNAL_ID) == same), None)
        if found is None and given not in self._recorded_as:
            found = next(
                (one for one in unused if option_of(one.body, _EXTERNAL_ID) not in self._called),
                None,
            )
        if found is not None:
            self._used.add(found.line)
            recorded = option_of(found.body, _EXTERNAL_ID)
            if recorded and given:
                self._recorded_as[given] = recorded
                self._called[recorded] = given
        return found

    # ------------------------------------------------------------ replies

    def _reply(self, reply: RecordedReply) -> RecordedReply:
        return RecordedReply(reply.status, self._renamed(reply.body), reply.text, reply.headers)

    def _renamed(self, value: Any) -> Any:
        match value:
            case str():
                return self._renamed_text(value)
            case dict():
                return {name: self._renamed(one) for name, one in value.items()}
            case list():
                return [self._renamed(one) for one in value]
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

    def _callback(self, create: RecordedExchange, asked: _Asked) -> Callback | None:
        """Return what follows the reply to a create; from now on its task is seen to have ended."""
        if not is_http_url(asked.callback_url):
            return None
        end = self._ends.of(create)
        if end is None or end.task_id in self._reported:
            return None
        self._reported.add(end.task_id)
        for key, index in self._shown_at.get(end.task_id, ()):
            self._next[key] = max(self._next[key], index)
        body = callback_body(end, option_of(create.body, _EXTERNAL_ID))
        return Callback(asked.callback_url, self._renamed(body))

    # ------------------------------------------------------------ what was not recorded

    def _explain(self, asked: _Asked, *, used_up: bool) -> str:
        shown = f"{asked.method} {asked.path}"
        if used_up:
            return f"{shown}: all of its recorded replies have been played back"
        nearest = max(self._exchanges, key=lambda one: _likeness(asked, one), default=None)
        if nearest is None:
            return f"{shown} was not recorded, and neither was anything else"
        differing = "; ".join(list(_differing(asked, nearest))[:3])
        return (
            f"{shown} was not recorded; nearest is line {nearest.line}, {nearest.method} "
            f"{nearest.path}, which differs in {differing}"
        )


def _key(method: str, path: str, query: str, body: Any) -> str:
    """Return a text that is the same for requests that belong together."""
    pairs = sorted(
        (name, _ANY if name in _CHOSEN and value else ",".join(sorted(value.split(","))))
        for name, value in parse_qsl(query, keep_blank_values=True)
    )
    return json.dumps([method, path, pairs, _open(body)], sort_keys=True)


def _open(value: Any, name: str = "") -> Any:
    """Return a body with a mark for what clients generate each time."""
    match value:
        case dict():
            return {key: _open(one, key) for key, one in value.items()}
        case list():
            return [_open(one, name) for one in value]
        case _:
            return _ANY if name in _CHOSEN and value else value


def _first_ends(group: list[RecordedExchange]) -> dict[str, int]:
    """Return which of the replies to one query is the first that shows a task alone, and ended."""
    found: dict[str, int] = {}
    for index, exchange in enumerate(group):
        shown = list(tasks_in(None if exchange.reply is None else exchange.reply.body))
        if len(shown) == 1 and shown[0].end:
            found.setdefault(shown[0].task_id, index)
    return found


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
            for inner, one in value.items():
                yield from _leaves(one, inner)
        case list():
            for one in value:
                yield from _leaves(one, name)
        case str() | int() if kind_of(name) == "id":
            yield from str(value).split(",")
        case str() if f"://{MEDIA_HOST}/" in value:
            yield value
        case _:
            pass


def _likeness(asked: _Asked, recorded: RecordedExchange) -> tuple[float, ...]:
    path = SequenceMatcher(None, asked.path, recorded.path).ratio()
    return asked.method == recorded.method, path, -len(list(_differing(asked, recorded)))


def _differing(asked: _Asked, recorded: RecordedExchange) -> Iterator[str]:
    """Yield what differs, in redacted values."""
    if asked.method != recorded.method:
        yield f"method: recorded {recorded.method}"
    if asked.path != recorded.path:
        yield f"path: recorded {recorded.path}"
    if asked.query != recorded.query:
        yield f"query: recorded {recorded.query!r}, got {asked.query!r}"
    body = recorded.text if recorded.body is None else recorded.body
    yield from _differing_values(_open(body), _open(asked.body), "")


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
        yield f"{at or 'body'}: recorded {_shown(recorded)}, got {_shown(got)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:40]}..."
