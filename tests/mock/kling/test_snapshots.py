"""Snapshots: what follows one is what would have followed, to the byte."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_mock import KlingMock
from kling_mock.admin.calls import clock as clock_calls
from kling_mock.clock import ManualClock, MockClock
from kling_mock.controls import loop_proxy
from kling_mock.kling.model.tasks import TaskIds
from kling_mock.kling.snapshots import _Writer
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.server.relay import EmbeddedRelay, RelaySnapshot
from tests.mock.conftest import Api
from tests.mock.receiver import Receiver
from tests.mock.state_machine import PUBLIC, RELAY_STEPS, STEPS, Step, Story


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
@pytest.mark.slow
def test_what_follows_a_snapshot_follows_it_again(
    hearer: Receiver, before: list[Step], after: list[Step]
) -> None:
    """After any history, the same calls get the same responses, to the byte."""
    what_follows_is_the_same(hearer, before, after)


@settings(FEW, max_examples=30)
@given(
    before=st.lists(st.one_of(RELAY_STEPS, STEPS), max_size=12),
    after=st.lists(st.one_of(RELAY_STEPS, STEPS), max_size=12),
)
@pytest.mark.slow
def test_the_relay_goes_on_from_a_snapshot_as_well(
    hearer: Receiver, before: list[Step], after: list[Step]
) -> None:
    """Its users, ledger, tokens, callbacks and what it has to look after are as they were."""
    what_follows_is_the_same(hearer, before, after)


def _share(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        kind, "__reduce__", lambda self: (_shared_at, (_keep(self),)), raising=False
    )


_shared: dict[int, object] = {}


def _keep(thing: object) -> int:
    _shared[id(thing)] = thing
    return id(thing)


def _shared_at(number: int) -> object:
    return _shared[number]


def _same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all snapshots share one source of ids."""
    _share(TaskIds, monkeypatch)


def _same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all snapshots share the state of one relay."""
    _share(MemoryStorage, monkeypatch)


def _relay_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the relay continue as if nothing had been restored."""
    monkeypatch.setattr(EmbeddedRelay, "restore", lambda _, snapshot: snapshot.relay.stop())


def _new_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the state back, and forget what the relay itself knew."""
    whole = EmbeddedRelay.restore

    def rows_only(self: EmbeddedRelay, snapshot: RelaySnapshot) -> None:
        if snapshot.relay is not None:
            snapshot.relay.stop()
        whole(self, snapshot._replace(relay=None))

    monkeypatch.setattr(EmbeddedRelay, "restore", rows_only)


def _no_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let snapshots forget what is due."""
    save = ManualClock.save
    monkeypatch.setattr(ManualClock, "save", lambda self: save(self)._replace(timers=()))


def _same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a restored clock keep its time."""

    def load(self: MockClock, moment: Any) -> None:
        self._timers[:] = moment.timers

    monkeypatch.setattr(ManualClock, "load", load)


@pytest.mark.parametrize(
    "break_it", [_same_ids, _no_timers, _same_time, _same_rows, _relay_stays, _new_relay]
)
@pytest.mark.slow
def test_a_snapshot_that_forgets_something_is_noticed(
    break_it: Any, hearer: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snapshots that share ids, forget timers, keep the time or lose the relay do not pass."""
    break_it(monkeypatch)
    task = {"prompt": "a", "external_task_id": "", "callback_url": True}
    before: list[Step] = [("create", task)]
    if break_it in {_same_rows, _relay_stays, _new_relay}:
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


@pytest.mark.parametrize("how", ["restore", "reset", "POST /reset"])
def test_no_callback_of_before_comes_after(
    mock: KlingMock, api: Api, receiver: Receiver, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restore or reset waits for those under way: the next state has tasks of their ids."""
    for module in (loop_proxy, clock_calls):
        monkeypatch.setattr(module, "CALLBACKS_TIMEOUT", 60.0)
    ways: dict[str, Callable[[], object]] = {
        "restore": partial(mock.restore, mock.snapshot()),
        "reset": mock.reset,
        "POST /reset": partial(
            httpx.post,
            f"{mock.kling_url}/__kling/reset",
            headers={"Authorization": f"Bearer {mock.admin_token}"},
            json={},
            trust_env=False,
        ),
    }
    reached, go_on = threading.Event(), threading.Event()

    def before_answer() -> None:
        reached.set()
        go_on.wait(60)

    receiver.before_answer = before_answer
    api.new(callback_url=receiver.url)
    assert reached.wait(60)
    replacing = threading.Thread(target=ways[how])
    replacing.start()
    replacing.join(0.1)
    assert replacing.is_alive()
    go_on.set()
    replacing.join(60)
    assert not mock.deliveries


def test_a_receiver_that_hangs_holds_up_no_reset(
    mock: KlingMock, api: Api, receiver: Receiver
) -> None:
    """It is waited for a second, not until the emulated Kling gives it up."""
    go_on = threading.Event()
    receiver.before_answer = lambda: go_on.wait(60)
    api.new(callback_url=receiver.url)
    mock.reset()
    assert not mock.deliveries
    go_on.set()


def test_a_snapshot_waits_for_callbacks_under_way(
    api: Any, mock: KlingMock, receiver: Receiver
) -> None:
    """What a task has set off is delivered before the picture is taken."""
    api.new(callback_url=receiver.url)
    mock.restore(mock.snapshot())
    assert [delivery.state for delivery in mock.deliveries] == ["delivered"]


async def test_inside_an_event_loop_it_does_not_wait(mock: KlingMock, receiver: Receiver) -> None:
    """The error names the callbacks under way, and how to wait for them."""
    async with mock.async_client() as kling:
        await kling.text2video.create(prompt="a kitten")
        snapshot = mock.snapshot()
        mock._proxy.call(lambda world: world.clock.spawn(world.clock.asleep(10)))
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
    """Keys and the callback sender are a server's own."""
    with pytest.raises(ValueError, match="taken of another"):
        mock.restore(KlingMock(seed=1).snapshot())


def test_what_cannot_be_kept_is_told(mock: KlingMock) -> None:
    """The test's own function that waits on the clock is not part of the server."""
    mock._proxy.call(lambda world: world.clock.call_at(world.clock.now() + 1, lambda: None))
    with pytest.raises(RuntimeError, match="not part of the emulated Kling or its relay"):
        mock.snapshot()


def test_what_a_snapshot_says_of_itself(mock: KlingMock, api: Any) -> None:
    """It has its time, its tasks and its size, and no secret."""
    api.new()
    text = repr(mock.snapshot())
    assert text.startswith("<Snapshot at 2026-01-01T00:00:00+00:00: 1 tasks, ")
    assert mock.secret_key not in text


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
        mock.progress.add("after", seconds=0.2)
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


def calls_of_a_writer(monkeypatch: pytest.MonkeyPatch, mock: KlingMock) -> int:
    """Return how often Python is called while a state is written out."""
    calls: list[object] = []
    reduced = _Writer._reduced

    def counting(self: _Writer, thing: object) -> Any:
        calls.append(thing)
        return reduced(self, thing)

    with monkeypatch.context() as patch:
        patch.setattr(_Writer, "_reduced", counting)
        mock.snapshot()
    return len(calls)


def test_the_cost_of_a_snapshot_is_not_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred more tasks add no Python calls: what is not copied is found once, by its type."""
    with KlingMock(seed=1, relay=False) as mock, mock.client() as kling:
        kling.text2video.create(prompt="a kitten")
        few = calls_of_a_writer(monkeypatch, mock)
        for _ in range(100):
            kling.text2video.create(prompt="a kitten")
        assert calls_of_a_writer(monkeypatch, mock) == few
    assert few > 0


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collection_of_garbage_is_as_it_was(*, is_on: bool) -> None:
    """A snapshot suspends it, and leaves it as the test has it."""
    with KlingMock(seed=1) as mock:
        was_on = gc.isenabled()
        try:
            (gc.enable if is_on else gc.disable)()
            mock.restore(mock.snapshot())
            assert gc.isenabled() is is_on
        finally:
            (gc.enable if was_on else gc.disable)()


@pytest.mark.parametrize("snapshot", [None, 5, "a snapshot"])
def test_what_is_no_snapshot_is_refused(snapshot: Any) -> None:
    """The error says what it must be."""
    with (
        KlingMock(relay=False) as mock,
        pytest.raises(ValueError, match="snapshot: must be what snapshot"),
    ):
        mock.restore(snapshot)
