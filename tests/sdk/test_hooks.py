"""`on_update`, `on_event` and `on_progress`: asynchronous ones are awaited, or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_sdk import AsyncKling, Event, Kling, Task, TextToVideo
from kling_sdk.hooks import HookResult, PendingHooks


class Watcher:
    """Hooks that record their arguments once they were awaited."""

    def __init__(self) -> None:
        self.notes: list[Any] = []

    async def update(self, task: Task) -> None:
        await asyncio.sleep(0)
        self.notes.append(task.status)

    async def event(self, event: Event) -> None:
        await asyncio.sleep(0)
        self.notes.append(event.kind)

    async def progress(self, received: int, total: int | None) -> None:
        await asyncio.sleep(0)
        self.notes.append((received, total))

    async def __call__(self, task: Task) -> None:
        await self.update(task)


async def _run(kling: AsyncKling, hook: Any) -> None:
    client = kling.with_options(on_update=hook)
    await client.text2video.run(prompt="a kitten")


async def _wait(kling: AsyncKling, hook: Any) -> None:
    task = await kling.text2video.create(prompt="a kitten")
    await kling.text2video.wait(task, on_update=hook)


async def _run_many(kling: AsyncKling, hook: Any) -> None:
    requests = [TextToVideo(prompt="a kitten")]
    assert [outcome async for outcome in kling.run_many(requests, on_update=hook)]


async def _wait_all(kling: AsyncKling, hook: Any) -> None:
    task = await kling.text2video.create(prompt="a kitten")
    await kling.with_options(on_update=hook).wait_all([task])


@pytest.mark.parametrize("call", [_run, _wait, _run_many, _wait_all])
@pytest.mark.parametrize("kind", ["function", "object", "lambda", "partial"])
async def test_an_asynchronous_hook_is_awaited_before_the_call_returns(
    kling_mock: KlingMock, async_kling: AsyncKling, call: Callable[..., Any], kind: str
) -> None:
    """It may be of any awaitable kind; hooks run in the order of the events."""
    watcher = Watcher()
    hook = {
        "function": watcher.update,
        "object": watcher,
        "lambda": lambda task: asyncio.gather(watcher.update(task)),
        "partial": partial(watcher.update),
    }[kind]
    await call(async_kling, hook)
    assert watcher.notes[-1] == "succeed"
    assert len(watcher.notes) == len(set(watcher.notes))


async def test_events_and_progress_are_awaited_too(
    kling_mock: KlingMock, async_kling: AsyncKling
) -> None:
    """This includes those of a call that fails."""
    watcher = Watcher()
    kling = async_kling.with_options(on_event=watcher.event)
    task = await kling.text2video.run(prompt="a kitten")
    assert watcher.notes[:3] == ["request", "response", "task"]
    watcher.notes.clear()
    content = await async_kling.download(task.videos[0], on_progress=watcher.progress)
    assert watcher.notes[-1] == (len(content), len(content))
    watcher.notes.clear()
    with pytest.raises(Exception, match="not"):
        await kling.text2video.get("no-such-task")
    assert watcher.notes[:2] == ["request", "response"]


async def test_a_hook_that_fails_while_it_is_awaited_ends_nothing(
    kling_mock: KlingMock, async_kling: AsyncKling, caplog: pytest.LogCaptureFixture
) -> None:
    """It is treated like one that fails when it is called."""

    async def fail(_task: Task) -> None:
        await asyncio.sleep(0)
        raise ValueError("mine")

    task = await async_kling.with_options(on_update=fail).text2video.run(prompt="a kitten")
    assert f"on_update failed at succeed of task {task.task_id}" in caplog.text


async def test_a_call_that_is_cancelled_leaves_no_hook_behind(
    kling_mock: KlingMock, async_kling: AsyncKling
) -> None:
    """A coroutine that is never awaited is a warning, which is an error here."""
    reached = asyncio.Event()

    async def block(_event: Event) -> None:
        reached.set()
        await asyncio.Event().wait()

    call = asyncio.ensure_future(async_kling.with_options(on_event=block).text2video.list())
    await reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    watcher, hooks = Watcher(), PendingHooks()
    hooks.append(HookResult(watcher.progress(1, 2), watcher.notes.append))
    await hooks.__aexit__(asyncio.CancelledError)
    assert (watcher.notes, list(hooks)) == ([], [])


async def _create(kling: AsyncKling, hook: Any) -> None:
    async def event(event: Event) -> None:
        await hook(event.status)

    await kling.with_options(on_event=event).text2video.create(prompt="a kitten")


async def _refused(kling: AsyncKling, hook: Any) -> None:
    async def event(event: Event) -> None:
        await hook(event.kind == "response")

    client = kling.with_options(on_event=event, retries=0, look_up=False)
    await client.text2video.create(prompt="a kitten", external_task_id="order-1")


async def _run_two(kling: AsyncKling, hook: Any) -> None:
    requests = [TextToVideo(prompt="a kitten"), TextToVideo(prompt="a puppy")]
    assert [outcome async for outcome in kling.run_many(requests, on_update=hook)]


def _at(status: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """Return *call* with an `on_update` that blocks at *status*."""

    async def called(kling: AsyncKling, hook: Any) -> None:
        async def update(task: Task) -> None:
            await hook(task.status == status)

        await call(kling, update)

    return called


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (_create, "task "),
        (_refused, "get('order-1')"),
        (_at("submitted", _run), "task"),
        (_at("succeed", _run), "task "),
        (_at("succeed", _wait), "task "),
        (_at("succeed", _run_many), "task "),
        (_at("succeed", _run_two), "these tasks go on"),
        (_at("succeed", _wait_all), "task "),
    ],
    ids=[
        "create",
        "lost create",
        "run",
        "end of run",
        "end of wait",
        "run_many",
        "run_many of two",
        "wait_all",
    ],
)
async def test_a_call_that_is_cancelled_in_its_last_hook_names_its_task(
    kling_mock: KlingMock,
    async_kling: AsyncKling,
    caplog: pytest.LogCaptureFixture,
    call: Callable[..., Any],
    text: str,
) -> None:
    """The task is paid for, and its id is in a note of the exception and in the log."""
    if call is _refused:
        kling_mock.faults.add("status", "POST *", code=5000)
    reached = asyncio.Event()

    async def block(is_time: object) -> None:
        if is_time:
            reached.set()
            await asyncio.Event().wait()

    running = asyncio.ensure_future(call(async_kling, block))
    await reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await running
    notes = "".join(caught.value.__notes__)
    assert text in notes
    assert text in caplog.text
    for entry in kling_mock.journal:
        assert (entry.task_id or "") in notes


def test_a_sync_client_refuses_what_nothing_would_await() -> None:
    """It is refused at once, in whichever way it is given."""
    watcher = Watcher()
    with Kling(api_key="key", base_url="http://127.0.0.1:9") as kling:
        for name, hook in (("on_update", watcher.update), ("on_update", watcher)):
            with pytest.raises(TypeError, match="on_update is asynchronous"):
                kling.with_options(**{name: hook})  # type: ignore[arg-type] # any of them
        with pytest.raises(TypeError, match="on_event is asynchronous"):
            Kling(api_key="key", on_event=watcher.event)
        task = Task("1", "submitted", endpoint="text2video")
        with pytest.raises(TypeError, match="on_update is asynchronous"):
            kling.text2video.wait(task, on_update=watcher.update)
        with pytest.raises(TypeError, match="on_update is asynchronous"):
            kling.run_many([], on_update=watcher.update)
        with pytest.raises(TypeError, match="on_progress is asynchronous"):
            kling.download("http://127.0.0.1:9/a.mp4", on_progress=watcher.progress)
        with pytest.raises(TypeError, match="on_progress is a int"):
            kling.download("http://127.0.0.1:9/a.mp4", on_progress=5)  # type: ignore[call-overload] # the mistake
