"""Tasks, their ids, and the ways to find them."""

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
from kling_mock.kling.journal.matching import Subject
from kling_mock.kling.media.urls import OutputType
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.content import ContentDecision
from kling_mock.kling.model.lifecycle import TERMINAL, Event, Status, after
from kling_mock.kling.model.plan import OUTPUT_TYPES, LaterFailure, Plan
from kling_mock.kling.model.progress import TYPICAL, ProgressRule
from kling_mock.kling.service_codes import refusal
from kling_mock.web.facts import observed

EXTERNAL_IDS = observed("probe-2026-09", "wire", as_of="2026-09-22", confidence="high")
IDS = observed("wire", "probe-2026-09", as_of="2026-09-22", confidence="high")

# The minimum number of ended tasks kept, and for how many seconds of the clock. An open task is
# never forgotten, nor one that a client may still wait for: a client repeats a create for
# minutes, and waits for half an hour.
KEPT = 10_000
KEPT_SECONDS = 3600

_FIRST_ID = (800_000_000_000_000_000, 850_000_000_000_000_000)
_ID_STEP = 1 << 20
_MAX_LISTS = 2  # maximum lists of results of a task, each with its own id


class GivenVideo(NamedTuple):
    """A result that a test has set for a task, in place of the server's own.

    Attributes:
        id: Its id in queries.
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
        account: The account that owns it.
        plan: The request.
        created: Unix milliseconds.
        updated: Unix milliseconds of the last change of status.
        status: Its state.
        message: Why it failed; "" otherwise.
        code: The service code of a failure; it is never sent, unlike the reason. 0 otherwise.
        due: Unix seconds at which it ends unless something else happens.
        timer: Its next event.
        progress: How it moves on.
        queries: How often it was queried, as far as *progress* needs it.
        decision: The objection of the content review, or another reason why it will fail; `None`
            if there is none.
        origin: Scheme, host and port that result URLs in its reports begin with.
        test_video: Its result, if a test has set one.
        deleted: Whether the voice or element that it has made was deleted.
        started: Unix milliseconds at which its processing started; 0 before that.
        made_at: Real time of its creation, Unix seconds; only shown to people, nothing depends on
            it.
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
    test_video: GivenVideo | None = None
    deleted: bool = False
    started: int = 0
    made_at: float = 0.0

    @property
    def video_id(self) -> str:
        """The id of the task's result, or of the first of two lists of results: 18 digits."""
        return _result_id(self.task_id)

    def result_id(self, type_: OutputType) -> str:
        """Return the id of the task's results of a type; "" if it has none."""
        for place, result_list in enumerate(self.plan.result.lists):
            if OUTPUT_TYPES[result_list.key] == type_:
                return _result_id(self.task_id, place)
        return ""

    @property
    def is_solution(self) -> bool:
        """Whether the task was made under `/solutions`, and is shown only there (assumed)."""
        return self.plan.path.startswith("/solutions/")

    @property
    def is_done(self) -> bool:
        """Whether the status is terminal."""
        return self.status in TERMINAL

    def subject(self, status: str = "") -> Subject:
        """Return the subject that rules may inspect.

        Args:
            status: The status that a report is about; "" without a report.
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
    """Return the id of a task's results in a list: an id after the task's that tasks never get.

    Args:
        task_id: The task's id.
        place: The index of the list, from 0.
    """
    return str(int(task_id) + 1 + place)


class TaskIds:
    """A source of ids: 18 decimal digits, each one larger than the last by 3 or more.

    Args:
        random: The source of the gaps; the same seed gives the same ids.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._last = random.randrange(*_FIRST_ID)

    def new(self) -> str:
        """Return an id for a task."""
        self._last += 1 + _MAX_LISTS + int(self._random.random() * _ID_STEP)
        return str(self._last)


def subject_of(account: Account, plan: Plan, status: str = "") -> Subject:
    """Return the subject of a task with this plan, which rules may inspect."""
    external_id = plan.external_task_id
    return Subject("POST", plan.path, account.name, plan.prompt, external_id, status)


class Tasks:
    """The tasks of one world: the open ones, and the newest that have ended.

    An external id is unique per account, across all endpoints; a task is found on its own
    endpoint only (assumed), and only by its own account. Tasks that have made voices and elements
    are counted separately from tasks of files: requests name voices and elements for longer than
    clients fetch files.

    Args:
        min_ended: The number of ended tasks of a kind that are kept, however old they are.
        kept_seconds: The seconds of the clock for which every task is kept after its end.
    """

    def __init__(self, min_ended: int = KEPT, kept_seconds: float = KEPT_SECONDS) -> None:
        self._min_ended = min_ended
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
            Refusal: 400/1201, it is already in use.
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
        """Note that *task* has ended, and forget tasks that are too old by now."""
        ended = self._ended if task.plan.entry is None else self._ended_items
        ended.append(task)
        while len(ended) > self._min_ended and ended[0].updated < task.updated - self._kept_ms:
            self._forget(ended.popleft())

    def _forget(self, task: EmulatedTask) -> None:
        del self._by_id[task.task_id]
        self.unlist(task)
        if task.plan.external_task_id:
            del self._by_external_id[task.account][task.plan.external_task_id]

    def unlist(self, task: EmulatedTask) -> None:
        """Omit *task* from the list of its endpoint from now on."""
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
            Refusal: 400/1201, the account does not have such a task on this endpoint.
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

    def any(self, name: str) -> EmulatedTask:
        """Return the task with this task id or external id, whoever owns it.

        Raises:
            KeyError: There is none, or tasks of several accounts have the external id.
        """
        task = self._by_id.get(name)
        if task is not None:
            return task
        named = [tasks[name] for tasks in self._by_external_id.values() if name in tasks]
        if len(named) == 1:
            return named[0]
        if named:
            raise KeyError(
                f"Tasks of several accounts have the external id {name!r}; say which one by its "
                f"task id: {', '.join(task.task_id for task in named)}."
            )
        raise KeyError(
            f"There is no task {name!r}; it must be the task id or the external id of a task of "
            "this server."
        )

    def id_of(self, name: str) -> str:
        """Return the task id for a task id or external id; *name* itself if the task is unknown.

        Records about a task may be kept longer than the task.
        """
        try:
            return self.any(name).task_id
        except KeyError:
            return name

    def by_result(self, type_: OutputType, result_id: str) -> EmulatedTask | None:
        """Return the task whose results of a type have this id."""
        if not re.fullmatch("[0-9]{18}", result_id):
            return None
        for place in range(_MAX_LISTS):
            task = self._by_id.get(str(int(result_id) - 1 - place))
            if task is not None and task.result_id(type_) == result_id:
                return task
        return None

    def plan_of(
        self, account: Account, type_: OutputType, result_id: str, oldest: float = 0.0
    ) -> Plan | None:
        """Return the plan of the account's finished task whose results of a type have this id.

        Args:
            account: The owner of the task.
            type_: The type of the results.
            result_id: Their id.
            oldest: Unix seconds; a task that ended earlier counts as gone.
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
