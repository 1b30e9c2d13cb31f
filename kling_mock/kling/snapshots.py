"""A whole server, kept as it was at one instant, and put back.

The state is written out and read again as a whole, so whatever a world, a relay or a timer
holds is in it without being named here. What is not state (the clock itself, what sends
reports, rows of tables) is named, and stays the same object.
"""

from __future__ import annotations

import contextlib
import copyreg
import gc
import io
import pickle
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from typing import Any

from kling_mock.clock import ClockState, MockClock
from kling_mock.journal.changes import ChangeLog
from kling_mock.kling.callbacks.sender import CallbackSender
from kling_mock.kling.endpoints.registry import EndpointRegistry
from kling_mock.kling.faults.kinds import KINDS
from kling_mock.kling.model.progress import STUCK, TYPICAL
from kling_mock.kling.world import World

__all__ = ["Snapshot", "put_back", "take"]


class Snapshot:
    """What a server knew at one instant; made by `KlingMock.snapshot`.

    It can be put back any number of times, into the server that it was taken of.

    Attributes:
        at: Unix seconds on the mock's clock.
        tasks: How many tasks there were.
        clock: The clock of the server that it was taken of.
        endpoints: What that server serves.
    """

    __slots__ = ("_state", "at", "clock", "endpoints", "tasks")

    def __init__(
        self, state: bytes, at: float, tasks: int, clock: MockClock, endpoints: EndpointRegistry
    ) -> None:
        self._state = state
        self.endpoints = endpoints
        self.at = at
        self.tasks = tasks
        self.clock = clock

    @property
    def size(self) -> int:
        """Bytes of memory that it takes."""
        return len(self._state)

    @property
    def state(self) -> bytes:
        """What was written out: good for this process only, and full of secrets."""
        return self._state

    def __repr__(self) -> str:
        at = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="seconds")
        return f"<Snapshot at {at}: {self.tasks} tasks, {self.size} bytes>"


def take(world: World, relay: object, clock: MockClock, sender: CallbackSender) -> Snapshot:
    """Return a snapshot. No report may be in delivery, which cannot be kept.

    Args:
        world: The state.
        relay: What is to be kept of the relay.
        clock: The server's clock.
        sender: Sends reports.

    Raises:
        RuntimeError: Something waits on the clock that is no part of the world or the relay,
            and cannot be written out.
    """
    written = io.BytesIO()
    writer = _Writer(written, _outside(clock, sender, world.endpoints, world.changes))
    try:
        with _no_collection():
            writer.dump((world, relay, clock.save()))
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise RuntimeError(
            "snapshot: something waits on this clock that is no part of the emulated Kling or "
            f"its relay and cannot be kept: {error}"
        ) from error
    return Snapshot(written.getvalue(), clock.now(), len(world.tasks), clock, world.endpoints)


def put_back(snapshot: Snapshot, sender: CallbackSender, changes: ChangeLog) -> tuple[World, Any]:
    """Return the world and the relay of *snapshot* as they were, after setting its clock.

    Args:
        snapshot: What to put back.
        sender: Sends reports.
        changes: What has changed on the server.
    """
    clock = snapshot.clock
    outside = _outside(clock, sender, snapshot.endpoints, changes)
    reader = _Reader(io.BytesIO(snapshot.state), outside)
    world: World
    moment: ClockState
    with _no_collection():
        world, relay, moment = reader.load()
    clock.load(moment)
    return world, relay


def _outside(
    clock: MockClock, sender: CallbackSender, endpoints: EndpointRegistry, changes: ChangeLog
) -> Mapping[str, object]:
    """Return what is no state, by name: it is not copied."""
    return {
        "clock": clock,
        "sender": sender,
        "endpoints": endpoints,
        "changes": changes,
        "typical": TYPICAL,
        "stuck-pace": STUCK,
        **KINDS,
    }


@contextlib.contextmanager
def _no_collection() -> Generator[None]:
    """Suspend the collection of garbage: there is none, and looking for it takes most of the time.

    Whoever has switched it off finds it off.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _outside_thing(name: str) -> object:  # pragma: no cover - written out, never called
    """Stand for what is not copied; the reader has its own in this place."""
    raise RuntimeError(f"{name} is read by a snapshot only")


class _Writer(pickle.Pickler):
    """Writes names for *things*.

    By their types and not by `persistent_id`, which would be called for each of the millions of
    texts and numbers of a large state.
    """

    def __init__(self, to: io.BytesIO, things: Mapping[str, object]) -> None:
        super().__init__(to, pickle.HIGHEST_PROTOCOL)
        self._names = {id(thing): name for name, thing in things.items()}
        types = {type(thing) for thing in things.values()}
        self.dispatch_table = copyreg.dispatch_table | dict.fromkeys(types, self._reduced)

    def _reduced(self, thing: object) -> Any:
        name = self._names.get(id(thing))
        if name is None:
            return thing.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        return _outside_thing, (name,)


class _Reader(pickle.Unpickler):
    def __init__(self, written: io.BytesIO, things: Mapping[str, object]) -> None:
        super().__init__(written)
        self._things = things

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (__name__, _outside_thing.__name__):
            return self._things.__getitem__
        return super().find_class(module, name)
