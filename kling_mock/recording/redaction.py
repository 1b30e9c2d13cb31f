"""A request and its reply without what is private, whatever they are about.

Values are judged by the name and the form that they have, not by the endpoint: so both interfaces
of the service, and endpoints of tomorrow, are redacted alike.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl, quote, unquote, urlencode

from kling_mock.kling.endpoints.voices import VOICES
from kling_mock.recording.mapping import Pseudonyms
from kling_mock.recording.media import LONGEST_TEXT, describe
from kling_mock.recording.messages import MessageFilter
from kling_mock.recording.vocabulary import ValueKind, is_model, is_setting, kind_of, vocabulary

__all__ = ["NOT_JSON", "Redactor", "read_json"]

NOT_JSON: Final = object()

# Parameters of queries; anybody may have put another name, or a token alone, there.
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
_LARGE: Final = 10**9  # of a number; a larger one may be an id


class Redactor:
    """Takes what is private out of requests and replies.

    Args:
        names: What stands for each private value.
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

    def request(self, given: Any) -> Any:
        """Return the JSON value of a request without what is private."""
        return self._value(given, "", is_reply=False)

    def reply(self, given: Any) -> Any:
        """Return the JSON value of a reply without what is private: its messages are kept.

        What they repeat of requests is replaced, if the requests have been redacted before.
        """
        return self._value(given, "", is_reply=True)

    def external_id(self, given: str) -> str:
        """Return what stands for an external id."""
        return self._names.text(given)

    def query(self, given: str) -> str:
        """Return a query string without what is private."""
        pairs = parse_qsl(given, keep_blank_values=True)
        shown = [
            (name if name in _QUERY else self._names.text(name), self._text(value, name))
            for name, value in pairs
        ]
        return urlencode(shown)

    def path(self, given: str) -> str:
        """Return a path in which ids, and words that are not the service's, are replaced."""
        head, mark, query = given.partition("?")
        parts = [unquote(part) for part in head.split("/")]
        kept = vocabulary().path
        shown = [
            part if part in kept or is_model(part) else self._names.text(part) for part in parts
        ]
        path = "/".join(quote(part, safe="") for part in shown)
        return f"{path}?{self.query(query)}" if mark else path

    def headers(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return headers that a session keeps, without what is private."""
        return {
            name: value if _HEADER.fullmatch(value) is not None else self._names.text(value)
            for name, value in given.items()
        }

    def plain(self, given: bytes) -> str:
        """Return what stands for a body that is no JSON."""
        text = given[:LONGEST_TEXT].decode("utf-8", "replace")
        return self._names.text(text)

    def scrub(self, line: str, secrets: tuple[str, ...]) -> str:
        """Return a line to be written, in which none of *secrets* is left."""
        for secret in sorted(secrets, key=len, reverse=True):
            if secret in line:
                line = line.replace(secret, self._names.text(secret))
        return line

    # ------------------------------------------------------------ inside

    def _value(self, given: Any, name: str, *, is_reply: bool) -> Any:
        match given:
            case None | bool():
                return given
            case str():
                is_told = is_reply and kind_of(name) == "message" and len(given) <= LONGEST_TEXT
                return self._messages.apply(given) if is_told else self._text(given, name)
            case int():
                return self._whole(given, name)
            case float():
                return self._fraction(given)
            case dict():
                return {
                    self._key(key): self._value(one, key, is_reply=is_reply)
                    for key, one in given.items()
                }
            case _:
                return [self._value(one, name, is_reply=is_reply) for one in given]

    def _key(self, given: str) -> str:
        if given in vocabulary().fields or given in vocabulary().values:
            return given
        is_name = _NAME.fullmatch(given) is not None and _MANY_DIGITS.match(given) is None
        return given if is_name else self._names.text(given)

    def _text(self, given: str, name: str) -> str:
        if not given:
            return given
        kind = kind_of(name)
        file = describe(given, self._names.digest)
        if file is not None:
            return file
        if name == "voice_id" and given in VOICES:  # one catalogue for everybody
            return given
        if kind == "setting":
            return given if is_setting(given, name) else self._url_or_text(given)
        if kind != "prompt" and _URL.match(given):
            return self._url(given, name)
        return self._texts[kind](given)

    def _url_or_text(self, given: str) -> str:
        return self._url(given, "") if _URL.match(given) else self._names.text(given)

    def _url(self, given: str, name: str) -> str:
        return self._names.url(given, callback="callback" in name.lower())

    def _id(self, given: str) -> str:
        return ",".join(self._names.text(one) for one in given.split(","))

    def _time(self, given: str) -> str:
        if given.isascii() and given.isdigit() and len(given) <= 16:
            return str(self._names.time(int(given)))
        try:
            instant = datetime.fromisoformat(given)
        except ValueError:
            return given if is_setting(given) else self._names.text(given)
        known = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        seconds = int(known.timestamp())
        moved = instant + timedelta(seconds=self._names.time(seconds) - seconds)
        return moved.isoformat(timespec="milliseconds")

    def _whole(self, given: int, name: str) -> int:
        kind = kind_of(name)
        if kind == "time" and self._names.time(given) != given:
            return self._names.time(given)
        if kind == "id" or (kind != "time" and abs(given) >= _LARGE):
            return self._names.whole(given)
        return given

    def _fraction(self, given: float) -> float:
        if not math.isfinite(given):
            return math.copysign(1e308, given)  # no JSON can hold it
        return math.copysign(float(_LARGE), given) if abs(given) > _LARGE else given


def read_json(body: bytes) -> Any:
    """Return the JSON value of *body*, or `NOT_JSON`."""
    try:
        return _decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return NOT_JSON


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


_decode: Final = json.JSONDecoder(parse_constant=_no_constant).decode
