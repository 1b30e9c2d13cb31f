"""Findings on a server: problems for which its tests have to answer.

They outlive its journal, resets and snapshots. Tests are written as "arrange, clear, act", and a
problem before the clear is still a problem.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, NamedTuple, Protocol

from kling_mock.kling.journal.entries import Entry

_UNEXPECTED_KEPT: Final = 100
_IDLE_KEPT: Final = 1_000  # declarations
_UNTAKEN_KEPT: Final = 1_000  # callbacks

#: The ports of this process's `KlingReceiver`s. Their answers are set by tests, except for the
#: refusal of a wrong signature.
RECEIVERS: Final[set[int]] = set()


class UnderWay(Protocol):
    """A request that has no reply yet."""

    @property
    def is_refused(self) -> bool:
        """Whether the request will be refused before its account is known."""
        ...

    @property
    def has_client(self) -> bool:
        """Whether the client is still waiting."""
        ...

    def so_far(self) -> Entry:
        """Return what is known of the request, as an entry without a status."""
        ...

    def is_in(self, journal: object) -> bool:
        """Return whether the request's entry will be in *journal*."""
        ...


class Untaken(NamedTuple):
    """A callback that its receiver has not taken so far.

    Attributes:
        text: The callback, its address, and the result; without secrets of its URL.
        fails: Whether its receiver was the test's own, or answered something other than 2xx.
            Neither is true of a placeholder for a receiver.
    """

    text: str
    fails: bool


class Idle(NamedTuple):
    """A fault or rule that has never acted.

    Attributes:
        rule: It; a report shows its text.
        fails: Whether it may fail a test: no chance and no other rule kept it from acting.
    """

    rule: object
    fails: bool


class Mark(NamedTuple):
    """The number of findings up to some moment.

    Attributes:
        unexpected: Unexpected calls.
        retired: Uses of retired models or endpoints.
        declared: Faults and rules.
        untaken: Callbacks that were not taken.
        refused: Creates and other calls that were refused for what they request.
    """

    unexpected: int = 0
    retired: int = 0
    declared: int = 0
    untaken: int = 0
    refused: int = 0


NOTHING: Final = Mark()


class Findings:
    """The findings on one server since it was created.

    Only the server's thread writes while it runs; any thread may read.

    Attributes:
        under_way: The requests that have no reply yet.
        own_urls: Base URLs of parts of the server itself, such as its relay.
    """

    def __init__(self) -> None:
        self.under_way: set[Any] = set()
        self.own_urls: set[str] = set()
        self._unexpected: deque[tuple[int, Entry | str]] = deque(maxlen=_UNEXPECTED_KEPT)
        self._forgiven: set[int] = set()
        self._misdirected: dict[str, int] = {}
        self._retired: dict[str, int] = {}
        self._idle: dict[int, object] = {}
        self._lasting: set[int] = set()
        self._spared: set[int] = set()
        self._untaken: dict[str, tuple[int, Untaken]] = {}
        self._repeated: dict[str, tuple[int, Untaken]] = {}
        self._refusals: dict[str, int] = {}
        self._settled: deque[tuple[int, Untaken]] = deque(maxlen=_UNTAKEN_KEPT)
        self._refused: deque[tuple[int, Entry | str]] = deque(maxlen=_UNEXPECTED_KEPT)
        self._asserted: set[int] = set()
        self._marks = [0, 0, 0, 0, 0]

    def mark(self) -> Mark:
        """Return the number of findings so far."""
        return Mark(*self._marks)

    def _next(self, kind: int) -> int:
        self._marks[kind] += 1
        return self._marks[kind]

    # ------------------------------------------------------------ calls

    def note_unexpected(self, call: Entry | str) -> None:
        """Keep an unexpected call: its entry in the journal, or a line if it does not have one."""
        self._unexpected.append((self._next(0), call))

    def note_misdirected(self, task_id: str, text: str) -> None:
        """Keep an unexpected query that does not show a task, until the task is found."""
        if task_id not in self._misdirected:
            self.note_unexpected(text)
            self._misdirected[task_id] = self._marks[0]

    def note_found(self, task_id: str) -> None:
        """Note that a query has shown a task."""
        number = self._misdirected.pop(task_id, None)
        if number is not None:
            self._forgiven.add(number)

    def unexpected_since(self, mark: Mark) -> tuple[int, list[Entry | str]]:
        """Return the number of unexpected calls since *mark*, and the newest of them."""
        forgiven = {number for number in self._forgiven.copy() if number > mark.unexpected}
        newest = [
            call
            for number, call in tuple(self._unexpected)
            if number > mark.unexpected and number not in forgiven
        ]
        return self._marks[0] - mark.unexpected - len(forgiven), newest

    def forgive(self, calls: Sequence[Entry]) -> None:
        """Note that unexpected calls are meant; from any thread."""
        for number, call in tuple(self._unexpected):
            if any(call is entry for entry in calls):
                self._forgiven.add(number)

    def note_refused(self, call: Entry | str) -> None:
        """Keep a refused request, unless it is asserted: its entry, or a line if it has none."""
        self._refused.append((self._next(4), call))

    def refused_since(self, mark: Mark) -> list[Entry | str]:
        """Return the newest refused requests since *mark* that were not asserted."""
        return [
            call
            for number, call in tuple(self._refused)
            if number > mark.refused and number not in self._asserted
        ]

    def expect_refused(self, calls: Sequence[Entry]) -> None:
        """Note that refused requests were asserted; from any thread."""
        for number, call in tuple(self._refused):
            if any(call is entry for entry in calls):
                self._asserted.add(number)

    def note_retired(self, text: str) -> None:
        """Keep the use of something that the real service was seen to refuse."""
        self._retired[text] = self._next(1)

    def retired_since(self, mark: Mark) -> list[str]:
        """Return the retired things that were used since *mark*, each once."""
        return [text for text, number in self._retired.copy().items() if number > mark.retired]

    # ------------------------------------------------------------ faults and rules

    def declare(self, rule: object) -> int:
        """Keep a fault or a rule that has not acted yet; return its number.

        Args:
            rule: The fault or rule; a report shows its text.
        """
        number = self._next(2)
        self._idle[number] = rule
        if len(self._idle) > _IDLE_KEPT:
            del self._idle[next(iter(self._idle))]
        return number

    def acted(self, number: int) -> None:
        """Note that the fault or rule with this number has acted."""
        self._idle.pop(number, None)

    def spare(self, number: int) -> None:
        """Note that a right test may never see the fault or rule with this number act."""
        self._spared.add(number)

    def keep_lasting(self, mark: Mark, of_test: Collection[int] = ()) -> None:
        """Do not assign declarations since *mark* to a test: a wider fixture made them.

        Args:
            mark: The number of findings before the fixture.
            of_test: The numbers of those that are the test's nevertheless.
        """
        since = {number for number in self._idle.copy() if number > mark.declared}
        self._lasting |= since.difference(of_test)

    def idle_since(self, mark: Mark) -> list[Idle]:
        """Return the faults and rules that were declared since *mark* and have never acted."""
        idle = self._idle.copy().items()
        return [
            Idle(rule, number not in self._spared)
            for number, rule in idle
            if number > mark.declared and number not in self._lasting
        ]

    # ------------------------------------------------------------ callbacks

    def not_taken(
        self, delivery_id: str, untaken: Untaken, status: int = 0, *, is_repeated: bool = False
    ) -> None:
        """Keep a callback that was tried and not taken, unless that was meant.

        Args:
            delivery_id: Its id.
            untaken: What is reported.
            status: The status of the response; 0 if there was none.
            is_repeated: Whether it will be tried again. Of the others, old ones make room.
        """
        if status and self._refusals.get(delivery_id) in {0, status}:
            return
        before = self.remove_untaken(delivery_id)
        number = self._next(3) if before is None else before[0]
        (self._repeated if is_repeated else self._untaken)[delivery_id] = (number, untaken)
        if len(self._untaken) > _UNTAKEN_KEPT:
            self._settled.append(self._untaken.pop(next(iter(self._untaken))))

    def is_untaken(self, delivery_id: str) -> bool:
        """Return whether a callback was tried and not taken so far."""
        return delivery_id in self._untaken or delivery_id in self._repeated

    def remove_untaken(self, delivery_id: str) -> tuple[int, Untaken] | None:
        """Note that a callback was taken; return its number and text if it was not before."""
        return self._untaken.pop(delivery_id, None) or self._repeated.pop(delivery_id, None)

    def expect_refusal(self, delivery_id: str, status: int) -> None:
        """Note that a callback is meant to be refused with *status*; 0 is any."""
        self._refusals[delivery_id] = status
        self.remove_untaken(delivery_id)

    def settle(self) -> None:
        """Note that the world ends: its callbacks are not retried, and ids may be reused."""
        self._settled += [*self._untaken.values(), *self._repeated.values()]
        self._untaken.clear()
        self._repeated.clear()
        self._refusals.clear()
        self._misdirected.clear()

    def untaken_since(self, mark: Mark) -> list[Untaken]:
        """Return the callbacks that were tried since *mark* and not taken."""
        pending = [*self._untaken.copy().values(), *self._repeated.copy().values()]
        every = [*tuple(self._settled), *pending]
        return [untaken for number, untaken in every if number > mark.untaken]

    # ------------------------------------------------------------ requests without a reply

    def waiting(self, accepts: Callable[[UnderWay], bool]) -> list[UnderWay]:
        """Return the requests under way for which *accepts* returns true."""
        return [call for call in tuple(self.under_way) if accepts(call)]
