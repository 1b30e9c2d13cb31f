"""The controls of a server: accounts, rules, faults, callbacks, and the progress of tasks.

A test has them on its `KlingMock`, and the calls of the admin API work on them, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from kling_mock.clock.unawaited import must_be_awaited
from kling_mock.controls.attributes import KnownAttributes
from kling_mock.controls.loop_proxy import HasTaskId, LoopProxy, id_of, would_block
from kling_mock.kling.journal.journal import Journal
from kling_mock.kling.model.tasks import EmulatedTask
from kling_mock.kling.world import World
from kling_mock.web.values import as_text, as_whole

if TYPE_CHECKING:
    from kling_mock.controls.accounts import AccountHandle, AccountsHandle
    from kling_mock.controls.callbacks import CallbacksHandle, DeliveriesHandle
    from kling_mock.controls.rules import ContentHandle, FaultsHandle, ProgressHandle


class ServerControls(KnownAttributes):
    """The controls of a server.

    Args:
        proxy: Calls into the server's loop.
    """

    def __init__(self, proxy: LoopProxy) -> None:
        self._proxy = proxy

    # Each is loaded on first use: most servers of a test suite do not need any.

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
        """The progress of tasks: `mock.progress.add("polls", polls=3)`."""
        from kling_mock.controls.rules import ProgressHandle

        return ProgressHandle(self._proxy)

    @cached_property
    def content(self) -> ContentHandle:
        """The rules of the content review: `mock.content.add("blood")`."""
        from kling_mock.controls.rules import ContentHandle

        return ContentHandle(self._proxy)

    @cached_property
    def faults(self) -> FaultsHandle:
        """The faults: `mock.faults.add("response-lost", "POST *", times=1)`."""
        from kling_mock.controls.rules import FaultsHandle

        return FaultsHandle(self._proxy)

    @cached_property
    def callbacks(self) -> CallbacksHandle:
        """The settings of callbacks: `mock.callbacks.retries = (1, 2)`."""
        from kling_mock.controls.callbacks import CallbacksHandle

        return CallbacksHandle(self._proxy)

    @cached_property
    def deliveries(self) -> DeliveriesHandle:
        """The deliveries of callbacks, with their results."""
        from kling_mock.controls.callbacks import DeliveriesHandle

        return DeliveriesHandle(self._proxy)

    @property
    def journal(self) -> Journal:
        """The newest requests and the replies to them."""
        return self._proxy.world.journal

    @property
    def retired(self) -> frozenset[str]:
        """Models and endpoints whose creates are refused, as the vendor retires them.

        Initially empty: they are served, with a note `retired`. `mock.retired = "2026-09-28"`, or
        a `datetime.date`, refuses what the real service was seen to refuse until that day;
        `mock.retired = {"kling-v1", "multi-image2video"}` refuses these two; `None` nothing. The
        texts of the refusals were seen; their code was not recorded (1201 is assumed).
        """
        return self._proxy.call(lambda world: world.retired)

    @retired.setter
    def retired(self, retired: str | date | Iterable[str] | None) -> None:
        from kling_mock.controls.settings import read_retired

        names = read_retired(retired)

        def work(world: World) -> None:
            world.retired = names

        self._proxy.call(work)

    def process(self, task: str | HasTaskId) -> None:
        """Let *task* be processed now, if it is waiting; return like `complete`.

        Args:
            task: A task, or its task id or external id.

        Raises:
            KeyError: There is no such task.
            IllegalTransitionError: It is already being processed, or has ended.
            RuntimeError: As `complete`.
        """
        self._move(task, World.start, "mock.aprocess(...)")
        self._proxy.settle()

    @must_be_awaited
    async def aprocess(self, task: str | HasTaskId) -> None:
        """Let *task* be processed now, as `process` does, from inside an event loop of asyncio."""
        self._move(task, World.start)
        await self._proxy.asettle()

    def complete(self, task: str | HasTaskId) -> None:
        """Let *task* succeed now; return when its callbacks are delivered.

        Args:
            task: A task, or its task id or external id.

        Raises:
            KeyError: There is no such task.
            IllegalTransitionError: It has ended already.
            RuntimeError: It has callbacks, and this is called inside an event loop, where their
                receiver may run: use `await mock.acomplete(task)`.
        """
        self._move(task, World.complete, "mock.acomplete(...)")
        self._proxy.settle()

    @must_be_awaited
    async def acomplete(self, task: str | HasTaskId) -> None:
        """Let *task* succeed now, as `complete` does, from inside an event loop of asyncio."""
        self._move(task, World.complete)
        await self._proxy.asettle()

    def fail(self, task: str | HasTaskId, code: int = 1301, message: str | None = None) -> None:
        """Let *task* fail now; return like `complete`.

        Args:
            task: A task, or its task id or external id.
            code: A service code of Kling; its text is the reason, unless there is a *message*.
            message: The reason that queries show.

        Raises:
            KeyError: There is no such task.
            IllegalTransitionError: It has ended already.
            ValueError: There is no such code.
            RuntimeError: As `complete`.
        """
        self._move(task, _failing(code, message), "mock.afail(...)")
        self._proxy.settle()

    @must_be_awaited
    async def afail(
        self, task: str | HasTaskId, code: int = 1301, message: str | None = None
    ) -> None:
        """Let *task* fail now, as `fail` does, from inside an event loop of asyncio."""
        self._move(task, _failing(code, message))
        await self._proxy.asettle()

    def _move(
        self, task: str | HasTaskId, move: Callable[[World, EmulatedTask], None], twin: str = ""
    ) -> None:
        """Move *task* on.

        Args:
            move: Moves the task.
            twin: The method to call inside an event loop, if the caller waits for callbacks.
        """
        task_id, must_not_wait = id_of(task), bool(twin) and not self._proxy.can_wait

        def work(world: World) -> None:
            moved = world.tasks.any(task_id)
            if must_not_wait and moved.plan.callback_url:
                raise would_block(twin)
            move(world, moved)

        self._proxy.call(work)


def _failing(code: int, message: str | None) -> Callable[[World, EmulatedTask], None]:
    if message is not None:
        as_text("message", message)
    as_whole("code", code, 1)
    return lambda world, task: world.fail(task, code, message)
