"""What the commands print, and running something on a database for one of them."""

from __future__ import annotations

import json
import sys
from typing import Any

from kling_mock.storage.errors import StorageError

__all__ = ["print_error", "print_json", "run_on_database"]


def run_on_database(url: str, work: Any) -> Any:
    """Return the result of *work* on the database, or `None` after printing an error."""
    import asyncio

    from kling_mock.storage.connect import connect

    async def run() -> Any:
        storage = connect(url)
        await storage.open()
        try:
            return await work(storage)
        finally:
            await storage.close()

    try:
        return asyncio.run(run())
    except (StorageError, ImportError, OSError, ValueError) as error:
        print_error(error)
        return None


def print_json(shown: dict[str, Any]) -> None:
    """Print *shown* as one line of JSON."""
    print(json.dumps(shown), flush=True)  # noqa: T201 - the output of a command


def print_error(error: Exception) -> None:
    """Print an error, on standard error."""
    print(f"kling-mock: {error}", file=sys.stderr)  # noqa: T201 - the output of a command
