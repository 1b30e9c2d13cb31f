"""Runs `kling-mock` so that a test can have it stop at a point of its work, as a paused machine.

The folder `KLING_STOP_FOLDER` gets a line with the process's number. When it has a file of that
number, the process stops (SIGSTOP) at the next point that the file names: before a statement,
before the COMMIT of a transaction whose last change it is, `COMMIT END`, or after that,
`COMMITTED END`. With `KLING_NO_LIMITS` its sessions have no limit for idle transactions, as the
negative control.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs

from kling_mock.cli.main import main
from kling_mock.relay.storage.adapters import mysql, postgres
from kling_mock.relay.storage.adapters.connection import PooledConnection
from kling_mock.relay.storage.adapters.server import LIMITS, ServerEngine
from kling_mock.relay.storage.adapters.sqlite_groups import SqliteConnection
from kling_mock.relay.storage.steps import Statement
from tests.proof.killable_relay import NAMES

FOLDER: Final = Path(os.environ["KLING_STOP_FOLDER"])
FILE: Final = FOLDER / str(os.getpid())


def pass_point(name: str) -> None:
    """Pass a point, or stop there."""
    if FILE.exists() and FILE.read_text("ascii") == name:
        FILE.unlink()
        # To this thread: a signal to the process may reach another one first, and meanwhile this
        # one passed the point in 8 of 7,669 stops.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def watch(session: PooledConnection) -> PooledConnection:
    """Make each statement and COMMIT of a session a point."""
    execute, commit, last = session.execute, session.commit, ""

    async def executing(statement: Statement, parameters: tuple[Any, ...]) -> Any:
        nonlocal last
        name = NAMES.get(statement.sql, "")
        pass_point(name)
        if not statement.reads:
            last = name
        return await execute(statement, parameters)

    async def committing() -> None:
        pass_point(f"COMMIT {last}")
        await commit()
        pass_point(f"COMMITTED {last}")

    watched: Any = session
    watched.execute, watched.commit = executing, committing
    return session


def watch_sqlite() -> None:
    """Make each statement and COMMIT on a file a point."""
    connection: Any = SqliteConnection
    execute, commit, last = SqliteConnection.execute, SqliteConnection.commit, ""

    def executing(self: SqliteConnection, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        nonlocal last
        name = NAMES.get(statement.sql, "")
        pass_point(name)
        if not statement.reads:
            last = name
        return execute(self, statement, parameters)

    def committing(self: SqliteConnection) -> None:
        pass_point(f"COMMIT {last}")
        commit(self)

    connection.execute, connection.commit = executing, committing


if __name__ == "__main__":
    watch_sqlite()
    connect = ServerEngine.connect

    async def connecting(self: ServerEngine) -> PooledConnection:
        return watch(await connect(self))

    engine: Any = ServerEngine
    engine.connect = connecting
    if os.environ.get("KLING_NO_LIMITS"):
        without = attrs.evolve(LIMITS, idle_in_transaction=0)
        adapters: Any = mysql
        adapters.MysqlEngine = partial(mysql.MysqlEngine, limits=without)
        adapters = postgres
        adapters.PostgresEngine = partial(postgres.PostgresEngine, limits=without)
    with (FOLDER / "processes").open("a") as processes:
        processes.write(f"{os.getpid()}\n")
    sys.exit(main())
