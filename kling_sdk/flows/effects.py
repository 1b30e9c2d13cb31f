"""Flows, and the effects that they can ask for.

A *flow* is a generator. It yields effects and is sent their results:

- `Send(call, read)` is answered with what `read` made of the reply; what `read` raised, or a
  `TransportError` if there was no reply, is thrown in;
- `Fetch(call, sink)` is answered with a `Reply` whose body was given to the sink;
- `Work(run)` is answered with what `run` returned, which may have blocked for long;
- `Ask(question)` is answered with what the caller's function returned;
- `Sleep(seconds)` is answered with None;
- `Emit(item)` hands out one of many results and is answered with None;
- `Spawn(key, flow)` starts a child flow, which runs beside this one, and is answered with None;
- `Next(seconds)` is answered with the `Ended` of a child, or with None when the time is over;
- `Take(source)` is answered with the next item of an async iterator, or with `NO_ITEM`.

Its return value is the result. A flow does no I/O and has no clock of its own: the same
flow runs under every driver, sync or async, and in a test that answers by hand.

Only a flow that is streamed can spawn children, and a child cannot spawn its own. Children share no
state with their parent that both change: what a child finds out is its result. However the parent
ends, its driver stops the remaining children.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Hashable
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from kling_sdk.wire import HttpCall, Reply

T = TypeVar("T")


class Sink(Protocol):
    """The destination of the body of a `Fetch`."""

    @property
    def may_block(self) -> bool:
        """Whether `write` may take long, and so must not run on an event loop."""
        ...

    def start(self, status: int, headers: dict[str, str]) -> None:
        """Take note of the head, and choose what happens to the body."""
        ...

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        ...

    def progressed(self) -> Awaitable[None] | None:
        """Report the progress; called after each `write`, on the thread of the call.

        An async call awaits what it returns.
        """
        ...

    def end_is_certain(self) -> None:
        """Note that the end of a body without a length was announced, not only observed."""
        ...


#: Seconds that a `Send` or `Fetch` may take: no socket waits for ever.
LONGEST: Final = 86_400.0


class Send(NamedTuple):
    """Make a call, and read its reply while the connection is still held.

    Attributes:
        call: The call.
        timeout: Seconds it may take.
        read: Given the reply. When it raises a `TransportError`, the connection is closed.
        fresh: True for a connection that is opened for this call and not used again. The
            reply is then marked as `fresh`.
    """

    call: HttpCall
    timeout: float
    read: Callable[[Reply], Any]
    fresh: bool = False


class Fetch(NamedTuple):
    """Make a call whose body goes to a sink.

    Attributes:
        call: The call, to a host that gets no credentials.
        sink: Takes the body.
        timeout: Seconds for which the host may be silent.
        whole: Seconds that the whole transfer may take.
    """

    call: HttpCall
    sink: Sink
    timeout: float
    whole: float = math.inf


class Work(NamedTuple):
    """Run a function that may block, such as a write to disk; an async client uses a thread."""

    run: Callable[[], Any]


class Ask(NamedTuple):
    """Call a function of the caller's; an async client awaits what it returns."""

    question: Callable[[], Any]


class Sleep(NamedTuple):
    """Let *seconds* pass."""

    seconds: float


class Emit(NamedTuple):
    """Hand out *item* now, and go on."""

    item: Any


class Spawn(NamedTuple):
    """Start a child flow, which runs beside this one.

    Attributes:
        key: The key that identifies its `Ended`.
        flow: The child. It emits nothing and spawns nothing.
    """

    key: Hashable
    flow: Generator[Any, Any, Any]


class Ended(NamedTuple):
    """The outcome of a child.

    Attributes:
        key: As in its `Spawn`.
        value: The result of the child.
        error: The exception of the child, or None.
    """

    key: Hashable
    value: Any = None
    error: BaseException | None = None


class Next(NamedTuple):
    """Wait until a child has ended.

    Attributes:
        seconds: Maximum time to wait; 0 does not wait. None sets no limit, and is only for a flow
            that has a child. A driver may give up sooner: when the caller's `cancel` is set.
    """

    seconds: float | None


class Take(NamedTuple):
    """Read the next item of an async iterator."""

    source: AsyncIterator[Any]


#: The answer to a `Take` at the end of the iterator.
NO_ITEM: Final = object()

Effect = Send | Fetch | Work | Ask | Sleep | Emit | Spawn | Next | Take
Flow = Generator[Effect, Any, T]
