"""Tasks in the requests and replies of either interface, and how they ended.

A session does not contain callbacks: they do not pass through the recorder. The replies show how
a task ended, and the vendor's pages say how a callback differs from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from kling_mock.recording.session import RecordedExchange

_ID: Final = ("task_id", "id")
_STATUS: Final = ("task_status", "status")
_ENDS: Final[Mapping[str, Literal["succeed", "failed"]]] = {
    "succeed": "succeed",
    "succeeded": "succeed",
    "failed": "failed",
}


class ShownTask(NamedTuple):
    """A task as a reply shows it.

    Attributes:
        task_id: Its id.
        status: Its status, in the words of the reply.
        message: Why it failed; "" otherwise.
        members: All members of the task.
    """

    task_id: str
    status: str
    message: str
    members: Mapping[str, Any]

    @property
    def end(self) -> Literal["succeed", "failed", ""]:
        """The task's final status, in the words of /v1; "" while the task is open."""
        return _ENDS.get(self.status, "")

    @property
    def is_v1(self) -> bool:
        """Whether the task is shown in the form of /v1."""
        # One page of `/solutions` has `task_id` together with the words of the newer interface.
        return _ID[0] in self.members and _STATUS[1] not in self.members

    @property
    def external_id(self) -> str:
        """The id that the client gave the task; "" if the reply does not show it."""
        return _text(_inner(self.members, "task_info").get("external_task_id")) or _text(
            self.members.get("external_id")
        )


def is_task(value: Any) -> bool:
    """Return whether *value* is a task, in whatever state."""
    return isinstance(value, Mapping) and bool(_first(value, _ID))


def tasks_in(value: Any) -> Iterator[ShownTask]:
    """Yield each task, with its status, in a reply or in a part of one."""
    match value:
        case dict():
            task_id, status = _first(value, _ID), _first(value, _STATUS)
            if task_id and status:
                message = _text(value.get("task_status_msg", value.get("message")))
                yield ShownTask(task_id, status, message, value)
            for child in value.values():
                yield from tasks_in(child)
        case list():
            for child in value:
                yield from tasks_in(child)
        case _:
            pass


def option_of(body: Any, name: str) -> str:
    """Return a text from the body of a create of /v1, or from the `options` of another one.

    Args:
        body: The body of a request.
        name: The member, such as `external_task_id`.
    """
    if not isinstance(body, Mapping):
        return ""
    return _text(body.get(name)) or _text(_inner(body, "options").get(name))


def _first(value: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((value[name] for name in names if isinstance(value.get(name), str)), "")


def _inner(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    child = value.get(name)
    return child if isinstance(child, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


# ---------------------------------------------------------------- final states


# Members that queries of a /v1 task show, and that the vendor's page on callbacks does not list.
_NOT_REPORTED: Final = frozenset({"watermark_info"})


class RecordedEnds:
    """The final states of a session's tasks.

    A task whose end is shown only in the form of the other interface is left out.

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
        """Return the final state of a create's task; `None` if no task or no end is shown."""
        is_v1 = create.path.startswith("/v1/")
        if create.reply is None:  # the external id shows whether it made a task
            return self._by_external_id.get((is_v1, option_of(create.body, "external_task_id")))
        task = next(tasks_in(create.reply.body), None)
        return None if task is None else self._by_id.get((is_v1, task.task_id))


def callback_body(end: ShownTask, external_id: str) -> dict[str, Any]:
    """Return the body of the callback about the end of a task.

    Args:
        end: The task.
        external_id: The external id of its create; "" if it had none. On the vendor's page
            every callback of /v1 has it; queries of failed tasks leave it out.
    """
    if not end.is_v1:
        return dict(end.members)
    body = {name: value for name, value in end.members.items() if name not in _NOT_REPORTED}
    info = body.get("task_info")
    named = {"external_task_id": external_id} if external_id else {}
    return body | {"task_info": (info if isinstance(info, dict) else {}) | named}
