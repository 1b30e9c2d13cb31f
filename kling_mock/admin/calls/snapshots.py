"""Snapshots, kept by the server under a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kling_mock.admin.context import AdminContext
from kling_mock.controls.loop_proxy import CALLBACKS_TIMEOUT
from kling_mock.web.errors import ApiError
from kling_mock.web.json_schema import EVERY, array, closed, encode, integer, number, text
from kling_mock.web.operations import ApiCall, Parameters

if TYPE_CHECKING:
    from kling_mock.kling.snapshots import Snapshot

MAX_SNAPSHOTS = 20
MAX_BYTES = 256 * 1024 * 1024  # of all kept snapshots together

SNAPSHOT = closed(
    snapshot_id=text(),
    at=number(about="Unix seconds on the server's clock."),
    tasks=integer(0, about="How many tasks there were."),
    size=integer(0, about="Bytes of memory that it takes."),
)


def _show(name: str, snapshot: Snapshot) -> dict[str, Any]:
    return encode(SNAPSHOT, snapshot, snapshot_id=name)


def _find(context: AdminContext, parameters: Parameters) -> Snapshot:
    snapshot = context.snapshots.get(parameters["snapshot_id"])
    if snapshot is None:
        raise ApiError(404, "unknown_snapshot", "There is no such snapshot; a reset forgets all.")
    return snapshot


def list_snapshots(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Return all snapshots, the oldest first."""
    return {"data": [_show(name, snapshot) for name, snapshot in context.snapshots.items()]}


async def take_snapshot(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Keep the server as it is now."""
    await context.clock.drain()  # callbacks under way cannot be kept
    snapshots = context.snapshots
    number = next(at for at in range(1, MAX_SNAPSHOTS + 2) if f"snapshot-{at}" not in snapshots)
    name = parameters.get("snapshot_id", f"snapshot-{number}")
    if name in snapshots:
        raise ApiError(
            409, "snapshot_exists", "There is already a snapshot of this name; delete it first."
        )
    if len(snapshots) >= MAX_SNAPSHOTS:
        raise ApiError(
            409, "too_many_snapshots", f"At most {MAX_SNAPSHOTS} snapshots are kept; delete one."
        )
    try:
        snapshot = context.snapshot()
    except RuntimeError as error:
        raise ApiError(409, "no_snapshot", str(error)) from None
    if snapshot.size + sum(other.size for other in snapshots.values()) > MAX_BYTES:
        message = f"At most {MAX_BYTES} bytes of snapshots are kept; delete one."
        raise ApiError(409, "too_many_snapshots", message)
    snapshots[name] = snapshot
    return _show(name, snapshot)


async def restore_snapshot(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Put a snapshot back."""
    snapshot = _find(context, parameters)
    await context.clock.drain(CALLBACKS_TIMEOUT)
    context.restore(snapshot)
    return _show(parameters["snapshot_id"], snapshot)


def delete_snapshot(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Forget a snapshot."""
    _find(context, parameters)
    del context.snapshots[parameters["snapshot_id"]]
    return {"removed": 1}


_PATH = "/snapshots/{snapshot_id}"

CALLS: tuple[ApiCall[AdminContext], ...] = (
    ApiCall(
        "GET",
        "/snapshots",
        list_snapshots,
        "List the snapshots",
        closed(data=array(SNAPSHOT, MAX_SNAPSHOTS)),
    ),
    ApiCall(
        "POST",
        "/snapshots",
        take_snapshot,
        "Take a snapshot of the server: state, clock, faults, journal, random sources",
        SNAPSHOT,
        closed(
            EVERY,
            snapshot_id=text(
                "Its name; if left out, one is made.", pattern="^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"
            ),
        ),
        status=201,
        errors={409: "The name is taken, or there are too many snapshots, or they are too large."},
        examples={"named": {"snapshot_id": "before"}},
    ),
    ApiCall(
        "POST",
        f"{_PATH}/restore",
        restore_snapshot,
        "Restore the server to a snapshot; the same calls then get the same responses",
        SNAPSHOT,
    ),
    ApiCall("DELETE", _PATH, delete_snapshot, "Forget a snapshot", closed(removed=integer(1, 1))),
)
