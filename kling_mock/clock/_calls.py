"""One call of a wired client, and where it is: its thread, its event loop, its stack."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
import weakref
from collections.abc import Iterator
from types import FrameType
from typing import Any, Literal, NamedTuple

__all__ = ["CallHolder", "event_loop_here", "where_is"]

_FRAMES = 6  # of a stack that is shown, the innermost ones


class CallHolder(NamedTuple):
    """Who makes a call.

    Attributes:
        thread: The thread that began it.
        loop: The event loop that it began in; `None` for a call outside of any.
        task: The task that began it. Weak, so that an abandoned task can be collected, which
            ends its call.
    """

    thread: threading.Thread
    loop: asyncio.AbstractEventLoop | None
    task: weakref.ref[asyncio.Task[Any]] | None

    @classmethod
    def here(cls) -> CallHolder:
        """Return whoever runs this."""
        thread = threading.current_thread()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return cls(thread, None, None)
        task = asyncio.current_task()
        return cls(thread, loop, None if task is None else weakref.ref(task))

    @property
    def is_gone(self) -> bool:
        """Whether it can never go on: its event loop is closed, or its thread has ended."""
        if self.loop is None:
            return not self.thread.is_alive()
        return self.loop.is_closed() or not (self.loop.is_running() or self.thread.is_alive())

    @property
    def name(self) -> str:
        """The names of the task and the thread, for a message."""
        task = None if self.task is None else self.task()
        if task is None:
            return f"thread {self.thread.name!r}"
        paused = "" if self.loop is None or self.loop.is_running() else ", whose loop does not run"
        return f"task {task.get_name()!r} of thread {self.thread.name!r}{paused}"

    @property
    def stack(self) -> str:
        """Where it is now, innermost first: `on_update (app.py:12) < main (app.py:30)`."""
        task = None if self.task is None else self.task()
        frames: list[FrameType] = []
        if task is not None:
            frames = list(_frames_of(task))
        if task is None or not frames or _runs(frames[-1]):
            frame = sys._current_frames().get(self.thread.ident or 0)  # noqa: SLF001 - documented, for debuggers
            frames = [] if frame is None else [one for one, _ in traceback.walk_stack(frame)][::-1]
        shown = [where_is(frame) for frame in frames if not _is_ours(frame)]
        return " < ".join(reversed(shown[-_FRAMES:])) or "no stack"


def event_loop_here() -> Literal["asyncio", "trio", ""]:
    """Return the library of the event loop that runs the caller; "" outside of any."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        trio = sys.modules.get("trio")  # whose loop runs has loaded it
        return "trio" if trio is not None and trio.lowlevel.in_trio_run() else ""
    return "asyncio"


def where_is(frame: FrameType) -> str:
    """Return the function and line of a frame; no source and no values, which may be secret."""
    file = frame.f_code.co_filename.rpartition("/")[2]
    return f"{frame.f_code.co_name} ({file}:{frame.f_lineno})"


def _frames_of(task: asyncio.Task[Any]) -> Iterator[FrameType]:
    """Yield the frames of a task, outermost first: each coroutine and the one it awaits."""
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:
            return
        yield frame
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)


def _runs(frame: FrameType) -> bool:
    """Return whether *frame* is on the stack of a thread now: its task blocks its loop."""
    for current in sys._current_frames().values():  # noqa: SLF001 - as above
        for one, _ in traceback.walk_stack(current):
            if one is frame:
                return True
    return False


def _is_ours(frame: FrameType) -> bool:
    """Return whether *frame* is in the clock itself, or in the interpreter's own waiting."""
    name = str(frame.f_globals.get("__name__", ""))
    return name.startswith(("kling_mock.clock", "threading", "asyncio", "selectors", "runpy"))
