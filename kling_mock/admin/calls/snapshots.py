"""Snapshots, kept by the server under a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kling_mock.admin.context import AdminContext
from kling_mock.web.errors import ApiError
from kling_mock.web.json_schema import EVERY, array, closed, integer, number, text

if TYPE_CHECKING:
    from kling_mock.kling.snapshots import Snapshot
from kling_mock.web.operations import ApiCall, Parameters

__all__ = ["CALLS", "MOST", "MOST_BYTES"]

MOST = 20
MOST_BYTES = 256 * 1024 * 1024  # of all that are kept

SNAPSHOT = closed(
    snapshot_id=text(),
    at=number(about="Unix seconds on the server's clock."),
    tasks=integer(0, about="How many tasks there were."),
    size=integer(0, about="Bytes of memory that it takes."),
)


def _show(name: str, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "snapshot_id": name,
        "at": snapshot.at,
        "tasks": snapshot.tasks,
        "size": snapshot.size,
    }


def _find(context: AdminContext, parameters: Parameters) -> Snapshot:
    found = context.snapshots.get(parameters["snapshot_id"])
    if found is None:
        raise ApiError(404, "unknown_snapshot", "There is no such snapshot; a reset forgets all.")
    return found


def list_snapshots(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Return all snapshots, the oldest first."""
    return {"data": [_show(name, snapshot) for name, snapshot in context.snapshots.items()]}


async def take_snapshot(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Keep the server as it is now."""
    await context.clock.drain()  # callbacks under way cannot be kept
    kept = context.snapshots
    number = next(at for at in range(1, MOST + 2) if f"snapshot-{at}" not in kept)
    name = parameters.get("snapshot_id", f"snapshot-{number}")
    if name in kept:
        raise ApiError(409, "snapshot_exists", "There is a snapshot of this name; delete it.")
    if len(kept) >= MOST:
        raise ApiError(409, "too_many_snapshots", f"At most {MOST} snapshots are kept; delete one.")
    try:
        snapshot = context.snapshot()
    except RuntimeError as error:
        raise ApiError(409, "no_snapshot", str(error)) from None
    if snapshot.size + sum(other.size for other in kept.values()) > MOST_BYTES:
        message = f"At most {MOST_BYTES} bytes of snapshots are kept; delete one."
        raise ApiError(409, "too_many_snapshots", message)
    kept[name] = snapshot
    return _show(name, snapshot)


def restore_snapshot(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Put a snapshot back."""
    snapshot = _find(context, parameters)
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
        closed(data=array(SNAPSHOT, MOST)),
    ),
    ApiCall(
        "POST",
        "/snapshots",
        take_snapshot,
        "Keep all that the server knows now: state, clock, faults, journal, chance",
        SNAPSHOT,
        closed(
            EVERY,
            snapshot_id=text(
                "Its name; one is made without it.", pattern="^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"
            ),
        ),
        status=201,
        errors={409: "There is one of this name, or there are too many or too large ones."},
        examples={"named": {"snapshot_id": "before"}},
    ),
    ApiCall(
        "POST",
        f"{_PATH}/restore",
        restore_snapshot,
        "Be again what the server was; the same calls then get the same answers",
        SNAPSHOT,
    ),
    ApiCall("DELETE", _PATH, delete_snapshot, "Forget a snapshot", closed(removed=integer(1, 1))),
)
