"""What a test steers a server by: accounts, rules, faults, callbacks, tasks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from kling_mock.controls.attributes import KnownAttributes
from kling_mock.controls.loop_proxy import HasTaskId, LoopProxy, id_of
from kling_mock.journal.journal import Journal
from kling_mock.kling.world import World
from kling_mock.web.values import as_text, as_whole

if TYPE_CHECKING:
    from kling_mock.controls.accounts import AccountHandle, AccountsHandle
    from kling_mock.controls.callbacks import CallbacksHandle, DeliveriesHandle
    from kling_mock.controls.rules import ContentHandle, FaultsHandle, ProgressHandle

__all__ = ["ServerControls"]


class ServerControls(KnownAttributes):
    """The controls of a server.

    Args:
        proxy: Calls into the server's loop.
    """

    def __init__(self, proxy: LoopProxy) -> None:
        self._proxy = proxy

    # Each is loaded when it is first used: most servers of a test suite need none.

    @cached_property
    def accounts(self) -> AccountsHandle:
        """All accounts: `mock.accounts.add("acme")`, `mock.accounts["acme"]`."""
        from kling_mock.controls.accounts import AccountsHandle

        return AccountsHandle(self._proxy)

    @cached_property
    def account(self) -> AccountHandle:
        """The account that every server has: `mock.account.slots = 2`."""
        from kling_mock.controls.accounts import AccountHandle

        return AccountHandle(self._proxy, "default")

    @cached_property
    def progress(self) -> ProgressHandle:
        """How fast tasks progress: `mock.progress.add("polls", polls=3)`."""
        from kling_mock.controls.rules import ProgressHandle

        return ProgressHandle(self._proxy)

    @cached_property
    def content(self) -> ContentHandle:
        """What the content review refuses: `mock.content.add("blood")`."""
        from kling_mock.controls.rules import ContentHandle

        return ContentHandle(self._proxy)

    @cached_property
    def faults(self) -> FaultsHandle:
        """What goes wrong: `mock.faults.add("response-lost", "POST *", times=1)`."""
        from kling_mock.controls.rules import FaultsHandle

        return FaultsHandle(self._proxy)

    @cached_property
    def callbacks(self) -> CallbacksHandle:
        """How callbacks are sent: `mock.callbacks.retries = (1, 2)`."""
        from kling_mock.controls.callbacks import CallbacksHandle

        return CallbacksHandle(self._proxy)

    @cached_property
    def deliveries(self) -> DeliveriesHandle:
        """Which callbacks were sent, and with what result."""
        from kling_mock.controls.callbacks import DeliveriesHandle

        return DeliveriesHandle(self._proxy)

    @property
    def journal(self) -> Journal:
        """The newest requests and the replies to them."""
        return self._proxy.world.journal

    @property
    def retired(self) -> frozenset[str]:
        """Models and endpoints that create calls are refused with, as the vendor ends them.

        None at first: they are served, with a note `retired`. `mock.retired = "2026-09-28"`, or
        a `datetime.date`, refuses what the real service was seen to refuse until that day;
        `mock.retired = {"kling-v1", "multi-image2video"}` what is named; `None` nothing. The
        texts of the refusals were seen; their code was not recorded (1201 is assumed).
        """
        return self._proxy.call(lambda world: world.retired)

    @retired.setter
    def retired(self, given: str | date | Iterable[str] | None) -> None:
        from kling_mock.controls.retirement import read_retired

        names = read_retired(given)

        def work(world: World) -> None:
            world.retired = names

        self._proxy.call(work)

    def process(self, task: str | HasTaskId) -> None:
        """Let *task* be processed now, if it waits for that.

        Args:
            task: A task, or its task id.

        Raises:
            KeyError: There is no such task.
            IllegalTransitionError: It is processed already, or has ended.
        """
        self._proxy.call(lambda world: world.start(world.tasks.any(id_of(task))))
        self._proxy.settle()

    def complete(self, task: str | HasTaskId) -> None:
        """Let *task* succeed now.

        Returns when its callbacks are delivered. Inside an event loop it returns at once, since
        the receiver may run there; `await mock.clock.aadvance(0)` then waits.

        Args:
            task: A task, or its task id.

        Raises:
            KeyError: There is no such task.
            IllegalTransitionError: It has ended already.
        """
        self._proxy.call(lambda world: world.complete(world.tasks.any(id_of(task))))
        self._proxy.settle()

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
        if message is not None:
            as_text("message", message)
        as_whole("code", code, 1)
        self._proxy.call(lambda world: world.fail(world.tasks.any(id_of(task)), code, message))
        self._proxy.settle()
