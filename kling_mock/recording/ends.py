"""How the tasks of a session ended, and the callbacks that tell it.

A session has no callbacks: they do not pass the recorder. The end of a task stands in the replies
that show it, and the vendor's pages say how a callback differs from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from kling_mock.recording.session import RecordedExchange
from kling_mock.recording.tasks import ShownTask, option_of, tasks_in

__all__ = ["RecordedEnds", "callback_body"]

# What queries show of a task of /v1, and the vendor's page on its callbacks does not have.
_NOT_REPORTED: Final = frozenset({"watermark_info"})


class RecordedEnds:
    """The ends of a session's tasks.

    A task whose end is shown only in the form of the other interface has none here.

    Args:
        exchanges: The exchanges of the session.
    """

    def __init__(self, exchanges: Iterable[RecordedExchange]) -> None:
        self._by_id: dict[tuple[bool, str], ShownTask] = {}
        self._by_external_id: dict[tuple[bool, str], ShownTask] = {}
        for exchange in exchanges:
            for task in tasks_in(None if exchange.reply is None else exchange.reply.body):
                if task.end:
                    self._by_id.setdefault((task.is_v1, task.task_id), task)
                    if task.external_id:
                        self._by_external_id.setdefault((task.is_v1, task.external_id), task)

    def of(self, create: RecordedExchange) -> ShownTask | None:
        """Return how the task of a create ended; `None` if it made none, or that is not shown."""
        is_v1 = create.path.startswith("/v1/")
        if create.reply is None:  # whether it made a task, its external id shows
            return self._by_external_id.get((is_v1, option_of(create.body, "external_task_id")))
        made = next(tasks_in(create.reply.body), None)
        return None if made is None else self._by_id.get((is_v1, made.task_id))


def callback_body(end: ShownTask, external_id: str) -> dict[str, Any]:
    """Return the body of the callback about the end of a task.

    Args:
        end: The task.
        external_id: The external id of its create; "" if it had none. The vendor's page has it in
            every callback of /v1, queries of failed tasks leave it out.
    """
    if not end.is_v1:
        return dict(end.shown)
    body = {name: value for name, value in end.shown.items() if name not in _NOT_REPORTED}
    info = body.get("task_info")
    named = {"external_task_id": external_id} if external_id else {}
    return body | {"task_info": (info if isinstance(info, dict) else {}) | named}
