"""The command `kling` (extra `cli`): make, watch and fetch videos from a shell.

Keys and addresses come from the environment, as for `Kling()`; no option takes a key, which
would stay in the shell's history. Results go to standard output, progress to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

__all__ = ["main"]


def main(
    arguments: Sequence[str] | None = None, *, open_client: Callable[[], Any] | None = None
) -> int:
    """Run the command; return its exit status (`kling_sdk.cli.exits`).

    Args:
        arguments: The arguments after the command's name; None takes them from the process.
        open_client: Returns the client to use; None takes `Kling()`.
    """
    if find_spec("rich") is None:
        print(  # noqa: T201 - a command prints
            "kling: the command needs an extra; install it with: pip install 'kling-sdk[cli]'",
            file=sys.stderr,
        )
        return 1
    from kling_sdk.cli.commands import run

    return run(arguments, open_client)
