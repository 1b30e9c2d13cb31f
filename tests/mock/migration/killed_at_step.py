"""`kling-mock db upgrade`, killed at a step.

`python -m tests.mock.migration.killed_at_step STEP upgrade …`

The step is named as in `steps`. The process kills itself once it is done, as the machine's
out-of-memory killer would. `SIGTERM:STEP` and `SIGINT:STEP` ask it to end instead.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kling_mock.cli import database as arguments
from kling_mock.migration import command
from kling_mock.migration.database.session import Session, connect
from tests.mock.migration.steps import Steps
from tests.mock.migration.watched_session import Watched


def main(fatal: str, words: list[str]) -> int:
    asked = fatal.startswith(("SIGTERM:", "SIGINT:"))
    name, step = fatal.split(":", 1) if asked else ("SIGKILL", fatal)
    waiting = [step]  # once: a process that is asked to end passes by the step again

    def report(done: str) -> None:
        if done in waiting:
            waiting.clear()
            os.kill(os.getpid(), signal.Signals[name])

    @contextmanager
    def opened(url: str) -> Iterator[Session]:
        with connect(url) as session:
            yield Watched(session, Steps(report))

    parser = argparse.ArgumentParser()
    arguments.add_to(parser.add_subparsers())
    options = parser.parse_args(["db", *words])
    return command.run(words[0], options, opened)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
