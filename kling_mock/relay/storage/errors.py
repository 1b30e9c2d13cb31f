"""The errors of a storage.

    StorageError
    ├── UnknownError               no such user, token, channel, task, notice, receiver
    ├── ExistsError                a name, token or id that has to be unique is taken
    ├── ExternalIdConflictError    the same external_task_id with another request
    ├── KlingTaskClashError        Kling's id of one task turned up for another
    ├── RefusedError               this user or token may not create a task
    │   ├── DisabledError          the user or the token is switched off, or it has expired
    │   └── InsufficientQuotaError the user's or the token's quota is too low
    ├── SchemaError                the database's tables are not the ones this version needs
    └── StorageUnavailableError    the database is away, or too busy for too long
        └── WaitedInVainError      what it waited for was locked, or silent, for too long

They never contain a token, a key, a prompt or a URL.
"""

from __future__ import annotations

from typing import Any, Literal

RecordKind = Literal[
    "user", "token", "channel", "task", "notice", "receiver", "credit", "webhook secret"
]


class StorageError(Exception):
    """The base of all errors: a refusal of a storage, for a reason on which its caller can act."""

    def __init__(self, message: str, *arguments: Any) -> None:
        super().__init__(message)
        self._arguments = arguments

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the arguments that it was made from."""
        return type(self), self._arguments or self.args


class UnknownError(StorageError):
    """There is no such record.

    Attributes:
        kind: The kind of record.
        key: Its id.
    """

    def __init__(self, kind: RecordKind, key: int | str) -> None:
        super().__init__(f"there is no {kind} {key!r}", kind, key)
        self.kind = kind
        self.key = key


class ExistsError(StorageError):
    """A name, token or id that has to be unique is taken.

    Attributes:
        kind: The kind of record.
    """

    def __init__(self, kind: RecordKind, what: str) -> None:
        super().__init__(f"there is a {kind} with this {what} already; choose another", kind, what)
        self.kind = kind
        self.what = what


class ExternalIdConflictError(StorageError):
    """The user has used this `external_task_id` for another request.

    Attributes:
        task_id: The task that has this id.
    """

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"this external_task_id belongs to task {task_id}, which another request created",
            task_id,
        )
        self.task_id = task_id


class KlingTaskClashError(StorageError):
    """Kling's id of one task was reported for another, which an operator has to investigate.

    Attributes:
        task_id: Our id of the task for which it was reported.
        kling_task_id: Kling's id.
    """

    def __init__(self, task_id: str, kling_task_id: str) -> None:
        super().__init__(
            f"task {task_id}: Kling's id {kling_task_id!r} belongs to another task of this"
            " channel or service, or this task has another one; nothing was changed",
            task_id,
            kling_task_id,
        )
        self.task_id = task_id
        self.kling_task_id = kling_task_id


class RefusedError(StorageError):
    """This user or token may not create a task.

    Attributes:
        of: Whether the user or the token is the reason.
    """

    of: Literal["user", "token"]


class DisabledError(RefusedError):
    """The user or the token is switched off, or the token has expired."""

    def __init__(self, of: Literal["user", "token"]) -> None:
        super().__init__(f"the {of} is disabled or has expired", of)
        self.of = of


class InsufficientQuotaError(RefusedError):
    """The quota is too low; nothing is held.

    Attributes:
        needed: The price in quota.
        available: The quota that is neither spent nor held.
    """

    def __init__(self, of: Literal["user", "token"], needed: int, available: int) -> None:
        super().__init__(
            f"the {of}'s quota is not enough: {needed} needed, {available} available",
            of,
            needed,
            available,
        )
        self.of = of
        self.needed = needed
        self.available = available


class SchemaError(StorageError):
    """The database's tables are not the ones that this version needs; the text says why."""


class StorageUnavailableError(StorageError):
    """The database is away, or was too busy for too long. Nothing is known to be lost.

    A change whose call ends with this error may or may not have been made; every change can be
    repeated safely.
    """


class NoRoomError(StorageUnavailableError):
    """The database cannot grow, as on a full disk."""


class WaitedInVainError(StorageUnavailableError):
    """Rows, tables or the file were locked, or the server was silent, for too long."""
