"""`kling-mock db upgrade`, killed at a step.

`python -m tests.mock.relay.migration.killed_at_step STEP upgrade …`

Without a step it reads such words from standard input, a JSON list on each line with a file for
standard error before them, runs each in a fork, and prints the status: an interpreter that has
imported everything serves many tests.

The step is named as in `steps`. The process kills itself once it is done, as the machine's
out-of-memory killer would. `SIGTERM:STEP` and `SIGINT:STEP` ask it to end instead.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kling_mock.cli.main import make_parser
from kling_mock.relay.migration import command
from kling_mock.relay.migration.database.session import Session, connect
from tests.mock.relay.migration.steps import Steps
from tests.mock.relay.migration.watched_session import Watched


def main(fatal: str, words: list[str]) -> int:
    names_signal = fatal.startswith(("SIGTERM:", "SIGINT:"))
    name, step = fatal.split(":", 1) if names_signal else ("SIGKILL", fatal)
    waiting = [step]  # once: a process that is asked to end passes by the step again

    def report(done: str) -> None:
        if done in waiting:
            waiting.clear()
            os.kill(os.getpid(), signal.Signals[name])

    @contextmanager
    def opened(url: str) -> Iterator[Session]:
        with connect(url) as session:
            yield Watched(session, Steps(report))

    parser = make_parser(["db"])
    options = parser.parse_args(["db", *words])
    return command.run(words[0], options, opened)


def serve() -> None:
    """Run the commands of standard input, each in a fork of this process, which has no threads."""
    for line in sys.stdin:
        errors, fatal, *words = json.loads(line)
        child = os.fork()
        if child == 0:
            os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.exit(main(fatal, words))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201 - the reply


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    serve()
