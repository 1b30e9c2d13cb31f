"""Running flows: the two loops, sync and async, and nothing else.

An answer is sent into the flow, a failure is thrown into it, and whatever happens the
flow is closed, so its `finally` blocks run also when a task is cancelled.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Generator
from typing import Any, Protocol, TypeVar, cast

from kling_sdk.flows import Emit, Fetch, Flow, Send, Sleep, Work
from kling_sdk.transports.clock import Clock
from kling_sdk.transports.threads import in_thread, refuse_trio

__all__ = ["AsyncTransport", "SyncTransport", "arun", "astream", "run", "stream"]

T = TypeVar("T")


class SyncTransport(Protocol):
    """What makes calls for a sync client."""

    def perform(self, effect: Send | Fetch) -> Any:
        """Make the call; return what `Send.read` made of the reply, or the `Reply` to a `Fetch`.

        Raises `TransportError` when no answer came, and what `Send.read` raised.
        """
        ...

    def close(self) -> None:
        """Close what this transport opened itself."""
        ...


class AsyncTransport(Protocol):
    """What makes calls for an async client."""

    async def perform(self, effect: Send | Fetch) -> Any:
        """Make the call; see `SyncTransport.perform`."""
        ...

    async def aclose(self) -> None:
        """Close what this transport opened itself."""
        ...


def run(flow: Flow[T], transport: SyncTransport, clock: Clock, wake: threading.Event | None) -> T:
    """Return the result of *flow*."""
    with clock.call():
        try:
            effect = next(flow)
            while True:
                try:
                    answer = None
                    if isinstance(effect, Sleep):
                        clock.sleep(effect.seconds, wake)
                    elif isinstance(effect, Work):
                        answer = effect.run()
                    else:
                        answer = transport.perform(cast("Send | Fetch", effect))
                except Exception as error:  # noqa: BLE001 - every failure is the flow's to judge
                    effect = flow.throw(error)
                except BaseException as error:
                    flow.throw(error)  # it names its tasks in the error, and raises it again
                    raise
                else:
                    effect = flow.send(answer)
        except StopIteration as stop:
            return cast("T", stop.value)
        finally:
            flow.close()


async def arun(flow: Flow[T], transport: AsyncTransport, clock: Clock) -> T:
    """Return the result of *flow*.

    Raises:
        RuntimeError: trio runs the caller; nothing was sent.
    """
    refuse_trio()
    with clock.call():
        try:
            effect = next(flow)
            while True:
                try:
                    answer = None
                    if isinstance(effect, Sleep):
                        await clock.asleep(effect.seconds)
                    elif isinstance(effect, Work):
                        answer = await in_thread(effect.run)
                    else:
                        answer = await transport.perform(cast("Send | Fetch", effect))
                except Exception as error:  # noqa: BLE001 - every failure is the flow's to judge
                    effect = flow.throw(error)
                except BaseException as error:
                    flow.throw(error)  # it names its tasks in the error, and raises it again
                    raise
                else:
                    effect = flow.send(answer)
        except StopIteration as stop:
            return cast("T", stop.value)
        finally:
            flow.close()


class _Step:
    """Part of a flow: from here to its next item, or to its end."""

    def __init__(self, flow: Flow[None]) -> None:
        self.flow = flow
        self.item: Any = None

    def __call__(self) -> Flow[bool]:
        """Run to the next item; True when there is one."""
        answer: Any = None
        failure: BaseException | None = None
        while True:
            try:
                effect = self.flow.throw(failure) if failure else self.flow.send(answer)
            except StopIteration:
                return False
            if isinstance(effect, Emit):
                self.item = effect.item
                return True
            failure = None
            try:
                answer = yield effect
            except GeneratorExit:
                raise
            except BaseException as error:  # noqa: BLE001 - passed on to the inner flow
                failure = error


def stream(
    flow: Flow[None], transport: SyncTransport, clock: Clock, wake: threading.Event | None
) -> Generator[Any, None, None]:
    """Yield what *flow* emits. Between two items no call is in progress."""
    step = _Step(flow)
    try:
        while run(step(), transport, clock, wake):
            yield step.item
    finally:
        flow.close()


async def astream(
    flow: Flow[None], transport: AsyncTransport, clock: Clock
) -> AsyncGenerator[Any, None]:
    """Yield what *flow* emits. Between two items no call is in progress."""
    step = _Step(flow)
    try:
        while await arun(step(), transport, clock):
            yield step.item
    finally:
        flow.close()
