"""Tasks, their ids, and finding them again."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import NamedTuple

from kling_mock.clock import Timer
from kling_mock.journal.matching import Subject
from kling_mock.kling.media.urls import OutputType
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.content import ContentDecision
from kling_mock.kling.model.lifecycle import TERMINAL, Event, Status, after
from kling_mock.kling.model.plan import OUTPUT_TYPES, LaterFailure, Plan
from kling_mock.kling.model.progress import TYPICAL, ProgressRule
from kling_mock.kling.service_codes import refusal
from kling_mock.web.facts import observed

__all__ = [
    "EXTERNAL_IDS",
    "IDS",
    "KEPT",
    "KEPT_SECONDS",
    "EmulatedTask",
    "GivenVideo",
    "TaskIds",
    "Tasks",
    "subject_of",
]

EXTERNAL_IDS = observed("probe-2026-09", "wire", as_of="2026-09-22", confidence="high")
IDS = observed("wire", "probe-2026-09", as_of="2026-09-22", confidence="high")

# How many tasks that have ended are kept at least, and for how many seconds of the clock. An
# open task is never forgotten, nor one that anybody may still wait for: a client repeats a
# create for minutes, and waits for half an hour.
KEPT = 10_000
KEPT_SECONDS = 3600

_FIRST_ID = (800_000_000_000_000_000, 850_000_000_000_000_000)
_ID_STEP = 1 << 20
_MOST_LISTS = 2  # lists of results that a task has, each with an id of its own


class GivenVideo(NamedTuple):
    """A result that a test has given a task, in place of the server's own.

    Attributes:
        id: What queries show as its id.
        url: Its address; the server does not serve it.
        duration: Its length in seconds, as text.
    """

    id: str
    url: str
    duration: str


@dataclass(slots=True, eq=False)
class EmulatedTask:
    """One task, from its creation on.

    Attributes:
        task_id: 18 digits.
        account: Whose it is.
        plan: The request.
        created: Unix milliseconds.
        updated: Unix milliseconds of the last change of status.
        status: Its state.
        message: Why it failed; "" otherwise.
        code: The service code of a failure; it is on no wire, only the reason is. 0 otherwise.
        due: Unix seconds at which it ends unless something else happens.
        timer: What is due for it next.
        progress: How it moves on.
        queries: How often it was queried, as far as *progress* needs it.
        decision: What the content review found wrong with it, or why else it will fail; `None`
            if nothing is known.
        origin: Scheme, host and port that result URLs in its reports begin with.
        given: Its result, if a test has given it one.
        deleted: Whether the voice or element that it has made was deleted.
        started: Unix milliseconds at which it began to be processed; 0 while it has not.
        made_at: Real time of its creation, Unix seconds: for people, since nothing depends on it.
    """

    task_id: str
    account: Account
    plan: Plan
    created: int
    updated: int
    status: Status = "submitted"
    message: str = ""
    code: int = 0
    due: float = math.inf
    timer: Timer | None = None
    progress: ProgressRule = TYPICAL
    queries: int = 0
    decision: ContentDecision | LaterFailure | None = None
    origin: str = ""
    given: GivenVideo | None = None
    deleted: bool = False
    started: int = 0
    made_at: float = 0.0

    @property
    def video_id(self) -> str:
        """The id of its result, of two those of the first list: 18 digits."""
        return _result_id(self.task_id)

    def result_id(self, type_: OutputType) -> str:
        """Return the id of its results of a type; "" if it has none."""
        for place, one in enumerate(self.plan.result.lists):
            if OUTPUT_TYPES[one.key] == type_:
                return _result_id(self.task_id, place)
        return ""

    @property
    def is_solution(self) -> bool:
        """Whether it was made under `/solutions`, where alone it is shown (assumed)."""
        return self.plan.path.startswith("/solutions/")

    @property
    def is_done(self) -> bool:
        """Whether the status is terminal."""
        return self.status in TERMINAL

    def subject(self, status: str = "") -> Subject:
        """Return what rules may look at.

        Args:
            status: The status that a report is about; "" if none is.
        """
        return subject_of(self.account, self.plan, status)

    def apply(self, event: Event, now: float, code: int = 0, message: str = "") -> None:
        """Move on.

        Args:
            event: What happened.
            now: Unix seconds.
            code: The service code of a failure.
            message: Why it failed.

        Raises:
            IllegalTransitionError: The status does not allow it; nothing has changed.
        """
        self.status = after(self.status, event)
        self.updated = int(now * 1000)
        if event == "start":
            self.started = self.updated
        self.code, self.message = code, message
        if self.status in TERMINAL and self.timer is not None:
            self.timer.cancel()
            self.timer = None


def _result_id(task_id: str, place: int = 0) -> str:
    """Return the id of a task's results in a list: a number after the task's, which no task gets.

    Args:
        task_id: The task's id.
        place: Which of its lists, from 0.
    """
    return str(int(task_id) + 1 + place)


class TaskIds:
    """A source of ids: 18 decimal digits, each one larger than the last by 3 or more.

    Args:
        random: Where the gaps come from; the same seed gives the same ids.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._last = random.randrange(*_FIRST_ID)

    def new(self) -> str:
        """Return an id for a task."""
        self._last += 1 + _MOST_LISTS + int(self._random.random() * _ID_STEP)
        return str(self._last)


def subject_of(account: Account, plan: Plan, status: str = "") -> Subject:
    """Return what rules may look at of a task with this plan."""
    external_id = plan.external_task_id
    return Subject("POST", plan.path, account.name, plan.prompt, external_id, status)


class Tasks:
    """The tasks of one world: those that are open, and the newest of those that have ended.

    An external id is unique per account, over all endpoints; a task is found on its own
    endpoint only (assumed), and only by its own account. Tasks that have made voices and elements
    are counted apart from those of files: these are named for longer than files are fetched.

    Args:
        kept: How many tasks of a kind that have ended are kept, however old they are.
        kept_seconds: For how many seconds of the clock every task is kept after its end.
    """

    def __init__(self, kept: int = KEPT, kept_seconds: float = KEPT_SECONDS) -> None:
        self._kept = kept
        self._kept_ms = kept_seconds * 1000
        self._ended: deque[EmulatedTask] = deque()
        self._ended_items: deque[EmulatedTask] = deque()
        self._by_id: dict[str, EmulatedTask] = {}
        self._by_external_id: dict[Account, dict[str, EmulatedTask]] = {}
        self._lists: dict[tuple[Account, str], dict[str, EmulatedTask]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[EmulatedTask]:
        return iter(tuple(self._by_id.values()))

    def check_new(self, account: Account, external_id: str) -> None:
        """Check that *external_id* is free.

        Raises:
            Refusal: 400/1201, it is taken.
        """
        if external_id in self._by_external_id.get(account, ()):
            raise refusal("external_id_exists", external_id)

    def add(self, task: EmulatedTask) -> None:
        """Keep a new task."""
        self._by_id[task.task_id] = task
        if task.plan.external_task_id:
            named = self._by_external_id.setdefault(task.account, {})
            named[task.plan.external_task_id] = task
        self._lists.setdefault((task.account, task.plan.endpoint), {})[task.task_id] = task

    def ended(self, task: EmulatedTask) -> None:
        """Note that *task* has ended, and forget what is too old by now."""
        ended = self._ended if task.plan.entry is None else self._ended_items
        ended.append(task)
        while len(ended) > self._kept and ended[0].updated < task.updated - self._kept_ms:
            self._forget(ended.popleft())

    def _forget(self, task: EmulatedTask) -> None:
        del self._by_id[task.task_id]
        self.unlist(task)
        if task.plan.external_task_id:
            del self._by_external_id[task.account][task.plan.external_task_id]

    def unlist(self, task: EmulatedTask) -> None:
        """Leave *task* out of the list of its endpoint from now on."""
        self._lists[task.account, task.plan.endpoint].pop(task.task_id, None)

    def peek(self, account: Account, name: str) -> EmulatedTask | None:
        """Return the account's task with the task id or external id *name*, on any endpoint."""
        return self.by_id(account, name) or self.by_external_id(account, name)

    def by_id(self, account: Account, task_id: str) -> EmulatedTask | None:
        """Return the account's task with this task id, on any endpoint."""
        task = self._by_id.get(task_id)
        return None if task is None or task.account is not account else task

    def by_external_id(self, account: Account, external_id: str) -> EmulatedTask | None:
        """Return the account's task with this external id, on any endpoint."""
        return self._by_external_id.get(account, {}).get(external_id)

    def newest(self, account: Account) -> Iterator[EmulatedTask]:
        """Yield the account's tasks of all endpoints, newest first."""
        return (task for task in reversed(self._by_id.values()) if task.account is account)

    def find(self, account: Account, endpoint: str, name: str) -> EmulatedTask:
        """Return the task with the task id or external id *name*.

        Raises:
            Refusal: 400/1201, the account has no such task on this endpoint.
        """
        task = self._by_id.get(name)
        if task is None or task.account is not account:
            task = self._by_external_id.get(account, {}).get(name)
        if task is None or task.plan.endpoint != endpoint:
            raise refusal("task_not_found", name)
        return task

    def get(self, task_id: str) -> EmulatedTask | None:
        """Return the task with this id, whoever owns it; `None` if there is none."""
        return self._by_id.get(task_id)

    def any(self, task_id: str) -> EmulatedTask:
        """Return the task with this id, whoever owns it.

        Raises:
            KeyError: There is none.
        """
        task = self._by_id.get(task_id)
        if task is None:
            raise KeyError(
                f"There is no task {task_id!r}; it must be the id of a task of this server."
            )
        return task

    def by_result(self, type_: OutputType, result_id: str) -> EmulatedTask | None:
        """Return the task whose results of a type have this id."""
        if not re.fullmatch("[0-9]{18}", result_id):
            return None
        for place in range(_MOST_LISTS):
            task = self._by_id.get(str(int(result_id) - 1 - place))
            if task is not None and task.result_id(type_) == result_id:
                return task
        return None

    def plan_of(
        self, account: Account, type_: OutputType, result_id: str, oldest: float = 0.0
    ) -> Plan | None:
        """Return the plan of the account's finished task whose results of a type have this id.

        Args:
            account: Whose task.
            type_: What the results are.
            result_id: Their id.
            oldest: Unix seconds; a task that has ended before counts as gone.
        """
        task = self.by_result(type_, result_id)
        if task is None or task.account is not account or task.status != "succeed":
            return None
        return task.plan if task.updated >= oldest * 1000 else None

    def page(
        self, account: Account, endpoint: str, number: int, size: int
    ) -> Sequence[EmulatedTask]:
        """Return page *number* (from 1) of *size* tasks, newest first (the order is assumed)."""
        tasks = self._lists.get((account, endpoint), {})
        first = (number - 1) * size
        return list(islice(reversed(tasks.values()), first, first + size))
