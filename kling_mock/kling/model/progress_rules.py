"""How fast tasks go on, and whether by themselves at all: rules that a test sets. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

from kling_mock.journal.matching import Subject, Where

__all__ = ["LONGEST", "MOST_POLLS", "STUCK", "TYPICAL", "Pace", "PaceKind", "Paces"]

PaceKind = Literal["typical", "after", "polls", "instant", "by-hand", "stuck"]

LONGEST = 365 * 24 * 3600.0  # seconds of a pace
MOST_POLLS = 1_000_000


class Pace(NamedTuple):
    """How a task goes on.

    Attributes:
        kind: `typical`: after the model's usual time. `after`: ends after *seconds*. `polls`:
            ends when it is looked at for the *polls*-th time. `instant`: has ended when the
            create call is answered. `by-hand`: stays `submitted` until the test says so.
            `stuck`: becomes `processing` as usual and stays so until the test says so.
        seconds: Seconds from submitted to the end, for `after`.
        polls: Number of looks, for `polls`; a list that shows the task is one, too.
    """

    kind: PaceKind
    seconds: float = 0.0
    polls: int = 0


TYPICAL = Pace("typical")
STUCK = Pace("stuck")


class Paces:
    """The rules of one world; of those that match a task, the newest counts.

    Attributes:
        any: Whether there are rules.
    """

    def __init__(self) -> None:
        self._rules: list[tuple[Where, Pace]] = []
        self.any = False

    def set(
        self, kind: PaceKind, where: Where, seconds: float | None = None, polls: int | None = None
    ) -> None:
        """Let tasks that *where* accepts go on in a new way, from now on.

        Args:
            kind: One of `Pace.kind`.
            where: Which new tasks.
            seconds: 0 or more; for `after` only, and needed there.
            polls: 1 or more; for `polls` only, and needed there.

        Raises:
            ValueError: Something of this is not accepted; nothing has changed.
        """
        if kind not in get_args(PaceKind):
            raise ValueError(f"kind: accepted are {', '.join(get_args(PaceKind))}; got {kind!r}")
        if (seconds is not None) is not (kind == "after"):
            raise ValueError("seconds: accepted, and needed, with the kind 'after' only")
        if (polls is not None) is not (kind == "polls"):
            raise ValueError("polls: accepted, and needed, with the kind 'polls' only")
        if seconds is not None and not 0 <= seconds <= LONGEST:
            raise ValueError(f"seconds: accepted are 0 to {LONGEST:.0f}, got {seconds!r}")
        if polls is not None and not 1 <= polls <= MOST_POLLS:
            raise ValueError(f"polls: accepted are 1 to {MOST_POLLS}, got {polls!r}")
        self._rules.append((where, Pace(kind, seconds or 0.0, polls or 0)))
        self.any = True

    def choose(self, subject: Subject) -> Pace:
        """Return the pace of a new task."""
        for where, pace in reversed(self._rules):
            if where.accepts(subject):
                return pace
        return TYPICAL

    def clear(self) -> None:
        """Forget all rules: new tasks take the usual time of their model."""
        self._rules.clear()
        self.any = False

    def __iter__(self) -> Iterator[tuple[Where, Pace]]:
        return iter(tuple(self._rules))

    def __len__(self) -> int:
        return len(self._rules)
