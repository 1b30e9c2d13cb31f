"""The tables of the in-memory storage: one dictionary each."""

from __future__ import annotations

from typing import Any

import attrs

from kling_mock.storage.errors import UnknownError
from kling_mock.storage.values import (
    DELETED,
    Channel,
    LateReport,
    LedgerEntry,
    LedgerKind,
    Notice,
    Receiver,
    SecretRotation,
    Token,
    User,
    VideoRow,
)

__all__ = ["MemoryTables"]


@attrs.define
class MemoryTables:
    """The tables, by the key that rows are addressed with.

    No method of the storage awaits between its first read and its last change, so on one event
    loop each is atomic.
    """

    users: dict[int, User] = attrs.field(factory=dict)
    tokens: dict[int, Token] = attrs.field(factory=dict)
    channels: dict[int, Channel] = attrs.field(factory=dict)
    videos: dict[str, VideoRow] = attrs.field(factory=dict)
    ledger: dict[tuple[LedgerKind, str], LedgerEntry] = attrs.field(factory=dict)
    notices: dict[str, Notice] = attrs.field(factory=dict)
    reports: dict[tuple[str, str], LateReport] = attrs.field(factory=dict)
    receivers: dict[tuple[int, str], Receiver] = attrs.field(factory=dict)
    webhook_secrets: dict[int, SecretRotation] = attrs.field(factory=dict)
    _ids: dict[str, int] = attrs.field(factory=dict, repr=False)

    def next_id(self, table: str) -> int:
        """Return the next number of a table."""
        self._ids[table] = number = self._ids.get(table, 0) + 1
        return number

    def user(self, user_id: int) -> User:
        """Return a user, or raise `UnknownError`."""
        try:
            return self.users[user_id]
        except KeyError:
            raise UnknownError("user", user_id) from None

    def living_user(self, user_id: int) -> User:
        """Return a user that is not deleted, or raise `UnknownError`."""
        user = self.user(user_id)
        if user.status == DELETED:
            raise UnknownError("user", user_id)
        return user

    def token(self, token_id: int) -> Token:
        """Return a token, or raise `UnknownError`."""
        try:
            return self.tokens[token_id]
        except KeyError:
            raise UnknownError("token", token_id) from None

    def channel(self, channel_id: int) -> Channel:
        """Return a channel, or raise `UnknownError`."""
        try:
            return self.channels[channel_id]
        except KeyError:
            raise UnknownError("channel", channel_id) from None

    def video(self, task_id: str) -> VideoRow:
        """Return a task's row, or raise `UnknownError`."""
        try:
            return self.videos[task_id]
        except KeyError:
            raise UnknownError("task", task_id) from None

    def change(self, row: VideoRow, **changes: Any) -> VideoRow:
        """Replace a row of `videos` and return the new one."""
        self.videos[row.task_id] = changed = attrs.evolve(row, **changes)
        return changed

    def add_entry(
        self,
        kind: LedgerKind,
        reference: str,
        user_id: int,
        amount: int,
        *,
        now: int,
        token_id: int = 0,
        channel_id: int = 0,
        uncollected: int = 0,
        note: str = "",
    ) -> LedgerEntry:
        """Add a ledger entry."""
        number = self.next_id("ledger")
        entry = LedgerEntry(
            number,
            kind,
            reference,
            user_id,
            token_id,
            channel_id,
            amount,
            uncollected,
            note,
            now,
        )
        self.ledger[kind, reference] = entry
        return entry
