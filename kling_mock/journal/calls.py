"""Patterns of calls, and in what a call differs from one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, NamedTuple, TypedDict, Unpack

from kling_mock.journal.entries import RESULTS, Entry, shorten
from kling_mock.journal.matching import read_match
from kling_mock.journal.redaction import redact_value

__all__ = ["Call", "CallFilters", "Difference"]

_SHOWN: Final = 80  # characters of a value in a message
_MISSING: Final = object()
_KINDS: Final = ("api", "download", "*")


class CallFilters(TypedDict, total=False):
    """The keyword arguments of a pattern of calls. Those left out match anything.

    Attributes:
        method: The HTTP method.
        path: The path without the query; `*` stands for anything.
        status: The HTTP status of the answer; 0 if a fault kept the call from being served.
        code: The service code of the answer; 0 is success.
        account: The account's name; "" for calls that were not authenticated.
        task_id: The task that the call created or queried by its id. A list is about no task.
        external_task_id: The caller's own id, of a create call or a query.
        fault: A fault that happened to the call; "" for calls that none happened to.
        body: Members that the request's JSON body has, among others. Members of members are
            compared in the same way; arrays item by item; URLs without user info, query and
            fragment, which are not kept.
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
        field: What is compared, such as `path` or `body.duration`.
        wanted: What the pattern has, as text.
        got: What the call has, as text.
        cost: Its weight in the search for the nearest call.
    """

    field: str
    wanted: str
    got: str
    cost: float = 1.0

    def __str__(self) -> str:
        return f"{self.field}: expected {self.wanted}, got {self.got}"


class Call:
    """A pattern of calls: `Call("POST /v1/videos/text2video", body={"duration": "5"})`.

    Args:
        match: A method, a path, or both with a space between; `*` stands for anything.
        filters: See `CallFilters`.

    Attributes:
        method: The HTTP method; `*` is any.
        path: The path without the query, in which `*` stands for anything.
        body: Members that the request's JSON body has.
        kind: Whether it is for calls of the API, for downloads, or for both (`*`).
        filters: The other filters.

    Raises:
        ValueError: *match* is not of this form, or comes together with `method` or `path`; or
            there is no such kind.
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
        rest: dict[str, Any] = dict(filters)
        self.method: Final[str] = rest.pop("method", method)
        self.path: Final[str] = rest.pop("path", path)
        self.body: Final[Mapping[str, Any]] = rest.pop("body", {})
        self.kind: Final[str] = rest.pop("kind", self._default_kind(rest))
        if self.kind not in _KINDS:
            raise ValueError(f"kind: must be 'api', 'download' or '*', got {self.kind!r}")
        self.filters: Final[Mapping[str, Any]] = rest

    def _default_kind(self, filters: Mapping[str, Any]) -> str:
        if self.path.startswith(RESULTS):
            return "*"  # other methods than GET are no downloads
        return "*" if filters.get("fault") else "api"

    def takes(self, kind: str) -> bool:
        """Return whether entries of *kind* are among those that it is for."""
        return self.kind in {"*", kind}

    def accepts(self, entry: Entry) -> bool:
        """Return whether *entry* matches."""
        return next(self.differences(entry), None) is None

    def may_accept(self, entry: Entry) -> bool:
        """Return whether *entry* could match, had it been kept whole.

        Of a body that was too long to be kept, and is cut, nothing is known.
        """
        unknown = {"body"} if entry.request_is_cut else set[str]()
        if entry.request_is_cut or entry.response_is_cut:
            unknown |= {"task_id", "external_task_id"}
        return all(one.field.partition(".")[0] in unknown for one in self.differences(entry))

    def differences(self, entry: Entry) -> Iterator[Difference]:
        """Yield in what *entry* differs from the pattern; nothing if it matches."""
        if not self.takes(entry.kind):
            yield Difference("kind", self.kind, entry.kind, 3.0)
        if self.method not in {"*", entry.method}:
            yield Difference("method", self.method, entry.method, 1.5)
        if self.path != "*" and not fnmatchcase(entry.path, self.path):
            yield Difference(
                "path", self.path, entry.path[:_SHOWN], 5 - 4 * _likeness(self.path, entry.path)
            )
        for name, wanted in self.filters.items():
            got = _FIELDS[name](entry)
            if wanted not in got:
                yield Difference(name, _show(wanted), _show(got[0] if got else _MISSING))
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
            given = (f"{name}={_show(value)}" for name, value in rest.items())
            parts.append(f"with {', '.join(given)}")
        return " ".join(parts)

    def __repr__(self) -> str:
        return f"<Call {self}>"


# What each filter may be equal to. An id in a path may be of either kind.
_FIELDS: Final[Mapping[str, Any]] = {
    "status": lambda entry: (entry.status,),
    "code": lambda entry: (entry.code,),
    "account": lambda entry: (entry.account,),
    "task_id": lambda entry: _given(entry.task_id, entry.queried_id),
    "external_task_id": lambda entry: _given(entry.external_task_id, entry.queried_id),
    "fault": lambda entry: entry.fault.split("+"),
}


def _likeness(pattern: str, path: str) -> float:
    from difflib import SequenceMatcher  # only a test that goes wrong needs it

    if pattern.endswith("/*"):
        path = f"{path.rpartition('/')[0]}/*"  # an id is as good as another
    return SequenceMatcher(None, pattern, path[:1000], autojunk=False).ratio()


def _given(*names: str) -> list[str]:
    return [name for name in names if name]


def _differ(field: str, wanted: Any, got: Any, member: str = "") -> Iterator[Difference]:
    """Yield in what a JSON value differs from one that may hold less."""
    if isinstance(wanted, Mapping) and isinstance(got, dict):
        for name, value in wanted.items():
            yield from _differ(f"{field}.{name}", value, got.get(name, _MISSING), name)
    elif _is_array(wanted) and _is_array(got) and len(wanted) == len(got):
        for number, value in enumerate(wanted):
            yield from _differ(f"{field}[{number}]", value, got[number])
    elif not _equal(kept := redact_value(wanted, member), got):
        yield Difference(field, _show(kept), _show(got))


def _equal(wanted: Any, got: Any) -> bool:
    if got is _MISSING:
        return False
    if isinstance(wanted, bool) is not isinstance(got, bool) and isinstance(wanted, int):
        return False  # true is not 1 in JSON
    return bool(wanted == got or shorten(wanted) == got)


def _is_array(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _show(value: Any) -> str:
    if value is _MISSING:
        return "missing"
    text = json.dumps(shorten(redact_value(value)), ensure_ascii=False, default=repr)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
