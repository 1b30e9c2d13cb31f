"""Snapshots: the whole state of a server at one instant, saved and restored.

The state is pickled and read again as a whole, so it contains whatever a world, a relay or a timer
holds, without naming it here. Objects that are not state (the clock itself, the sender of reports,
rows of tables) are named, and stay the same objects.
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
from kling_mock.kling.callbacks.sender import CallbackSender
from kling_mock.kling.endpoints.registry import EndpointRegistry
from kling_mock.kling.faults.kinds import KINDS
from kling_mock.kling.journal.changes import ChangeLog
from kling_mock.kling.journal.findings import Findings
from kling_mock.kling.model.progress import STUCK, TYPICAL
from kling_mock.kling.world import World


class Snapshot:
    """The state of a server at one instant; made by `KlingMock.snapshot`.

    It can be restored any number of times, on the server from which it was taken.

    Attributes:
        at: Unix seconds on the mock's clock.
        tasks: The number of tasks.
        clock: The clock of the server from which it was taken.
        endpoints: The endpoints of that server.
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
        """The snapshot's size in bytes of memory."""
        return len(self._state)

    @property
    def state(self) -> bytes:
        """The pickled state, which is usable in this process only, and contains secrets."""
        return self._state

    def __repr__(self) -> str:
        at = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="seconds")
        return f"<Snapshot at {at}: {self.tasks} tasks, {self.size} bytes>"


def take(world: World, relay: object, clock: MockClock, sender: CallbackSender) -> Snapshot:
    """Return a snapshot. No report may be in delivery, because a delivery cannot be saved.

    Args:
        relay: The state of the relay to save.
        clock: The server's clock.
        sender: Sends reports.

    Raises:
        RuntimeError: Something that waits on the clock is not part of the world or the relay,
            and cannot be pickled.
    """
    written = io.BytesIO()
    outside = _outside(clock, sender, world.endpoints, world.changes, world.findings)
    writer = _Writer(written, outside)
    try:
        with _no_collection():
            writer.dump((world, relay, clock.save()))
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise RuntimeError(
            "snapshot: something that is not part of the emulated Kling or its relay waits on this "
            f"clock, and cannot be kept: {error}"
        ) from error
    return Snapshot(written.getvalue(), clock.now(), len(world.tasks), clock, world.endpoints)


def put_back(
    snapshot: Snapshot, sender: CallbackSender, changes: ChangeLog, findings: Findings
) -> tuple[World, Any]:
    """Return the world and the relay of *snapshot* as they were, after setting its clock.

    Args:
        snapshot: The snapshot to restore.
        sender: Sends reports.
        changes: The log of changes on the server.
        findings: The findings on the server.
    """
    clock = snapshot.clock
    outside = _outside(clock, sender, snapshot.endpoints, changes, findings)
    reader = _Reader(io.BytesIO(snapshot.state), outside)
    world: World
    moment: ClockState
    with _no_collection():
        world, relay, moment = reader.load()
    clock.load(moment)
    return world, relay


def _outside(
    clock: MockClock,
    sender: CallbackSender,
    endpoints: EndpointRegistry,
    changes: ChangeLog,
    findings: Findings,
) -> Mapping[str, object]:
    """Return the objects that are not state, by name: they are not copied."""
    return {
        "clock": clock,
        "sender": sender,
        "endpoints": endpoints,
        "changes": changes,
        "findings": findings,
        "typical": TYPICAL,
        "stuck-pace": STUCK,
        **KINDS,
    }


@contextlib.contextmanager
def _no_collection() -> Generator[None]:
    """Suspend garbage collection: there is no garbage, and the search takes most of the time.

    A caller that has switched it off before finds it still off.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _outside_thing(name: str) -> object:  # pragma: no cover - written out, never called
    """Stand in for an object that is not copied; the reader has its own in this place."""
    raise RuntimeError(f"{name} is read by a snapshot only")


class _Writer(pickle.Pickler):
    """A pickler that writes names for *things*.

    It finds them by their types instead of by `persistent_id`, which would be called for each of
    the millions of texts and numbers of a large state.
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
