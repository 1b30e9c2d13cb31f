"""Any order of events on a storage, judged at every step: answers, states and money."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kling_mock.relay.storage.connect import connect
from kling_mock.relay.storage.errors import StorageError
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import (
    Attempt,
    LedgerKind,
    NewTask,
    NewToken,
    NewUser,
    TaskResult,
)
from tests.mock.relay.storage import judge as judge_module
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.conftest import database_of
from tests.mock.relay.storage.judge import Judge, RefusedError, Task, Token, User
from tests.mock.relay.storage.samples import NOW

T = TypeVar("T")

#: What the service of both channels is called: the host of their address.
LABEL = "127.0.0.1:1"
QUOTAS = (("ann", 500, None), ("bob", 300, 250))
STORAGE: Final = "kling_mock.relay.storage"
#: All that the judge may import: with anything else it could ask the storage for its verdict.
PLAIN: Final = {"__future__", "collections.abc", "typing", "attrs"}


@attrs.define
class Shop:
    """A storage with two users, each with a token and a channel."""

    store: Storage
    users: list[int] = attrs.field(factory=list)
    tokens: list[int] = attrs.field(factory=list)
    channels: list[int] = attrs.field(factory=list)

    async def fill(self) -> None:
        await self.store.open()
        for name, quota, limit in QUOTAS:
            user = await self.store.create_user(NewUser(name, quota), now=NOW)
            token = await self.store.create_token(
                NewToken(user.id, kit.digest(name), remain_quota=limit), now=NOW
            )
            channel = await self.store.create_channel(kit.channel_named(name), now=NOW)
            self.users.append(user.id)
            self.tokens.append(token.id)
            self.channels.append(channel.id)

    async def view(self) -> dict[str, Any]:
        """Return everything the judge knows, in its words."""
        users = [await self.store.get_user(number) for number in self.users]
        totals = await self.store.sum_by_channel()
        tokens = [token for user in users for token in await self.store.list_tokens(user.id)]
        rows = [row for user in users for row in await self.store.list_tasks(user.id, limit=99)]
        entries = [entry for user in users for entry in await self.store.list_ledger(user.id)]
        channel_of = {number: position for position, number in enumerate(self.channels)}
        return {
            "users": [
                User(
                    user.quota,
                    user.held_quota,
                    user.used_quota,
                    user.request_count,
                    user.status == 1,
                )
                for user in users
            ],
            "tokens": [
                Token(
                    None if token.unlimited else token.remain_quota,
                    token.held_quota,
                    token.used_quota,
                )
                for token in tokens
            ],
            "channels": [totals.get(number, 0) for number in self.channels],
            "tasks": {
                row.task_id: {
                    "owner": self.users.index(row.user_id),
                    "request_hash": row.request_hash,
                    "external_id": row.external_task_id,
                    "created_at": row.created_at,
                    "channel": channel_of[row.channel_id],
                    "key": row.channel_key_id,
                    "attempt_until": row.attempt_until,
                    "next_poll_at": row.next_poll_at,
                    "service": row.service,
                    "status": row.status,
                    "kling_id": row.kling_task_id,
                    "quota": row.quota,
                    "held": row.held_quota,
                    "lease_until": row.lease_until,
                    "not_found_at": row.not_found_at,
                }
                for row in rows
            },
            "ledger": sorted(
                (
                    entry.kind.value,
                    entry.reference,
                    self.users.index(entry.user_id),
                    entry.amount,
                    entry.uncollected,
                )
                for entry in entries
                if entry.kind is not LedgerKind.OPENING
            ),
            "reports": {
                (report.task_id, report.status): [
                    report.seen,
                    report.quota,
                    channel_of[report.channel_id],
                    report.kling_task_id,
                    report.first_at,
                    report.last_at,
                ]
                for report in await self.store.list_reports()
            },
            "notices": sorted(
                (notice.event_id, notice.task_id) for notice in await self.store.list_notices()
            ),
        }


def judged(judge: Judge) -> dict[str, Any]:
    """Return all that the judge knows."""
    tasks = {
        task.task_id: {
            name: value
            for name, value in attrs.asdict(task).items()
            if name not in {"task_id", "price"}
        }
        for task in judge.tasks.values()
    }
    return {
        "users": judge.users,
        "tokens": judge.tokens,
        "channels": judge.channels,
        "tasks": tasks,
        "ledger": sorted(judge.ledger),
        "reports": judge.reports,
        "notices": sorted(judge.notices),
    }


indexes = st.integers(0, 1)
picks = st.integers(0, 1_000)


class Model(RuleBasedStateMachine):
    """The same calls on a storage and on the judge."""

    def __init__(self, subject: Storage) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.shop = Shop(subject)
        self.judge = Judge(
            [User(quota) for _, quota, _ in QUOTAS],
            [Token(limit) for _, _, limit in QUOTAS],
            [0 for _ in QUOTAS],
            LABEL,
        )
        self.now = NOW
        self.creates: list[tuple[NewTask, Task]] = []
        self.runner.run(self.shop.fill())

    def teardown(self) -> None:
        self.runner.run(self.shop.store.close())
        self.runner.close()

    def both(
        self, work: Coroutine[Any, Any, T], in_words: Callable[[T], Any], verdict: Callable[[], Any]
    ) -> None:
        """Do the same on both; both say the same."""
        result: Any
        try:
            result = in_words(self.runner.run(work))
        except StorageError as error:
            result = type(error).__name__, getattr(error, "of", "")
        try:
            expected = verdict()
        except RefusedError as refused:
            expected = refused.args
        assert result == expected

    @property
    def store(self) -> Storage:
        return self.shop.store

    def task(self, pick: int) -> str:
        return self.creates[pick % len(self.creates)][0].task_id

    # -------------------------------------------------------- events

    @initialize(prices=st.lists(st.sampled_from([60, 100, 200]), min_size=2, max_size=3))
    def begin_with_tasks(self, prices: list[int]) -> None:
        """Without them, most events would have nothing to happen to."""
        for who, price in enumerate(prices):
            self.create(who % 2, price, None, "x")

    @rule(
        who=indexes,
        price=st.sampled_from([0, 1, 60, 100, 200]),
        external=st.sampled_from([None, None, "a", "b"]),
        body=st.sampled_from("xy"),
    )
    def create(self, who: int, price: int, external: str | None, body: str) -> None:
        attempt = Attempt(self.shop.channels[who], "key", self.now + 60)
        new = kit.new_task(
            self.shop.users[who],
            task_id=kit.own_id(f"model {len(self.creates)}"),
            token_id=self.shop.tokens[who],
            price=price,
            external_task_id=external,
            request_hash=kit.digest(body),
            username=QUOTAS[who][0],
            attempt=attempt,
        )
        task = Task(
            new.task_id,
            who,
            new.request_hash,
            external,
            price,
            self.now,
            who,
            attempt.channel_key_id,
            attempt.until,
            self.now + 30,
        )
        self.creates.append((new, task))
        self._create(new, task)

    @precondition(lambda self: self.creates)
    @rule(pick=picks, changed=st.booleans())
    def create_again(self, pick: int, *, changed: bool) -> None:
        """After a lost answer, or with another request under the same id."""
        new, task = self.creates[pick % len(self.creates)]
        if changed:
            new = attrs.evolve(new, request_hash=kit.digest("z"))
            task = attrs.evolve(task, request_hash=new.request_hash)
        again = attrs.evolve(task, created_at=self.now, next_poll_at=self.now + 30)
        self._create(new, again)

    def _create(self, new: NewTask, task: Task) -> None:
        self.both(
            self.store.create_task(new, now=self.now, next_poll_at=self.now + 30),
            lambda created: (created.row.task_id, created.is_new),
            lambda: self.judge.create(attrs.evolve(task)),
        )

    @precondition(lambda self: self.creates)
    @rule(pick=picks, kling=st.sampled_from(["own", "own", "shared"]))
    def accept(self, pick: int, kling: str) -> None:
        task_id = self.task(pick)
        kling_id = f"k-{task_id}" if kling == "own" else "k-shared"
        times = {"now": self.now, "next_poll_at": self.now + 10}
        self.both(
            self.store.accept(task_id, kling_id, **times),
            lambda acceptance: acceptance.value,
            lambda: self.judge.accept(task_id, kling_id, **times),
        )

    @precondition(lambda self: self.creates)
    @rule(
        pick=picks,
        end=st.sampled_from([kit.succeed, kit.failed]),
        units=st.sampled_from([None, 0, 30, 100, 500]),
        also=st.sets(st.sampled_from(["kling_task_id", "shared", "notice", "unmetered", "frees"])),
    )
    def settle(
        self, pick: int, end: Callable[..., TaskResult], units: int | None, also: set[str]
    ) -> None:
        task_id = self.task(pick)
        kling_id = f"k-{task_id}" if "kling_task_id" in also else None
        kling_id = "k-shared" if "shared" in also else kling_id
        unmetered = "unmetered" in also and end is kit.succeed
        units = None if unmetered else units
        frees = "frees" in also and end is kit.failed
        result = end(
            task_id,
            quota=units,
            kling_task_id=kling_id,
            unmetered=unmetered,
            free_external_id=frees,
        )
        notice = kit.notice_of(task_id) if "notice" in also else None
        self.both(
            self.store.settle(result, now=self.now, notice=notice),
            lambda done: (done.outcome.value, done.charged, done.uncollected),
            lambda: self.judge.settle(
                task_id,
                result.status,
                units=units,
                kling_id=kling_id,
                unmetered=unmetered,
                frees=frees,
                notice=None if notice is None else notice.event_id,
                now=self.now,
            ),
        )

    @precondition(lambda self: self.creates)
    @rule(pick=picks, age=st.sampled_from([0, 300]))
    def expire(self, pick: int, age: int) -> None:
        task_id, until = self.task(pick), self.now - age
        self.both(
            self.store.expire(task_id, created_until=until, reason="late", now=self.now),
            bool,
            lambda: self.judge.expire(task_id, created_until=until),
        )

    @precondition(lambda self: self.creates)
    @rule(pick=picks, later=st.sampled_from([0, 130]), looks=st.integers(1, 3))
    def not_found(self, pick: int, later: int, looks: int) -> None:
        task_id = self.task(pick)
        for _ in range(looks):
            self.now += later
            self.both(
                self.store.report_not_found(task_id, queried_at=self.now, reason="lost"),
                lambda absence: absence.value,
                lambda: self.judge.not_found(task_id, queried_at=self.now),
            )

    @precondition(lambda self: self.creates)
    @rule(pick=picks, to=indexes, service=st.sampled_from([None, "a", "b"]))
    def bind(self, pick: int, to: int, service: str | None) -> None:
        task_id, key, until = self.task(pick), f"key-{to}", self.now + 60
        self.both(
            self.store.bind_attempt(task_id, Attempt(self.shop.channels[to], key, until, service)),
            bool,
            lambda: self.judge.bind(task_id, to, key, until, service),
        )

    @precondition(lambda self: self.creates)
    @rule(pick=picks, status=st.sampled_from(["processing", "submitted", "queued"]))
    def progress(self, pick: int, status: str) -> None:
        task_id = self.task(pick)
        self.both(
            self.store.mark_open(task_id, status, now=self.now),
            bool,
            lambda: self.judge.progress(task_id, status),
        )

    @precondition(lambda self: self.creates)
    @rule(limit=st.integers(1, 3))
    def sweep(self, limit: int) -> None:
        times = {"now": self.now, "lease_until": self.now + 40, "limit": limit}
        self.both(
            kit.claim_due(self.store, **times),
            lambda rows: [row.task_id for row in rows],
            lambda: self.judge.sweep(**times),
        )

    @rule(who=indexes, amount=st.sampled_from([50, -50, -400]), reference=st.sampled_from("abc"))
    def credit(self, who: int, amount: int, reference: str) -> None:
        self.both(
            self.store.credit(self.shop.users[who], amount, reference=reference, now=self.now),
            lambda entry: entry.amount,
            lambda: self.judge.credit(who, amount, reference),
        )

    @rule(who=indexes, status=st.integers(1, 2))
    def switch(self, who: int, status: int) -> None:
        self.runner.run(self.store.set_user_status(self.shop.users[who], status))
        self.judge.users[who].enabled = status == 1

    @rule(who=indexes, quota=st.sampled_from([None, 90, 400]))
    def limit_token(self, who: int, quota: int | None) -> None:
        self.both(
            self.store.set_token_quota(self.shop.tokens[who], quota),
            lambda _: None,
            lambda: self.judge.limit_token(who, quota),
        )

    @rule(seconds=st.sampled_from([1, 60, 400]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    # -------------------------------------------------------- promises

    @invariant()
    def everything_is_as_judged(self) -> None:
        """P2 and P3: what the judge knows of each task, balance, entry, report and notice."""
        assert self.runner.run(self.shop.view()) == judged(self.judge)

    @invariant()
    def balances_are_explained(self) -> None:
        """P4, by the storage's own rules."""
        for books in self.runner.run(self.store.reconcile()):
            assert books.is_explained, books
            assert books.quota - books.held >= 0, books
            assert books.used == books.charged, books

    @invariant()
    def what_is_due_next_is_known(self) -> None:
        """Do nothing: in memory it is known without waiting."""
        if isinstance(self.store, MemoryStorage):
            polls = [
                max(task.next_poll_at, task.lease_until)
                for task in self.judge.tasks.values()
                if task.next_poll_at is not None
            ]
            assert self.store.next_poll_due is not None
            assert self.store.next_notice_due is not None
            assert self.store.next_poll_due() == min(polls, default=None)
            assert (self.store.next_notice_due() is not None) == bool(self.judge.notices)


@pytest.mark.parametrize(
    ("variant", "examples"),
    [
        ("memory", 200),
        ("sqlite", 8),
        ("mariadb", 5),
        ("mariadb-as-mysql", 5),
        ("postgres", 5),
    ],
)
@pytest.mark.slow
def test_every_storage_does_what_the_judge_says(
    request: pytest.FixtureRequest, variant: str, examples: int
) -> None:
    """P2, P3 and P4 hold after every event, and each answer is the judge's."""

    class Machine(Model):
        def __init__(self) -> None:
            in_memory = variant == "memory"
            super().__init__(
                MemoryStorage() if in_memory else connect(database_of(request, variant).url)
            )

    run_state_machine_as_test(
        Machine, settings=settings(max_examples=examples, stateful_step_count=30, deadline=None)
    )


def borrowed(source: str) -> list[str]:
    """Return the modules that *source* imports, at any depth, besides the plain ones."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules.append("." * node.level + (node.module or ""))
        elif isinstance(node, ast.Name) and node.id == "__import__":
            modules.append(node.id)
    return [module for module in modules if module not in PLAIN]


def test_the_judge_is_independent_of_the_storage() -> None:
    """It imports none of the transactions, statements and values, nor a helper that could."""
    assert borrowed(Path(judge_module.__file__).read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("from kling_mock.relay.storage.transactions import settlement", f"{STORAGE}.transactions"),
        ("from kling_mock.relay.storage import statements as sql", STORAGE),
        ("import kling_mock.relay.storage.money_rules", f"{STORAGE}.money_rules"),
        ("from tests.mock.relay.storage import samples", "tests.mock.relay.storage"),
        ("from .samples import new_task", ".samples"),
        ("import importlib", "importlib"),
        ("load = __import__", "__import__"),
    ],
)
def test_a_judge_that_borrows_is_noticed(line: str, module: str) -> None:
    """Negative control: at the top, in a function, and for type checkers alone."""
    for source in (line, f"def verdict():\n    {line}", f"if TYPE_CHECKING:\n    {line}"):
        assert borrowed(source) == [module]
