"""Checks that a reply is about the requested task.

A reply can be about another task: a connection that was open before a fork is shared by two
processes, and a proxy that sends one reply too many puts all later ones out of step. So the ids in
a reply are compared with the requested ones. A reply that names none of them is accepted if the
server repeated the call's `x-request-id`, or if its connection was opened for the call.
"""

from __future__ import annotations

from typing import NamedTuple

from kling_sdk.errors import (
    MismatchedReplyError,
    TransportError,
    UnnamedReplyError,
    UnreachableError,
)
from kling_sdk.results.task import Task
from kling_sdk.wire import NameKind, Reply


class Server:
    """Facts about a server, from its replies; shared by all calls of a client.

    Attributes:
        answered: Whether it has answered; a redirect does not count.
        reached: Whether a request was sent to it, whatever the outcome.
        trouble: Why the last attempt could not reach it; None when it did.
        echoes: Whether it has repeated an `x-request-id`.
        poll_after: Seconds after which it has last asked to be polled again; None for any server
            but an emulator, and for one that cannot be reached.
        date: The `Date` of its last reply; "" where that proves nothing.
    """

    __slots__ = ("answered", "date", "echoes", "poll_after", "reached", "trouble")

    def __init__(self) -> None:
        self.answered = False
        self.reached = False
        self.trouble: UnreachableError | None = None
        self.echoes = False
        self.poll_after: float | None = None
        self.date = ""

    def replied(self, reply: Reply) -> None:
        """Take note of a reply."""
        self.trouble = None
        # With an age it is the date of a cache.
        self.date = "" if "age" in reply.headers else reply.headers.get("date", "")
        if not 300 <= reply.status < 400:
            self.answered = True

    def failed(self, error: TransportError) -> None:
        """Take note that an attempt ended without an answer."""
        self.trouble = error if isinstance(error, UnreachableError) else None
        if self.trouble is not None:
            self.poll_after = None
        elif error.maybe_sent:
            self.reached = True


class ExpectedTask(NamedTuple):
    """The task that a reply must be about, as far as it is known.

    Attributes:
        task_id: Its task id, or None.
        external_task_id: Its external id, or None.
        either: A name that may be its task id or its external id, or None.
    """

    task_id: str | None = None
    external_task_id: str | None = None
    either: str | None = None

    @property
    def name(self) -> tuple[str, NameKind]:
        """The id by which to query the task, and the kind of that id."""
        if self.task_id is not None:
            return self.task_id, "task_id"
        if self.external_task_id is not None:
            return self.external_task_id, "external_id"
        return self.either or "", "either"

    @classmethod
    def of(cls, task: Task) -> ExpectedTask:
        """Return the ids by which *task* is recognized."""
        return cls(task.task_id, task.external_task_id)

    def named_by(self, task: Task) -> bool | None:
        """Return True if *task* has the expected ids, False if it has others, else None."""
        if self.either is not None:
            if self.either in {task.task_id, task.external_task_id, task.kling_task_id}:
                return True
            # Without an external id it may still be the one with the expected external id.
            return False if task.external_task_id else None
        if self.task_id is not None and task.task_id != self.task_id:
            return False
        if self.external_task_id is not None and task.external_task_id:
            return task.external_task_id == self.external_task_id
        return True if self.task_id is not None else None

    def check(self, task: Task, reply: Reply) -> Task:
        """Return *task* when it is the expected one.

        Raises:
            MismatchedReplyError: it is another task.
            UnnamedReplyError: the reply does not show which, and came over a used connection.
        """
        named = self.named_by(task)
        if named is False:
            raise MismatchedReplyError(
                "the response is about a different task: it belongs to another request"
            )
        if named is None and not (reply.matched or reply.fresh):
            raise UnnamedReplyError(
                "the response does not name its task, and its connection was used before"
            )
        return task
