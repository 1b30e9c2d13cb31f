"""The faults of one world: declared beforehand, and chosen by a seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from kling_mock.journal.matching import Subject, Where

if TYPE_CHECKING:
    from kling_mock.kling.faults.kinds import FaultSpec

__all__ = ["Fault", "Faults"]

_ON_REQUESTS = frozenset({"delay", "before", "accept", "reply", "after", "media"})  # stages


@dataclass(slots=True, eq=False, repr=False)
class Fault:
    """One declared fault, and what has become of it.

    Attributes:
        kind: A row of `KINDS`.
        where: Which requests, tasks or reports.
        settings: All settings of the kind.
        after: Matching ones that are left alone first.
        times: How many it happens to at most; `None` is no limit.
        probability: How likely it is for each of them.
        seen: How many have matched so far.
        acted: How many it has happened to.
        fault_id: Its name in its world; a copy in a restored world has the same.
    """

    kind: FaultSpec
    where: Where
    settings: Mapping[str, Any]
    after: int = 0
    times: int | None = None
    probability: float = 1.0
    seen: int = 0
    acted: int = 0
    fault_id: str = ""

    def strikes(self, subject: Subject, random: Random) -> bool:
        """Return whether it happens to *subject*, and count."""
        if (self.times is not None and self.acted >= self.times) or not self.where.accepts(subject):
            return False
        self.seen += 1
        if self.seen <= self.after:
            return False
        if self.probability < 1 and random.random() >= self.probability:
            return False
        self.acted += 1
        return True

    def __str__(self) -> str:
        return f"{self.kind.name} {self.where}"

    def __repr__(self) -> str:
        most = "" if self.times is None else f" of at most {self.times}"
        return f"<Fault {self}: matched {self.seen}, happened {self.acted}{most} times>"


class Faults:
    """The faults of one world, in the order in which they were added.

    Args:
        random: Decides the probabilities.
        served: The calls that there are: methods and paths, `*` for an id.

    Attributes:
        any: Whether there are faults.
        on_requests: Whether any of them can happen to a request.
        on_task: The kind of the fault that happened to the newest task; "" if none did.
    """

    def __init__(self, random: Random, served: Sequence[str]) -> None:
        self._random = random
        self._served = served
        self._faults: list[Fault] = []
        self._added = 0
        self.any = False
        self.on_requests = False
        self.on_task = ""

    def add(self, faults: Iterable[Fault]) -> list[Fault]:
        """Let something go wrong from now on; return *faults* with their ids.

        Raises:
            ValueError: One can never happen to anything; none is added.
        """
        from kling_mock.kling.faults.reach import why_never  # most servers have no faults

        added = list(faults)
        for fault in added:
            reason = why_never(fault.kind, fault.where, self._served)
            if reason:
                raise ValueError(f"{reason} (this fault could never happen)")
        for fault in added:
            self._added += 1
            fault.fault_id = f"fault-{self._added}"
        self._faults += added
        self._count()
        return added

    def remove(self, fault: Fault) -> None:
        """End *fault*; harmless if it has ended."""
        self._faults = [kept for kept in self._faults if kept.fault_id != fault.fault_id]
        self._count()

    def clear(self) -> None:
        """End all faults."""
        self._faults.clear()
        self._count()

    def take(self, stage: str, subject: Subject) -> Fault | None:
        """Return the fault that happens to *subject*, if any: the first one that strikes.

        Args:
            stage: A stage, or the name of one kind.
            subject: A request, a task or a report.
        """
        for fault in self._faults:
            kind = fault.kind
            if stage in {kind.stage, kind.name} and fault.strikes(subject, self._random):
                if stage == "task":
                    self.on_task = kind.name
                return fault
        return None

    def __iter__(self) -> Iterator[Fault]:
        return iter(tuple(self._faults))

    def __len__(self) -> int:
        return len(self._faults)

    def _count(self) -> None:
        self.any = bool(self._faults)
        self.on_requests = any(fault.kind.stage in _ON_REQUESTS for fault in self._faults)
