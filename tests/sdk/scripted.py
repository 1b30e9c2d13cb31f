"""Running flows by hand: a clock that obeys, and answers given one by one.

The clock is an argument of every client, so tests neither patch it nor sleep.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

import attrs

from kling_sdk import KlingError, Task
from kling_sdk.auth import ApiKey, Keyring
from kling_sdk.flows import Context, Effect, Emit, Fetch, Flow, Send, Sleep, Work
from kling_sdk.options import Options
from kling_sdk.text.scalars import instant
from kling_sdk.wire import Reply, V1Wire
from tests.sdk.fake_kling import Answer, HonestKling

T = TypeVar("T")
START = 1_790_000_000.0


class FakeClock:
    """A clock that moves only when a caller sleeps, and then at once.

    Attributes:
        slept: The pauses that were asked for, in seconds.
        on_sleep: Called with each pause, after the clock has moved.
    """

    def __init__(self) -> None:
        self.now = START
        self.slept: list[float] = []
        self.on_sleep: Callable[[float], object] = lambda _seconds: None
        self._lock = threading.Lock()

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now - START

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        if wake is not None and wake.is_set():
            seconds = 0.0
        with self._lock:
            self.now += seconds
            self.slept.append(seconds)
        self.on_sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)

    def call(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


class ClockPerTask(FakeClock):
    """A fake clock for many calls at once: the sleep of one does not age the others."""

    def __init__(self) -> None:
        super().__init__()
        self._own: ContextVar[float] = ContextVar("own", default=0.0)

    def time(self) -> float:
        return START + self._own.get()

    def monotonic(self) -> float:
        return self._own.get()

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        super().sleep(seconds, wake)
        self._own.set(self._own.get() + seconds)


@attrs.define(eq=False)
class Played(Generic[T]):
    """A played flow: its result or error, and every effect it asked for.

    Attributes:
        effects: What it asked for, its children included.
        times: When, in seconds of the clock.
    """

    effects: list[Effect] = attrs.field(factory=list)
    times: list[float] = attrs.field(factory=list)
    value: T | None = None
    error: BaseException | None = None

    @property
    def sent(self) -> list[str]:
        """Return the calls as `METHOD path`."""
        return [
            f"{effect.call.method} {effect.call.path}"
            for effect in self.effects
            if isinstance(effect, Send | Fetch)
        ]

    @property
    def sends(self) -> list[Send]:
        """Return the calls of the API."""
        return [effect for effect in self.effects if isinstance(effect, Send)]

    @property
    def pauses(self) -> list[float]:
        """Return the sleeps in seconds."""
        return [effect.seconds for effect in self.effects if isinstance(effect, Sleep)]

    @property
    def items(self) -> list[Any]:
        """Return the results that were handed out."""
        return [effect.item for effect in self.effects if isinstance(effect, Emit)]

    @property
    def item_times(self) -> list[float]:
        """Return when each of them was handed out."""
        pairs = zip(self.times, self.effects, strict=True)
        return [time for time, effect in pairs if isinstance(effect, Emit)]

    @property
    def send_times(self) -> list[float]:
        """Return when each call was made."""
        pairs = zip(self.times, self.effects, strict=True)
        return [time for time, effect in pairs if isinstance(effect, Send)]

    def sent_within(self, seconds: float) -> int:
        """Return the maximum number of calls within any time of that length."""
        times = self.send_times
        return max(
            (bisect_left(times, start + seconds) - at for at, start in enumerate(times)), default=0
        )

    def is_complete(self, count: int) -> bool:
        """Return whether there is one outcome for each of *count* indexes."""
        return sorted(outcome.index for outcome in self.items) == list(range(count))

    @property
    def result(self) -> T:
        """Return the result, or raise what the flow raised."""
        if self.error is not None:
            raise self.error
        assert self.value is not None
        return self.value


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something has happened on another thread."""
    while not condition():  # noqa: ASYNC110 - no event of asyncio crosses threads
        await asyncio.sleep(0)


def context(
    clock: FakeClock,
    *,
    keys: Keyring | None = None,
    with_tasks: bool = False,
    cancelled: Callable[[], bool] = bool,
    seed: int = 1,
    **options: Any,
) -> Context:
    """Return what flows need, around *clock*; *with_tasks* for a client that can ask `/tasks`."""
    keys = keys or Keyring((ApiKey("key-1"),))
    return Context(
        V1Wire(),
        keys,
        Options(**options),
        clock.time,
        clock.monotonic,
        random.Random(seed),  # noqa: S311 - a test needs the same numbers each time
        cancelled,
        api_keys=keys if with_tasks else None,
    )


def play(
    flow: Flow[T],
    clock: FakeClock,
    respond: Callable[[Any], Reply | Exception],
    most: int = 10_000,
    on_item: Callable[[Any], object] = lambda _item: None,
) -> Played[T]:
    """Run *flow*: each call is answered by *respond*, each sleep moves the clock."""
    played: Played[T] = Played()
    answer: Any = None
    try:
        while len(played.effects) < most:
            effect = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
            if isinstance(effect, Work):  # cannot be seen from outside
                answer = worked(effect)
                continue
            played.effects.append(effect)
            played.times.append(clock.monotonic())
            answer = None
            if isinstance(effect, Sleep):
                clock.sleep(effect.seconds)
            elif isinstance(effect, Emit):
                on_item(effect.item)
            elif isinstance(effect, Send):
                answer = received(effect, respond(effect))
            else:
                answer = respond(effect)
    except StopIteration as stop:
        played.value = stop.value
    except KlingError as error:
        played.error = error
    else:
        raise AssertionError(f"the flow did not end within {most} effects")
    return played


def worked(effect: Work) -> Any:
    """Return the result of *effect*, or its error."""
    try:
        return effect.run()
    except Exception as error:  # noqa: BLE001 - thrown into the flow, as the loops do
        return error


def received(effect: Send, answer: Reply | Exception) -> Any:
    """Return what a transport makes of *answer*: the flow's reading of it, or an error."""
    if isinstance(answer, Exception):
        return answer
    try:
        return effect.read(answer._replace(fresh=effect.fresh))
    except Exception as error:  # noqa: BLE001 - thrown into the flow, as a transport does
        return error


def in_turn(answers: Iterable[Reply | Exception]) -> Callable[[Any], Reply | Exception]:
    """Return a responder that gives *answers* one after the other."""
    left = iter(answers)
    return lambda _effect: next(left)


def reply(answer: Answer) -> Reply:
    """Return what a client makes of *answer*."""
    return Reply(answer.status, answer.headers, answer.body)


def reply_of(kling: HonestKling, effect: Send) -> Reply:
    """Return what *kling* answers to a call."""
    call = effect.call
    query = {name: str(value) for name, value in (call.params or {}).items()}
    return reply(kling.answer(call.method, call.path, query, call.headers, call.json))


@attrs.define(eq=False)
class Scene:
    """A clock and an account."""

    clock: FakeClock = attrs.field(factory=FakeClock)
    kling: HonestKling = attrs.field(
        default=attrs.Factory(lambda self: HonestKling(now=self.clock.time), takes_self=True)
    )

    def existing(self, count: int, endpoint: str = "text2video") -> list[Task]:
        """Return so many tasks of an endpoint; `text-to-video/...` has the model in the path."""
        before = len(self.kling.tasks)
        is_new = "/" in endpoint
        for number in range(before, before + count):
            options = {"external_task_id": f"order-{number}"}
            body = {"options": options} if is_new else options
            path = f"/{endpoint}" if is_new else f"/v1/videos/{endpoint}"
            self.kling.answer("POST", path, {}, {}, body)
        created_at = instant(self.clock.now * 1000)
        return [
            Task(
                task_id,
                "submitted",
                endpoint="text2video" if is_new else endpoint,
                interface="model-path" if is_new else "v1",
                created_at=created_at,
            )
            for task_id in list(self.kling.tasks)[before:]
        ]
