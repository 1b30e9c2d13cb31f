"""A flow that runs beside its parent, as a call of its own.

A simulated clock may move while every call in progress sleeps. So a child counts as a call from
its start until its parent has taken its result: between the end of a child and the next step of
its parent nothing sleeps, and the clock stands still. While the parent does not wait for its
children, such as between two items, they end by themselves.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Generator
from typing import Any, Self

from kling_sdk.flows import Ended, Flow, Spawn
from kling_sdk.transports.clock import Clock


class CallInProgress:
    """One call of a clock, which can be left and entered again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entered = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._entered.enter_context(self._clock.call())
        return self

    def __exit__(self, *_: object) -> None:
        self._entered.close()

    @contextlib.contextmanager
    def left(self) -> Generator[None]:
        """Stop counting as in progress while the block runs."""
        self._entered.close()
        try:
            yield
        finally:
            self._entered.enter_context(self._clock.call())


class Child:
    """A child of a flow.

    Args:
        spawn: The child that the parent wants to start.
        context: The context variables of the parent's caller, of which the child has a copy.
        clock: The clock that the child is a call of, from now on.

    Attributes:
        flow: The child's flow.
        context: The child's context variables.
        call: The child as a call in progress.
        is_held: Whether the child has ended, and its parent ends its call.
    """

    def __init__(self, spawn: Spawn, context: contextvars.Context, clock: Clock) -> None:
        self.flow: Flow[Any] = spawn.flow
        self.context = context.copy()
        self.is_held = False
        self.result = Ended(spawn.key)
        self.call = CallInProgress(clock)
        self.context.run(self.call.__enter__)

    def ended(self, value: Any, error: BaseException | None) -> None:
        """Note how the flow has ended."""
        self.result = Ended(self.result.key, value, error)

    def leave(self) -> None:
        """End the call. The context must not be in use."""
        self.is_held = False
        self.context.run(self.call.__exit__)
