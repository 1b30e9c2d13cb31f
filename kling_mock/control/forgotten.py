"""What a journal still knows of the requests that it no longer keeps: how many of each kind.

That is enough to prove for most questions that no forgotten request can be one of those that
are asked for. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from kling_mock.control.calls import Call
from kling_mock.control.entries import Entry

__all__ = ["Forgotten", "IncompleteJournalError", "Kind", "could_be", "describe"]

_MOST_KINDS = 300
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_LONGEST_PATH = 200  # characters
_SHOWN = 5  # kinds in a message
_GLOB = frozenset("*?[")


class IncompleteJournalError(RuntimeError):
    """The journal no longer keeps all requests, and those that it has let go would decide.

    The text says how many were forgotten, of which kinds, and how to keep more. It is no
    `AssertionError`: the test has neither passed nor failed.
    """


class Kind(NamedTuple):
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

    def __str__(self) -> str:
        words = f"{self.method} {self.path}, answered {self.status}/{self.code}"
        return f"{words}, fault {self.fault}" if self.fault else words


class Forgotten:
    """The requests that a journal has let go.

    Args:
        served: The calls that there are: methods and paths, `*` for an id.
    """

    def __init__(self, served: Collection[str] = ()) -> None:
        self._served = frozenset(served)
        self._counts: dict[Kind, int] = {}
        self._total = 0

    def add(self, entry: Entry) -> None:
        """Count one request."""
        kind = self._kind(entry, entry.path)
        if kind not in self._counts and len(self._counts) >= _MOST_KINDS:
            # Still told apart by method and outcome: a poll is never taken for a create.
            method = entry.method if entry.method in _METHODS else "*"
            kind = Kind(method, "*", entry.status, entry.code, "*", "*", kind.has_body)
        self._counts[kind] = self._counts.get(kind, 0) + 1
        self._total += 1

    def clear(self) -> None:
        """Begin again at none."""
        self._counts.clear()
        self._total = 0

    @property
    def total(self) -> int:
        """How many requests were forgotten."""
        return self._total

    def matching(self, call: Call) -> dict[Kind, int]:
        """Return the kinds of which some or all may be meant by *call*, with their numbers."""
        return {kind: count for kind, count in self if could_be(call, kind)}

    def __iter__(self) -> Iterator[tuple[Kind, int]]:
        # A copy: the server may forget more while a test reads.
        return iter(tuple(self._counts.items()))

    def _kind(self, entry: Entry, path: str) -> Kind:
        parent = f"{path.rpartition('/')[0]}/*"
        if len(path) > _LONGEST_PATH or "*" in path:
            path = "*"
        elif f"{entry.method} {path}" not in self._served and (
            f"{entry.method} {parent}" in self._served
        ):
            path = parent
        return Kind(
            entry.method,
            path,
            entry.status,
            entry.code,
            entry.account,
            entry.fault,
            bool(entry.request),
        )


def could_be(call: Call, kind: Kind) -> bool:
    """Return whether a request of *kind* may be one that *call* means."""
    known: dict[str, tuple[object, ...]] = {"status": (kind.status,), "code": (kind.code,)}
    if kind.account != "*":
        known["account"] = (kind.account,)
    if kind.fault != "*":
        known["fault"] = tuple(kind.fault.split("+"))
    return (
        (call.method == "*" or kind.method in {"*", call.method})
        and _may_overlap(call.path, kind.path)
        and all(value in known[name] for name, value in call.filters.items() if name in known)
        and (not call.body or kind.has_body)
    )


def _may_overlap(pattern: str, path: str) -> bool:
    """Return whether a path that *path* stands for may match *pattern*; `True` if in doubt."""
    before, star, _ = path.partition("*")
    literal = _literal(pattern)
    if not star:
        return fnmatchcase(path, pattern)
    if literal == pattern:  # no wildcard in it: one path
        return pattern.startswith(before)
    return literal.startswith(before) or before.startswith(literal)


def _literal(pattern: str) -> str:
    """Return what *pattern* begins with, up to its first wildcard."""
    end = next((at for at, letter in enumerate(pattern) if letter in _GLOB), len(pattern))
    return pattern[:end]


def describe(kinds: Mapping[Kind, int]) -> str:
    """Return kinds and their numbers in words, the most frequent first."""
    found = sorted(kinds.items(), key=lambda one: -one[1])
    words = [f"{count:,} x {kind}" for kind, count in found[:_SHOWN]]
    more = sum(count for _, count in found[_SHOWN:])
    return "; ".join([*words, f"{more:,} others"] if more else words)
