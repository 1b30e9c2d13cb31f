"""The caller's hooks: `on_update`, `on_event`, `on_progress`.

An exception from a hook is logged and ends nothing: a hook must not cost a file, or a task that was
paid for. An `AsyncKling` awaits what hooks return, in the order of the calls.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Self


def notify(
    hook: Callable[..., object], args: tuple[Any, ...], failed: Callable[[Exception], object]
) -> HookResult | None:
    """Call a hook; return its result if that is awaitable.

    Args:
        hook: The function.
        args: Its arguments.
        failed: Logs what the hook raises.
    """
    try:
        result = hook(*args)
    except Exception as error:  # noqa: BLE001 - whatever it is
        failed(error)
        return None
    return HookResult(result, failed) if inspect.isawaitable(result) else None


class HookResult:
    """Awaits the result of a hook, and logs its exceptions."""

    def __init__(self, result: Awaitable[object], failed: Callable[[Exception], object]) -> None:
        self._result, self._failed = result, failed

    def __await__(self) -> Any:
        try:
            yield from self._result.__await__()
        except Exception as error:  # noqa: BLE001 - as above
            self._failed(error)

    def close(self) -> None:
        """Drop the result without awaiting it."""
        if inspect.iscoroutine(self._result):
            self._result.close()


class PendingHooks(deque[HookResult]):
    """Results of one call's hooks that have not been awaited yet; the call's end awaits them."""

    async def settle(self) -> None:
        """Await them."""
        while self:
            await self.popleft()

    def drop(self) -> None:
        """Drop the results without awaiting them: the call is cancelled."""
        while self:
            self.popleft().close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, Exception):
            await self.settle()
        else:
            self.drop()


def check_hook(name: str, hook: object, *, is_async: bool = False) -> None:
    """Refuse a hook that cannot be called, or that a sync client could not await.

    Raises:
        TypeError: the hook is one of these.
    """
    if hook is None:
        return
    if not callable(hook):
        raise TypeError(f"{name} is a {type(hook).__name__}; it must be a function, or None")
    functions = (hook, getattr(hook, "__call__", None))  # noqa: B004 - of an object with an async one
    if not is_async and any(map(inspect.iscoroutinefunction, functions)):
        raise TypeError(f"{name} is asynchronous; it must be a plain function, or use AsyncKling")
