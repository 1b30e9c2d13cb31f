"""Any order of events, compared with the in-memory store, all promises checked at every step."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kling_mock.storage.connect import connect
from kling_mock.storage.errors import StorageError
from kling_mock.storage.memory import MemoryStorage
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import TERMINAL, Attempt, NewToken, NewUser, TaskResult
from tests.mock.storage import samples as kit
from tests.mock.storage.conftest import database_of
from tests.mock.storage.samples import NOW

#: Numbers that a database gives out, which differ between two stores.
_NUMBERS = {"id", "user_id", "token_id", "channel_id", "deleted_id", "reference"}


def comparable(value: Any) -> Any:
    """Return a result without the numbers that a database gives out."""
    if isinstance(value, BaseException):
        fields = {name: one for name, one in vars(value).items() if name in {"of", "needed"}}
        return type(value).__name__, fields
    if attrs.has(type(value)):
        fields = {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
        return {name: comparable(one) for name, one in fields.items() if name not in _NUMBERS}
    if isinstance(value, (list, tuple)):
        return [comparable(one) for one in value]
    return value


@attrs.define
class Side:
    """A store with the numbers that it has given out."""

    store: Storage
    users: list[int] = attrs.field(factory=list)
    tokens: list[int] = attrs.field(factory=list)
    channels: list[int] = attrs.field(factory=list)

    async def fill(self) -> None:
        await self.store.open()
        for name, quota, limit in (("ann", 500, None), ("bob", 300, 250)):
            user = await self.store.create_user(NewUser(name, quota), now=NOW)
            token = await self.store.create_token(
                NewToken(user.id, kit.digest(name), remain_quota=limit), now=NOW
            )
            channel = await self.store.create_channel(kit.channel_named(name), now=NOW)
            self.users.append(user.id)
            self.tokens.append(token.id)
            self.channels.append(channel.id)


Work = Callable[[Side], Awaitable[Any]]

indexes = st.integers(0, 1)
picks = st.integers(0, 1_000)


class Model(RuleBasedStateMachine):
    """The same calls on two storages at once."""

    def __init__(self, subject: Storage) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.sides = (Side(MemoryStorage()), Side(subject))
        self.now = NOW
        self.tasks: list[str] = []
        self.ended: dict[str, str] = {}
        for side in self.sides:
            self.runner.run(side.fill())

    def teardown(self) -> None:
        self.runner.run(self.sides[1].store.close())
        self.runner.close()

    def both(self, work: Work) -> None:
        """Do the same on both stores; both say the same."""
        results: list[Any] = []
        for side in self.sides:
            try:
                results.append(comparable(self.runner.run(work(side))))  # type: ignore[arg-type]  # a coroutine
            except (StorageError, ValueError) as error:
                results.append(comparable(error))
        assert results[0] == results[1]

    def task(self, pick: int) -> str:
        return self.tasks[pick % len(self.tasks)]

    # -------------------------------------------------------- events

    @rule(
        who=indexes,
        price=st.sampled_from([0, 1, 60, 100]),
        external=st.sampled_from([None, None, "a", "b"]),
        body=st.sampled_from("xy"),
    )
    def create(self, who: int, price: int, external: str | None, body: str) -> None:
        task_id = kit.own_id(f"model {len(self.tasks)}")
        self.tasks.append(task_id)
        self.both(
            lambda side: side.store.create_task(
                kit.new_task(
                    side.users[who],
                    task_id=task_id,
                    token_id=side.tokens[who],
                    price=price,
                    external_task_id=external,
                    request_hash=kit.digest(body),
                    username=("ann", "bob")[who],
                    attempt=Attempt(side.channels[who], "key", self.now + 60),
                ),
                now=self.now,
                next_poll_at=self.now + 30,
            )
        )

    @precondition(lambda self: self.tasks)
    @rule(pick=picks, kling=st.sampled_from(["own", "own", "shared"]))
    def accept(self, pick: int, kling: str) -> None:
        task_id = self.task(pick)
        kling_id = f"k-{task_id}" if kling == "own" else "k-shared"
        self.both(
            lambda side: side.store.accept(
                task_id, kling_id, now=self.now, next_poll_at=self.now + 10
            )
        )

    @precondition(lambda self: self.tasks)
    @rule(
        pick=picks,
        end=st.sampled_from([kit.succeed, kit.failed]),
        quota=st.sampled_from([None, 0, 30, 100, 500]),
        also=st.sets(st.sampled_from(["kling_task_id", "shared", "notice"])),
    )
    def settle(
        self, pick: int, end: Callable[..., TaskResult], quota: int | None, also: set[str]
    ) -> None:
        task_id = self.task(pick)
        kling_id = f"k-{task_id}" if "kling_task_id" in also else None
        kling_id = "k-shared" if "shared" in also else kling_id
        result = end(task_id, quota=quota, kling_task_id=kling_id)
        notice = kit.notice_of(task_id) if "notice" in also else None
        self.both(lambda side: side.store.settle(result, now=self.now, notice=notice))

    @precondition(lambda self: self.tasks)
    @rule(pick=picks, age=st.sampled_from([0, 300]))
    def expire(self, pick: int, age: int) -> None:
        task_id = self.task(pick)
        self.both(
            lambda side: side.store.expire(
                task_id, created_until=self.now - age, reason="late", now=self.now
            )
        )

    @precondition(lambda self: self.tasks)
    @rule(pick=picks)
    def not_found(self, pick: int) -> None:
        task_id = self.task(pick)
        self.both(
            lambda side: side.store.report_not_found(task_id, queried_at=self.now, reason="lost")
        )

    @precondition(lambda self: self.tasks)
    @rule(pick=picks, to=indexes, service=st.sampled_from([None, "a", "b"]))
    def bind(self, pick: int, to: int, service: str | None) -> None:
        task_id = self.task(pick)
        self.both(
            lambda side: side.store.bind_attempt(
                task_id, Attempt(side.channels[to], f"key-{to}", self.now + 60, service)
            )
        )

    @precondition(lambda self: self.tasks)
    @rule(pick=picks, status=st.sampled_from(["processing", "submitted", "queued"]))
    def progress(self, pick: int, status: str) -> None:
        task_id = self.task(pick)
        self.both(lambda side: side.store.mark_open(task_id, status, now=self.now))

    @rule(limit=st.integers(1, 3))
    def sweep(self, limit: int) -> None:
        self.both(
            lambda side: kit.claim_due(
                side.store, now=self.now, lease_until=self.now + 40, limit=limit
            )
        )

    @rule(who=indexes, amount=st.sampled_from([50, -50, -400]), reference=st.sampled_from("abc"))
    def credit(self, who: int, amount: int, reference: str) -> None:
        self.both(
            lambda side: side.store.credit(
                side.users[who], amount, reference=reference, now=self.now
            )
        )

    @rule(who=indexes, status=st.integers(1, 2))
    def switch(self, who: int, status: int) -> None:
        self.both(lambda side: side.store.set_user_status(side.users[who], status))

    @rule(who=indexes, quota=st.sampled_from([None, 90, 400]))
    def limit_token(self, who: int, quota: int | None) -> None:
        self.both(lambda side: side.store.set_token_quota(side.tokens[who], quota))

    @rule(seconds=st.sampled_from([1, 60, 400]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    # -------------------------------------------------------- promises

    @invariant()
    def balances_are_explained(self) -> None:
        self.both(lambda side: side.store.reconcile())
        for one in self.runner.run(_all(self.sides[1].store.reconcile)):
            assert one.is_explained, one  # P2, and the sums of P4
            assert one.quota - one.held >= 0, one
            assert one.used == one.charged, one

    @invariant()
    def rows_agree_and_an_end_is_final(self) -> None:
        self.both(lambda side: side.store.list_reports())
        self.both(lambda side: side.store.list_notices())
        for who in range(2):
            self.both(lambda side, who=who: side.store.list_tasks(side.users[who], limit=99))  # type: ignore[misc]  # a default of a lambda
            self.both(lambda side, who=who: side.store.list_tokens(side.users[who]))  # type: ignore[misc]  # likewise
            user = self.sides[1].users[who]
            for row in self.runner.run(_rows(self.sides[1].store, user)):
                if row.task_id in self.ended:
                    assert row.status == self.ended[row.task_id]  # P3
                elif row.status in TERMINAL:
                    self.ended[row.task_id] = row.status


async def _all(read: Callable[[], Awaitable[Any]]) -> Any:
    return await read()


async def _rows(store: Storage, user_id: int) -> Any:
    return await store.list_tasks(user_id, limit=99)


@pytest.mark.parametrize(
    ("variant", "examples"),
    [
        ("sqlite-memory", 25),
        ("sqlite", 8),
        ("mariadb", 5),
        ("mariadb-as-mysql", 5),
        ("postgres", 5),
    ],
)
@pytest.mark.slow
def test_every_store_does_what_the_twin_does(
    request: pytest.FixtureRequest, variant: str, examples: int
) -> None:
    """P2, P3 and P4 hold after every event, and each answer is the in-memory store's."""
    kind = "sqlite" if variant == "sqlite-memory" else variant

    class Machine(Model):
        def __init__(self) -> None:
            database = database_of(request, kind)
            super().__init__(connect("sqlite://" if variant == "sqlite-memory" else database.url))

    run_state_machine_as_test(
        Machine, settings=settings(max_examples=examples, stateful_step_count=30, deadline=None)
    )
