"""The number of requests of each kind that a journal no longer keeps.

For most assertions this is enough to prove that no forgotten request could change the result.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from kling_mock.kling.journal.calls import Call
from kling_mock.kling.journal.entries import RESULTS, Entry, EntryKind, is_download
from kling_mock.kling.journal.patterns import is_like_path, may_overlap

_MAX_KINDS = 300
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_MAX_PATH = 200  # characters
_Key = tuple[str, str, int, int, str, str, bool]
_SHOWN = 5  # kinds in a message


class IncompleteJournalError(RuntimeError):
    """The result depends on requests that the journal no longer keeps.

    The text says how many were forgotten, of which kinds, and how to keep more. This is not an
    `AssertionError`, since the test has neither passed nor failed.
    """


class ForgottenKind(NamedTuple):
    """The kind of a forgotten request: the facts that are still kept.

    Attributes:
        method: The HTTP method. If there were too many kinds, this and `path`, `account` and
            `fault` may be `*`, which stands for any.
        path: The path; its last part is `*` if that was an id.
        status: The HTTP status of the response.
        code: The service code of the response.
        account: The account's name; "" if the request was not authenticated.
        fault: The faults that happened to it, with a "+" between.
        has_body: Whether the request had a body.
    """

    method: str
    path: str
    status: int
    code: int
    account: str
    fault: str
    has_body: bool

    @property
    def kind(self) -> EntryKind:
        """The kind, as in `Entry`."""
        return "download" if is_download(self.method, self.path) else "api"

    def __str__(self) -> str:
        text = f"{self.method} {self.path}, answered {self.status}/{self.code}"
        return f"{text}, fault {self.fault}" if self.fault else text


class Forgotten:
    """The requests that a journal no longer keeps.

    Args:
        served: The calls that are served: methods and paths, `*` for an id.
    """

    def __init__(self, served: Collection[str] = ()) -> None:
        self._served = frozenset(served)
        self._counts: dict[_Key, int] = {}
        self._total = 0

    def add(self, entry: Entry) -> None:
        """Count one request."""
        # A plain tuple, since this is done for each request of a full journal.
        key = (
            entry.method,
            self._path(entry.method, entry.path),
            entry.status,
            entry.code,
            entry.account,
            entry.fault,
            bool(entry.request),
        )
        counts = self._counts
        if key not in counts and len(counts) >= _MAX_KINDS:
            # Method and result are still kept, so that a poll is never mistaken for a create.
            method = entry.method if entry.method in _METHODS else "*"
            key = (method, "*", entry.status, entry.code, "*", "*", key[-1])
        counts[key] = counts.get(key, 0) + 1
        self._total += 1

    def clear(self) -> None:
        """Forget all counts."""
        self._counts.clear()
        self._total = 0

    @property
    def total(self) -> int:
        """The number of forgotten requests."""
        return self._total

    def matching(self, call: Call) -> dict[ForgottenKind, int]:
        """Return the kinds whose requests may match *call*, with their counts."""
        return {kind: count for kind, count in self if could_be(call, kind)}

    def __str__(self) -> str:
        return describe(dict(self))

    def __repr__(self) -> str:
        return f"<Forgotten {self.total}: {self}>" if self.total else "<Forgotten none>"

    def __iter__(self) -> Iterator[tuple[ForgottenKind, int]]:
        # A copy: the server may forget more while a test reads.
        return ((ForgottenKind(*key), count) for key, count in tuple(self._counts.items()))

    def _path(self, method: str, path: str) -> str:
        """Return *path* with `*` instead of an id."""
        if is_download(method, path):
            return f"{RESULTS}*"  # one kind for all files
        if len(path) > _MAX_PATH or "*" in path:
            return "*"
        if f"{method} {path}" in self._served:
            return path
        parent = f"{path[: path.rfind('/')]}/*"
        return parent if f"{method} {parent}" in self._served else path


def could_be(call: Call, kind: ForgottenKind) -> bool:
    """Return whether a request of *kind* may match *call*."""
    known: dict[str, tuple[object, ...]] = {"status": (kind.status,), "code": (kind.code,)}
    if kind.account != "*":
        known["account"] = (kind.account,)
    if kind.fault != "*":
        known["fault"] = tuple(kind.fault.split("+"))
    return (
        (call.method == "*" or kind.method in {"*", call.method})
        and may_overlap(call.path, kind.path)
        # If there were too many kinds, it may be either.
        and (kind.path == "*" or call.takes(kind.kind))
        and all(value in known[name] for name, value in call.filters.items() if name in known)
        and (not call.body or kind.has_body)
    )


def is_certain(call: Call, kind: ForgottenKind) -> bool:
    """Return whether all requests of *kind* match *call*, given that one of them may match."""
    known = {"status", "code"}
    known |= {"account"} if kind.account != "*" else set[str]()
    known |= {"fault"} if kind.fault != "*" else set[str]()
    return (
        not call.body
        and call.filters.keys() <= known
        and call.method in {"*", kind.method}
        # The `*` of a kind stands for an id, or for any path if there were too many kinds.
        and (call.path == "*" or (kind.path != "*" and is_like_path(call.path, kind.path)))
        and (call.kind == "*" or kind.path != "*")
    )


def describe(kinds: Mapping[ForgottenKind, int], limit: int = _SHOWN) -> str:
    """Return kinds and their counts as text, the most frequent first.

    Args:
        kinds: The kinds, and how many of each.
        limit: How many kinds are named; all others are summed up as one number.
    """
    ranked = sorted(kinds.items(), key=lambda pair: -pair[1])
    parts = [f"{count:,} x {kind}" for kind, count in ranked[:limit]]
    more = sum(count for _, count in ranked[limit:])
    return "; ".join([*parts, f"{more:,} others"] if more else parts)
