"""Samples for the tests of all stores: instants, ids, and a shop with a user, token and channel."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from typing import Any, Final

import attrs

from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.steps import Transaction, write
from kling_mock.relay.storage.values import (
    UNNUMBERED,
    Attempt,
    Channel,
    NewChannel,
    NewNotice,
    NewTask,
    NewToken,
    NewUser,
    Notice,
    Settlement,
    TaskResult,
    Token,
    User,
    VideoRow,
)

NOW: Final = 1_760_000_000
PRICE: Final = 100
LATER: Final = NOW + 3_600

_count = itertools.count(1)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def own_id(seed: str = "") -> str:
    """Return a task id, the same for the same seed; a new one without."""
    return "kling_" + digest(seed or f"task {next(_count)}")[:32]


def new_task(user_id: int, **changes: Any) -> NewTask:
    fields: dict[str, Any] = {
        "task_id": own_id(),
        "user_id": user_id,
        "request_hash": digest("a kitten"),
        "price": PRICE,
        "type": "text2video",
        "model": "kling-v2-6",
        "prompt": "a kitten on the grass",
        "duration": "5",
        "mode": "std",
        "username": "ann",
    }
    return NewTask(**fields | changes)


def channel_named(name: str, **changes: Any) -> NewChannel:
    return NewChannel(
        **{"name": name, "base_url": "http://127.0.0.1:1", "api_keys": "AK|SK"} | changes
    )


def succeed(task_id: str, **changes: Any) -> TaskResult:
    fields: dict[str, Any] = {
        "task_id": task_id,
        "status": "succeed",
        "source": "callback",
        "video_id": "831922345719271434",
        "store_url": "https://cdn.example.com/a.mp4?x-sig=1",
        "duration": "5.1",
        "json_data": '{"task_status":"succeed"}',
    }
    return TaskResult(**fields | changes)


def failed(task_id: str, **changes: Any) -> TaskResult:
    fields: dict[str, Any] = {
        "task_id": task_id,
        "status": "failed",
        "source": "query",
        "fail_reason": "content policy",
        "json_data": '{"task_status":"failed"}',
    }
    return TaskResult(**fields | changes)


def notice_of(task_id: str, event: str = "end") -> NewNotice:
    return NewNotice(
        event_id=f"msg_{event}_{task_id}", url="https://user.example.com/hook", body='{"é": 1}'
    )


async def claim_notices(
    store: Storage, *, now: int, lease_until: int, limit: int
) -> Sequence[Notice]:
    """Lease what is due, as a sender does that has room for *limit*."""
    due = await store.list_due_notices(now=now, limit=limit)
    events = [notice.event_id for notice in due]
    return await store.claim_notices(events, now=now, lease_until=lease_until)


async def claim_due(
    store: Storage, *, now: int, lease_until: int, limit: int
) -> Sequence[VideoRow]:
    """Lease what is due, the longest overdue first, as a sweeper does."""
    due = await store.list_due_tasks(now=now, limit=limit)
    ids = [task.task_id for task in due]
    return await store.claim_tasks(ids, now=now, lease_until=lease_until)


async def change(store: Storage, text: str) -> None:
    """Change rows past the methods of a store over SQL."""

    def transaction() -> Transaction[None]:
        yield write(text), ()

    assert isinstance(store, Storage)
    await store.run("change", transaction, TransactionMode.WRITE)


@attrs.define
class Shop:
    """A store with one user, token and channel."""

    store: Storage
    user: User
    token: Token
    channel: Channel

    @classmethod
    async def fill(
        cls, store: Storage, *, quota: int = 1_000, name: str = "ann", **settings: Any
    ) -> Shop:
        """Add a user, a token, and a channel with these *settings*."""
        user = await store.create_user(NewUser(name, quota), now=NOW)
        token = await store.create_token(NewToken(user.id, digest(f"sk-{name}")), now=NOW)
        channel = await store.create_channel(channel_named(f"Kling of {name}", **settings), now=NOW)
        return cls(store, user, token, channel)

    async def create(self, **changes: Any) -> VideoRow:
        """Create a task of this user through this channel; *changes* are stored in it."""
        fields = {
            "token_id": self.token.id,
            "username": self.user.username,
            "attempt": Attempt(self.channel.id, "key-1", NOW + 120),
        } | changes
        created = await self.store.create_task(
            new_task(self.user.id, **fields), now=NOW, next_poll_at=NOW + 30
        )
        stored = await self.row(created.row.task_id)
        assert created.row == (attrs.evolve(stored, id=UNNUMBERED) if created.is_new else stored)
        return stored

    async def accepted(self, kling_task_id: str = "", **changes: Any) -> VideoRow:
        """Create a task that Kling has accepted."""
        row = await self.create(**changes)
        await self.store.accept(
            row.task_id, kling_task_id or f"kt-{row.task_id}", now=NOW + 1, next_poll_at=NOW + 10
        )
        return await self.row(row.task_id)

    async def settle(self, result: TaskResult, **options: Any) -> Settlement:
        return await self.store.settle(result, **{"now": LATER} | options)

    async def row(self, task_id: str) -> VideoRow:
        row = await self.store.find_task(task_id)
        assert row is not None
        return row

    async def me(self) -> User:
        return await self.store.get_user(self.user.id)

    async def my_token(self) -> Token:
        return next(t for t in await self.store.list_tokens(self.user.id) if t.id == self.token.id)

    async def my_channel(self) -> Channel:
        return await self.store.get_channel(self.channel.id)

    async def assert_explained(self) -> None:
        """P2, P3 and P4 hold for every user."""
        for books in await self.store.reconcile():
            assert books.is_explained, books
            assert books.quota - books.held >= 0, books
            assert books.used == books.charged, books
