"""A whole server, kept as it was at one instant, and put back.

The state is written out and read again as a whole, so whatever a world, a relay or a timer
holds is in it without being named here. What is not state (the clock itself, what sends
reports, rows of tables) is named, and stays the same object.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kling_mock.clock import ClockState, MockClock
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
    names = {id(thing): name for name, thing in _outside(clock, sender, world.endpoints).items()}
    written = io.BytesIO()
    try:
        _Writer(written, names).dump((world, relay, clock.save()))
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise RuntimeError(
            "snapshot: something waits on this clock that is no part of the emulated Kling or "
            f"its relay and cannot be kept: {error}"
        ) from error
    return Snapshot(written.getvalue(), clock.now(), len(world.tasks), clock, world.endpoints)


def put_back(snapshot: Snapshot, sender: CallbackSender) -> tuple[World, Any]:
    """Return the world and the relay of *snapshot* as they were, after setting its clock.

    Args:
        snapshot: What to put back.
        sender: Sends reports.
    """
    clock = snapshot.clock
    reader = _Reader(io.BytesIO(snapshot.state), _outside(clock, sender, snapshot.endpoints))
    world: World
    moment: ClockState
    world, relay, moment = reader.load()
    clock.load(moment)
    return world, relay


def _outside(
    clock: MockClock, sender: CallbackSender, endpoints: EndpointRegistry
) -> Mapping[str, object]:
    """Return what is no state, by name: it is not copied."""
    return {
        "clock": clock,
        "sender": sender,
        "endpoints": endpoints,
        "typical": TYPICAL,
        "stuck-pace": STUCK,
        **KINDS,
    }


class _Writer(pickle.Pickler):
    def __init__(self, to: io.BytesIO, names: Mapping[int, str]) -> None:
        super().__init__(to, pickle.HIGHEST_PROTOCOL)
        self._names = names

    def persistent_id(self, obj: Any) -> str | None:
        return self._names.get(id(obj))


class _Reader(pickle.Unpickler):
    def __init__(self, written: io.BytesIO, things: Mapping[str, object]) -> None:
        super().__init__(written)
        self._things = things

    def persistent_load(self, pid: str) -> object:
        return self._things[pid]
