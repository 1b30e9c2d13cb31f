"""Calls of awaitable controls without `await`, which do nothing.

Python itself only warns of them, and a test whose forged callback was never sent would pass.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: The calls whose coroutines have not begun, in order: name, function and line of each.
UNAWAITED: Final[dict[int, str]] = {}
_NUMBERS: Final = itertools.count()


def must_be_awaited(
    control: Callable[_P, Coroutine[Any, Any, _T]],
) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """Keep each call of an awaitable control in `UNAWAITED` until its coroutine begins."""

    @functools.wraps(control)
    def call(*arguments: _P.args, **options: _P.kwargs) -> Coroutine[Any, Any, _T]:
        number, caller = next(_NUMBERS), sys._getframe(1)  # noqa: SLF001 - documented, cheap
        code = caller.f_code
        place = f"{os.path.basename(code.co_filename)}:{caller.f_lineno}"  # noqa: PTH119 - as above
        UNAWAITED[number] = f"{control.__name__} at {code.co_name} ({place})"

        async def run() -> _T:
            UNAWAITED.pop(number, None)
            return await control(*arguments, **options)

        run.__name__, run.__qualname__ = control.__name__, control.__qualname__
        return run()

    if sys.version_info >= (3, 12):
        inspect.markcoroutinefunction(call)
    return call


def take_unawaited() -> list[str]:
    """Return the calls whose coroutines have not begun, and forget them."""
    calls = [*UNAWAITED.values()]
    UNAWAITED.clear()
    return calls
