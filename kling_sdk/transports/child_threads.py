"""The children of a sync flow: each runs in a thread of its own."""

from __future__ import annotations

import contextlib
import contextvars
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final

from kling_sdk.flows import Ask, Ended, Flow, Next, Sleep, Spawn
from kling_sdk.transports.children import CallInProgress, Child
from kling_sdk.transports.clock import Clock

_CHECK: Final = 0.05  # s between two checks of the caller's cancel event
_MAX_WAIT: Final = 0.5  # s of one wait
#: Seconds in which a reply of a server nearby has come. A simulated clock sees an event later.
_SOON: Final = 0.005


class _Wake(threading.Event):
    """An event that one thread waits for, and that Ctrl-C interrupts at any instant.

    The standard one is written in Python: an interrupt while it begins to wait becomes a
    `RuntimeError` of its lock (CPython 3.11). A `SimpleQueue` is written in C.
    """

    def __init__(self) -> None:
        super().__init__()
        self._tokens: SimpleQueue[None] = SimpleQueue()

    def is_set(self) -> bool:
        return not self._tokens.empty()

    def set(self) -> None:
        self._tokens.put(None)

    def clear(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                self._tokens.get_nowait()

    def wait(self, timeout: float | None = None) -> bool:
        try:
            self._tokens.put(self._tokens.get(timeout=timeout))
        except Empty:
            return False
        return True


class _Either(threading.Event):
    """An event that is set while either of two is: the standard library waits for one only."""

    def __init__(self, first: threading.Event, second: threading.Event) -> None:
        super().__init__()
        self._first, self._second = first, second

    def is_set(self) -> bool:
        return self._first.is_set() or self._second.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        until = float("inf") if timeout is None else time.monotonic() + timeout
        while not self.is_set() and (left := until - time.monotonic()) > 0:
            self._first.wait(min(_CHECK, left))
        return self.is_set()


class ChildThreads:
    """The children of one flow.

    Args:
        play: Runs a flow, given a function that performs its effects.
        perform: Makes a call of the flow.
        clock: The source of time.
        cancel: The caller's event that ends sleeps, or None.
    """

    def __init__(
        self,
        play: Callable[[Flow[Any], Callable[[Any], Any]], Any],
        perform: Callable[[Any], Any],
        clock: Clock,
        cancel: threading.Event | None,
    ) -> None:
        self._play, self._perform, self._clock = play, perform, clock
        self._cancel = cancel
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._wake = _Wake()  # a child has ended
        self._over = threading.Event()  # the parent has
        self._running = 0
        self._is_waiting = False
        self._ended: deque[Child] = deque()

    def start(self, spawn: Spawn, context: contextvars.Context) -> None:
        """Start a child."""
        child = Child(spawn, context, self._clock)
        # A daemon: a program that ends does not wait for a server that is silent.
        thread = threading.Thread(target=self._live, args=(child,), name="kling_sdk", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads
            child.leave()
            raise
        self._running += 1

    def next(self, effect: Next, call: CallInProgress) -> Ended | None:
        """Return how a child has ended, or None when the time is over or the caller cancels.

        Args:
            effect: The wait, with its maximum time.
            call: The parent's call, which is left while only children can go on.

        Raises:
            RuntimeError: this process is a fork of the one whose threads the children are.
        """
        if self._pid != os.getpid():
            raise RuntimeError(
                "this loop over many tasks was started before the process was forked; go on with "
                "it in the parent process"
            )
        with self._lock:
            self._is_waiting = not self._ended and effect.seconds != 0
            self._wake.clear()
        if self._is_waiting:
            try:
                self._wait(effect.seconds, call)
            finally:
                self._waits_no_more()
        with self._lock:
            if not self._ended:
                return None
            self._running -= 1
            return self._ended.popleft().result

    def close(self) -> None:
        """Stop the children without waiting: each ends after its current step."""
        self._over.set()
        self._waits_no_more()

    def _waits_no_more(self) -> None:
        with self._lock:
            self._is_waiting = False
            held = [child for child in self._ended if child.is_held]
        for child in held:
            child.leave()

    def _wait(self, seconds: float | None, call: CallInProgress) -> None:
        if not self._running:
            assert seconds is not None  # noqa: S101 - nothing would ever end the wait
            self._clock.sleep(seconds, self._cancel)
            return
        is_heard = self._cancel is not None and not self._cancel.is_set()
        wake = self._or_cancelled(self._wake) if is_heard else self._wake
        if seconds is None:
            with call.left():
                # Ctrl-C just before a wait is seen only when the wait ends.
                while not wake.wait(_MAX_WAIT):
                    pass
        elif not wake.wait(_SOON):
            self._clock.sleep(seconds, wake)

    def _or_cancelled(self, event: threading.Event) -> threading.Event:
        return event if self._cancel is None else _Either(event, self._cancel)

    # ------------------------------------------------------------ in the child's thread

    def _live(self, child: Child) -> None:
        child.context.run(self._run, child)
        with self._lock:
            child.is_held = self._is_waiting
            is_held = child.is_held
            self._ended.append(child)
            self._wake.set()
        if not is_held:
            child.leave()

    def _run(self, child: Child) -> None:
        wake = self._or_cancelled(self._over)

        def perform(effect: Any) -> Any:
            if self._over.is_set():
                raise GeneratorExit  # as if the child's generator was closed
            if isinstance(effect, Ask):
                return effect.question()
            if not isinstance(effect, Sleep):
                return self._perform(effect)
            self._clock.sleep(effect.seconds, wake)
            return None

        try:
            child.ended(self._play(child.flow, perform), None)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent judges it
            child.ended(None, error)
