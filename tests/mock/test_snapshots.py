"""Snapshots: what follows one is what would have followed, to the byte."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Self, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_mock import KlingMock
from kling_mock.clock import Clock, ManualClock
from kling_mock.kling.ids import Ids
from kling_mock.kling.lifecycle import IllegalTransitionError
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


class Story:
    """Does steps to a server, and tells all that can be seen of them."""

    def __init__(self, mock: KlingMock, receiver: Receiver) -> None:
        self.mock = mock
        self.api = Api(mock)
        self.receiver = receiver

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.http.close()

    def tell(self, steps: list[Step]) -> list[Any]:
        """Do *steps*; return every answer, everything received, and what the server knows."""
        del self.receiver.received[:]
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


def _same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all snapshots share one source of ids."""
    monkeypatch.setattr(Ids, "__reduce__", lambda self: (_kept, (_keep(self),)), raising=False)


_shared: dict[int, Ids] = {}


def _keep(ids: Ids) -> int:
    _shared[id(ids)] = ids
    return id(ids)


def _kept(number: int) -> Ids:
    return _shared[number]


def _no_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let snapshots forget what is due."""
    save = ManualClock.save
    monkeypatch.setattr(ManualClock, "save", lambda self: save(self)._replace(timers=()))


def _same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a restored clock keep its time."""

    def load(self: Clock, moment: Any) -> None:
        self._timers[:] = moment.timers

    monkeypatch.setattr(ManualClock, "load", load)


@pytest.mark.parametrize("break_it", [_same_ids, _no_timers, _same_time])
def test_a_snapshot_that_forgets_something_is_noticed(
    break_it: Any, hearer: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snapshots that share ids, forget timers or keep the time do not pass the test above."""
    break_it(monkeypatch)
    before: list[Step] = [("create", {"prompt": "a", "external_task_id": "", "callback_url": True})]
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
    with pytest.raises(RuntimeError, match="no part of the emulated Kling and cannot be kept"):
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
