"""The log of deliveries: reports, their attempts and their outcomes.

    pending   -- sent -----> delivered       a 2xx reply
    pending   -- refused --> pending         anything else; it is tried again later
    pending   -- gave-up --> failed          ... unless that was the last attempt
    pending   -- dropped --> dropped         a fault of the test: it is never sent
    pending   -- blocked --> blocked         its target is not allowed

A replay or a copy that is delivered makes any of these `delivered`, which is final.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from kling_mock.kling.journal.changes import ChangeLog
from kling_mock.kling.model.lifecycle import Status

DEFAULT_SIZE = 2_000  # deliveries

State = Literal["pending", "delivered", "failed", "dropped", "blocked"]
Fate = Literal["sent", "refused", "gave-up", "dropped", "blocked"]

TRANSITIONS: Mapping[tuple[State, Fate], State] = {
    ("pending", "sent"): "delivered",
    ("pending", "refused"): "pending",
    ("pending", "gave-up"): "failed",
    ("pending", "dropped"): "dropped",
    ("pending", "blocked"): "blocked",
    # The rows below are for copies and replays.
    ("delivered", "sent"): "delivered",
    ("delivered", "refused"): "delivered",
    ("delivered", "blocked"): "delivered",
    ("failed", "sent"): "delivered",
    ("failed", "refused"): "failed",
    ("failed", "blocked"): "failed",
    ("dropped", "sent"): "delivered",
    ("dropped", "refused"): "dropped",
    ("dropped", "blocked"): "dropped",
    ("blocked", "sent"): "delivered",
    ("blocked", "refused"): "failed",
    ("blocked", "blocked"): "blocked",
}


class DeliveryAttempt(NamedTuple):
    """One attempt to deliver.

    Attributes:
        at: When it started, Unix seconds on the mock's clock.
        status: The HTTP status of the reply; 0 if there was no reply.
        error: Why there was no reply; "" otherwise.
        response: The first bytes of the reply's body.
        replayed: Whether a test requested it.
    """

    at: float
    status: int
    error: str = ""
    response: bytes = b""
    replayed: bool = False


class Delivery(NamedTuple):
    """One report of one status, frozen as it was when it was read.

    Attributes:
        delivery_id: Its id, also the `webhook-id` of a signed one.
        task_id: The task that it is about.
        account: The name of the account that owns the task.
        task_status: The status that it reports.
        url: Its target. The URL is complete here, but shortened in reports and in the admin API.
        body: The bytes that are sent, the same in every attempt.
        at: When it was created, Unix seconds on the mock's clock.
        truthful: False if it contradicts the task because of a fault of the test.
        state: See the table in the module `kling_mock.kling.callbacks.log`.
        headers: The headers of the last attempt, in the order in which they were sent.
        attempts: The attempts so far.
    """

    delivery_id: str
    task_id: str
    account: str
    task_status: Status
    url: str
    body: bytes
    at: float
    truthful: bool = True
    state: State = "pending"
    headers: tuple[tuple[str, str], ...] = ()
    attempts: tuple[DeliveryAttempt, ...] = ()

    def __repr__(self) -> str:
        # The URL and the headers may contain secrets, the body signed URLs.
        about = f"{self.task_status} of task {self.task_id}"
        return f"<Delivery of {about}: {self.state} after {len(self.attempts)} attempts>"

    def after(self, fate: Fate) -> Delivery:
        """Return the delivery in the state after *fate*.

        Raises:
            ValueError: The table has no such row.
        """
        state = TRANSITIONS.get((self.state, fate))
        if state is None:
            raise ValueError(f"A delivery that is {self.state!r} cannot be {fate!r}.")
        return self._replace(state=state)


class Deliveries:
    """The newest deliveries, in the order of their creation.

    Args:
        changes: Receives the deliveries that change.
        size: The maximum number of deliveries kept.
    """

    def __init__(self, changes: ChangeLog, size: int = DEFAULT_SIZE) -> None:
        self._changes = changes
        self._size = size
        self._by_id: dict[str, Delivery] = {}
        self._total = 0
        self._newest_forgotten = ""  # task

    def add(self, delivery: Delivery) -> None:
        """Append a delivery; the oldest one makes room."""
        self._by_id[delivery.delivery_id] = delivery
        self._total += 1
        self._changes.note("callback", delivery.delivery_id)
        if len(self._by_id) > self._size:
            oldest = self._by_id.pop(next(iter(self._by_id)))
            self._newest_forgotten = max(self._newest_forgotten, oldest.task_id)

    def update(self, delivery: Delivery) -> None:
        """Replace a delivery with its new state; it may have been forgotten meanwhile."""
        if delivery.delivery_id in self._by_id:
            self._by_id[delivery.delivery_id] = delivery
            self._changes.note("callback", delivery.delivery_id)

    def find(self, delivery_id: str) -> Delivery | None:
        """Return the latest state of a delivery."""
        return self._by_id.get(delivery_id)

    def may_have_forgotten(self, task_id: str) -> bool:
        """Return whether deliveries about a task may be forgotten; those of newer tasks are kept.

        Task ids increase, and the callbacks of a task, if any, begin with its creation.
        """
        return "" < task_id <= self._newest_forgotten

    @property
    def total(self) -> int:
        """The number of all deliveries ever created, including those no longer kept."""
        return self._total

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Delivery]:
        # A copy: the server may add while a test reads.
        return iter(tuple(self._by_id.values()))
