"""Running a flow and its children by hand, on simulated time.

The clock moves to the next thing that is due: the answer to a call, the end of a sleep, the end
of the parent's wait for a child. Nothing else moves it, so a run of hours takes no time and is
the same each time.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any

import attrs

from kling_sdk import KlingError, Task
from kling_sdk.flows import NO_ITEM, Emit, Ended, Flow, Next, Send, Sleep, Spawn, Take
from kling_sdk.flows.batch_input import Requests
from kling_sdk.flows.many import RunLimits, run_many, wait_many
from kling_sdk.wire import Reply
from tests.sdk.scripted import FakeClock, Played, Scene, context, received, reply_of

Respond = Callable[[Send], Reply | Exception]


@attrs.define(eq=False)
class Simulation:
    """Plays flows; the children of one at a time.

    Attributes:
        clock: The clock of all of them.
        respond: Answers a call, at the time of its answer.
        takes: Returns how long the answer to a call takes, in seconds.
        on_item: Called with each item; it may move the clock, as a slow caller does.
        most: Most effects.
    """

    clock: FakeClock
    respond: Respond
    takes: Callable[[Send], float] = lambda _effect: 0.0
    on_item: Callable[[Any], object] = lambda _item: None
    most: int = 200_000
    played: Played[Any] = attrs.field(factory=Played, init=False)
    running: int = attrs.field(default=0, init=False)
    _due: list[tuple[float, int, Callable[[], None]]] = attrs.field(factory=list, init=False)
    _order: itertools.count[int] = attrs.field(factory=itertools.count, init=False)
    _ended: list[Ended] = attrs.field(factory=list, init=False)

    def play(self, flow: Flow[Any]) -> Played[Any]:
        """Run *flow* to its end."""
        answer: Any = None
        try:
            while True:
                effect = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
                self._note(effect)
                answer = self._answer(effect)
        except StopIteration as stop:
            self.played.value = stop.value
        except KlingError as error:
            self.played.error = error
        finally:
            flow.close()
        return self.played

    def _note(self, effect: Any) -> None:
        self.played.effects.append(effect)
        self.played.times.append(self.clock.monotonic())
        assert len(self.played.effects) <= self.most, "the flow does not end"

    def _answer(self, effect: Any) -> Any:
        match effect:
            case Emit(item):
                self.on_item(item)
            case Spawn():
                self._step(effect, effect.flow, None)
                self.running += 1
            case Next(seconds):
                return self._next(math.inf if seconds is None else seconds)
            case Sleep(seconds):
                self._run_until(self.clock.monotonic() + seconds)
            case Send():
                self._run_until(self.clock.monotonic() + self.takes(effect))
                return received(effect, self.respond(effect))
        return None

    def _next(self, seconds: float) -> Ended | None:
        until = self.clock.monotonic() + seconds
        assert until < math.inf or self.running, "the flow waits for nothing"
        while not self._ended and self._due and self._due[0][0] <= until:
            self._advance()
        if self._ended:
            self.running -= 1
            return self._ended.pop(0)
        self._move(until)
        return None

    def _run_until(self, until: float) -> None:
        while self._due and self._due[0][0] <= until:
            self._advance()
        self._move(until)

    def _advance(self) -> None:
        when, _, act = heapq.heappop(self._due)
        self._move(when)
        act()

    def _move(self, until: float) -> None:
        assert until < math.inf, "nothing is due, and the flow waits forever"
        self.clock.now += max(0.0, until - self.clock.monotonic())

    # ------------------------------------------------------------ children

    def _step(self, spawn: Spawn, flow: Flow[Any], answer: Any) -> None:
        """Run a child to its next effect."""
        try:
            effect = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
        except StopIteration as stop:
            self._ended.append(Ended(spawn.key, stop.value))
            return
        except Exception as error:  # noqa: BLE001 - the parent judges it
            self._ended.append(Ended(spawn.key, None, error))
            return
        self._note(effect)
        pause = effect.seconds if isinstance(effect, Sleep) else 0.0
        if isinstance(effect, Send):
            pause = self.takes(effect)

        def go_on() -> None:
            response: Any = None
            if isinstance(effect, Send):
                response = received(effect, self.respond(effect))
            elif isinstance(effect, Take):
                response = _next_item(effect)
            self._step(spawn, flow, response)

        heapq.heappush(self._due, (self.clock.monotonic() + pause, next(self._order), go_on))


def _next_item(effect: Take) -> Any:
    """Return the next item of an async iterator that never waits."""
    step = anext(effect.source, NO_ITEM).__await__()
    try:
        next(step)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("this driver cannot wait for an item")


def watch(
    scene: Scene,
    tasks: Iterable[Task | str],
    respond: Respond | None = None,
    *,
    takes: Callable[[Send], float] = lambda _effect: 0.0,
    on_item: Callable[[Any], object] = lambda _item: None,
    **options: Any,
) -> Played[Any]:
    """Return the outcomes of watching tasks of the scene's account."""
    flow = wait_many(context(scene.clock, **options), tasks)
    return _simulation(scene, respond, takes, on_item).play(flow)


def run(
    scene: Scene,
    requests: Requests | AsyncIterable[Any],
    respond: Respond | None = None,
    limits: RunLimits | None = None,
    *,
    takes: Callable[[Send], float] = lambda _effect: 0.0,
    on_item: Callable[[Any], object] = lambda _item: None,
    **options: Any,
) -> Played[Any]:
    """Return the outcomes of creating tasks in the scene's account and waiting for them."""
    flow = run_many(context(scene.clock, **options), requests, limits or RunLimits())
    return _simulation(scene, respond, takes, on_item).play(flow)


def _simulation(
    scene: Scene,
    respond: Respond | None,
    takes: Callable[[Send], float],
    on_item: Callable[[Any], object],
) -> Simulation:
    def answered(effect: Send) -> Reply | Exception:
        return reply_of(scene.kling, effect)

    return Simulation(scene.clock, respond or answered, takes, on_item)
