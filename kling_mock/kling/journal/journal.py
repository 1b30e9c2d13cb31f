"""The journal: a bounded record of requests and their replies, without credentials."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Unpack

from kling_mock.kling.journal.assertions import PossibleCalls, read_sequence, read_times
from kling_mock.kling.journal.calls import Call, CallFilters
from kling_mock.kling.journal.entries import QUERIES, RESULTS, Entry
from kling_mock.kling.journal.findings import Findings, UnderWay
from kling_mock.kling.journal.forgotten import (
    Forgotten,
    IncompleteJournalError,
    could_be,
    describe,
    is_certain,
)
from kling_mock.kling.journal.reports import explain, lines, nearest_miss

DEFAULT_SIZE = 2_000  # entries
_UNEXPECTED_KEPT = 100  # entries, even if the journal no longer keeps them
_TAIL = 20  # lines
_MORE = (
    "Keep more: KlingMock(journal_size=...), kling_mock_journal_size in the ini file of pytest, "
    "kling-mock serve --journal-size; or journal.clear() before the calls to check."
)


class Journal:
    """The newest requests, oldest first, and assertions about them.

        mock.journal.where("POST *", code=1303)
        mock.journal.assert_called("POST /v1/videos/text2video", times=1, body={"duration": "5"})
        mock.journal.assert_sequence(["POST /v1/videos/text2video", "GET /v1/videos/*"])

    When it is full, the oldest successful query makes room; other calls are kept until no
    such query is left. The number of forgotten requests of each kind is kept: a question
    whose answer could depend on forgotten requests raises `IncompleteJournalError`.

    Args:
        size: How many entries are kept, 1 or more.
        served: The calls that are served, for explaining an unknown one: methods and paths,
            `*` for an id.
        possible: The possible calls of the server; assertions about other calls are refused.
            `None` accepts all assertions.
        findings: Keeps what outlives the journal; `None` creates new findings.
    """

    def __init__(
        self,
        size: int = DEFAULT_SIZE,
        served: Sequence[str] = (),
        possible: PossibleCalls | None = None,
        findings: Findings | None = None,
    ) -> None:
        self._findings = Findings() if findings is None else findings
        self._size = size
        self._possible = possible
        # By number, counting from 1: the oldest first.
        self._entries: dict[int, Entry] = {}
        # The same numbers in the order in which they make room: queries before all others.
        self._queries: deque[int] = deque()
        self._others: deque[int] = deque()
        self._forgotten = Forgotten(served)
        self._unexpected: deque[Entry] = deque(maxlen=_UNEXPECTED_KEPT)
        self._unexpected_total = 0
        self._late_total = 0
        self._retired: dict[str, None] = {}
        self._served = served
        self._total = 0
        self._downloads = 0
        # The values of `total` and `downloads_total` at the last `clear`.
        self._cleared = self._cleared_downloads = 0

    def add(self, entry: Entry, *, is_found: bool = False) -> None:
        """Append an entry; if the journal is full, another one makes room, as the class says.

        Args:
            is_found: Whether its test has already answered for it, while it was under way.
        """
        number = self._total + 1
        self._entries[number] = entry
        self._total = number
        queue = self._queries if _is_query(entry) else self._others
        queue.append(number)
        if len(self._entries) > self._size:
            self._make_room(number)
        if entry.path.startswith(RESULTS):
            self._downloads += entry.kind == "download"
        if (entry.code or entry.notes) and entry.unexpected:
            self._unexpected.append(entry)
            self._unexpected_total += 1
            if entry.late_of:
                self._late_total += 1
            elif not is_found:
                self._findings.note_unexpected(entry)
        if entry.notes and not entry.late_of:
            for note in entry.notes:
                if note.kind == "retired":
                    self._retired[note.text] = None
                    self._findings.note_retired(note.text)

    def _make_room(self, newest: int) -> None:
        # The newest entry stays, whatever it is: `journal[-1]` is always the last call.
        queries = self._queries and (self._queries[0] != newest or not self._others)
        queue = self._queries if queries else self._others
        number = queue.popleft()
        # Counted before it is deleted: a reader in between sees it twice rather than not at all.
        self._forgotten.add(self._entries[number])
        del self._entries[number]

    def clear(self) -> None:
        """Forget all entries, including the unexpected ones; `total` goes on counting.

        The verdict on a test in pytest still counts what was forgotten here.
        """
        self._entries.clear()
        self._queries.clear()
        self._others.clear()
        self._forgotten.clear()
        self._unexpected.clear()
        self._unexpected_total = 0
        self._late_total = 0
        self._retired.clear()
        self._cleared, self._cleared_downloads = self._total, self._downloads

    @property
    def retired(self) -> list[str]:
        """Notes on what was served although the real service was seen to refuse it, with dates."""
        return [*self._retired]

    @property
    def total(self) -> int:
        """The number of entries ever added, including those that are no longer kept."""
        return self._total

    @property
    def size(self) -> int:
        """The maximum number of entries that are kept."""
        return self._size

    @property
    def forgotten(self) -> int:
        """The number of entries dropped for lack of room since the start, last `clear` or reset.

        While it is not 0, reading the journal directly (iterating, `len`, an index) shows only
        a part of what was called. The newest call is always there.
        """
        return self._forgotten.total

    @property
    def forgotten_kinds(self) -> Forgotten:
        """The number of forgotten entries of each kind."""
        return self._forgotten

    @property
    def unexpected_total(self) -> int:
        """The number of unexpected calls, including those that `unexpected` no longer has."""
        return self._unexpected_total

    @property
    def late_total(self) -> int:
        """The number of unexpected calls from a test that had ended; see `Entry.late_of`."""
        return self._late_total

    @property
    def unexpected(self) -> list[Entry]:
        """The newest calls that Kling does not know, or in which it ignores a key; see `Entry`."""
        return list(self._unexpected)

    @property
    def downloads(self) -> list[Entry]:
        """The kept entries that are downloads of result files, even missing ones, oldest first.

        They are entries like any other, but not calls of the API: `where` and the assertions
        include them only on request; see `CallFilters`.
        """
        return [entry for entry in self if entry.kind == "download"]

    @property
    def downloads_total(self) -> int:
        """The number of downloads among the entries ever added; `total` includes them."""
        return self._downloads

    def numbered(self) -> list[tuple[int, Entry]]:
        """Return the kept entries, oldest first, each with its number among all ever added."""
        return list(self._entries.items())

    def where(self, match: str = "*", **filters: Unpack[CallFilters]) -> list[Entry]:
        """Return the calls that match, oldest first.

        Args:
            match: A method, a path, or both with a space between; `*` stands for anything.
            filters: See `CallFilters`.

        Raises:
            ValueError: *match* is not of this form, or is combined with `method` or `path`; or
                no call of this server could match.
            TypeError: There is no such filter.
            IncompleteJournalError: Some of them may be forgotten. The calls that are still kept
                can be read by iterating over the journal.
        """
        __tracebackhide__ = True
        call = Call(match, **filters)
        entries, _, possible = self._search(call)
        if possible > len(entries):
            raise self._incomplete([call], f"which calls there were of {call}")
        return entries

    def assert_called(
        self, match: str = "*", *, times: int | None = None, **filters: Unpack[CallFilters]
    ) -> list[Entry]:
        """Return the calls that match, if there are any.

        Args:
            match: See `where`.
            times: The required number of calls; `None` is one or more. Forgotten calls count if
                all calls of their kind match, but they are not returned.
            filters: See `where`.

        Raises:
            AssertionError: There are fewer or more; the text shows the nearest call.
            ValueError: No call of this server could match.
            IncompleteJournalError: That depends on forgotten entries.
        """
        __tracebackhide__ = True
        call, times = Call(match, **filters), read_times(times)
        entries, certain, possible = self._search(call)
        if times is None and certain:
            return entries
        if times is not None and certain == possible == times:
            self._check_under_way(call, f"whether there {_were(times)}")
            return entries
        expected = "a call" if times is None else _calls(times)
        if possible > certain and (times is None or certain <= times <= possible):
            raise self._incomplete([call], f"whether there was {expected} of {call}")
        raise self._failure(
            f"expected {expected} of {call}, there {_were(certain)}",
            *([] if times is not None and certain > times else self._nearest(call, 0)),
        )

    def assert_not_called(self, match: str = "*", **filters: Unpack[CallFilters]) -> None:
        """Check that no call matches.

        Args:
            match: See `where`.
            filters: See `where`.

        Raises:
            AssertionError: A call matches.
            ValueError: No call of this server could match.
            IncompleteJournalError: A forgotten call may match.
        """
        __tracebackhide__ = True
        call = Call(match, **filters)
        _, certain, possible = self._search(call)
        if certain:
            raise self._failure(f"expected no call of {call}, there {_were(certain)}")
        if possible:
            raise self._incomplete([call], f"whether there was no call of {call}")
        self._check_under_way(call, "expected none", absent=True)

    def assert_sequence(self, calls: Iterable[str | Call], *, exact: bool = False) -> list[Entry]:
        """Return the calls that came in this order.

        Args:
            calls: Matches as in `where`, or `Call` for those with filters.
            exact: Whether other calls are forbidden, between them as well as before and after.
                Downloads count only if one of the calls includes them.

        Raises:
            AssertionError: They did not come in this order; the text shows which one is missing,
                and the nearest call.
            ValueError: *calls* is empty, matches any calls, or has one that no call of this server
                could match.
            IncompleteJournalError: That depends on forgotten entries.
        """
        __tracebackhide__ = True
        sequence = read_sequence(calls, exact=exact)
        return self._exact_sequence(sequence) if exact else self._loose_sequence(sequence)

    def _loose_sequence(self, sequence: Sequence[Call]) -> list[Entry]:
        __tracebackhide__ = True
        numbered = self.numbered()
        positions, missing = _in_order(sequence, numbered)
        if missing is None:
            entries = [numbered[at][1] for at in positions]
            self._expect_refused(sequence, entries)
            return entries
        # Leave out calls that a forgotten entry may match. If the rest is not in order, the
        # sequence is wrong in any case; otherwise the result cannot be known.
        doubtful = [call for call in sequence if self._forgotten.matching(call)]
        certain = [call for call in sequence if call not in doubtful]
        if _in_order(certain, numbered, whole=False)[1] is None:
            raise self._incomplete(doubtful, "whether the calls came in this order")
        call, last = sequence[missing], positions[-1] if positions else None
        self._search(call)
        place = "at all" if last is None else f"after #{numbered[last][0]}"
        raise self._failure(
            f"call {missing + 1} of the sequence, {call}, did not come {place}",
            *self._nearest(call, 0 if last is None else last + 1),
        )

    def _exact_sequence(self, sequence: Sequence[Call]) -> list[Entry]:
        __tracebackhide__ = True
        entries, count = dict(self.numbered()), self._total - self._cleared
        numbers = list(range(self._cleared + 1, self._total + 1))
        doubtful: list[Call] = []
        if not any(call.takes("download") for call in sequence):
            count -= self._downloads - self._cleared_downloads
            download = Call(kind="download")
            if self._forgotten.matching(download) and count == len(sequence):
                raise self._incomplete([download], "which calls came between these")
            numbers = [
                number
                for number in numbers
                if number not in entries or entries[number].kind == "api"
            ]
        for place, call in enumerate(sequence):
            number = numbers[place] if place < len(numbers) else self._total + 1
            entry = entries.get(number)
            if entry is not None and call.accepts(entry):
                continue
            if entry is not None:
                is_possible = call.may_accept(entry)
            else:
                is_possible = place < len(numbers) and bool(self._forgotten.matching(call))
            if is_possible:
                doubtful.append(call)
            else:
                self._search(call)
                at = list(entries).index(number) if entry is not None else len(entries)
                raise self._failure(
                    f"call {place + 1} of the sequence, {call}, did not come as #{number}",
                    *self._nearest(call, at, at + 1),
                )
        if count > len(sequence):
            raise self._failure(f"expected {_calls(len(sequence))} in all, there {_were(count)}")
        if doubtful:
            raise self._incomplete(doubtful, "whether exactly these calls came in this order")
        matches = [entries[number] for number in numbers]
        self._expect_refused(sequence, matches)
        return matches

    def assert_no_unexpected(self, *, late: bool = True) -> None:
        """Check that every call was of a served kind, with a valid credential and known keys.

        Args:
            late: Whether calls of tests that had already ended count.

        Raises:
            AssertionError: A call was not; the text shows the nearest call that is served.
        """
        __tracebackhide__ = True
        entries, count = self.unexpected, self._unexpected_total
        if not late:
            entries = [entry for entry in entries if not entry.late_of]
            count -= self._late_total
        if count:
            headline = f"{_calls(count)} unexpected:"
            if count > len(entries):
                headline = f"{_calls(count)} unexpected, of which the newest {len(entries)} are:"
            raise AssertionError("\n  ".join([headline, *map(self.explain, entries)]))

    def assert_unexpected(self, match: str = "*", **filters: Unpack[CallFilters]) -> list[Entry]:
        """Return the unexpected calls that match, if there are any.

        The test means them, so it does not fail for them; for all others, and for those that come
        later, it does.

        Args:
            match: See `where`.
            filters: See `where`.

        Raises:
            AssertionError: There are none.
        """
        __tracebackhide__ = True
        call = Call(match, **filters)
        entries = [entry for entry in self.unexpected if not entry.late_of and call.accepts(entry)]
        if not entries:
            raise self._failure(
                f"expected an unexpected call of {call}, there were none", *self._nearest(call, 0)
            )
        self._findings.forgive(entries)
        return entries

    def explain(self, entry: Entry) -> str:
        """Return why *entry* is unexpected: the nearest served call, or the text of the refusal."""
        return explain(entry, self._served)

    def tail(self, count: int = _TAIL) -> list[str]:
        """Return the last calls as lines: method, path, status and code, but no bodies.

        Consecutive calls that are equal in all of this share a line.

        Args:
            count: Maximum number of lines.
        """
        texts = lines(self.numbered())
        return texts[-count:] if count > 0 else []

    # ------------------------------------------------------------ inside

    def _search(self, call: Call) -> tuple[list[Entry], int, int]:
        """Return the kept entries that match *call*, and the minimum and maximum number of matches.

        Raises:
            ValueError: No call matches, and no call of this server could.
        """
        __tracebackhide__ = True
        # The entries are read first, for the reason in `_make_room`.
        entries = list(self)
        matches = [entry for entry in entries if call.accepts(entry)]
        cut = sum(call.may_accept(entry) for entry in entries) - len(matches)
        forgotten = self._forgotten.matching(call)
        possible = len(matches) + cut + sum(forgotten.values())
        if not possible and self._possible is not None:
            self._possible.check(call)
        self._expect_refused([call], matches)
        certain = sum(count for kind, count in forgotten.items() if is_certain(call, kind))
        return matches, len(matches) + certain, possible

    def _expect_refused(self, calls: Iterable[Call], entries: Sequence[Entry]) -> None:
        """Note the refused requests among *entries* that a test has asserted, by code or status."""
        if any(not call.filters.keys().isdisjoint({"code", "status"}) for call in calls):
            self._findings.expect_refused([entry for entry in entries if entry.code])

    def _check_under_way(self, call: Call, question: str, *, absent: bool = False) -> None:
        """Check that no request without a reply matches *call*, or may match it later.

        Raises:
            AssertionError: One matches, and *absent* requires that none does.
            IncompleteJournalError: One may match.
        """
        __tracebackhide__ = True

        def may_be(other: UnderWay) -> bool:
            return other.is_in(self) and call.may_accept(other.so_far(), is_answered=False)

        waiting = [other.so_far() for other in self._findings.waiting(may_be)]
        if not waiting:
            return
        named = ", ".join(f"{entry.method} {entry.path[:200]}" for entry in waiting)
        text = f"{call}, and there {_is(len(waiting))} under way: {named}"
        if absent and any(call.accepts(entry) for entry in waiting):
            raise AssertionError(f"expected no call of {text}")
        raise IncompleteJournalError(
            f"it cannot be known {question} of {text}. A call that has no response yet is not in "
            "the journal."
        )

    def _nearest(self, call: Call, first: int, end: int | None = None) -> list[str]:
        numbered = self.numbered()[first:end]
        miss = nearest_miss(call, [entry for _, entry in numbered])
        if miss is None:
            return []
        number = numbered[miss.position][0]
        return [
            f"nearest is #{number}, which differs in",
            *(f"  {difference}" for difference in miss.differences),
        ]

    def _failure(self, *text: str) -> AssertionError:
        calls = self.tail() or ["no calls at all"]
        text = (*text, "the journal has", *(f"  {line}" for line in calls))
        if self.forgotten:
            text = (*text, f"and has forgotten {_calls(self.forgotten)}: {self._forgotten}")
        return AssertionError("\n".join(text))

    def _incomplete(self, calls: Iterable[Call], question: str) -> IncompleteJournalError:
        kinds = {
            kind: count
            for kind, count in self._forgotten
            if any(could_be(call, kind) for call in calls)
        }
        text = [f"it cannot be known {question}."]
        if kinds:
            text.append(
                f"{self.forgotten:,} of {self._total - self._cleared:,} calls are forgotten, "
                f"because the journal keeps {self._size:,}; among them, these may match: "
                f"{describe(kinds)}."
            )
            text.append(_MORE)
        else:
            text.append("Some bodies were too long to be kept, and their calls may match.")
        return IncompleteJournalError(" ".join(text))

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        # A copy: the server may add entries while a test reads.
        return iter(tuple(self._entries.values()))

    def __getitem__(self, position: int) -> Entry:
        return tuple(self._entries.values())[position]

    def __repr__(self) -> str:
        forgotten = f", {self.forgotten} forgotten" if self.forgotten else ""
        return f"<Journal of {self._total} requests, {len(self)} kept{forgotten}>"


def _is_query(entry: Entry) -> bool:
    """Return whether *entry* is a successful query, of which a waiting client makes many."""
    asks = entry.method == "GET" or entry.path in QUERIES
    return asks and not entry.code and not entry.fault and 200 <= entry.status < 400


def _in_order(
    calls: Iterable[Call], entries: Sequence[tuple[int, Entry]], *, whole: bool = True
) -> tuple[list[int], int | None]:
    """Return the positions of the calls, and the index of the first missing one, if any.

    Args:
        calls: The calls.
        entries: The entries to search.
        whole: `False` also accepts entries that may match because their bodies are cut.
    """
    positions: list[int] = []
    for number, call in enumerate(calls):
        accepts = call.accepts if whole else call.may_accept
        first = positions[-1] + 1 if positions else 0
        at = next((at for at in range(first, len(entries)) if accepts(entries[at][1])), None)
        if at is None:
            return positions, number
        positions.append(at)
    return positions, None


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{number} calls"


def _is(number: int) -> str:
    return "is 1" if number == 1 else f"are {number}"


def _were(number: int) -> str:
    return {0: "was none", 1: "was 1"}.get(number, f"were {number}")
