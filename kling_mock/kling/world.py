"""Everything that an emulated Kling remembers, made from a seed.

There is no state elsewhere. A reset is a new world, so nothing can survive it.
"""

from __future__ import annotations

from collections.abc import Collection
from random import Random

from kling_mock.clock import Clock
from kling_mock.control.journal import Journal
from kling_mock.kling.accounts import Account, Accounts, KeyPair
from kling_mock.kling.errors import CODES
from kling_mock.kling.ids import Ids
from kling_mock.kling.lifecycle import Event
from kling_mock.kling.plan import Plan
from kling_mock.kling.progress import schedule
from kling_mock.kling.tasks import Task, Tasks

__all__ = ["World", "admin_token"]


class World:
    """The state of one emulated Kling. Only the thread of the server's loop may touch it.

    Args:
        seed: The same seed makes the same keys, ids and times.
        clock: The server's clock.

    Attributes:
        clock: The server's clock.
        accounts: Who may call.
        account: The account that every server has.
        tasks: All tasks.
        journal: All requests.
        discontinued: Models that are refused as the real service refuses them.
    """

    def __init__(self, seed: int, clock: Clock) -> None:
        self.clock = clock
        self.accounts = Accounts()
        self.tasks = Tasks()
        self.journal = Journal()
        self.discontinued: Collection[str] = ()
        # A source each, so that a query more or less does not change the ids of later tasks.
        self._ids = Ids(_source(seed, "ids"))
        self._times = _source(seed, "times")
        self._request_ids = _source(seed, "requests")
        keys = _source(seed, "keys")
        self.account = self.accounts.add(
            Account("default", [KeyPair(_key(keys), _key(keys))], [f"api-key-{_key(keys)}"])
        )

    def request_id(self) -> str:
        """Return a new id for one request."""
        return f"{self._request_ids.getrandbits(128):032x}"

    def submit(self, account: Account, plan: Plan) -> Task:
        """Take an accepted request as a new task.

        Raises:
            Refusal: 400/1201, its external id is taken.
        """
        self.tasks.check_new(account, plan.external_task_id)
        now = self.clock.now()
        stamp = int(now * 1000)
        task = Task(self._ids.task(), account, plan, stamp, stamp)
        self.tasks.add(task)
        times = schedule(plan.model, plan.mode, plan.seconds, self._times)
        task.due = now + times.done
        task.timer = self.clock.call_at(now + times.processing, self._start, task)
        return task

    def move(self, task: Task, event: Event, code: int = 0, reason: str = "") -> None:
        """Let *event* happen to *task* now.

        Args:
            task: The task.
            event: What happens.
            code: The service code of a failure.
            reason: Why it fails.

        Raises:
            IllegalTransitionError: The status does not allow it; nothing has changed.
        """
        task.apply(event, self.clock.now(), code, reason)

    def _start(self, task: Task) -> None:
        self.move(task, "start")
        task.timer = self.clock.call_at(task.due, self.move, task, "complete")

    def complete(self, task: Task) -> None:
        """Let *task* succeed now, through `processing`: no status is skipped.

        Raises:
            IllegalTransitionError: It has ended already.
        """
        if task.status == "submitted":
            self.move(task, "start")
        self.move(task, "complete")

    def fail(self, task: Task, code: int, message: str | None = None) -> None:
        """Let *task* fail now.

        Args:
            task: The task.
            code: A service code; its text is the reason unless *message* is given.
            message: The reason, as `task_status_msg` will have it.

        Raises:
            IllegalTransitionError: It has ended already.
            ValueError: There is no such code.
        """
        if code not in CODES:
            raise ValueError(f"code: accepted are {', '.join(map(str, CODES))}; got {code}")
        reason = CODES[code].message if message is None else message
        self.move(task, "fail", code, reason)


def admin_token(seed: int) -> str:
    """Return the token of the admin API of a server with this seed."""
    return f"admin-{_key(_source(seed, 'admin'))}"


def _source(seed: int, purpose: str) -> Random:
    return Random(f"{seed}/{purpose}")  # noqa: S311 - repeatable on purpose, and guards nothing


def _key(random: Random) -> str:
    return f"{random.getrandbits(128):032x}"
