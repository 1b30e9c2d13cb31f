"""The context of the calls of the admin API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from kling_mock.admin.views import show_delivery, show_task
from kling_mock.clock import MockClock
from kling_mock.controls.loop_proxy import LoopProxy
from kling_mock.controls.server_controls import ServerControls
from kling_mock.kling.callbacks.log import Delivery
from kling_mock.kling.model.tasks import EmulatedTask
from kling_mock.kling.world import World
from kling_mock.web.operations import JsonObject, Parameters

if TYPE_CHECKING:
    from kling_mock.kling.snapshots import Snapshot


class AdminContext(ServerControls):
    """One server, as the admin API sees it: its controls; used on the server's thread only.

    Args:
        proxy: Access to the server's state.
        clock: The server's clock.
        reset: Resets the server, given a seed or `None` for the last one.
        snapshot: Takes a snapshot of the server.
        restore: Restores a snapshot.

    Attributes:
        clock: As given.
        reset: As given.
        snapshot: As given.
        restore: As given.
        snapshots: The snapshots that are kept, by name, the oldest first. A reset drops them with
            this object.
    """

    clock: MockClock
    reset: Callable[[int | None], None]
    snapshot: Callable[[], Snapshot]
    restore: Callable[[Snapshot], None]
    snapshots: dict[str, Snapshot]

    def __init__(
        self,
        proxy: LoopProxy,
        clock: MockClock,
        reset: Callable[[int | None], None],
        snapshot: Callable[[], Snapshot],
        restore: Callable[[Snapshot], None],
    ) -> None:
        super().__init__(proxy)
        self.clock = clock
        self.reset = reset
        self.snapshot = snapshot
        self.restore = restore
        self.snapshots = {}

    @property
    def world(self) -> World:
        """The current state."""
        return self._proxy.world

    def task(self, task: EmulatedTask, parameters: Parameters) -> dict[str, Any]:
        """Return the view of a task; `include` may request more members."""
        inputs = self.world.inputs.of(task.task_id)
        return show_task(task, inputs, with_made_at=parameters.get("include") == "made_at")

    def delivery(self, number: int, delivery: Delivery) -> dict[str, Any]:
        """Return the view of the *number*-th delivery."""
        world = self.world
        account = world.accounts[delivery.account]
        return show_delivery(number, delivery, account.signing_secrets(world.clock.now()))


def settled(
    function: Callable[[AdminContext, Parameters], JsonObject],
) -> Callable[[AdminContext, Parameters], Awaitable[JsonObject]]:
    """Delay the reply of a call until the callbacks that it caused have been delivered."""

    @wraps(function)
    async def run(context: AdminContext, parameters: Parameters) -> JsonObject:
        reply = function(context, parameters)
        await context.clock.drain()
        return reply

    return run
