"""Whether a server is up, what it is, and how much it has done: for scripts and containers."""

from __future__ import annotations

import json

import kling_mock
from kling_mock.kling.world import World

__all__ = ["health_of"]


def health_of(world: World) -> bytes:
    """Return the JSON of `/health`; its schema is in `kling_mock.reference.operations`."""
    clock, journal, deliveries = world.clock, world.journal, world.callbacks.log
    return json.dumps(
        {
            "status": "ok",
            "version": kling_mock.__version__,
            "clock": {"now": clock.now(), "kind": clock.kind, "speed": clock.speed},
            "tasks": len(world.tasks),
            "open_tasks": sum(world.accounts[name].open for name in world.accounts),
            "requests": journal.total,
            "unexpected": journal.unexpected_total,
            "callbacks": deliveries.total,
        }
    ).encode()
