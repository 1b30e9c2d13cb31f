"""How requests and replies of either interface have tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

__all__ = ["ShownTask", "is_task", "option_of", "tasks_in"]

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
        shown: The whole of it.
    """

    task_id: str
    status: str
    message: str
    shown: Mapping[str, Any]

    @property
    def end(self) -> Literal["succeed", "failed", ""]:
        """How it has ended, in the words of /v1; "" while it is open."""
        return _ENDS.get(self.status, "")

    @property
    def is_v1(self) -> bool:
        """Whether it is shown in the form of /v1."""
        # One page of `/solutions` has `task_id` beside the words of the newer interface.
        return _ID[0] in self.shown and _STATUS[1] not in self.shown

    @property
    def external_id(self) -> str:
        """The id that the client has given it; "" if the reply does not say."""
        return _text(_inner(self.shown, "task_info").get("external_task_id")) or _text(
            self.shown.get("external_id")
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
            for one in value.values():
                yield from tasks_in(one)
        case list():
            for one in value:
                yield from tasks_in(one)
        case _:
            pass


def option_of(body: Any, name: str) -> str:
    """Return a text that creates of /v1 have in their body, and others in its `options`.

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
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
