"""Patterns of calls, and the differences between a call and a pattern."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypedDict, TypeGuard, Unpack

from kling_mock.kling.journal.entries import RESULTS, Entry, shorten
from kling_mock.kling.journal.matching import METHOD, read_match
from kling_mock.kling.journal.patterns import is_like, is_like_path
from kling_mock.kling.journal.redaction import kept_url, redact_value
from kling_mock.web.values import as_text, as_whole, bounded_decimal, is_one_of

_SHOWN: Final = 80  # characters of a value in a message
_MISSING: Final = object()
_KINDS: Final = ("api", "download", "*")
_IDS: Final = ("task_id", "external_task_id")
_LIKE_JSON: Final[tuple[Any, ...]] = ("", 0, 0.0, True, [], {})
_OF_REPLIES: Final = ("status", "code", "account", "task_id", "fault")


class CallFilters(TypedDict, total=False):
    """The keyword arguments of a pattern of calls. An omitted argument matches anything.

    Attributes:
        method: The HTTP method, in capitals; `*` stands for any.
        path: The path without the query, percent-encoded or not; `*` stands for anything.
        status: The HTTP status of the response; 0 if a fault kept the call from being served.
        code: The service code of the response; 0 is success.
        account: The account's name; "" for calls that were not authenticated.
        task_id: The task that the call created or queried by its id; `*` stands for anything. A
            list is about no task.
        external_task_id: The caller's own id, of a create call or a query; `*` stands for anything.
        fault: A fault that happened to the call; "" for calls that none happened to.
        body: Members that the request's JSON body has, among others. Members of members are
            compared in the same way, arrays item by item. The user info, query and fragment of
            a URL are not kept, so their digests are compared. Numbers, true and false equal
            their texts, as the server itself takes `10` for `"10"`.
        kind: `api`, `download`, or `*` for both. Left out, downloads of result files match only
            if the path is one below `/media/`, or if a fault is named.
    """

    method: str
    path: str
    status: int
    code: int
    account: str
    task_id: str
    external_task_id: str
    fault: str
    body: Mapping[str, Any]
    kind: Literal["api", "download", "*"]


class Difference(NamedTuple):
    """One point in which a call differs from a pattern.

    Attributes:
        field: The field, such as `path` or `body.duration`.
        expected: The value in the pattern, as text.
        got: The value in the call, as text.
        cost: Its weight in the search for the nearest call.
    """

    field: str
    expected: str
    got: str
    cost: float = 1.0

    def __str__(self) -> str:
        return f"{self.field}: expected {self.expected}, got {self.got}"


class Call:
    """A pattern of calls: `Call("POST /v1/videos/text2video", body={"duration": "5"})`.

    Args:
        match: A method, a path, or both with a space between; `*` stands for anything.
        filters: See `CallFilters`.

    Attributes:
        method: The HTTP method; `*` is any.
        path: The path without the query, in which `*` stands for anything.
        body: Members that the request's JSON body has.
        kind: Whether the pattern is for calls of the API, for downloads, or for both (`*`).
        filters: The other filters.

    Raises:
        ValueError: *match* is not of this form, or is combined with `method` or `path`; or a
            filter has a value that no call can have.
        TypeError: There is no such filter.
    """

    __slots__ = ("body", "filters", "kind", "method", "path")

    def __init__(self, match: str = "*", **filters: Unpack[CallFilters]) -> None:
        unknown = sorted(filters.keys() - CallFilters.__annotations__.keys())
        if unknown:
            known = ", ".join(CallFilters.__annotations__)
            raise TypeError(f"{unknown[0]}: no such filter; the filters are {known}")
        method, path = read_match(match)
        if match != "*" and not filters.keys().isdisjoint({"method", "path"}):
            raise ValueError(f"match: must be either {match!r}, or method= and path=")
        rest: dict[str, Any] = {name: _READ[name](name, value) for name, value in filters.items()}
        self.method: Final[str] = rest.pop("method", method)
        self.path: Final[str] = rest.pop("path", path)
        self.body: Final[Mapping[str, Any]] = rest.pop("body", {})
        self.kind: Final[str] = rest.pop("kind", self._default_kind(rest))
        self.filters: Final[Mapping[str, Any]] = rest

    def _default_kind(self, filters: Mapping[str, Any]) -> str:
        if self.path.startswith(RESULTS):
            return "*"  # methods other than GET are not downloads
        return "*" if filters.get("fault") else "api"

    @property
    def is_any(self) -> bool:
        """Whether every call of the API matches."""
        return self.method == self.path == "*" and not (self.filters or self.body)

    def takes(self, kind: str) -> bool:
        """Return whether the pattern is for entries of *kind*."""
        return self.kind in {"*", kind}

    def accepts(self, entry: Entry) -> bool:
        """Return whether *entry* matches."""
        return next(self.differences(entry), None) is None

    def may_accept(self, entry: Entry, *, is_answered: bool = True) -> bool:
        """Return whether *entry* could match if it had been kept whole.

        The members of a body that was too long, and was cut, are unknown.

        Args:
            entry: The call.
            is_answered: Whether its reply is known.
        """
        unknown = set() if is_answered else set(_OF_REPLIES)
        unknown |= {"body"} if entry.request_is_cut else set()
        if entry.request_is_cut or entry.response_is_cut:
            unknown |= {*_IDS}
        return all(
            difference.field.partition(".")[0] in unknown for difference in self.differences(entry)
        )

    def differences(self, entry: Entry) -> Iterator[Difference]:
        """Yield the differences between *entry* and the pattern; none if it matches."""
        if not self.takes(entry.kind):
            yield Difference("kind", self.kind, entry.kind, 3.0)
        if self.method not in {"*", entry.method}:
            yield Difference("method", self.method, entry.method, 1.5)
        if not is_like_path(self.path, entry.path):
            yield Difference(
                "path", self.path, entry.path[:_SHOWN], 5 - 4 * _likeness(self.path, entry.path)
            )
        for name, expected in self.filters.items():
            got = _FIELDS[name](entry)
            is_id = name in _IDS
            if not (any(is_like(expected, text) for text in got) if is_id else expected in got):
                yield Difference(name, _show(expected), _show(got[0] if got else _MISSING))
        if self.body:
            sent = entry.sent
            if isinstance(sent, dict):
                yield from _differ("body", self.body, sent)
            else:
                reason = "not a JSON object, or too long to be kept" if entry.request else "empty"
                yield Difference("body", _show(self.body), reason, len(self.body))

    def __str__(self) -> str:
        parts = [self.path if self.method == "*" else f"{self.method} {self.path}"]
        rest = {**self.filters} | ({"body": self.body} if self.body else {})
        if rest:
            pairs = (f"{name}={_show(value)}" for name, value in rest.items())
            parts.append(f"with {', '.join(pairs)}")
        return " ".join(parts)

    def __repr__(self) -> str:
        return f"<Call {self}>"


def _method(name: str, value: object) -> str:
    if isinstance(value, str) and METHOD.fullmatch(value):
        return value
    raise ValueError(f"{name}: must be in capitals, as 'POST', or '*'; got {value!r}")


def _path(name: str, value: object) -> str:
    if isinstance(value, str) and value[:1] in {"/", "*"} and value:
        return value
    raise ValueError(f"{name}: must begin with a slash, as '/v1/videos/*'; got {value!r}")


def _id(name: str, value: object) -> str:
    if not isinstance(value, str) and isinstance(getattr(value, "task_id", None), str):
        raise ValueError(f"{name}: must be an id, such as task.{name}; got a task")  # noqa: TRY004 - one kind for all
    return as_text(name, value, can_be_empty=False)


def _number(name: str, value: object) -> int:
    return as_whole(name, value, 0)


def _kind(name: str, value: object) -> str:
    if not is_one_of(value, _KINDS):
        raise ValueError(f"{name}: must be 'api', 'download' or '*', got {value!r}")
    return str(value)


def _body(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(  # noqa: TRY004 - one kind for all
            f"{name}: must be members of a JSON object, as {{'duration': '5'}}; got a "
            f"{type(value).__name__}"
        )
    _check_members(name, value)
    return value


def _check_members(field: str, value: object) -> None:
    if isinstance(value, Mapping):
        if not value:
            raise ValueError(f"{field}: must have a member; an empty object would match everything")
        for name, member in value.items():
            _check_members(f"{field}.{name}", member)
    elif _is_array(value):
        for number, member in enumerate(value):
            _check_members(f"{field}[{number}]", member)
    elif value is not None and all(value.__eq__(like) is NotImplemented for like in _LIKE_JSON):
        raise ValueError(
            f"{field}: must be a value of JSON, or an object that compares itself with one; no "
            f"request has a {type(value).__name__}"
        )


_READ: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "method": _method,
    "path": _path,
    "status": _number,
    "code": _number,
    "account": as_text,
    "task_id": _id,
    "external_task_id": _id,
    "fault": as_text,
    "body": _body,
    "kind": _kind,
}

# The values of an entry that a filter is compared with. An id in a path may be of either kind.
_FIELDS: Final[Mapping[str, Any]] = {
    "status": lambda entry: (entry.status,),
    "code": lambda entry: (entry.code,),
    "account": lambda entry: (entry.account,),
    "task_id": lambda entry: _nonempty(entry.task_id, entry.queried_id),
    "external_task_id": lambda entry: _nonempty(entry.external_task_id, entry.queried_id),
    "fault": lambda entry: entry.fault.split("+"),
}


def _likeness(pattern: str, path: str) -> float:
    from difflib import SequenceMatcher  # only needed when a test fails

    if pattern.endswith("/*"):
        path = f"{path.rpartition('/')[0]}/*"  # ids are not compared
    return SequenceMatcher(None, pattern, path[:1000], autojunk=False).ratio()


def _nonempty(*names: str) -> list[str]:
    return [name for name in names if name]


def _differ(field: str, expected: Any, got: Any, member: str = "") -> Iterator[Difference]:
    """Yield the differences of *got* from *expected*, which may have fewer members."""
    if isinstance(expected, Mapping) and isinstance(got, dict):
        for name, value in expected.items():
            yield from _differ(f"{field}.{name}", value, got.get(name, _MISSING), name)
    elif _is_array(expected) and _is_array(got) and len(expected) == len(got):
        for number, value in enumerate(expected):
            yield from _differ(f"{field}[{number}]", value, got[number])
    elif not _equal(redacted := redact_value(expected, member, kept_url), got):
        yield Difference(field, _show(redacted), _show(got))


def _equal(expected: Any, got: Any) -> bool:
    if got is _MISSING:
        return False
    is_number = isinstance(expected, int | float) and isinstance(got, int | float)
    if is_number and isinstance(expected, bool) is not isinstance(got, bool):
        return False  # true is not 1 in JSON
    return bool(expected == got or shorten(expected) == got or _is_text_of(expected, got))


def _is_text_of(value: object, other: object) -> bool:
    """Return whether one is a number, true or false, and the other its text."""
    text, scalar = (value, other) if isinstance(value, str) else (other, value)
    if not isinstance(text, str) or not isinstance(scalar, int | float):
        return False
    if isinstance(scalar, bool):
        return text == ("true" if scalar else "false")
    number = bounded_decimal(text)
    return number is not None and number == bounded_decimal(scalar)


def _is_array(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _show(value: Any) -> str:
    if value is _MISSING:
        return "missing"
    text = json.dumps(shorten(redact_value(value, show=kept_url)), ensure_ascii=False, default=repr)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
