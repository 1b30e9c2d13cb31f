"""The number of requests of each kind that a journal no longer keeps.

That is enough to prove for most assertions that no forgotten request could change the result.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from kling_mock.journal.calls import Call
from kling_mock.journal.entries import RESULTS, Entry, EntryKind, is_download
from kling_mock.journal.matching import may_overlap

__all__ = ["Forgotten", "ForgottenKind", "IncompleteJournalError", "could_be", "describe"]

_MOST_KINDS = 300
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_LONGEST_PATH = 200  # characters
_Key = tuple[str, str, int, int, str, str, bool]
_SHOWN = 5  # kinds in a message


class IncompleteJournalError(RuntimeError):
    """The result depends on requests that the journal no longer keeps.

    The text says how many were forgotten, of which kinds, and how to keep more. It is no
    `AssertionError`: the test has neither passed nor failed.
    """


class ForgottenKind(NamedTuple):
    """What is remembered of a forgotten request.

    Attributes:
        method: The HTTP method. Where there were too many kinds, this and `path`, `account`
            and `fault` may be `*`, which is any.
        path: The path; its last part is `*` where that was an id.
        status: The HTTP status of the answer.
        code: The service code of the answer.
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
        """As of `Entry`."""
        return "download" if is_download(self.method, self.path) else "api"

    def __str__(self) -> str:
        text = f"{self.method} {self.path}, answered {self.status}/{self.code}"
        return f"{text}, fault {self.fault}" if self.fault else text


class Forgotten:
    """The requests that a journal no longer keeps.

    Args:
        served: The calls that there are: methods and paths, `*` for an id.
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
        if key not in counts and len(counts) >= _MOST_KINDS:
            # Still distinguished by method and result: a poll is never taken for a create.
            method = entry.method if entry.method in _METHODS else "*"
            key = (method, "*", entry.status, entry.code, "*", "*", key[-1])
        counts[key] = counts.get(key, 0) + 1
        self._total += 1

    def clear(self) -> None:
        """Begin again at none."""
        self._counts.clear()
        self._total = 0

    @property
    def total(self) -> int:
        """How many requests were forgotten."""
        return self._total

    def matching(self, call: Call) -> dict[ForgottenKind, int]:
        """Return the kinds of which some or all may match *call*, with their numbers."""
        return {kind: count for kind, count in self if could_be(call, kind)}

    def __str__(self) -> str:
        return describe(dict(self))

    def __repr__(self) -> str:
        return f"<Forgotten {self.total}: {self}>" if self.total else "<Forgotten none>"

    def __iter__(self) -> Iterator[tuple[ForgottenKind, int]]:
        # A copy: the server may forget more while a test reads.
        return ((ForgottenKind(*key), count) for key, count in tuple(self._counts.items()))

    def _path(self, method: str, path: str) -> str:
        """Return *path* with `*` in the place of an id."""
        if is_download(method, path):
            return f"{RESULTS}*"  # one kind for all files
        if len(path) > _LONGEST_PATH or "*" in path:
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
        # Where there were too many kinds, it may be either.
        and (kind.path == "*" or call.takes(kind.kind))
        and all(value in known[name] for name, value in call.filters.items() if name in known)
        and (not call.body or kind.has_body)
    )


def describe(kinds: Mapping[ForgottenKind, int], shown: int = _SHOWN) -> str:
    """Return kinds and their numbers as text, the most frequent first.

    Args:
        kinds: The kinds, and how many of each.
        shown: How many kinds are named; the number of all others is given in one.
    """
    found = sorted(kinds.items(), key=lambda one: -one[1])
    parts = [f"{count:,} x {kind}" for kind, count in found[:shown]]
    more = sum(count for _, count in found[shown:])
    return "; ".join([*parts, f"{more:,} others"] if more else parts)
