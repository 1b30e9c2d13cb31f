"""Tasks, and finding them again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kling_mock.clock import Timer
from kling_mock.kling.accounts import Account
from kling_mock.kling.content import Verdict
from kling_mock.kling.errors import refusal
from kling_mock.kling.facts import observed
from kling_mock.kling.ids import result_id, task_id_of
from kling_mock.kling.lifecycle import TERMINAL, Event, Status, after
from kling_mock.kling.matching import Subject
from kling_mock.kling.paces import TYPICAL, Pace
from kling_mock.kling.plan import Plan

__all__ = ["FACT", "VIDEOS", "Task", "Tasks", "subject_of"]

FACT = observed("probe-2026-09", "wire", as_of="2026-09-22", confidence="high")

VIDEOS = "/v1/videos/"  # the path of every endpoint begins with it


@dataclass(slots=True, eq=False)
class Task:
    """One task, from its creation on.

    Attributes:
        task_id: 18 digits.
        account: Whose it is.
        plan: What was asked for.
        created: Unix milliseconds.
        updated: Unix milliseconds of the last change of status.
        status: Where it is in its life.
        message: Why it failed; "" otherwise.
        code: The service code of a failure; it is on no wire, only the reason is. 0 otherwise.
        due: Unix seconds at which it ends unless something else happens.
        timer: What is due for it next.
        pace: How it goes on.
        looks: How often it was looked at, as far as *pace* needs it.
        verdict: What the content review found wrong with it; `None` if nothing.
        origin: Scheme, host and port that result URLs in its reports begin with.
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
    pace: Pace = TYPICAL
    looks: int = 0
    verdict: Verdict | None = None
    origin: str = ""

    @property
    def video_id(self) -> str:
        """The id of its result: 18 digits."""
        return result_id(self.task_id)

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
        self.code, self.message = code, message
        if self.status in TERMINAL and self.timer is not None:
            self.timer.cancel()
            self.timer = None


def subject_of(account: Account, plan: Plan, status: str = "") -> Subject:
    """Return what rules may look at of a task with this plan."""
    path = f"{VIDEOS}{plan.endpoint}"
    return Subject("POST", path, account.name, plan.prompt, plan.external_task_id, status)


class Tasks:
    """All tasks of one world.

    An external id is unique per account, over all endpoints; a task is found on its own
    endpoint only (assumed), and only by its own account.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, Task] = {}
        self._by_external_id: dict[Account, dict[str, Task]] = {}
        self._lists: dict[tuple[Account, str], list[Task]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Task]:
        return iter(tuple(self._by_id.values()))

    def check_new(self, account: Account, external_id: str) -> None:
        """Check that *external_id* is free.

        Raises:
            Refusal: 400/1201, it is taken.
        """
        if external_id in self._by_external_id.get(account, ()):
            raise refusal("external_id_exists", external_id)

    def add(self, task: Task) -> None:
        """Keep a new task."""
        self._by_id[task.task_id] = task
        if task.plan.external_task_id:
            named = self._by_external_id.setdefault(task.account, {})
            named[task.plan.external_task_id] = task
        self._lists.setdefault((task.account, task.plan.endpoint), []).append(task)

    def peek(self, account: Account, name: str) -> Task | None:
        """Return the account's task with the task id or external id *name*, on any endpoint."""
        task = self._by_id.get(name)
        if task is None or task.account is not account:
            task = self._by_external_id.get(account, {}).get(name)
        return task

    def find(self, account: Account, endpoint: str, name: str) -> Task:
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

    def any(self, task_id: str) -> Task:
        """Return the task with this id, whoever owns it.

        Raises:
            KeyError: There is none; the text says so.
        """
        task = self._by_id.get(task_id)
        if task is None:
            raise KeyError(
                f"There is no task {task_id!r}; accepted are ids of this server's tasks."
            )
        return task

    def by_video(self, video_id: str) -> Task | None:
        """Return the task whose result has this id."""
        return self._by_id.get(task_id_of(video_id))

    def page(self, account: Account, endpoint: str, number: int, size: int) -> Sequence[Task]:
        """Return page *number* (from 1) of *size* tasks, newest first (the order is assumed)."""
        tasks = self._lists.get((account, endpoint), [])
        stop = len(tasks) - (number - 1) * size
        return tasks[max(stop - size, 0) : max(stop, 0)][::-1]
