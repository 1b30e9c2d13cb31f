"""The requests and the replies to them: a bounded record, kept without credentials."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Unpack

from kling_mock.journal.calls import Call, CallFilters
from kling_mock.journal.entries import QUERIES, RESULTS, Entry
from kling_mock.journal.forgotten import Forgotten, IncompleteJournalError, could_be, describe
from kling_mock.journal.reports import explain, lines, nearest_miss

__all__ = ["DEFAULT_SIZE", "Journal"]

DEFAULT_SIZE = 2_000  # entries
_UNEXPECTED_KEPT = 100  # entries, also when the journal no longer keeps them
_TAIL = 20  # lines
_MORE = (
    "Keep more: KlingMock(journal_size=...), kling_mock_journal_size in the ini file of pytest, "
    "kling-mock serve --journal-size; or journal.clear() before what is to be checked."
)


class Journal:
    """The newest requests, oldest first, and assertions about them.

        mock.journal.where("POST *", code=1303)
        mock.journal.assert_called("POST /v1/videos/text2video", times=1, body={"duration": "5"})
        mock.journal.assert_sequence(["POST /v1/videos/text2video", "GET /v1/videos/*"])

    When it is full, the oldest successful query makes room; other calls are kept until there
    are no more of these. Of what is forgotten the number of each kind is known: a question
    whose answer could depend on forgotten requests raises `IncompleteJournalError`.

    Args:
        size: How many entries are kept, 1 or more.
        served: The calls that there are, for explaining an unknown one: methods and paths, `*`
            for an id.
    """

    def __init__(self, size: int = DEFAULT_SIZE, served: Sequence[str] = ()) -> None:
        self._size = size
        # By number, which counts up from 1: the oldest first.
        self._kept: dict[int, Entry] = {}
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
        # What `total` and `downloads_total` were when everything was forgotten on purpose.
        self._cleared = self._cleared_downloads = 0

    def add(self, entry: Entry) -> None:
        """Append one entry; another one makes room, see the class."""
        number = self._total + 1
        self._kept[number] = entry
        self._total = number
        queue = self._queries if _is_query(entry) else self._others
        queue.append(number)
        if len(self._kept) > self._size:
            self._make_room(number)
        if entry.path.startswith(RESULTS):
            self._downloads += entry.kind == "download"
        if (entry.code or entry.notes) and entry.unexpected:
            self._unexpected.append(entry)
            self._unexpected_total += 1
            self._late_total += bool(entry.late_of)
        if entry.notes and not entry.late_of:
            self._retired.update((one.text, None) for one in entry.notes if one.kind == "retired")

    def _make_room(self, newest: int) -> None:
        # The newest entry stays, whatever it is: `journal[-1]` is always the last call.
        queries = self._queries and (self._queries[0] != newest or not self._others)
        queue = self._queries if queries else self._others
        number = queue.popleft()
        # Counted before it is gone: who reads meanwhile sees it twice rather than not at all.
        self._forgotten.add(self._kept[number])
        del self._kept[number]

    def clear(self) -> None:
        """Forget all entries, also the unexpected ones; `total` goes on counting."""
        self._kept.clear()
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
        """What was served that the real service was seen to refuse: each once, with the date."""
        return [*self._retired]

    @property
    def total(self) -> int:
        """How many entries were ever added, also those that are no longer kept."""
        return self._total

    @property
    def size(self) -> int:
        """How many entries are kept at most."""
        return self._size

    @property
    def forgotten(self) -> int:
        """How many entries had to make room since the start, or the last `clear` or reset.

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
        """How many calls were unexpected, also those that `unexpected` no longer has."""
        return self._unexpected_total

    @property
    def late_total(self) -> int:
        """How many of the unexpected calls came from a test that had ended; see `Entry.late_of`."""
        return self._late_total

    @property
    def unexpected(self) -> list[Entry]:
        """The newest calls that Kling does not know, or of which it ignores a key; see `Entry`."""
        return list(self._unexpected)

    @property
    def downloads(self) -> list[Entry]:
        """The downloads of result files that are kept, oldest first, those of files gone included.

        They are entries as any other, but no calls of the API: `where` and the assertions take
        them only if they are asked for; see `CallFilters`.
        """
        return [entry for entry in self if entry.kind == "download"]

    @property
    def downloads_total(self) -> int:
        """How many of the entries ever added are downloads; `total` has them, too."""
        return self._downloads

    def numbered(self) -> list[tuple[int, Entry]]:
        """Return what is kept, oldest first, each with its number among all ever added."""
        return list(self._kept.items())

    def where(self, match: str = "*", **filters: Unpack[CallFilters]) -> list[Entry]:
        """Return the calls that match, oldest first.

        Args:
            match: A method, a path, or both with a space between; `*` stands for anything.
            filters: See `CallFilters`.

        Raises:
            ValueError: *match* is not of this form, or comes together with `method` or `path`.
            TypeError: There is no such filter.
            IncompleteJournalError: Some of them may be forgotten. What is still kept can be
                read by iterating over the journal.
        """
        __tracebackhide__ = True
        call = Call(match, **filters)
        found, possible = self._search(call)
        if possible > len(found):
            raise self._incomplete([call], f"which calls there were of {call}")
        return found

    def assert_called(
        self, match: str = "*", *, times: int | None = None, **filters: Unpack[CallFilters]
    ) -> list[Entry]:
        """Return the calls that match, if there are any.

        Args:
            match: See `where`.
            times: How many there have to be; `None` is one or more, of which forgotten ones
                may be missing in what is returned.
            filters: See `where`.

        Raises:
            AssertionError: There are not; the text shows the nearest call.
            IncompleteJournalError: That depends on forgotten entries.
        """
        __tracebackhide__ = True
        call = Call(match, **filters)
        found, possible = self._search(call)
        if (times is None and found) or len(found) == possible == times:
            return found
        wanted = "a call" if times is None else _calls(times)
        if possible > len(found) and (times is None or len(found) <= times <= possible):
            raise self._incomplete([call], f"whether there was {wanted} of {call}")
        raise self._failure(
            f"expected {wanted} of {call}, there {_were(len(found))}",
            *([] if times is not None and len(found) > times else self._nearest(call, 0)),
        )

    def assert_not_called(self, match: str = "*", **filters: Unpack[CallFilters]) -> None:
        """Check that no call matches.

        Args:
            match: See `where`.
            filters: See `where`.

        Raises:
            AssertionError: There is one.
            IncompleteJournalError: One may be among the forgotten entries.
        """
        __tracebackhide__ = True
        call = Call(match, **filters)
        found, possible = self._search(call)
        if found:
            raise self._failure(f"expected no call of {call}, there {_were(len(found))}")
        if possible:
            raise self._incomplete([call], f"whether there was no call of {call}")

    def assert_sequence(self, calls: Iterable[str | Call], *, exact: bool = False) -> list[Entry]:
        """Return the calls that came in this order.

        Args:
            calls: Matches as of `where`, or `Call` for those with filters.
            exact: Whether nothing else may have been called, between them or around. Downloads
                count only if one of the calls takes them.

        Raises:
            AssertionError: They did not; the text shows which one is missing, and the nearest
                call.
            IncompleteJournalError: That depends on forgotten entries.
        """
        __tracebackhide__ = True
        wanted = [Call(call) if isinstance(call, str) else call for call in calls]
        return self._exact_sequence(wanted) if exact else self._loose_sequence(wanted)

    def _loose_sequence(self, wanted: Sequence[Call]) -> list[Entry]:
        __tracebackhide__ = True
        kept = self.numbered()
        found, missing = _in_order(wanted, kept)
        if missing is None:
            return [kept[at][1] for at in found]
        # Those that a forgotten entry may have been are left out: the others are too few for a
        # sequence in any case, or else it cannot be known.
        doubtful = [call for call in wanted if self._forgotten.matching(call)]
        certain = [call for call in wanted if call not in doubtful]
        if _in_order(certain, kept, whole=False)[1] is None:
            raise self._incomplete(doubtful, "whether the calls came in this order")
        call, last = wanted[missing], found[-1] if found else None
        place = "at all" if last is None else f"after #{kept[last][0]}"
        raise self._failure(
            f"call {missing + 1} of the sequence, {call}, did not come {place}",
            *self._nearest(call, 0 if last is None else last + 1),
        )

    def _exact_sequence(self, wanted: Sequence[Call]) -> list[Entry]:
        __tracebackhide__ = True
        kept, count = dict(self.numbered()), self._total - self._cleared
        numbers = list(range(self._cleared + 1, self._total + 1))
        doubtful: list[Call] = []
        if not any(call.takes("download") for call in wanted):
            count -= self._downloads - self._cleared_downloads
            download = Call(kind="download")
            if self._forgotten.matching(download) and count == len(wanted):
                raise self._incomplete([download], "which calls came between these")
            numbers = [one for one in numbers if one not in kept or kept[one].kind == "api"]
        for place, call in enumerate(wanted):
            number = numbers[place] if place < len(numbers) else self._total + 1
            entry = kept.get(number)
            if entry is not None and call.accepts(entry):
                continue
            if entry is not None:
                is_possible = call.may_accept(entry)
            else:
                is_possible = place < len(numbers) and bool(self._forgotten.matching(call))
            if is_possible:
                doubtful.append(call)
            else:
                at = list(kept).index(number) if entry is not None else len(kept)
                raise self._failure(
                    f"call {place + 1} of the sequence, {call}, did not come as #{number}",
                    *self._nearest(call, at, at + 1),
                )
        if count > len(wanted):
            raise self._failure(f"expected {_calls(len(wanted))} in all, there {_were(count)}")
        if doubtful:
            raise self._incomplete(doubtful, "whether exactly these calls came in this order")
        return [kept[number] for number in numbers]

    def assert_no_unexpected(self, *, late: bool = True) -> None:
        """Check that every call was one that is served, with a valid credential and known keys.

        Args:
            late: Whether calls of tests that had ended count, too.

        Raises:
            AssertionError: One was not; the text shows the nearest call that is served.
        """
        __tracebackhide__ = True
        found, count = self.unexpected, self._unexpected_total
        if not late:
            found = [entry for entry in found if not entry.late_of]
            count -= self._late_total
        if count:
            headline = f"{_calls(count)} unexpected:"
            if count > len(found):
                headline = f"{_calls(count)} unexpected, of which the newest {len(found)} are:"
            raise AssertionError("\n  ".join([headline, *map(self.explain, found)]))

    def explain(self, entry: Entry) -> str:
        """Return why *entry* is unexpected: the nearest call served, or the refusal's text."""
        return explain(entry, self._served)

    def tail(self, count: int = _TAIL) -> list[str]:
        """Return the last calls as lines: method, path, status and code, but no bodies.

        Calls in a row that are equal in all of this share a line.

        Args:
            count: How many lines, at most.
        """
        shown = lines(self.numbered())
        return shown[-count:] if count > 0 else []

    # ------------------------------------------------------------ inside

    def _search(self, call: Call) -> tuple[list[Entry], int]:
        """Return the kept entries that match *call*, and how many there may be in all."""
        # The entries first, for what `_make_room` says.
        entries = list(self)
        found = [entry for entry in entries if call.accepts(entry)]
        cut = sum(call.may_accept(entry) for entry in entries) - len(found)
        return found, len(found) + cut + sum(self._forgotten.matching(call).values())

    def _nearest(self, call: Call, first: int, end: int | None = None) -> list[str]:
        numbered = self.numbered()[first:end]
        miss = nearest_miss(call, [entry for _, entry in numbered])
        if miss is None:
            return []
        number = numbered[miss.position][0]
        return [
            f"nearest is #{number}, which differs in",
            *(f"  {one}" for one in miss.differences),
        ]

    def _failure(self, *text: str) -> AssertionError:
        calls = self.tail() or ["no calls at all"]
        text = (*text, "the journal has", *(f"  {one}" for one in calls))
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
                f"{self.forgotten:,} of {self._total - self._cleared:,} calls are forgotten, as "
                f"the journal keeps {self._size:,}; among them may be such ones: "
                f"{describe(kinds)}."
            )
            text.append(_MORE)
        else:
            text.append("Some bodies were too long to be kept, and may be such ones.")
        return IncompleteJournalError(" ".join(text))

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Entry]:
        # A copy: the server may add entries while a test reads.
        return iter(tuple(self._kept.values()))

    def __getitem__(self, position: int) -> Entry:
        return tuple(self._kept.values())[position]

    def __repr__(self) -> str:
        forgotten = f", {self.forgotten} forgotten" if self.forgotten else ""
        return f"<Journal of {self._total} requests, {len(self)} kept{forgotten}>"


def _is_query(entry: Entry) -> bool:
    """Return whether *entry* is one of the many that a waiting client makes, and went well."""
    asks = entry.method == "GET" or entry.path in QUERIES
    return asks and not entry.code and not entry.fault and 200 <= entry.status < 400


def _in_order(
    wanted: Iterable[Call], kept: Sequence[tuple[int, Entry]], *, whole: bool = True
) -> tuple[list[int], int | None]:
    """Return where the calls are, and the place of the first one that is missing, if any.

    Args:
        wanted: The calls.
        kept: Where they are looked for.
        whole: `False` takes also those that may match, since their bodies are cut.
    """
    found: list[int] = []
    for number, call in enumerate(wanted):
        accepts = call.accepts if whole else call.may_accept
        first = found[-1] + 1 if found else 0
        at = next((at for at in range(first, len(kept)) if accepts(kept[at][1])), None)
        if at is None:
            return found, number
        found.append(at)
    return found, None


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{number} calls"


def _were(number: int) -> str:
    return {0: "was none", 1: "was 1"}.get(number, f"were {number}")
