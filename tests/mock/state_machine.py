"""A story for a server: steps that Hypothesis draws, and everything visible of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Self, TypeAlias

import httpx
from hypothesis import strategies as st

from kling_mock import KlingMock
from kling_mock.kling.model.lifecycle import IllegalTransitionError
from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.steps import Transaction, read
from tests.mock.conftest import Api
from tests.mock.receiver import Receiver

LIST = "/v1/videos/text2video"
PUBLIC = "http://kling.test"  # result URLs without a port

Step: TypeAlias = tuple[str, Any]

FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "match": "POST *", "code": 5000, "probability": 0.5},
    {"kind": "malformed-body", "match": "GET *", "times": 2},
    {"kind": "delayed-acceptance", "match": "POST *", "times": 1, "seconds": 30, "http": 504},
    {"kind": "stuck", "probability": 0.5},
    {"kind": "callback-duplicate", "probability": 0.5},
    {"kind": "callback-shuffled", "probability": 0.5},
    {"kind": "callback-delayed", "probability": 0.5},
    {"kind": "callback-contradicting", "seconds": 5},
]
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(
        st.just("create"),
        st.fixed_dictionaries(
            {
                "prompt": st.sampled_from(["a kitten", "blood", "slow"]),
                "external_task_id": st.sampled_from(["", "order-1", "order-2"]),
                "callback_url": st.booleans(),
            }
        ),
    ),
    st.tuples(st.just("look"), st.integers(0, 3)),
    st.tuples(st.just("list"), st.none()),
    st.tuples(st.just("advance"), st.sampled_from([0, 1, 10, 100, 1000])),
    st.tuples(st.just("complete"), st.integers(0, 3)),
    st.tuples(st.just("fail"), st.integers(0, 3)),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS)),
    st.tuples(st.just("pace"), st.sampled_from(["instant", "by-hand", "stuck", "polls"])),
    st.tuples(st.just("content"), st.sampled_from(["refuse", "fail"])),
    st.tuples(st.just("slots"), st.sampled_from([1, None])),
    st.tuples(st.just("units"), st.sampled_from([3, None])),
    st.tuples(st.just("secret"), st.none()),
    st.tuples(st.just("account"), st.none()),
    st.tuples(st.just("replay"), st.integers(0, 3)),
    st.tuples(st.just("clear"), st.none()),
)
RELAY_STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(
        st.just("relay_create"),
        st.fixed_dictionaries(
            {
                "prompt": st.sampled_from(["a kitten", "blood", "slow"]),
                "external_task_id": st.sampled_from([None, "order-1", "order-2"]),
                "callback_url": st.booleans(),
            }
        ),
    ),
    st.tuples(st.just("relay_look"), st.integers(0, 3)),
    st.tuples(st.just("relay_list"), st.none()),
    st.tuples(st.just("relay_forged"), st.integers(0, 3)),
    st.tuples(st.just("relay_channel"), st.none()),
    st.tuples(st.just("relay_user"), st.none()),
    st.tuples(st.just("relay_credit"), st.none()),
    st.tuples(st.just("deaf"), st.integers(1, 3)),
)
BOOKS = (
    "users",
    "users/1/ledger",
    "users/1/tokens",
    "channels",
    "reports",
    "notices",
    "reconcile",
    "stats",
    "overview",
)


def _task_ids() -> Transaction[list[str]]:
    rows = yield read("SELECT task_id FROM videos ORDER BY id"), ()
    return [task_id for (task_id,) in rows]


class Story:
    """Applies steps to a server, and returns everything visible of them."""

    def __init__(self, mock: KlingMock, receiver: Receiver) -> None:
        self.mock = mock
        self.api = Api(mock)
        self.receiver = receiver
        self.relay = httpx.Client(trust_env=False, timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.http.close()
        self.relay.close()

    def tell(self, steps: list[Step]) -> list[Any]:
        """Apply *steps*; return every response, everything received, and the server's state."""
        del self.receiver.received[:]
        del self.receiver.answers[:]
        answers: list[Any] = []
        for name, value in steps:
            answers.append(getattr(self, name)(value))
            self.mock.clock.advance(0)  # callbacks under way are not part of a snapshot
        # Reports of several tasks are on the way side by side.
        heard = sorted(
            (callback.body, sorted(callback.headers.items())) for callback in self.receiver.received
        )
        return [answers, heard, *self.known()]

    def known(self) -> Iterator[Any]:
        mock = self.mock
        yield list(mock.journal), mock.journal.total
        yield list(mock.deliveries), mock.deliveries.total
        yield [(fault.fault_id, fault.seen, fault.acted) for fault in mock.faults]
        yield mock.clock.now()
        for name in mock.accounts:
            account = mock.accounts[name]
            yield name, account.units, account.slots, account.open_tasks, account.secret_key
            yield account.webhook_secrets
        yield [(len(mock.progress), len(mock.content), mock.access_key)]
        if mock._relay is not None and mock._relay.host.built is not None:
            yield [self.operate("GET", path) for path in BOOKS]
            mock.ledger.assert_balanced()

    def _reply_parts(self, reply: Any) -> Any:
        return reply.status_code, reply.content, sorted(reply.headers.items())

    def _task(self, number: int) -> str:
        tasks = [task.task_id for task in self.mock._emulator.world.tasks]
        return tasks[number] if number < len(tasks) else "1"

    def create(self, body: dict[str, Any]) -> Any:
        url = self.receiver.url if body["callback_url"] else ""
        return self._reply_parts(self.api.create(**(body | {"callback_url": url})))

    def look(self, number: int) -> Any:
        return self._reply_parts(self.api.get(f"{LIST}/{self._task(number)}"))

    def list(self, _: None) -> Any:
        return self._reply_parts(self.api.get(LIST))

    def advance(self, seconds: float) -> None:
        self.mock.clock.advance(seconds)

    def complete(self, number: int) -> None:
        with contextlib.suppress(KeyError, IllegalTransitionError):
            self.mock.complete(self._task(number))

    def fail(self, number: int) -> None:
        with contextlib.suppress(KeyError, IllegalTransitionError):
            self.mock.fail(self._task(number))

    def fault(self, options: dict[str, Any]) -> str:
        return self.mock.faults.load([options])[0].fault_id

    def pace(self, kind: Any) -> None:
        self.mock.progress.add(kind, "*", polls=2 if kind == "polls" else None, prompt="slow")

    def content(self, kind: Any) -> None:
        self.mock.content.add("blood", kind)

    def slots(self, number: int | None) -> None:
        self.mock.account.slots = number

    def units(self, number: int | None) -> None:
        self.mock.account.units = number

    def secret(self, _: None) -> str:
        return self.mock.account.add_webhook_secret()

    def account(self, _: None) -> tuple[str, str]:
        name = f"account-{len(self.mock.accounts)}"
        return name, self.mock.accounts.add(name).secret_key

    def replay(self, number: int) -> None:
        with contextlib.suppress(KeyError):
            self.mock.deliveries.replay(self._task(number), resign=True)

    def clear(self, _: None) -> None:
        self.mock.faults.clear()

    # ------------------------------------------------------------ the relay

    def user(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.mock.relay_token}"}
        url = f"{self.mock.relay_url}/kling/v1/videos{path}"
        return self._reply_parts(self.relay.request(method, url, headers=headers, **options))

    def operate(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.mock.admin_token}"}
        url = f"{self.mock.relay_url}/__kling/relay/{path}"
        return self._reply_parts(self.relay.request(method, url, headers=headers, **options))

    def _row(self, number: int) -> str:
        rows: list[str] = []
        if (state := self.mock._existing_relay()._state) is not None:
            assert isinstance(state.storage, MemoryStorage)
            rows = state.storage._memory.run_now(_task_ids, TransactionMode.READ)
        return rows[number] if number < len(rows) else "kling_1"

    def relay_create(self, body: dict[str, Any]) -> Any:
        url = self.receiver.url if body["callback_url"] else None
        fields = {"model": "kling-v1-6", "duration": 5, **body, "callback_url": url}
        payload = {name: value for name, value in fields.items() if value is not None}
        return self.user("POST", "/text2video", json=payload)

    def relay_look(self, number: int) -> Any:
        return self.user("GET", f"/{self._row(number)}")

    def relay_list(self, _: None) -> Any:
        return self.user("GET", "")

    def relay_forged(self, number: int) -> Any:
        name = self._row(number)
        report = {"task_id": "1", "task_status": "succeed", "task_result": {"videos": []}}
        url = f"{self.mock.relay_url}/kling/callback/{name}"
        return self._reply_parts(self.relay.post(url, json=report))

    def relay_channel(self, _: None) -> Any:
        """Add a channel with two keys, so that chance and turns decide who gets a task."""
        keys = f"{self.mock.access_key}|{self.mock.secret_key}\n{self.mock.api_key}"
        fields = {"base_url": self.mock.kling_url, "key": keys, "weight": 1}
        return self.operate("POST", "channels", json={"name": f"{self.mock.clock.now()}", **fields})

    def relay_user(self, _: None) -> Any:
        self.operate("POST", "users", json={"username": "other", "quota": 1000})
        return self.operate("POST", "users/1/tokens", json={})

    def relay_credit(self, _: None) -> Any:
        credit = {"amount": 500, "reference": f"{self.mock.clock.now()}"}
        return self.operate("POST", "users/1/credit", json=credit)

    def deaf(self, times: int) -> None:
        """Let the receiver refuse the next reports."""
        self.receiver.answers[:] = [503] * times
