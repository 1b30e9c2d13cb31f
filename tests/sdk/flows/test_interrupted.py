"""No task that is paid for is lost: whatever interrupts a call, its ids are left behind."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_sdk import AsyncKling, Event, Kling, Task, TextToVideo
from kling_sdk.flows import Fetch, Send
from kling_sdk.flows.interrupted import open_tasks
from tests.sdk.fake_kling import HonestKling
from tests.sdk.scripted import FakeClock, reply_of

PROMPT = "a negative control sings on a wire"
SECRET = "SK-canary-secret"


@pytest.mark.parametrize(
    ("task", "named"),
    [
        (Task("1", "submitted", "order-1"), "1 (external_task_id order-1)"),
        (Task("1", "submitted"), "1"),
        ("order-1", "order-1"),
    ],
)
def test_an_open_task_is_named_by_the_ids_that_are_known(task: Task | str, named: str) -> None:
    """None is not an id."""
    assert open_tasks([task]) == (
        f"interrupted, but these tasks go on: {named}; wait(task_id) resumes"
    )


# ------------------------------------------------------------ a server, and what interrupts


class Wire:
    """A transport of either colour that calls an account directly, and can be interrupted.

    Args:
        kling: The account.
        at: The effect that is interrupted, counted from 0, calls and sleeps together.
        error: What interrupts it; `None` for no interruption.
        late: Whether a call is interrupted after the server has taken it.
    """

    def __init__(
        self, kling: HonestKling, at: int, error: BaseException | None, *, late: bool
    ) -> None:
        self.kling, self.at, self.error, self.late = kling, at, error, late
        self.effects = 0
        self._lock = threading.Lock()

    def step(self) -> bool:
        with self._lock:
            self.effects += 1
            return self.effects - 1 == self.at and self.error is not None

    def perform(self, effect: Send | Fetch) -> Any:
        struck = self.step()
        assert isinstance(effect, Send)
        if struck and not self.late and self.error is not None:
            raise self.error
        reply = reply_of(self.kling, effect)
        if struck and self.error is not None:
            raise self.error
        return effect.read(reply._replace(fresh=effect.fresh))

    def close(self) -> None: ...


class AsyncWire(Wire):
    async def perform(self, effect: Send | Fetch) -> Any:
        await asyncio.sleep(0)
        return super().perform(effect)

    async def aclose(self) -> None: ...


class Clock(FakeClock):
    """A clock whose sleeps are effects, too."""

    def __init__(self) -> None:
        super().__init__()
        self.wire: Wire | None = None

    def sleep(self, seconds: float, wake: Any = None) -> None:
        super().sleep(seconds, wake)
        if self.wire is not None and self.wire.step() and self.wire.error is not None:
            raise self.wire.error


# ------------------------------------------------------------ the calls


def _requests() -> list[TextToVideo]:
    return [TextToVideo(prompt=PROMPT, external_task_id=f"order-{n}") for n in range(3)]


def _make_tasks(kling: HonestKling) -> list[Task]:
    for number in range(3):
        body = {"external_task_id": f"order-{number}"}
        kling.answer("POST", "/v1/videos/text2video", {}, {}, body)
    return [Task(task_id, "submitted", endpoint="text2video") for task_id in kling.tasks]


def _each(outcomes: Iterator[Any], seen: list[str]) -> None:
    for outcome in outcomes:
        seen.append(outcome.task.task_id)


SYNC: dict[str, Callable[[Kling, list[Task], list[str]], object]] = {
    "create": lambda kling, _, __: kling.text2video.create(prompt=PROMPT),
    "submit": lambda kling, _, __: kling.text2video.submit(TextToVideo(prompt=PROMPT)),
    "run": lambda kling, _, __: kling.text2video.run(prompt=PROMPT),
    "wait": lambda kling, tasks, __: kling.text2video.wait(tasks[0]),
    "wait for an id": lambda kling, tasks, __: kling.text2video.wait(tasks[0].task_id),
    "run_many": lambda kling, _, seen: _each(kling.run_many(_requests()), seen),
    "wait_all": lambda kling, tasks, __: kling.wait_all(tasks),
    "as_completed": lambda kling, tasks, seen: _each(kling.as_completed(tasks), seen),
}


async def _aeach(outcomes: AsyncIterator[Any], seen: list[str]) -> None:
    async for outcome in outcomes:
        seen.append(outcome.task.task_id)


ASYNC: dict[str, Callable[[AsyncKling, list[Task], list[str]], Awaitable[object]]] = {
    "create": lambda kling, _, __: kling.text2video.create(prompt=PROMPT),
    "submit": lambda kling, _, __: kling.text2video.submit(TextToVideo(prompt=PROMPT)),
    "run": lambda kling, _, __: kling.text2video.run(prompt=PROMPT),
    "wait": lambda kling, tasks, __: kling.text2video.wait(tasks[0]),
    "wait for an id": lambda kling, tasks, __: kling.text2video.wait(tasks[0].task_id),
    "run_many": lambda kling, _, seen: _aeach(kling.run_many(_requests()), seen),
    "wait_all": lambda kling, tasks, __: kling.wait_all(tasks),
    "as_completed": lambda kling, tasks, seen: _aeach(kling.as_completed(tasks), seen),
}
TAKES_TASKS = frozenset({"wait", "wait for an id", "wait_all", "as_completed"})


class SoftTimeLimitExceeded(Exception):  # noqa: N818 - as task queues name theirs
    """An error that a signal handler of the program raises, not one of Python's own."""


INTERRUPTIONS: dict[str, Callable[[], BaseException]] = {
    "cancelled": asyncio.CancelledError,
    "Ctrl-C": KeyboardInterrupt,
    "exit": lambda: SystemExit(1),
    "time limit": SoftTimeLimitExceeded,
}
MOST = 200  # effects of a call; each call has fewer


def play(
    colour: str, name: str, at: int, error: BaseException | None, *, late: bool
) -> tuple[HonestKling, Wire, BaseException | None, list[str]]:
    """Make one call, interrupt it at an effect; return its outcome, and what was handed out."""
    seen: list[str] = []
    clock = Clock()
    kling = HonestKling(now=clock.time, takes=40.0, slots=2)
    tasks = _make_tasks(kling) if name in TAKES_TASKS else []
    wire = (Wire if colour == "sync" else AsyncWire)(kling, at, error, late=late)
    clock.wire = wire
    client: Any = (Kling if colour == "sync" else AsyncKling)(api_key=SECRET, clock=clock)
    client._shared._transport = wire
    try:
        if colour == "sync":
            SYNC[name](client, tasks, seen)
        else:
            asyncio.run(_finish(ASYNC[name](client, tasks, seen)))
    except BaseException as caught:  # noqa: BLE001 - that is what is looked at
        return kling, wire, caught, seen
    return kling, wire, None, seen


async def _finish(work: Awaitable[object]) -> object:
    return await work


def left_behind(error: BaseException, warnings: str) -> str:
    return "\n".join([*getattr(error, "__notes__", []), warnings])


def lost(kling: HonestKling, text: str, name: str, seen: list[str]) -> list[str]:
    """Return the tasks of the call that were not handed out, and whose ids are nowhere."""
    concerned = list(kling.tasks)[:1] if name in {"wait", "wait for an id"} else list(kling.tasks)
    missing: list[str] = []
    for task_id in concerned:
        task = kling.tasks[task_id]
        # `wait_all` was given its tasks: those that have ended need no further wait.
        over = name == "wait_all" and kling.now() >= task["created"] + 40.0
        named = task_id in text or task["external"] in text
        if not (named or over or task_id in seen):
            missing.append(task_id)
    return missing


CASES = [(colour, name) for colour in ("sync", "async") for name in SYNC]


def sweep(
    colour: str, name: str, caplog: pytest.LogCaptureFixture, interruption: str
) -> Iterator[tuple[int, list[str], str]]:
    """Interrupt a call at each of its effects; yield the effect, what was lost, what was told."""
    for late in (False, True):
        for at in range(MOST):
            caplog.clear()
            error = INTERRUPTIONS[interruption]()
            kling, wire, caught, seen = play(colour, name, at, error, late=late)
            if wire.effects <= at:
                assert caught is None
                break
            # An event loop makes a new error of a cancellation.
            assert type(caught) is type(error), "an interrupting exception must not be swallowed"
            warnings = "\n".join(
                record.getMessage()
                for record in caplog.records
                if record.levelno >= logging.WARNING
            )
            text = left_behind(caught, warnings)
            yield at, lost(kling, text, name, seen), text
        else:
            pytest.fail("the call did not end")


@pytest.mark.slow
@pytest.mark.parametrize("interruption", INTERRUPTIONS)
@pytest.mark.parametrize(("colour", "name"), CASES)
def test_whatever_interrupts_a_call_the_ids_of_its_tasks_are_left_behind(
    colour: str, name: str, interruption: str, caplog: pytest.LogCaptureFixture
) -> None:
    """At each call and each sleep, an id of every open task is in the error and in the log."""
    count = 0
    for at, missing, text in sweep(colour, name, caplog, interruption):
        assert not missing, f"lost at effect {at}"
        assert PROMPT not in text
        assert SECRET not in text
        count += 1
    assert count >= 2


@pytest.mark.parametrize("name", ["create", "run", "run_many", "wait"])
def test_a_call_that_leaves_nothing_behind_is_noticed(
    name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: without the notes and the warnings, the same sweep finds lost tasks."""
    for module in ("create", "many", "interrupted"):
        monkeypatch.setattr(f"kling_sdk.flows.{module}.interrupted", lambda _error, _text: None)
    assert any(missing for _, missing, _ in sweep("sync", name, caplog, "Ctrl-C"))


def test_a_create_that_was_refused_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """While it only waits for a free slot, an interrupted create cannot have bought a task."""
    clock = Clock()
    kling = HonestKling(now=clock.time, takes=None, slots=0)
    wire = clock.wire = Wire(kling, 1, KeyboardInterrupt(), late=False)
    client = Kling(api_key=SECRET, clock=clock)
    client._shared._transport = wire
    with pytest.raises(KeyboardInterrupt) as caught:
        client.text2video.create(prompt=PROMPT)
    assert not getattr(caught.value, "__notes__", [])
    assert "may have been accepted" not in caplog.text


# ------------------------------------------------------------ real sockets


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=1) as mock:
        mock.progress.add("stuck")
        yield mock


def formatted(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


async def test_a_timeout_around_run_shows_the_task(caplog: pytest.LogCaptureFixture) -> None:
    """`asyncio.timeout` turns the cancellation into a TimeoutError, whose traceback has the id."""
    with KlingMock(clock="real") as mock:
        await _time_out(mock, caplog)


async def _time_out(mock: KlingMock, caplog: pytest.LogCaptureFixture) -> None:
    async with mock.async_client() as kling:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.3):
                await kling.text2video.run(prompt=PROMPT)
    task_id = mock.journal[0].task_id
    assert task_id in formatted(caught.value)
    assert task_id in caplog.text
    assert PROMPT not in formatted(caught.value).replace(f'prompt="{PROMPT}"', "")


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_a_cancelled_run_names_its_task_at_any_turn_of_the_loop(
    mock: KlingMock, caplog: pytest.LogCaptureFixture, turns: int
) -> None:
    """Whenever the cancellation comes, a task that the server holds has its id in the log."""
    async with mock.async_client() as kling:
        work = asyncio.ensure_future(kling.text2video.run(prompt=PROMPT, external_task_id="mine"))
        for _ in range(turns):
            await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    if mock.account.open_tasks:
        assert "mine" in caplog.text


def test_ctrl_c_during_run_shows_the_task(
    mock: KlingMock, caplog: pytest.LogCaptureFixture
) -> None:
    """A real SIGINT, while the client waits."""

    def interrupt(event: Event) -> None:
        if event.kind == "poll":
            signal.raise_signal(signal.SIGINT)

    with mock.client(on_event=interrupt) as kling, pytest.raises(KeyboardInterrupt) as caught:
        kling.text2video.run(prompt=PROMPT)
    task_id = mock.journal[0].task_id
    assert task_id in "".join(caught.value.__notes__)
    assert task_id in caplog.text


def test_a_hook_that_fails_does_not_end_the_wait(
    mock: KlingMock, caplog: pytest.LogCaptureFixture
) -> None:
    """An `on_update` that raises is logged as `on_event`'s errors are; the video comes."""
    mock.progress.add("instant")

    def broken(task: Task) -> None:
        raise RuntimeError("no such row")

    with mock.client(on_update=broken) as kling:
        task = kling.text2video.run(prompt=PROMPT)
    assert task.is_succeed
    assert f"on_update failed at succeed of task {task.task_id}" in caplog.text
    assert "no such row" in caplog.text
