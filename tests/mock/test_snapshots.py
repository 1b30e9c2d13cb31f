"""Snapshots: what follows one is what would have followed, to the byte."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self, TypeAlias

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_mock import KlingMock
from kling_mock.clock import Clock, ManualClock
from kling_mock.kling.ids import Ids
from kling_mock.kling.lifecycle import IllegalTransitionError
from kling_mock.relay_side import KeptRelay
from kling_mock.storage.memory import MemoryStorage
from tests.mock.conftest import Api
from tests.mock.receiving import Receiver, receiver

__all__ = ["receiver"]

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


class Story:
    """Does steps to a server, and tells all that can be seen of them."""

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
        """Do *steps*; return every answer, everything received, and what the server knows."""
        del self.receiver.received[:]
        del self.receiver.answers[:]
        answers: list[Any] = []
        for name, value in steps:
            answers.append(getattr(self, name)(value))
            self.mock.clock.advance(0)  # callbacks under way are no part of a snapshot
        # Reports of several tasks are on the way side by side.
        heard = sorted((one.body, sorted(one.headers.items())) for one in self.receiver.received)
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
        if mock._relay is not None and mock._relay.built is not None:
            yield [self.operate("GET", path) for path in BOOKS]
            mock.ledger.assert_balanced()

    def _said(self, reply: Any) -> Any:
        return reply.status_code, reply.content, sorted(reply.headers.items())

    def _task(self, number: int) -> str:
        tasks = [task.task_id for task in self.mock._world.tasks]
        return tasks[number] if number < len(tasks) else "1"

    def create(self, body: dict[str, Any]) -> Any:
        url = self.receiver.url if body["callback_url"] else ""
        return self._said(self.api.create(**(body | {"callback_url": url})))

    def look(self, number: int) -> Any:
        return self._said(self.api.get(f"{LIST}/{self._task(number)}"))

    def list(self, _: None) -> Any:
        return self._said(self.api.get(LIST))

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
        self.mock.progress.set(kind, "*", polls=2 if kind == "polls" else None, prompt="slow")

    def content(self, kind: Any) -> None:
        self.mock.content.add("blood", kind)

    def slots(self, number: int | None) -> None:
        self.mock.account.slots = number

    def units(self, number: int | None) -> None:
        self.mock.account.units = number

    def secret(self, _: None) -> str:
        return self.mock.account.new_webhook_secret()

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
        return self._said(self.relay.request(method, url, headers=headers, **options))

    def operate(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.mock.admin_token}"}
        url = f"{self.mock.relay_url}/__kling/relay/{path}"
        return self._said(self.relay.request(method, url, headers=headers, **options))

    def _row(self, number: int) -> str:
        rows: list[str] = []
        if (kept := self.mock._relay_books) is not None:
            assert isinstance(kept.storage, MemoryStorage)
            rows = list(kept.storage.state.videos)
        return rows[number] if number < len(rows) else "kling_1"

    def relay_create(self, body: dict[str, Any]) -> Any:
        url = self.receiver.url if body["callback_url"] else None
        said = {"model": "kling-v1-6", "duration": 5, **body, "callback_url": url}
        given = {name: value for name, value in said.items() if value is not None}
        return self.user("POST", "/text2video", json=given)

    def relay_look(self, number: int) -> Any:
        return self.user("GET", f"/{self._row(number)}")

    def relay_list(self, _: None) -> Any:
        return self.user("GET", "")

    def relay_forged(self, number: int) -> Any:
        name = self._row(number)
        report = {"task_id": "1", "task_status": "succeed", "task_result": {"videos": []}}
        url = f"{self.mock.relay_url}/kling/callback/{name}"
        return self._said(self.relay.post(url, json=report))

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


@pytest.fixture(scope="module")
def hearer() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


FEW = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def what_follows_is_the_same(hearer: Receiver, before: list[Step], after: list[Step]) -> None:
    with KlingMock(seed=3, public_url=PUBLIC) as mock, Story(mock, hearer) as story:
        story.tell(before)
        snapshot = mock.snapshot()
        first = story.tell(after)
        for _ in range(2):
            mock.restore(snapshot)
            assert story.tell(after) == first


@FEW
@given(before=st.lists(STEPS, max_size=12), after=st.lists(STEPS, max_size=12))
def test_what_follows_a_snapshot_follows_it_again(
    hearer: Receiver, before: list[Step], after: list[Step]
) -> None:
    """Whatever was done before and since, the same calls get the same answers, to the byte."""
    what_follows_is_the_same(hearer, before, after)


@settings(FEW, max_examples=30)
@given(
    before=st.lists(st.one_of(RELAY_STEPS, STEPS), max_size=12),
    after=st.lists(st.one_of(RELAY_STEPS, STEPS), max_size=12),
)
def test_the_relay_goes_on_from_a_snapshot_as_well(
    hearer: Receiver, before: list[Step], after: list[Step]
) -> None:
    """Its users, books, tokens, callbacks and what it has to look after are as they were."""
    what_follows_is_the_same(hearer, before, after)


def _share(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "__reduce__", lambda self: (_kept, (_keep(self),)), raising=False)


_shared: dict[int, object] = {}


def _keep(thing: object) -> int:
    _shared[id(thing)] = thing
    return id(thing)


def _kept(number: int) -> object:
    return _shared[number]


def _same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all snapshots share one source of ids."""
    _share(Ids, monkeypatch)


def _same_books(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all snapshots share the books of one relay."""
    _share(MemoryStorage, monkeypatch)


def _relay_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the relay go on as if nothing had been put back."""
    monkeypatch.setattr(KlingMock, "_put_back_relay", lambda _, kept: kept.relay.stop())


def _new_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the books back, and forget what the relay itself knew."""
    whole = KlingMock._put_back_relay

    def books_only(self: KlingMock, kept: KeptRelay) -> None:
        if kept.relay is not None:
            kept.relay.stop()
        whole(self, kept._replace(relay=None))

    monkeypatch.setattr(KlingMock, "_put_back_relay", books_only)


def _no_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let snapshots forget what is due."""
    save = ManualClock.save
    monkeypatch.setattr(ManualClock, "save", lambda self: save(self)._replace(timers=()))


def _same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a restored clock keep its time."""

    def load(self: Clock, moment: Any) -> None:
        self._timers[:] = moment.timers

    monkeypatch.setattr(ManualClock, "load", load)


@pytest.mark.parametrize(
    "break_it", [_same_ids, _no_timers, _same_time, _same_books, _relay_stays, _new_relay]
)
def test_a_snapshot_that_forgets_something_is_noticed(
    break_it: Any, hearer: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snapshots that share ids, forget timers, keep the time or lose the relay do not pass."""
    break_it(monkeypatch)
    task = {"prompt": "a", "external_task_id": "", "callback_url": True}
    before: list[Step] = [("create", task)]
    if break_it in {_same_books, _relay_stays, _new_relay}:
        before = [("relay_create", task)]
    after: list[Step] = [*before, ("advance", 1000), ("list", None)]
    with pytest.raises(AssertionError):
        what_follows_is_the_same(hearer, before, after)
    _shared.clear()


def test_a_client_of_the_sdk_goes_on_after_a_restore(mock: KlingMock) -> None:
    """A wired client made before the snapshot sees the restored tasks, and can wait again."""
    with mock.client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        snapshot = mock.snapshot()
        for _ in range(2):
            assert kling.text2video.wait(task).is_succeed
            mock.restore(snapshot)
            assert kling.text2video.get(task.task_id).status == "submitted"


def test_a_fault_can_be_removed_after_a_restore(mock: KlingMock) -> None:
    """The object that `add` returned means the fault of the restored server, too."""
    fault = mock.faults.add("reset")
    mock.restore(mock.snapshot())
    mock.faults.remove(fault)
    assert len(mock.faults) == 0


def test_a_snapshot_waits_for_callbacks_under_way(
    api: Any, mock: KlingMock, receiver: Receiver
) -> None:
    """What a task has set off is delivered before the picture is taken."""
    api.new(callback_url=receiver.url)
    mock.restore(mock.snapshot())
    assert [delivery.state for delivery in mock.deliveries] == ["delivered"]


async def test_inside_an_event_loop_it_does_not_wait(mock: KlingMock, receiver: Receiver) -> None:
    """There the receiver may live: callbacks under way are told, and how to wait for them."""
    async with mock.async_client() as kling:
        await kling.text2video.create(prompt="a kitten")
        snapshot = mock.snapshot()
        mock._reach.call(lambda world: world.clock.spawn(world.clock.asleep(10)))
        with pytest.raises(RuntimeError, match=r"await mock.clock.aadvance\(0\)"):
            mock.snapshot()
        mock.restore(snapshot)
        assert (await kling.text2video.list()).tasks


def test_a_server_that_does_not_run_yet(api: Any) -> None:
    """A state can be set up, kept and put back before the server starts."""
    mock = KlingMock(seed=1)
    mock.account.slots = 1
    snapshot = mock.snapshot()
    mock.account.slots = 2
    mock.restore(snapshot)
    assert mock.account.slots == 1


def test_a_snapshot_of_another_server_is_refused(mock: KlingMock) -> None:
    """Keys and the way out are a server's own."""
    with pytest.raises(ValueError, match="taken of another"):
        mock.restore(KlingMock(seed=1).snapshot())


def test_what_cannot_be_kept_is_told(mock: KlingMock) -> None:
    """A function of the test's own that waits on the clock is no part of the server."""
    mock._reach.call(lambda world: world.clock.call_at(world.clock.now() + 1, lambda: None))
    with pytest.raises(RuntimeError, match="no part of the emulated Kling or its relay"):
        mock.snapshot()


def test_what_a_snapshot_says_of_itself(mock: KlingMock, api: Any) -> None:
    """Its time, its tasks and its size, and no secret."""
    api.new()
    said = repr(mock.snapshot())
    assert said.startswith("<Snapshot at 2026-01-01T00:00:00+00:00: 1 tasks, ")
    assert mock.secret_key not in said


def test_a_scaled_clock_goes_back() -> None:
    """Its time and its speed are those of the snapshot; what was due then is due again."""
    with KlingMock(clock=1.0, start=0.0) as mock:
        api = Api(mock)
        task = api.new()
        snapshot = mock.snapshot()
        for _ in range(2):
            mock.clock.speed = 1_000_000
            while api.task(task)["task_status"] != "succeed":
                pass
            assert mock.clock.now() > 60
            mock.restore(snapshot)
            assert mock.clock.speed == 1
            assert mock.clock.now() < 60
            assert api.task(task)["task_status"] != "succeed"
        api.http.close()


def test_the_real_clock_goes_on() -> None:
    """A restore takes no real time back, and keeps what is due."""
    with KlingMock(clock="real") as mock:
        api = Api(mock)
        mock.progress.set("after", seconds=0.2)
        task = api.new()
        snapshot = mock.snapshot()
        before = mock.clock.now()
        for _ in range(2):
            mock.restore(snapshot)
            assert mock.clock.now() >= before
            while api.task(task)["task_status"] != "succeed":
                pass
        api.http.close()


def test_a_reset_after_a_restore_is_one_of_the_restored_seed(mock: KlingMock) -> None:
    """The seed belongs to the state."""
    api = Api(mock)
    first = api.new()
    snapshot = mock.snapshot()
    mock.reset(seed=99)
    assert api.new() != first
    mock.restore(snapshot)
    mock.reset()
    assert api.new() == first
    api.http.close()


# ---------------------------------------------------------------- the relay


def test_a_client_of_the_relay_goes_on_after_a_restore(mock: KlingMock) -> None:
    """Its task is open again and can be waited for again, and the money is back."""
    with mock.relay_client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        snapshot = mock.snapshot()
        quota = mock.ledger.user().quota
        for _ in range(2):
            assert kling.text2video.wait(task).is_succeed
            assert mock.ledger.user().quota < quota
            mock.restore(snapshot)
            assert mock.ledger.user().quota == quota
            assert kling.text2video.get(task.task_id).status == "submitted"
        mock.ledger.assert_balanced()


def test_a_snapshot_from_before_the_relay_was_used(mock: KlingMock) -> None:
    """The relay is new after its restore, as it was then: the same first id."""
    snapshot = mock.snapshot()
    ids: list[str] = []
    with mock.relay_client() as kling:
        for _ in range(2):
            ids.append(kling.text2video.create(prompt="a kitten").task_id)
            mock.restore(snapshot)
    assert ids[0] == ids[1]


def test_a_reset_between_snapshot_and_restore(mock: KlingMock) -> None:
    """It does not reach what a snapshot holds of the relay."""
    with mock.relay_client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        snapshot = mock.snapshot()
        mock.reset(seed=9)
        mock.restore(snapshot)
        assert kling.text2video.wait(task).is_succeed


def test_a_server_that_was_started_anew_since() -> None:
    """The ports are others then: the relay has its books back, and works on them from there."""
    mock = KlingMock(seed=1)
    with mock, mock.relay_client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        snapshot = mock.snapshot()
    mock.restore(snapshot)
    for _ in range(2):
        with mock, mock.relay_client() as kling:
            mock.restore(snapshot)
            assert kling.text2video.wait(task).is_succeed
            assert len({kling.text2video.create(prompt="b").task_id, task.task_id}) == 2
            mock.ledger.assert_balanced()


def test_a_relay_with_a_database_cannot_be_kept(tmp_path: Path) -> None:
    """The refusal says why, and what to do; without a relay the database is no hindrance."""
    url = f"sqlite:///{tmp_path}/relay.db"
    with (
        KlingMock(database=url) as mock,
        pytest.raises(RuntimeError, match=r"in a database, .* Leave out database="),
    ):
        mock.snapshot()
    with KlingMock(database=url, relay=False) as mock:
        mock.restore(mock.snapshot())


def test_the_callback_of_the_guides_test_counts_after_a_restore() -> None:
    """With `relay_test_callback` it gives the restored task its result, not the old one."""
    video = {"id": "video_123", "url": "https://cdn.example/v.mp4", "duration": "5"}
    report = {"task_id": "1", "task_status": "succeed", "task_result": {"videos": [video]}}
    with KlingMock(seed=1, relay_test_callback=True) as mock, mock.relay_client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        url = f"{mock.relay_url}/kling/callback/{task.task_id}"
        snapshot = mock.snapshot()
        for _ in range(2):
            mock.restore(snapshot)
            assert not kling.text2video.get(task.task_id).is_done
            assert httpx.post(url, json=report, trust_env=False).status_code == 200
            mock.clock.advance(10)
            assert kling.text2video.get(task.task_id).videos[0].url == video["url"]
