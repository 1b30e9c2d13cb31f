"""What a flow is, and what it can ask for.

A *flow* is a generator. It yields what it wants done and is sent what came of it:

- `Send(call, read)` is answered with what `read` returned of the reply; what `read` raised,
  or a `TransportError` for no reply at all, is thrown in;
- `Fetch(call, sink)` is answered with a `Reply` whose body was given to the sink;
- `Work(run)` is answered with what `run` returned, which may have blocked for long;
- `Sleep(seconds)` is answered with None;
- `Emit(item)` hands out one of many results and is answered with None;
- `Spawn(key, flow)` starts a child flow, which runs beside this one, and is answered with None;
- `Next(seconds)` is answered with the `Ended` of a child, or with None when the time is over;
- `Take(source)` is answered with the next item of an async iterator, or with `NO_ITEM`.

Its return value is the result. A flow does no I/O and has no clock of its own: the same
flow runs under every driver, sync or async, and in a test that answers by hand.

Only a flow that is streamed can spawn children, and a child spawns none. Children share nothing
with their parent that both change: what a child finds out is its result. When the parent ends,
in whatever way, its driver stops the children that are left.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Generator, Hashable
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from kling_sdk.wire import HttpCall, Reply

__all__ = [
    "NO_ITEM",
    "Effect",
    "Emit",
    "Ended",
    "Fetch",
    "Flow",
    "Next",
    "Send",
    "Sink",
    "Sleep",
    "Spawn",
    "T",
    "Take",
    "Work",
]

T = TypeVar("T")


class Sink(Protocol):
    """Where the body of a `Fetch` goes."""

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

    def progressed(self) -> None:
        """Report the progress; called after each `write`, on the thread of the call."""
        ...


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
        timeout: Seconds that each silence may take.
        whole: Seconds that all of it may take.
    """

    call: HttpCall
    sink: Sink
    timeout: float
    whole: float = math.inf


class Work(NamedTuple):
    """Run what may block for long, such as a write to disk; an async client uses a thread."""

    run: Callable[[], Any]


class Sleep(NamedTuple):
    """Let *seconds* pass."""

    seconds: float


class Emit(NamedTuple):
    """Hand out *item* now, and go on."""

    item: Any


class Spawn(NamedTuple):
    """Start a child flow, which runs beside this one.

    Attributes:
        key: What its `Ended` is recognized by.
        flow: The child. It emits nothing and spawns nothing.
    """

    key: Hashable
    flow: Generator[Any, Any, Any]


class Ended(NamedTuple):
    """How a child ended.

    Attributes:
        key: As in its `Spawn`.
        value: What it returned.
        error: What it raised, or None.
    """

    key: Hashable
    value: Any = None
    error: BaseException | None = None


class Next(NamedTuple):
    """Wait until a child has ended.

    Attributes:
        seconds: How long at most; 0 does not wait. None is without limit, and only for a flow
            that has a child. A driver may give up sooner: when the caller's `cancel` is set.
    """

    seconds: float | None


class Take(NamedTuple):
    """Read the next item of an async iterator."""

    source: AsyncIterator[Any]


#: What a `Take` is answered with at the end.
NO_ITEM: Final = object()

Effect = Send | Fetch | Work | Sleep | Emit | Spawn | Next | Take
Flow = Generator[Effect, Any, T]
