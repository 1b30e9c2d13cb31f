"""What `KlingMock` offers a test, besides starting and stopping."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kling_mock.control.handles.reach import Reach

if TYPE_CHECKING:
    from kling_mock.control.handles.accounts import AccountHandle, AccountsHandle
    from kling_mock.control.handles.callbacks import CallbacksHandle, DeliveriesHandle
    from kling_mock.control.handles.rules import ContentHandle, FaultsHandle, ProgressHandle

__all__ = ["Steering"]


class Steering:
    """The handles of one server. They may be kept, and used from any thread.

    Each is loaded when it is asked for: most servers of a test suite need none.
    """

    _reach: Reach

    @property
    def accounts(self) -> AccountsHandle:
        """All accounts: `mock.accounts.add("acme")`, `mock.accounts["acme"]`."""
        from kling_mock.control.handles.accounts import AccountsHandle

        return AccountsHandle(self._reach)

    @property
    def account(self) -> AccountHandle:
        """The account that every server has: `mock.account.slots = 2`."""
        from kling_mock.control.handles.accounts import AccountHandle

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
        from kling_mock.control.handles.account_settings import read_models
        from kling_mock.kling.world import World

        ended = read_models(models)

        def work(world: World) -> None:
            world.discontinued = ended

        self._reach.call(work)

    @property
    def progress(self) -> ProgressHandle:
        """How fast tasks go on: `mock.progress.set("polls", polls=3)`."""
        from kling_mock.control.handles.rules import ProgressHandle

        return ProgressHandle(self._reach)

    @property
    def content(self) -> ContentHandle:
        """What the content review refuses: `mock.content.add("blood")`."""
        from kling_mock.control.handles.rules import ContentHandle

        return ContentHandle(self._reach)

    @property
    def faults(self) -> FaultsHandle:
        """What goes wrong: `mock.faults.add("response-lost", "POST *", times=1)`."""
        from kling_mock.control.handles.rules import FaultsHandle

        return FaultsHandle(self._reach)

    @property
    def callbacks(self) -> CallbacksHandle:
        """How callbacks are sent: `mock.callbacks.retries = (1, 2)`."""
        from kling_mock.control.handles.callbacks import CallbacksHandle

        return CallbacksHandle(self._reach)

    @property
    def deliveries(self) -> DeliveriesHandle:
        """Which callbacks were sent, and what came of it."""
        from kling_mock.control.handles.callbacks import DeliveriesHandle

        return DeliveriesHandle(self._reach)
