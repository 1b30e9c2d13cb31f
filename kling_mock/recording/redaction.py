"""Redaction: removal of private values from a request and its reply, of any endpoint.

Values are judged by their name and form, not by the endpoint, so that both interfaces of the
service and future endpoints are redacted in the same way. Messages of the service are kept, except
for the private values that they repeat.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl, quote, unquote, urlencode

from kling_mock.recording.mapping import Pseudonyms
from kling_mock.recording.media import MAX_TEXT, describe
from kling_mock.recording.vocabulary import ValueKind, is_model, is_setting, kind_of, vocabulary
from kling_sdk.facts.voices import VOICES

_LINK: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_QUOTED: Final = re.compile(r"(?<!\w)'([^']{1,2000})'(?!\w)|\"([^\"]{1,2000})\"")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
# An id, whatever it names: many digits, or digits and letters without meaning.
_ID: Final = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{12,}|[0-9]{6,}")
_WORD: Final = re.compile(r"[^\W\d_]{2,}|\w{4,}")
_FINAL: Final = re.compile("\0([0-9]+)\0")
_SHORT: Final = 4  # characters; a shorter value is replaced only where it is a whole word
_LONG: Final = 5  # letters
_NO_WORDS: Final = re.compile(r"[0-9a-f-]*")
_BEGINNING: Final = 8  # characters by which a shortened value is found


class MessageFilter:
    """Filter that removes private values from messages.

    Args:
        names: Their pseudonyms.
    """

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names
        self._words: set[str] = set()
        self._seen: set[str] = set()

    def apply(self, text: str) -> str:
        """Return *text* with its ids, addresses and private words replaced."""
        if not text or text in vocabulary().values:  # such as the message of every success
            return text
        self._learn()
        replacements: list[str] = []

        def keep(replacement: str) -> str:
            replacements.append(replacement)
            return f"\0{len(replacements) - 1}\0"

        text = text.replace("\0", "\ufffd")
        text = _LINK.sub(lambda match: keep(self._names.url(match[0])), text)
        text = self._replace_values(text, keep)
        text = _QUOTED.sub(lambda match: self._quoted(match, keep), text)
        for pattern in (_ADDRESS, _ID):
            text = pattern.sub(lambda match: self._id(match[0], keep), text)
        text = _WORD.sub(self._word, text)
        while _FINAL.search(text):
            text = _FINAL.sub(lambda match: replacements[int(match[1])], text)
        return text

    def _learn(self) -> None:
        """Learn the words of all values that were replaced so far."""
        for original, _ in self._names.replaced:
            if original not in self._seen:
                self._seen.add(original)
                self._words.update(_words(original))
                self._words.update(_pairs(original))

    def _replace_values(self, text: str, keep: Callable[[str], str]) -> str:
        for original, pseudonym in sorted(self._names.replaced, key=lambda pair: -len(pair[0])):
            if original in text:
                if len(original) >= _SHORT:
                    text = text.replace(original, keep(pseudonym))
                elif original.lower() not in vocabulary().words:
                    parts = re.split(rf"(?<!\w){re.escape(original)}(?!\w)", text)
                    text = keep(pseudonym).join(parts) if len(parts) > 1 else text
            elif original[:_BEGINNING] in text and len(pseudonym) == len(original) > _BEGINNING:
                at, end = text.index(original[:_BEGINNING]), _BEGINNING
                while text[at + end : at + end + 1] == original[end]:  # only its start occurs
                    end += 1
                text = f"{text[:at]}{keep(pseudonym[:end])}{text[at + end :]}"
        return text

    def _quoted(self, match: re.Match[str], keep: Callable[[str], str]) -> str:
        inner = match[1] or match[2]
        if "\0" in inner or is_setting(inner) or inner in vocabulary().fields:
            return match[0]
        return f"{match[0][0]}{keep(self._names.text(inner))}{match[0][-1]}"

    def _id(self, text: str, keep: Callable[[str], str]) -> str:
        known = is_setting(text) or text in vocabulary().path
        return text if known else keep(self._names.text(text))

    def _word(self, match: re.Match[str]) -> str:
        word = match[0].lower()
        if word in vocabulary().words or is_setting(match[0]):
            return match[0]
        if word in self._words or any(pair in self._words for pair in _pairs(match[0])):
            return self._names.text(match[0])
        return match[0]


def _words(text: str) -> set[str]:
    """Return the words of *text*; only long ones of an id, which may contain any letters."""
    words = {word.lower() for word in _WORD.findall(text)}
    if _NO_WORDS.fullmatch(text) is not None:
        return set()
    is_id = " " not in text and any(char.isdigit() for char in text)
    return {word for word in words if len(word) >= _LONG} if is_id else words


def _pairs(text: str) -> set[str]:
    """Return the pairs of adjacent characters in *text* from scripts without spaces.

    These scripts have words of two letters.
    """
    return {a + b for a, b in pairwise(text) if min(a, b) >= "\u2e80"}


NOT_JSON: Final = object()

# Known parameters of queries; a client may have sent any other name, or a bare token.
_QUERY: Final = frozenset(
    (
        "pageNum",
        "pageSize",
        "task_ids",
        "external_task_ids",
        "external_task_id",
        "start_time",
        "end_time",
        "resource_pack_name",
        "limit",
        "cursor",
    )
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://")
_MANY_DIGITS: Final = re.compile(r"(?:.*\d){5}")
_HEADER: Final = re.compile(
    r"(?:application/json|application/octet-stream|multipart/form-data|text/html|text/plain)"
    r"(?:; ?charset=[A-Za-z0-9-]{1,12})?|\d{1,6}"
)
_LARGE: Final = 10**9  # a larger number may be an id


class Redactor:
    """Redactor of private values in requests and replies.

    Args:
        names: The pseudonyms of private values.
    """

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names
        self._messages = MessageFilter(names)
        self._texts: Mapping[ValueKind, Callable[[str], str]] = {
            "prompt": names.text,
            "message": names.text,  # in a request
            "id": self._id,
            "time": self._time,
            "path": self.path,
            "callback": self._url_or_text,
        }

    def request(self, body: Any) -> Any:
        """Return the JSON value of a request without private values."""
        return self._value(body, "", is_reply=False)

    def reply(self, body: Any) -> Any:
        """Return the JSON value of a reply without private values; its messages are kept.

        Values of requests that a message repeats are replaced, if these requests were redacted
        before.
        """
        return self._value(body, "", is_reply=True)

    def external_id(self, external_id: str) -> str:
        """Return the pseudonym of an external id."""
        return self._names.text(external_id)

    def query(self, query: str) -> str:
        """Return a query string without private values."""
        pairs = parse_qsl(query, keep_blank_values=True)
        redacted = [
            (name if name in _QUERY else self._names.text(name), self._text(value, name))
            for name, value in pairs
        ]
        return urlencode(redacted)

    def path(self, target: str) -> str:
        """Return a path with pseudonyms for ids and for words that are not the service's."""
        head, mark, query = target.partition("?")
        parts = [unquote(part) for part in head.split("/")]
        known = vocabulary().path
        redacted = [
            part if part in known or is_model(part) else self._names.text(part) for part in parts
        ]
        path = "/".join(quote(part, safe="") for part in redacted)
        return f"{path}?{self.query(query)}" if mark else path

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers that a session keeps, without private values."""
        return {
            name: value if _HEADER.fullmatch(value) is not None else self._names.text(value)
            for name, value in headers.items()
        }

    def plain(self, body: bytes) -> str:
        """Return the pseudonym of a body that is not JSON."""
        text = body[:MAX_TEXT].decode("utf-8", "replace")
        return self._names.text(text)

    def scrub(self, line: str, secrets: tuple[str, ...]) -> str:
        """Return a line to be written without any of *secrets*."""
        for secret in sorted(secrets, key=len, reverse=True):
            if secret in line:
                line = line.replace(secret, self._names.text(secret))
        return line

    # ------------------------------------------------------------ inside

    def _value(self, value: Any, name: str, *, is_reply: bool) -> Any:
        match value:
            case None | bool():
                return value
            case str():
                is_told = is_reply and kind_of(name) == "message" and len(value) <= MAX_TEXT
                return self._messages.apply(value) if is_told else self._text(value, name)
            case int():
                return self._whole(value, name)
            case float():
                return self._fraction(value)
            case dict():
                return {
                    self._key(key): self._value(child, key, is_reply=is_reply)
                    for key, child in value.items()
                }
            case _:
                return [self._value(child, name, is_reply=is_reply) for child in value]

    def _key(self, name: str) -> str:
        if name in vocabulary().fields or name in vocabulary().values:
            return name
        is_name = _NAME.fullmatch(name) is not None and _MANY_DIGITS.match(name) is None
        return name if is_name else self._names.text(name)

    def _text(self, text: str, name: str) -> str:
        if not text:
            return text
        kind = kind_of(name)
        file = describe(text, self._names.digest)
        if file is not None:
            return file
        if name == "voice_id" and text in VOICES:  # the same catalogue for every account
            return text
        if kind == "setting":
            return text if is_setting(text, name) else self._url_or_text(text)
        if kind != "prompt" and _URL.match(text):
            return self._url(text, name)
        return self._texts[kind](text)

    def _url_or_text(self, text: str) -> str:
        return self._url(text, "") if _URL.match(text) else self._names.text(text)

    def _url(self, url: str, name: str) -> str:
        return self._names.url(url, callback="callback" in name.lower())

    def _id(self, text: str) -> str:
        return ",".join(self._names.text(part) for part in text.split(","))

    def _time(self, text: str) -> str:
        if text.isascii() and text.isdigit() and len(text) <= 16:
            return str(self._names.time(int(text)))
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            return text if is_setting(text) else self._names.text(text)
        known = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        seconds = int(known.timestamp())
        moved = instant + timedelta(seconds=self._names.time(seconds) - seconds)
        return moved.isoformat(timespec="milliseconds")

    def _whole(self, number: int, name: str) -> int:
        kind = kind_of(name)
        if kind == "time" and self._names.time(number) != number:
            return self._names.time(number)
        if kind == "id" or (kind != "time" and abs(number) >= _LARGE):
            return self._names.whole(number)
        return number

    def _fraction(self, number: float) -> float:
        if not math.isfinite(number):
            return math.copysign(1e308, number)  # JSON cannot represent it
        return math.copysign(float(_LARGE), number) if abs(number) > _LARGE else number


def read_json(body: bytes) -> Any:
    """Return the JSON value of *body*, or `NOT_JSON`."""
    try:
        return _decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return NOT_JSON


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


_decode: Final = json.JSONDecoder(parse_constant=_no_constant).decode
