"""The progress of tasks: by themselves, after their usual time, or as a test's rules decide."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Literal, NamedTuple, get_args

from kling_mock.kling.journal.findings import Findings
from kling_mock.kling.journal.matching import Subject, Where
from kling_mock.web.values import as_number, as_whole, is_one_of

ProgressKind = Literal["typical", "after", "polls", "instant", "by-hand", "stuck"]

MAX_SECONDS = 365 * 24 * 3600.0  # the maximum of a rule, in seconds
MAX_POLLS = 1_000_000

_SPREAD = 0.2  # a task takes up to this part longer than typical
_MIN_SECONDS = 60.0  # seconds: files are never done sooner
_MIN_PROCESSING = 0.5  # minimum seconds from submitted to processing
_START_SPREAD = 1.5  # maximum seconds in addition to that


class Schedule(NamedTuple):
    """The times at which a task moves on, in seconds after it was submitted.

    Attributes:
        processing: Seconds to `processing`.
        done: Seconds to `succeed` or `failed`.
    """

    processing: float
    done: float


def schedule(typical: float, random: Random, min_seconds: float = _MIN_SECONDS) -> Schedule:
    """Return when a task moves on.

    Args:
        typical: Seconds that such a task usually takes.
        random: The source of the spread.
        min_seconds: The minimum number of seconds.
    """
    return Schedule(
        _MIN_PROCESSING + _START_SPREAD * random.random(),
        max(min_seconds, typical * (1 + _SPREAD * random.random())),
    )


class ProgressRule(NamedTuple):
    """The way in which a task moves on.

    Attributes:
        kind: `typical`: after the model's usual time. `after`: ends after *seconds*. `polls`:
            ends when it is queried for the *polls*-th time. `instant`: has ended when the
            create call returns. `by-hand`: stays `submitted` until the test moves it.
            `stuck`: becomes `processing` as usual and stays so until the test moves it.
        seconds: Seconds from submitted to the end, for `after`.
        polls: Number of queries, for `polls`; a list that shows the task counts as one.
    """

    kind: ProgressKind
    seconds: float = 0.0
    polls: int = 0


TYPICAL = ProgressRule("typical")
STUCK = ProgressRule("stuck")


class ProgressRules:
    """The rules of one world; if several match a task, the newest counts.

    Args:
        findings: Receives the rules that have not acted; `None` makes an object for them.

    Attributes:
        any: Whether there are rules.
    """

    def __init__(self, findings: Findings | None = None) -> None:
        self._findings = Findings() if findings is None else findings
        self._rules: list[tuple[Where, ProgressRule, int]] = []
        self.any = False

    def set(
        self,
        kind: ProgressKind,
        where: Where,
        seconds: float | None = None,
        polls: int | None = None,
    ) -> None:
        """Set how tasks that match *where* move on, from now on.

        Args:
            kind: One of `ProgressRule.kind`.
            where: The new tasks that the rule is for.
            seconds: 0 or more; required for `after`, not allowed otherwise.
            polls: 1 or more; required for `polls`, not allowed otherwise.

        Raises:
            ValueError: An argument is invalid; nothing has changed.
        """
        if not is_one_of(kind, get_args(ProgressKind)):
            raise ValueError(
                f"kind: must be one of {', '.join(get_args(ProgressKind))}; got {kind!r}"
            )
        if (seconds is not None) is not (kind == "after"):
            raise ValueError("seconds: must be given with the kind 'after', and only with it")
        if (polls is not None) is not (kind == "polls"):
            raise ValueError("polls: must be given with the kind 'polls', and only with it")
        if seconds is not None:
            as_number("seconds", seconds, high=MAX_SECONDS)
        if polls is not None:
            as_whole("polls", polls, 1, MAX_POLLS)
        number = self._findings.declare(f"progress {kind} {where}")
        self._rules.append((where, ProgressRule(kind, seconds or 0.0, polls or 0), number))
        self.any = True

    def choose(self, subject: Subject) -> ProgressRule:
        """Return the rule for a new task."""
        chosen: ProgressRule | None = None
        for where, rule, number in reversed(self._rules):
            if where.accepts(subject):
                if chosen is None:
                    self._findings.acted(number)
                else:
                    self._findings.spare(number)
                chosen = chosen or rule
        return chosen or TYPICAL

    def clear(self) -> None:
        """Remove all rules: new tasks take the usual time of their model."""
        self._rules.clear()
        self.any = False

    def __iter__(self) -> Iterator[tuple[Where, ProgressRule]]:
        return iter([(where, rule) for where, rule, _ in self._rules])

    def __len__(self) -> int:
        return len(self._rules)
