"""A Kling on localhost that a test suite can trust.

    from kling_mock import KlingMock

    with KlingMock() as mock:
        kling = mock.client()
        task = kling.text2video.run(prompt="a kitten on the grass")

Needs the extra `mock`: pip install 'kling-sdk[mock]'. Importing this package loads nothing;
the server is loaded when `KlingMock` is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kling_mock.journal.calls import Call
    from kling_mock.journal.forgotten import IncompleteJournalError
    from kling_mock.relay.settings import RelaySettings
    from kling_mock.server.mock import KlingMock

__all__ = ["Call", "IncompleteJournalError", "KlingMock", "RelaySettings"]

MISSING_EXTRA = "kling_mock needs the extra `mock`: pip install 'kling-sdk[mock]'"


_HOMES = {
    "Call": "kling_mock.journal.calls",
    "IncompleteJournalError": "kling_mock.journal.forgotten",
    "KlingMock": "kling_mock.server.mock",
    "RelaySettings": "kling_mock.relay.settings",
}


def __getattr__(name: str) -> object:
    """Load a name when it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'kling_mock' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in {"aiohttp", "imagesize", "multidict"}:
            raise ImportError(MISSING_EXTRA) from error
        raise
