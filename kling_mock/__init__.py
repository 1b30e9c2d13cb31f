"""A Kling on localhost that a test suite can trust.

    from kling_mock import KlingMock

    with KlingMock() as mock:
        kling = mock.client()
        task = kling.text2video.run(prompt="a kitten on the grass")

Needs the extra `mock`: pip install 'kling-sdk[mock]'. Importing this package loads nothing;
the server is loaded when `KlingMock` is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kling_mock.server import KlingMock

__all__ = ["KlingMock"]

MISSING_EXTRA = "kling_mock needs the extra `mock`: pip install 'kling-sdk[mock]'"


def __getattr__(name: str) -> object:
    """Load `KlingMock` when it is asked for."""
    if name != "KlingMock":
        raise AttributeError(f"module 'kling_mock' has no attribute {name!r}")
    try:
        from kling_mock.server import KlingMock
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in {"aiohttp", "multidict"}:
            raise ImportError(MISSING_EXTRA) from error
        raise
    return KlingMock
