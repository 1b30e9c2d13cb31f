"""An independent judge of states and money: what a relay's storage must return, and keep.

Plain Python over a few objects, written from the promises and not from the transactions: no SQL,
and none of the storage's functions. It judges these rules.

Tasks
- A task is created once: its id again with the same request is the first one, with another
  request it is refused. So is an external id of the same user.
- Its attempt names channel, key, end and service, and may change until the task has Kling's id
  or has ended; then "not found" replies are counted from 0.
- One id of Kling's belongs to one task of a channel, and of a service. A task keeps its first id,
  and gets the service of its channel with it, or with its success, unless its attempt named one.
- An open status never becomes "submitted" again. The first end stands: the same end again changes
  nothing, and the other one is kept as a report, once, and counted.
- A refused create does not overrule Kling's id; it frees the external id.
- A task given up that Kling has accepted after all is reported as "accepted".
- Two "not found" replies fail a task without Kling's id: the first 60 s after its attempt is over,
  the second 60 s later. A task that is too old is given up.
- Open tasks are due at their next poll, the longest overdue first, and leased to one reader. A
  task that has ended is never due.

Money
- A create holds its price of user and token, both enabled, neither overdrawn; a hold is an entry
  of the ledger.
- A success charges at most the hold, counts what is more as uncollected, and gives the hold back;
  a failure only gives it back. Each is one entry per task, a charge of 0 too.
- A charge is taken from the user, from a token with a limit, and added to what user, token and
  channel have used; the user's requests count charges.
- A success without units charges the hold and leaves a report `unmetered`.
- A credit is made once per reference; the same again is the first, another is refused. It takes
  no more than is neither spent nor held. A token's limit is never below what it holds.
- A notice is queued once, with the end that it is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

SPACING: Final = 60  # seconds
ENDS: Final = ("succeed", "failed")


class RefusedError(Exception):
    """The expected error of a call: its name, and whose quota or state it is about."""

    def __init__(self, error: str, of: str = "") -> None:
        super().__init__(error, of)


@attrs.define
class User:
    """A balance."""

    quota: int
    held: int = 0
    used: int = 0
    requests: int = 0
    enabled: bool = True


@attrs.define
class Token:
    """The budget of one token; `limit` None means as much as the user has."""

    limit: int | None
    held: int = 0
    used: int = 0


@attrs.define
class Task:
    """One task; owners, channels and services are the caller's names for them."""

    task_id: str
    owner: int
    request_hash: str
    external_id: str | None
    price: int
    created_at: int
    channel: int
    key: str
    attempt_until: int
    next_poll_at: int | None
    service: str | None = None
    status: str = "submitted"
    kling_id: str | None = None
    quota: int = 0
    held: int = 0
    lease_until: int = 0
    not_found_at: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.status not in ENDS


@attrs.define
class Judge:
    """All that is known, and what each call must return.

    Args:
        users: By the caller's number.
        tokens: One for each user.
        channels: What each has been used for.
        label: The service of a channel that names none.
    """

    users: list[User]
    tokens: list[Token]
    channels: list[int]
    label: str
    tasks: dict[str, Task] = attrs.field(factory=dict)
    ledger: list[tuple[str, str, int, int, int]] = attrs.field(factory=list)
    reports: dict[tuple[str, str], list[Any]] = attrs.field(factory=dict)
    notices: list[tuple[str, str]] = attrs.field(factory=list)

    # ------------------------------------------------------------ money

    def book(self, kind: str, reference: str, who: int, amount: int, uncollected: int = 0) -> None:
        """Add an entry, which must not exist yet."""
        assert not any(entry[:2] == (kind, reference) for entry in self.ledger)
        self.ledger.append((kind, reference, who, amount, uncollected))

    def credit(self, who: int, amount: int, reference: str) -> int:
        """Return the amount of the entry."""
        for kind, name, owner, before, _ in self.ledger:
            if (kind, name) == ("credit", reference):
                if (owner, before) != (who, amount):
                    raise RefusedError("ExistsError")
                return before
        user = self.users[who]
        if user.quota - user.held + amount < 0:
            raise RefusedError("InsufficientQuotaError", "user")
        user.quota += amount
        self.book("credit", reference, who, amount)
        return amount

    def limit_token(self, who: int, limit: int | None) -> None:
        """Set what a token may spend."""
        if limit is not None and limit < self.tokens[who].held:
            raise RefusedError("InsufficientQuotaError", "token")
        self.tokens[who].limit = limit

    # ------------------------------------------------------------ until the end

    def create(self, task: Task) -> tuple[str, bool]:
        """Return the id of the task, and whether it is new."""
        for other in self.tasks.values():
            same = (other.owner, other.request_hash) == (task.owner, task.request_hash)
            named = task.external_id is not None and task.external_id == other.external_id
            if named and other.owner == task.owner:
                if not same:
                    raise RefusedError("ExternalIdConflictError")
                return other.task_id, False
        if task.task_id in self.tasks:
            other = self.tasks[task.task_id]
            if (other.owner, other.request_hash) != (task.owner, task.request_hash):
                raise RefusedError("ExistsError")
            return other.task_id, False
        user, token = self.users[task.owner], self.tokens[task.owner]
        if not user.enabled:
            raise RefusedError("DisabledError", "user")
        if user.quota - user.held < task.price:
            raise RefusedError("InsufficientQuotaError", "user")
        if token.limit is not None and token.limit - token.held < task.price:
            raise RefusedError("InsufficientQuotaError", "token")
        user.held += task.price
        token.held += task.price
        task.quota = task.held = task.price
        self.tasks[task.task_id] = task
        self.book("hold", task.task_id, task.owner, task.price)
        return task.task_id, True

    def bind(self, task_id: str, channel: int, key: str, until: int, service: str | None) -> bool:
        """Return whether the task may be sent so."""
        task = self.task(task_id)
        if not task.is_open or task.kling_id is not None:
            return False
        task.channel, task.key, task.attempt_until, task.service = channel, key, until, service
        task.not_found_at = None
        return True

    def accept(self, task_id: str, kling_id: str, *, now: int, next_poll_at: int) -> str:
        """Return how Kling's id was taken."""
        task = self.task(task_id)
        if task.kling_id == kling_id:
            return "already"
        self._check_id(task, kling_id)
        task.service = self._free_service(task, kling_id)
        task.kling_id = kling_id
        if task.is_open:
            task.next_poll_at = next_poll_at
        if task.status != "failed":
            return "recorded"
        self._report(task, "accepted", task.quota, kling_id, now)
        return "late"

    def progress(self, task_id: str, status: str) -> bool:
        """Return whether the status has changed."""
        task = self.tasks.get(task_id)
        if task is None or not task.is_open or status in {"submitted", task.status}:
            return False
        task.status = status
        return True

    def sweep(self, *, now: int, lease_until: int, limit: int) -> list[str]:
        """Return the tasks that are leased."""
        due = [
            (task.next_poll_at, position, task)
            for position, task in enumerate(self.tasks.values())
            if task.next_poll_at is not None and max(task.next_poll_at, task.lease_until) <= now
        ]
        chosen = [task for _, _, task in sorted(due, key=lambda entry: entry[:2])[:limit]]
        for task in chosen:
            task.lease_until = lease_until
        return [task.task_id for task in chosen]

    # ------------------------------------------------------------ the end

    def settle(
        self,
        task_id: str,
        end: str,
        *,
        units: int | None,
        kling_id: str | None,
        unmetered: bool,
        frees: bool,
        notice: str | None,
        now: int,
    ) -> tuple[str, int, int]:
        """Return what happened to the report, what was charged, and what was not collected."""
        task = self.task(task_id)
        if kling_id not in {None, task.kling_id}:
            self._check_id(task, kling_id)
        if task.status == end:
            return "already", 0, 0
        if not task.is_open:
            amount = task.quota if units is None else units
            self._report(task, end, amount, task.kling_id or kling_id, now)
            return "contradicted", 0, 0
        if frees and task.kling_id is not None:
            return "overruled", 0, 0
        named, service = task.kling_id or kling_id, task.service
        if named is not None and (task.kling_id is None or end == "succeed"):
            service = self._free_service(task, named)
        if notice in {event for event, _ in self.notices}:
            raise RefusedError("StorageError")
        task.kling_id, task.service = named, service
        if end == "succeed" and unmetered:
            self._report(task, "unmetered", task.quota if units is None else units, named, now)
        if end == "failed" and frees:
            task.external_id = None
        paid = self._pay(task, units) if end == "succeed" else self._free(task)
        task.status = end
        if notice is not None:
            self.notices.append((notice, task_id))
        return "settled", *paid

    def _pay(self, task: Task, units: int | None) -> tuple[int, int]:
        due, held = task.price if units is None else units, task.held
        charged = min(due, held)
        user, token = self.users[task.owner], self.tokens[task.owner]
        self._free(task, due - charged)
        self.book("charge", task.task_id, task.owner, -charged, due - charged)
        user.quota -= charged
        user.used += charged
        user.requests += 1
        token.used += charged
        if token.limit is not None:
            token.limit -= charged
        self.channels[task.channel] += charged
        task.quota = charged
        return charged, due - charged

    def _free(self, task: Task, uncollected: int = 0) -> tuple[int, int]:
        self.book("release", task.task_id, task.owner, -task.held, uncollected)
        self.users[task.owner].held -= task.held
        self.tokens[task.owner].held -= task.held
        task.quota = task.held = 0
        task.next_poll_at = None
        return 0, 0

    def expire(self, task_id: str, *, created_until: int) -> bool:
        """Return whether the task was given up."""
        task = self.task(task_id)
        if not task.is_open or task.created_at > created_until:
            return False
        self._free(task)
        task.status = "failed"
        return True

    def not_found(self, task_id: str, *, queried_at: int) -> str:
        """Return what the reply "not found" means."""
        task = self.task(task_id)
        if not task.is_open or task.kling_id is not None:
            return "irrelevant"
        if task.not_found_at is None:
            if queried_at < max(task.attempt_until, task.created_at) + SPACING:
                return "too early"
            task.not_found_at = queried_at
            return "noted"
        if queried_at < task.not_found_at + SPACING:
            return "too early"
        self._free(task)
        task.status, task.external_id = "failed", None  # it was never received
        return "failed"

    # ------------------------------------------------------------ parts

    def task(self, task_id: str) -> Task:
        """Return a task, or refuse."""
        if task_id not in self.tasks:
            raise RefusedError("UnknownError")
        return self.tasks[task_id]

    def _same_id(self, task: Task, kling_id: str | None) -> Sequence[Task]:
        return [
            other
            for other in self.tasks.values()
            if other.kling_id == kling_id and other is not task
        ]

    def _check_id(self, task: Task, kling_id: str | None) -> None:
        for other in self._same_id(task, kling_id):
            same_service = other.service is not None and other.service == task.service
            if other.channel == task.channel or same_service:
                raise RefusedError("KlingTaskClashError")
        if task.kling_id is not None:
            raise RefusedError("KlingTaskClashError")

    def _free_service(self, task: Task, kling_id: str) -> str:
        service = self.label if task.service is None else task.service
        if service in {other.service for other in self._same_id(task, kling_id)}:
            raise RefusedError("KlingTaskClashError")
        return service

    def _report(self, task: Task, status: str, amount: int, kling_id: str | None, now: int) -> None:
        report = self.reports.setdefault(
            (task.task_id, status), [0, amount, task.channel, kling_id, now, now]
        )
        report[0] += 1
        report[-1] = now
