"""What was asked and answered: a bounded record, kept without credentials."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Unpack

from kling_mock.control.calls import Call, Filters
from kling_mock.control.entries import Entry
from kling_mock.control.telling import explain, lines, nearest_miss

__all__ = ["DEFAULT_SIZE", "Journal"]

DEFAULT_SIZE = 2_000  # entries
_UNEXPECTED_KEPT = 100  # entries, also when the journal has had to let them go
_TAIL = 20  # lines


class Journal:
    """The newest requests, oldest first, and what a test may say of them.

        mock.journal.where("POST *", code=1303)
        mock.journal.assert_called("POST /v1/videos/text2video", times=1, body={"duration": "5"})
        mock.journal.assert_sequence(["POST /v1/videos/text2video", "GET /v1/videos/*"])

    Args:
        size: How many entries are kept.
        served: The calls that there are, for explaining one that there is not: methods and
            paths, `*` for an id.
    """

    def __init__(self, size: int = DEFAULT_SIZE, served: Sequence[str] = ()) -> None:
        self._entries: deque[Entry] = deque(maxlen=size)
        self._unexpected: deque[Entry] = deque(maxlen=_UNEXPECTED_KEPT)
        self._served = served
        self._total = 0

    def add(self, entry: Entry) -> None:
        """Append one entry; the oldest one makes room."""
        self._entries.append(entry)
        self._total += 1
        if entry.code and entry.unexpected:
            self._unexpected.append(entry)

    def clear(self) -> None:
        """Forget all entries, also the unexpected ones; `total` goes on counting."""
        self._entries.clear()
        self._unexpected.clear()

    @property
    def total(self) -> int:
        """How many entries were ever added, also those that are no longer kept."""
        return self._total

    @property
    def unexpected(self) -> list[Entry]:
        """The newest calls that were refused before it was known whose they are; see `Entry`."""
        return list(self._unexpected)

    def where(self, match: str = "*", **filters: Unpack[Filters]) -> list[Entry]:
        """Return the calls that are meant, oldest first.

        Args:
            match: A method, a path, or both with a space between; `*` stands for anything.
            filters: See `Filters`.

        Raises:
            ValueError: *match* is not of this form, or comes together with `method` or `path`.
            TypeError: There is no such filter.
        """
        call = Call(match, **filters)
        return [entry for entry in self if call.accepts(entry)]

    def assert_called(
        self, match: str = "*", *, times: int | None = None, **filters: Unpack[Filters]
    ) -> list[Entry]:
        """Return the calls that are meant, if there are any.

        Args:
            match: See `where`.
            times: How many there have to be; `None` is one or more.
            filters: See `where`.

        Raises:
            AssertionError: There are not; the text tells what came nearest.
        """
        __tracebackhide__ = True
        call = Call(match, **filters)
        entries = list(self)
        found = [entry for entry in entries if call.accepts(entry)]
        if len(found) == times or (times is None and found):
            return found
        wanted = "a call" if times is None else _calls(times)
        raise self._failure(
            f"wanted {wanted} of {call}, there {_were(len(found))}",
            *([] if times is not None and len(found) > times else self._nearest(call, entries)),
        )

    def assert_not_called(self, match: str = "*", **filters: Unpack[Filters]) -> None:
        """Check that there is no call of those that are meant.

        Args:
            match: See `where`.
            filters: See `where`.

        Raises:
            AssertionError: There is one.
        """
        __tracebackhide__ = True
        call = Call(match, **filters)
        found = sum(map(call.accepts, self))
        if found:
            raise self._failure(f"wanted no call of {call}, there {_were(found)}")

    def assert_sequence(self, calls: Iterable[str | Call], *, exact: bool = False) -> list[Entry]:
        """Return the calls that came in this order.

        Args:
            calls: Matches as of `where`, or `Call` for those with filters.
            exact: Whether nothing else may have been called, between them or around.

        Raises:
            AssertionError: They did not; the text tells which one is missing, and what came
                nearest.
        """
        __tracebackhide__ = True
        wanted = [Call(call) if isinstance(call, str) else call for call in calls]
        entries = list(self)
        found: list[int] = []
        for number, call in enumerate(wanted, 1):
            first = found[-1] + 1 if found else 0
            last = first + 1 if exact else len(entries)
            at = next((at for at in range(first, last) if _at(entries, at, call)), None)
            if at is None:
                place = f"after #{self._number(found[-1])}" if found else "at all"
                if exact:
                    place = f"as #{self._number(first)}"
                raise self._failure(
                    f"call {number} of the sequence, {call}, did not come {place}",
                    *self._nearest(call, entries[first:last], first),
                )
            found.append(at)
        if exact and len(entries) > len(wanted):
            raise self._failure(f"wanted {_calls(len(wanted))} in all, there {_were(len(entries))}")
        return [entries[at] for at in found]

    def assert_no_unexpected(self) -> None:
        """Check that every call was one that is served, with a credential that is accepted.

        Raises:
            AssertionError: One was not; the text tells what comes nearest to it.
        """
        __tracebackhide__ = True
        found = self.unexpected
        if found:
            raise AssertionError(
                "\n  ".join(
                    [f"{_calls(len(found))} unexpected:", *(self.explain(entry) for entry in found)]
                )
            )

    def explain(self, entry: Entry) -> str:
        """Return why *entry* is unexpected: what comes nearest to it, or the refusal's text."""
        return explain(entry, self._served)

    def tail(self, count: int = _TAIL) -> list[str]:
        """Return the last calls as lines: method, path, status and code, but no bodies.

        Calls in a row that are equal in all of this share a line.

        Args:
            count: How many lines, at most.
        """
        told = lines(self, self._number(0))
        return told[-count:] if count > 0 else []

    def _number(self, position: int) -> int:
        return self._total - len(self._entries) + position + 1

    def _nearest(self, call: Call, entries: Sequence[Entry], first: int = 0) -> list[str]:
        miss = nearest_miss(call, entries)
        if miss is None:
            return []
        number = self._number(first + miss.position)
        return [
            f"nearest is #{number}, which differs in",
            *(f"  {one}" for one in miss.differences),
        ]

    def _failure(self, *told: str) -> AssertionError:
        calls = self.tail() or ["no calls at all"]
        told = (*told, "the journal has", *(f"  {one}" for one in calls))
        return AssertionError("\n".join(told))

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        # A copy: the server may add entries while a test reads.
        return iter(tuple(self._entries))

    def __getitem__(self, position: int) -> Entry:
        return self._entries[position]

    def __repr__(self) -> str:
        return f"<Journal of {self._total} requests, {len(self)} kept>"


def _at(entries: Sequence[Entry], position: int, call: Call) -> bool:
    return position < len(entries) and call.accepts(entries[position])


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{number} calls"


def _were(number: int) -> str:
    return {0: "was none", 1: "was 1"}.get(number, f"were {number}")
