"""Running flows: the two loops, sync and async, and nothing else.

An answer is sent into the flow, a failure is thrown into it, and whatever happens the
flow is closed, so its `finally` blocks run also when a task is cancelled. A flow that is
streamed may have children (`kling_sdk.transports.children`).
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextvars import copy_context
from typing import Any, Protocol, TypeVar, cast

from kling_sdk.errors import KlingError
from kling_sdk.flows import Ask, Emit, Fetch, Flow, Next, Send, Sleep, Spawn, Work
from kling_sdk.flows.interrupted import interrupted, not_returned
from kling_sdk.hooks import PendingHooks
from kling_sdk.transports.clock import Clock
from kling_sdk.transports.threads import in_thread, refuse_trio

T = TypeVar("T")


class SyncTransport(Protocol):
    """The transport of a sync client, which makes its calls."""

    def perform(self, effect: Send | Fetch) -> Any:
        """Make the call; return what `Send.read` made of the reply, or the `Reply` to a `Fetch`.

        Raises `TransportError` when no answer came, and what `Send.read` raised.
        """
        ...

    def close(self) -> None:
        """Close what this transport opened itself."""
        ...


class AsyncTransport(Protocol):
    """The transport of an async client, which makes its calls."""

    async def perform(self, effect: Send | Fetch) -> Any:
        """Make the call; see `SyncTransport.perform`."""
        ...

    async def aclose(self) -> None:
        """Close what this transport opened itself."""
        ...


def run(flow: Flow[T], transport: SyncTransport, clock: Clock, wake: threading.Event | None) -> T:
    """Return the result of *flow*."""

    def perform(effect: Any) -> Any:
        if isinstance(effect, Sleep):
            return clock.sleep(effect.seconds, wake)
        if isinstance(effect, Work):
            return effect.run()
        if isinstance(effect, Ask):
            return effect.question()
        return transport.perform(effect)

    with clock.call():
        return _play(flow, perform)


async def arun(
    flow: Flow[T], transport: AsyncTransport, clock: Clock, hooks: PendingHooks | None = None
) -> T:
    """Return the result of *flow*; what its *hooks* return is awaited meanwhile.

    Raises:
        RuntimeError: trio runs the caller; nothing was sent.
    """
    refuse_trio()
    with clock.call():
        performer = _async_performer(transport, clock, hooks)
        if hooks is None:
            return await _aplay(flow, performer)
        async with hooks:
            try:
                result = await _aplay(flow, performer)
            except KlingError as error:
                await _settle(hooks, error)
                raise
            await _settle(hooks, result)
            return result


async def _settle(hooks: PendingHooks, outcome: object) -> None:
    """Await *hooks* after the flow; an exception that interrupts them names the outcome's task."""
    try:
        await hooks.settle()
    except BaseException as error:
        interrupted(error, not_returned(outcome))
        raise


def _async_performer(
    transport: AsyncTransport, clock: Clock, hooks: PendingHooks | None
) -> Callable[[Any], Awaitable[Any]]:
    def perform(effect: Any) -> Awaitable[Any]:
        if isinstance(effect, Sleep):
            return clock.asleep(effect.seconds)
        if isinstance(effect, Work):
            return in_thread(effect.run)
        if isinstance(effect, Ask):
            return _answer(effect)
        return transport.perform(effect)

    if hooks is None:
        return perform

    async def perform_after_hooks(effect: Any) -> Any:
        await hooks.settle()
        return await perform(effect)

    return perform_after_hooks


async def _answer(effect: Ask) -> Any:
    answer = effect.question()
    return await answer if inspect.isawaitable(answer) else answer


def _play(flow: Flow[T], perform: Callable[[Any], Any]) -> T:
    try:
        effect = next(flow)
        while True:
            try:
                answer = perform(effect)
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


async def _aplay(flow: Flow[T], perform: Callable[[Any], Awaitable[Any]]) -> T:
    try:
        effect = next(flow)
        while True:
            try:
                answer = await perform(effect)
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
    """Yield what *flow* emits. Between two items only its children go on."""
    from kling_sdk.transports.child_threads import ChildThreads  # most calls have no children
    from kling_sdk.transports.children import CallInProgress

    children = ChildThreads(_play, transport.perform, clock, wake)
    step = _Step(flow)
    call = CallInProgress(clock)

    def perform(effect: Any) -> Any:
        if isinstance(effect, Next):
            return children.next(effect, call)
        if isinstance(effect, Spawn):
            return children.start(effect, outside)
        if isinstance(effect, Sleep):
            return clock.sleep(effect.seconds, wake)
        return transport.perform(effect)

    try:
        while True:
            outside = copy_context()  # in which this call is not in progress
            with call:
                has_item = _play(step(), perform)
            if not has_item:
                return
            yield step.item
    finally:
        flow.close()
        children.close()


async def astream(
    flow: Flow[None], transport: AsyncTransport, clock: Clock, hooks: PendingHooks | None = None
) -> AsyncGenerator[Any, None]:
    """Yield what *flow* emits. Between two items only its children go on."""
    refuse_trio()
    from kling_sdk.transports.child_tasks import ChildTasks  # loads asyncio
    from kling_sdk.transports.children import CallInProgress

    make = _async_performer(transport, clock, hooks)
    children = ChildTasks(_aplay, make, clock)
    step = _Step(flow)
    call = CallInProgress(clock)

    async def perform(effect: Any) -> Any:
        if hooks:
            await hooks.settle()
        if isinstance(effect, Next):
            return await children.next(effect, call)
        if isinstance(effect, Spawn):
            return children.start(effect, outside)
        return await make(effect)

    try:
        while True:
            outside = copy_context()
            with call:
                has_item = await _aplay(step(), perform)
                if hooks:
                    try:
                        await _settle(hooks, step.item if has_item else None)
                    except BaseException as error:
                        flow.throw(error)  # it names its tasks in the error, and raises it again
                        raise
            if not has_item:
                return
            yield step.item
    finally:
        flow.close()
        await children.aclose()
        if hooks:
            hooks.drop()
