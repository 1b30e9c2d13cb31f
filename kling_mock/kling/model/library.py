"""Voices and elements: results kept in a library, which later requests can name."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

from kling_mock.kling.service_codes import refusal, shortened

if TYPE_CHECKING:  # a plan has an entry
    from kling_mock.kling.model.accounts import Account
    from kling_mock.kling.model.tasks import EmulatedTask, Tasks

ItemKind = Literal["voice", "element"]

VENDOR = "kling"  # the owner of what every account has


class NamedVoice(NamedTuple):
    """The voice that an element speaks with.

    Attributes:
        voice_id: Its id.
        name: Its name; "" if the library did not know the voice.
        owned_by: Its owner; "" if the library did not know the voice.
    """

    voice_id: str
    name: str = ""
    owned_by: str = ""


class LibraryEntry(NamedTuple):
    """The description of a voice or an element, as its creator gave it.

    Attributes:
        kind: Voice or element.
        name: Its name.
        owned_by: Its owner as replies show it; "" is the account of its task.
        description: The description of an element.
        images: The images of an element, the frontal one first; "" stands for one that was not
            sent as a URL.
        video: The URL of an element's video, if it has one instead of images.
        voice: The voice of an element; `None` if it was not given.
        tags: The ids of its tags.
    """

    kind: ItemKind
    name: str
    owned_by: str = ""
    description: str = ""
    images: tuple[str, ...] = ()
    video: str = ""
    voice: NamedVoice | None = None
    tags: tuple[str, ...] = ()

    @property
    def is_character(self) -> bool:
        """Whether the element is a person from a video; a request may name fewer of these."""
        return bool(self.video)


def owner_of(task: EmulatedTask) -> str:
    """Return the owner of a task's voice or element as replies show it.

    It is assumed that an account's own have a number as owner; it is made from the account's name.
    """
    entry = task.plan.entry
    owned_by = "" if entry is None else entry.owned_by
    return owned_by or str(zlib.crc32(task.account.name.encode()))


#: The maximum number of items without a task that are kept; the oldest are dropped first.
KEPT = 10_000


class LibraryItems:
    """The voices and elements of one world, by the ids that they have as results.

    Args:
        tasks: The tasks, whose results are the accounts' own voices and elements.
        presets: Finished tasks with the items that every account has, the newest last.
        new_id: Returns an id that was not used before.

    Attributes:
        new_id: As above.
    """

    def __init__(
        self, tasks: Tasks, presets: Iterable[EmulatedTask], new_id: Callable[[], str]
    ) -> None:
        self._tasks = tasks
        self.new_id = new_id
        self._without_task: dict[str, EmulatedTask] = {}
        self._presets: Mapping[str, EmulatedTask] = {task.video_id: task for task in presets}

    def preset(self, item_id: str) -> EmulatedTask | None:
        """Return the task of the item with this id that every account has."""
        return self._presets.get(item_id)

    def page(self, endpoint: str, number: int, size: int) -> Sequence[EmulatedTask]:
        """Return page *number* (from 1) of the items that every account has, ordered by id."""
        all_ = [task for task in self._presets.values() if task.plan.endpoint == endpoint]
        return all_[(number - 1) * size : number * size]

    def keep(self, task: EmulatedTask) -> None:
        """Keep an item that a call has made at once; its finished task is known only here."""
        self._without_task[task.video_id] = task
        if len(self._without_task) > KEPT:
            del self._without_task[next(iter(self._without_task))]

    def own_page(self, account: Account, number: int, size: int) -> Sequence[EmulatedTask]:
        """Return page *number* (from 1) of the account's own items without a task, newest first."""
        own = (
            task
            for task in reversed(self._without_task.values())
            if task.account is account and not task.deleted
        )
        return list(islice(own, (number - 1) * size, number * size))

    def item(self, kind: ItemKind, item_id: str) -> EmulatedTask | None:
        """Return the task that has made an item, whoever owns it and even if it is deleted."""
        task = self._presets.get(item_id) or self._without_task.get(item_id)
        if task is None:
            task = self._tasks.by_result(kind, item_id)
        if task is None or task.status != "succeed" or task.plan.entry is None:
            return None
        return task if task.plan.entry.kind == kind else None

    def may_use(self, account: Account, task: EmulatedTask) -> bool:
        """Return whether a request of *account* may name the item that *task* has made."""
        return not task.deleted and (task.account is account or task.video_id in self._presets)

    def delete(self, account: Account, kind: ItemKind, item_id: str) -> EmulatedTask:
        """Delete an item; return its task.

        Raises:
            Refusal: 400/1201, the account does not own such an item, or it was deleted before.
        """
        task = self.item(kind, item_id)
        if task is None or task.account is not account:
            raise refusal(f"no_{kind}", shortened(item_id))
        if task.deleted:
            raise refusal("already_deleted", kind.capitalize(), item_id)
        task.deleted = True
        if kind == "voice":  # unlike an element's, its reply cannot say so
            self._tasks.unlist(task)
        return task
