"""What the calls of the admin API work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from kling_mock.admin.views import show_delivery, show_task
from kling_mock.clock import MockClock
from kling_mock.controls.accounts import AccountsHandle
from kling_mock.controls.callbacks import CallbacksHandle, DeliveriesHandle
from kling_mock.controls.loop_proxy import LoopProxy
from kling_mock.controls.rules import ContentHandle, FaultsHandle, ProgressHandle
from kling_mock.journal.journal import Journal
from kling_mock.kling.callbacks.log import Delivery
from kling_mock.kling.model.tasks import EmulatedTask
from kling_mock.kling.world import World
from kling_mock.web.operations import JsonObject, Parameters

if TYPE_CHECKING:
    from kling_mock.kling.snapshots import Snapshot

__all__ = ["AdminContext", "settled"]


class AdminContext:
    """One server, as the admin API sees it; used on the server's thread only.

    Args:
        proxy: Access to the server's state.
        clock: The server's clock.
        reset: Resets the server, given a seed or `None` for the last one.
        snapshot: Takes a snapshot of the server.
        restore: Puts one back.

    Attributes:
        clock: As given.
        reset: As given.
        snapshot: As given.
        restore: As given.
        accounts: The accounts.
        progress: The progress rules.
        content: The content rules.
        faults: The faults.
        callbacks: The settings of callbacks.
        deliveries: The callbacks that were sent.
        snapshots: Those that are kept, by name, the oldest first. A reset forgets them, as it
            drops this object.
    """

    def __init__(
        self,
        proxy: LoopProxy,
        clock: MockClock,
        reset: Callable[[int | None], None],
        snapshot: Callable[[], Snapshot],
        restore: Callable[[Snapshot], None],
    ) -> None:
        self._proxy = proxy
        self.clock = clock
        self.reset = reset
        self.snapshot = snapshot
        self.restore = restore
        self.accounts = AccountsHandle(proxy)
        self.progress = ProgressHandle(proxy)
        self.content = ContentHandle(proxy)
        self.faults = FaultsHandle(proxy)
        self.callbacks = CallbacksHandle(proxy)
        self.deliveries = DeliveriesHandle(proxy)
        self.snapshots: dict[str, Snapshot] = {}

    @property
    def world(self) -> World:
        """The present state."""
        return self._proxy.world

    @property
    def journal(self) -> Journal:
        """The newest requests and the replies to them."""
        return self._proxy.world.journal

    def task(self, task: EmulatedTask, parameters: Parameters) -> dict[str, Any]:
        """Return what is shown of a task; `include` may ask for more."""
        inputs = self.world.inputs.of(task.task_id)
        return show_task(task, inputs, with_made_at=parameters.get("include") == "made_at")

    def delivery(self, number: int, delivery: Delivery) -> dict[str, Any]:
        """Return what is shown of the *number*-th delivery."""
        world = self.world
        account = world.accounts[delivery.account]
        return show_delivery(number, delivery, account.signing_secrets(world.clock.now()))


def settled(
    function: Callable[[AdminContext, Parameters], JsonObject],
) -> Callable[[AdminContext, Parameters], Awaitable[JsonObject]]:
    """Let a call reply only when the callbacks that it caused have been delivered."""

    @wraps(function)
    async def run(context: AdminContext, parameters: Parameters) -> JsonObject:
        reply = function(context, parameters)
        await context.clock.drain()
        return reply

    return run
