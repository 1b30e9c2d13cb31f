"""What `KlingMock` offers a test, besides starting and stopping."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kling_mock.controls.loop_proxy import HasTaskId, Reach, id_of

if TYPE_CHECKING:
    from kling_mock.controls.accounts import AccountHandle, AccountsHandle
    from kling_mock.controls.callbacks import CallbacksHandle, DeliveriesHandle
    from kling_mock.controls.rules import ContentHandle, FaultsHandle, ProgressHandle

__all__ = ["Steering"]


class Steering:
    """The handles of one server. They may be kept, and used from any thread.

    Each is loaded when it is asked for: most servers of a test suite need none.
    """

    _reach: Reach

    @property
    def accounts(self) -> AccountsHandle:
        """All accounts: `mock.accounts.add("acme")`, `mock.accounts["acme"]`."""
        from kling_mock.controls.accounts import AccountsHandle

        return AccountsHandle(self._reach)

    @property
    def account(self) -> AccountHandle:
        """The account that every server has: `mock.account.slots = 2`."""
        from kling_mock.controls.accounts import AccountHandle

        return AccountHandle(self._reach, "default")

    @property
    def discontinued(self) -> frozenset[str]:
        """Models that create calls are refused with, as the vendor ends them; none at first.

        `mock.discontinued = {"kling-v1"}`. The text of the refusal was seen of kling-v1 in
        September 2026; its code was not recorded (1201 is assumed).
        """
        return self._reach.call(lambda world: world.discontinued)

    @discontinued.setter
    def discontinued(self, models: Iterable[str]) -> None:
        from kling_mock.controls.account_settings import read_models
        from kling_mock.kling.world import World

        ended = read_models(models)

        def work(world: World) -> None:
            world.discontinued = ended

        self._reach.call(work)

    @property
    def progress(self) -> ProgressHandle:
        """How fast tasks go on: `mock.progress.set("polls", polls=3)`."""
        from kling_mock.controls.rules import ProgressHandle

        return ProgressHandle(self._reach)

    @property
    def content(self) -> ContentHandle:
        """What the content review refuses: `mock.content.add("blood")`."""
        from kling_mock.controls.rules import ContentHandle

        return ContentHandle(self._reach)

    @property
    def faults(self) -> FaultsHandle:
        """What goes wrong: `mock.faults.add("response-lost", "POST *", times=1)`."""
        from kling_mock.controls.rules import FaultsHandle

        return FaultsHandle(self._reach)

    @property
    def callbacks(self) -> CallbacksHandle:
        """How callbacks are sent: `mock.callbacks.retries = (1, 2)`."""
        from kling_mock.controls.callbacks import CallbacksHandle

        return CallbacksHandle(self._reach)

    @property
    def deliveries(self) -> DeliveriesHandle:
        """Which callbacks were sent, and what came of it."""
        from kling_mock.controls.callbacks import DeliveriesHandle

        return DeliveriesHandle(self._reach)

    def process(self, task: str | HasTaskId) -> None:
        """Let *task* be processed now, if it waits for that.

        Args:
            task: A task, or its task id.

        Raises:
            KeyError: There is no such task.
            IllegalTransitionError: It is processed already, or has ended.
        """
        self._reach.call(lambda world: world.start(world.tasks.any(id_of(task))))
        self._reach.settle()

    def complete(self, task: str | HasTaskId) -> None:
        """Let *task* succeed now.

        Returns when its callbacks are delivered. Inside an event loop it returns at once, since
        the receiver may live there; `await mock.clock.aadvance(0)` then waits.

        Args:
            task: A task, or its task id.

        Raises:
            KeyError: There is no such task.
            IllegalTransitionError: It has ended already.
        """
        self._reach.call(lambda world: world.complete(world.tasks.any(id_of(task))))
        self._reach.settle()

    def fail(self, task: str | HasTaskId, code: int = 1301, message: str | None = None) -> None:
        """Let *task* fail now; returns like `complete`.

        Args:
            task: A task, or its task id.
            code: A service code of Kling; its text is the reason unless *message* is given.
            message: The reason that queries show.

        Raises:
            KeyError: There is no such task.
            IllegalTransitionError: It has ended already.
            ValueError: There is no such code.
        """
        self._reach.call(lambda world: world.fail(world.tasks.any(id_of(task)), code, message))
        self._reach.settle()
