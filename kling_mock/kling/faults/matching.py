"""The faults of one world, declared in advance and chosen by a seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from kling_mock.kling.journal.findings import Findings
from kling_mock.kling.journal.matching import Subject, Where

if TYPE_CHECKING:
    from kling_mock.kling.faults.kinds import FaultSpec

_ON_REQUESTS = frozenset({"delay", "before", "accept", "reply", "after", "media"})  # stages


@dataclass(slots=True, eq=False, repr=False)
class Fault:
    """One declared fault, and how often it has acted.

    Attributes:
        kind: A row of `KINDS`.
        where: The requests, tasks or reports that it is for.
        settings: All settings of the kind.
        after: The number of matching ones that are left alone first.
        times: The maximum number that it happens to; `None` means no limit.
        probability: How likely it is for each of them.
        seen: How many have matched so far.
        acted: How many it has happened to.
        fault_id: Its name in its world; a copy in a restored world has the same name.
        number: Its number among all faults and rules ever declared on its server.
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
    number: int = 0

    def strikes(self, subject: Subject, random: Random) -> bool:
        """Return whether the fault happens to *subject*, and count it."""
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
        limit = "" if self.times is None else f" of at most {self.times}"
        return f"<Fault {self}: matched {self.seen}, happened {self.acted}{limit} times>"


class Faults:
    """The faults of one world, in the order in which they were added.

    Args:
        random: Decides the probabilities.
        served: The calls that the server serves: methods and paths, `*` for an id.
        creates: The calls among them that make tasks; empty is any POST.
        accounts: The names of the accounts; `None` for any.
        findings: Receives the faults that have not acted; `None` makes an object for them.

    Attributes:
        any: Whether there are faults.
        on_requests: Whether any of them can happen to a request.
        on_task: The kind of the fault that happened to the newest task; "" if none did.
        statuses: The HTTP statuses of the replies that all faults ever added may cause.
    """

    def __init__(
        self,
        random: Random,
        served: Sequence[str],
        creates: Sequence[str] = (),
        accounts: Iterable[str] | None = None,
        findings: Findings | None = None,
    ) -> None:
        self._creates = creates
        self._accounts = accounts
        self._findings = Findings() if findings is None else findings
        self._random = random
        self._served = served
        self._faults: list[Fault] = []
        self._added = 0
        self.any = False
        self.on_requests = False
        self.on_task = ""
        self.statuses: set[int] = set()

    def add(self, faults: Iterable[Fault]) -> list[Fault]:
        """Add *faults*, which act from now on; return them with their ids.

        Raises:
            ValueError: A fault can never happen to anything; none is added.
        """
        from kling_mock.kling.faults.reach import (  # most servers have no faults
            why_never,
            why_no_account,
        )

        added = list(faults)
        for fault in added:
            reason = why_never(fault.kind, fault.where, self._served, self._creates)
            if not reason and self._accounts is not None:
                reason = why_no_account(fault.where, self._accounts)
            if reason:
                raise ValueError(f"{reason} (this fault could never happen)")
        for fault in added:
            self._added += 1
            fault.fault_id = f"fault-{self._added}"
            fault.number = self._findings.declare(fault)
            if fault.probability < 1:
                self._findings.spare(fault.number)
            if (status := fault.settings.get("http")) is not None:
                self.statuses.add(status)
        self._faults += added
        self._count()
        return added

    def remove(self, fault: Fault) -> None:
        """End *fault*; harmless if it has ended."""
        self._faults = [other for other in self._faults if other.fault_id != fault.fault_id]
        self._count()

    def put_back(self, faults: list[Fault]) -> None:
        """Undo `remove`; *faults* are now after the others."""
        self._faults += faults
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
        chosen: Fault | None = None
        for fault in self._faults:
            kind = fault.kind
            if stage not in {kind.stage, kind.name}:
                continue
            if chosen is not None:
                if fault.where.accepts(subject):
                    self._findings.spare(fault.number)
            elif fault.strikes(subject, self._random):
                chosen = fault
                if fault.acted == 1:
                    self._findings.acted(fault.number)
                if stage == "task":
                    self.on_task = kind.name
                if fault.times is not None:
                    break  # the next one will have its turn
        return chosen

    def __iter__(self) -> Iterator[Fault]:
        return iter(tuple(self._faults))

    def __len__(self) -> int:
        return len(self._faults)

    def _count(self) -> None:
        self.any = bool(self._faults)
        self.on_requests = any(fault.kind.stage in _ON_REQUESTS for fault in self._faults)
