"""Children under the real drivers: at the same time, and however a batch is ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_sdk import (
    AsyncKling,
    Event,
    Kling,
    NotCreatedError,
    Outcome,
    OutcomeUnknownError,
    Task,
    TextToVideo,
    TransportError,
    UnreachableError,
    WaitCancelledError,
)
from kling_sdk.flows import Fetch, Send
from tests.sdk.fake_kling import HonestKling
from tests.sdk.scripted import FakeClock, reply_of

USER: ContextVar[str] = ContextVar("user", default="nobody")


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=1) as mock:
        yield mock


def requests(count: int) -> list[TextToVideo]:
    return [TextToVideo(prompt=f"kitten {number}") for number in range(count)]


colours = pytest.mark.parametrize("colour", ["sync", "async"])


class Together:
    """A transport of either colour in which each create waits for *count* of them.

    Attributes:
        users: What the context variable was in each call.
    """

    def __init__(self, count: int) -> None:
        self.kling = HonestKling()
        self.barrier = threading.Barrier(count, timeout=20)
        self.abarrier = asyncio.Barrier(count)
        self.users = list[str]()

    def reply(self, effect: Send | Fetch) -> Any:
        assert isinstance(effect, Send)
        self.users.append(USER.get())
        return effect.read(reply_of(self.kling, effect)._replace(fresh=effect.fresh))

    def perform(self, effect: Send | Fetch) -> Any:
        if effect.call.method == "POST":
            self.barrier.wait()
        return self.reply(effect)

    def close(self) -> None: ...


class AsyncTogether(Together):
    async def perform(self, effect: Send | Fetch) -> Any:
        if effect.call.method == "POST":
            async with asyncio.timeout(20):
                await self.abarrier.wait()
        return self.reply(effect)

    async def aclose(self) -> None: ...


def over(transport: Any, **options: Any) -> Any:
    cls = AsyncKling if isinstance(transport, AsyncTogether) else Kling
    kling: Any = cls(api_key="k", clock=FakeClock(), **options)
    kling._shared._transport = transport
    return kling


def test_creates_of_a_sync_client_run_at_the_same_time_in_the_callers_context() -> None:
    """Ten creates that wait for each other all go through; each sees the caller's variables."""
    transport = Together(10)
    token = USER.set("ann")
    try:
        outcomes = list(over(transport).run_many(requests(10), max_concurrent=10))
    finally:
        USER.reset(token)

    assert [outcome.error for outcome in outcomes] == [None] * 10
    assert set(transport.users) == {"ann"}


async def test_creates_of_an_async_client_run_at_the_same_time_in_the_callers_context() -> None:
    """The same, as tasks of the loop."""
    transport = AsyncTogether(10)
    USER.set("ann")

    outcomes = [
        outcome async for outcome in over(transport).run_many(requests(10), max_concurrent=10)
    ]

    assert [outcome.error for outcome in outcomes] == [None] * 10
    assert set(transport.users) == {"ann"}


class Silent(Together):
    """A transport that answers a few creates; the next ones hang until `release`, and are lost."""

    def __init__(self, answers: int) -> None:
        super().__init__(1)
        self.answers = answers
        self.creates = 0
        self.silent = threading.Event()
        self.release = threading.Event()
        self.lock = threading.Lock()

    def perform(self, effect: Send | Fetch) -> Any:
        if effect.call.method == "POST":
            with self.lock:
                self.creates += 1
                is_silent = self.creates > self.answers
            if is_silent:
                self.silent.set()
                self.release.wait(20)
                raise TransportError("reset")
        return self.reply(effect)


def children() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "kling_sdk"]


@pytest.fixture
def no_child_is_left() -> Iterator[None]:
    yield
    for thread in children():
        thread.join(5)
    assert children() == []


@pytest.mark.usefixtures("no_child_is_left")
def test_leaving_the_loop_does_not_wait_for_a_silent_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The create in flight is named in the log, and sends nothing more."""
    transport = Silent(answers=1)
    work = [TextToVideo(prompt="x", external_task_id=f"job-{number}") for number in range(4)]
    outcomes = over(transport).run_many(work, max_concurrent=1)
    assert next(outcomes).index == 0
    transport.silent.wait(20)

    outcomes.close()

    assert "job-1" in caplog.text
    assert len(children()) == 1
    transport.release.set()
    for thread in children():
        thread.join(5)
    assert transport.creates == 2


@pytest.mark.usefixtures("no_child_is_left")
def test_cancel_ends_a_batch_that_sleeps(caplog: pytest.LogCaptureFixture) -> None:
    """Another thread sets the event; open tasks, and what was not created, are outcomes."""
    cancel = threading.Event()
    transport = Together(1)
    transport.kling.takes = None
    kling = Kling(api_key="k", cancel=cancel, poll_interval=(3600, 3600))  # the system's clock
    kling._shared._transport = transport

    def called(task: Task) -> None:
        if len(transport.kling.tasks) == 2:
            threading.Timer(0.05, cancel.set).start()

    outcomes = list(kling.run_many(requests(4), max_concurrent=2, on_update=called))

    error_types = {outcome.index: type(outcome.error) for outcome in outcomes}
    assert error_types == {
        0: WaitCancelledError,
        1: WaitCancelledError,
        2: NotCreatedError,
        3: NotCreatedError,
    }


@pytest.mark.usefixtures("no_child_is_left")
def test_ctrl_c_ends_a_batch_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """A real SIGINT during a silent create: its id is in the error's notes and in the log."""
    transport = Silent(answers=0)

    def interrupt() -> None:
        transport.silent.wait(20)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    kling = Kling(api_key="k")
    kling._shared._transport = transport
    with pytest.raises(KeyboardInterrupt) as caught:
        list(kling.run_many([TextToVideo(prompt="x", external_task_id="job-1")]))
    transport.release.set()

    assert "job-1" in "".join(caught.value.__notes__)
    assert "job-1" in caplog.text


async def test_cancelling_an_async_batch_cancels_its_creates(
    mock: KlingMock, caplog: pytest.LogCaptureFixture
) -> None:
    """No task of the loop is left; the ids of what may have been bought are in the log."""
    mock.faults.add("hang", "POST /v1/videos/text2video")
    work = [TextToVideo(prompt="x", external_task_id=f"job-{number}") for number in range(3)]
    before = asyncio.all_tasks()
    async with mock.async_client() as kling:

        async def collect() -> None:
            async for _ in kling.run_many(work):
                pass

        task = asyncio.ensure_future(collect())
        while len(asyncio.all_tasks() - before) < 4:  # noqa: ASYNC110 - the batch's own tasks
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == before

    assert all(f"job-{number}" in caplog.text for number in range(3))


@colours
def test_a_client_that_is_closed_in_the_middle_hands_out_every_request(
    mock: KlingMock, colour: str
) -> None:
    """Each has its outcome, which says that the client is closed; nothing bought is lost.

    The first task's place is free when it ends: the next create may be under way at the close.
    """
    mock.progress.add("stuck")
    mock.progress.add("after", seconds=30, external_id="job-0")  # it ends alone
    names = [f"job-{number}" for number in range(6)]
    work = [TextToVideo(prompt="x", external_task_id=name) for name in names]

    def close_it(kling: Kling) -> list[Outcome]:
        outcomes = []
        for outcome in kling.run_many(work, max_concurrent=2):
            outcomes.append(outcome)
            kling.close()
        return outcomes

    async def aclose_it(kling: AsyncKling) -> list[Outcome]:
        outcomes = []
        async for outcome in kling.run_many(work, max_concurrent=2):
            outcomes.append(outcome)
            await kling.close()
        return outcomes

    if colour == "sync":
        outcomes = close_it(mock.client())
    else:
        outcomes = asyncio.run(aclose_it(mock.async_client()))

    assert sorted(outcome.index for outcome in outcomes) == list(range(6))
    assert outcomes[0].error is None
    unknown = [outcome for outcome in outcomes if isinstance(outcome.error, OutcomeUnknownError)]
    assert [outcome.index for outcome in unknown] in ([], [2])
    assert all(names[outcome.index] in str(outcome.error) for outcome in unknown)
    closed = [outcome.error for outcome in outcomes[1:] if outcome not in unknown]
    assert all(isinstance(error, UnreachableError) and "closed" in str(error) for error in closed)
    named = {names[outcome.index] for outcome in outcomes if outcome.task or outcome in unknown}
    bought = {name for name in names if mock.journal.where("POST *", external_task_id=name)}
    assert {"job-0", "job-1"} <= bought <= named


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
@pytest.mark.slow
def test_a_batch_goes_on_in_the_process_that_started_it() -> None:
    """In a forked process its children do not exist: it says so instead of waiting forever."""
    transport = Together(1)
    transport.kling.takes = 5.0
    outcomes = over(transport).run_many(requests(4), max_concurrent=1)
    next(outcomes)

    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            try:
                next(outcomes)
            except RuntimeError as error:
                os.write(writer, str(error).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as words:
        assert "before the process was forked" in words.read()
    assert len(list(outcomes)) == 3


def test_a_system_without_threads_ends_the_batch_and_names_its_tasks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is the system's own; tasks that exist are in its notes."""
    transport = Together(1)
    transport.kling.takes = 5.0
    start: Callable[[threading.Thread], None] = threading.Thread.start
    started = 0

    def limited(thread: threading.Thread) -> None:
        nonlocal started
        started += 1
        if started > 2:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    with pytest.raises(RuntimeError, match="can't start new thread") as caught:
        list(over(transport).run_many(requests(2), max_concurrent=2))

    assert next(iter(transport.kling.tasks)) in "".join(caught.value.__notes__)


def test_events_of_a_batch_come_from_its_threads(mock: KlingMock) -> None:
    """As the options' documentation says, `on_event` is called from several threads."""
    threads = set[int]()

    def note(event: Event) -> None:
        if event.kind == "request":
            threads.add(threading.get_ident())

    with mock.client(on_event=note) as kling:
        assert len(list(kling.run_many(requests(3), max_concurrent=3))) == 3

    assert threading.get_ident() not in threads
