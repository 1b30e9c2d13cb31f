"""Whether a reply is about the requested task.

A reply can be about another one: a connection that was open before a fork is shared by two
processes, and a proxy that sends one reply too many puts all later ones out of step. So the
ids in a reply are compared with the requested ones. A reply that names none of them
is taken when the server repeated the call's `x-request-id`, or when its connection was
opened for the call.
"""

from __future__ import annotations

import attrs

from kling_sdk.errors import (
    MismatchedReplyError,
    TransportError,
    UnnamedReplyError,
    UnreachableError,
)
from kling_sdk.results import Task
from kling_sdk.wire import NameKind, Reply

__all__ = ["ExpectedTask", "Server"]


class Server:
    """What a server's replies have shown of it; shared by all calls of a client.

    Attributes:
        answered: It has answered; a redirect is no answer.
        reached: A request was sent to it, whatever became of that.
        trouble: Why the last attempt could not reach it; None when it did.
        echoes: It has repeated an `x-request-id`.
        poll_after: Seconds after which it wants to be asked again, as it has said last; None for
            any server but an emulator, and for one that cannot be reached.
    """

    __slots__ = ("answered", "echoes", "poll_after", "reached", "trouble")

    def __init__(self) -> None:
        self.answered = False
        self.reached = False
        self.trouble: UnreachableError | None = None
        self.echoes = False
        self.poll_after: float | None = None

    def replied(self, status: int) -> None:
        """Take note of a reply."""
        self.trouble = None
        if not 300 <= status < 400:
            self.answered = True

    def failed(self, error: TransportError) -> None:
        """Take note that an attempt ended without an answer."""
        self.trouble = error if isinstance(error, UnreachableError) else None
        if self.trouble is not None:
            self.poll_after = None
        elif error.maybe_sent:
            self.reached = True


@attrs.frozen
class ExpectedTask:
    """Which task a reply must be about, as far as it is known.

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
        """What to ask for it by, and which kind of id that is."""
        if self.task_id is not None:
            return self.task_id, "task_id"
        if self.external_task_id is not None:
            return self.external_task_id, "external_id"
        return self.either or "", "either"

    @classmethod
    def of(cls, task: Task) -> ExpectedTask:
        """Return how *task* is recognized."""
        return cls(task.task_id, task.external_task_id)

    def named_by(self, task: Task) -> bool | None:
        """Return True when *task* has the expected ids, False when another one, else None."""
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
            MismatchedReplyError: it is another one.
            UnnamedReplyError: the reply does not show which, and came over a used connection.
        """
        named = self.named_by(task)
        if named is False:
            raise MismatchedReplyError(
                "the reply is about another task than the requested one: it is out of step"
            )
        if named is None and not (reply.matched or reply.fresh):
            raise UnnamedReplyError(
                "the reply does not say which task it is about, and its connection was used before"
            )
        return task
