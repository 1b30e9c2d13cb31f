"""A run's own MariaDB, in memory: for contracts that are not about what a disk keeps."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from tests.clusters.servers import PATIENCE, ServerError, ServerFolder, free_ports, listens
from tests.run_folder import SERVER_PID, locked, run_folder

#: Names the port of the MariaDB or MySQL that tests use. If it is not set, a run starts its own.
PORT: Final = "KLING_TEST_MYSQL_PORT"
_OWN: Final = "KLING_TEST_MYSQL_IS_OWN"
_PROGRAMS: Final = ("mariadbd", "mariadb-install-db", "setpriv", "setsid")
#: Durability costs half of the time on a disk, and nothing here survives the run.
_OPTIONS: Final = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-flush-method=nosync",
    "--innodb-log-file-size=64M",
    "--max-connections=500",
)


def choose_port() -> None:
    """Choose where the run's MariaDB will listen, if it can start one and no port was given."""
    if PORT not in os.environ and run_folder() is not None and all(map(shutil.which, _PROGRAMS)):
        os.environ[PORT], os.environ[_OWN] = str(free_ports(1)[0]), "1"


def start() -> bool:
    """Start the run's MariaDB if it has one, once; return whether it serves.

    Raises:
        ServerError: It does not start.
    """
    run = run_folder()
    if run is None or _OWN not in os.environ:
        return False
    port = int(os.environ[PORT])
    with locked(run / "mariadb.lock"):
        if not listens(port):
            _start(run, port)
    return True


def _start(run: Path, port: int) -> None:
    folder = ServerFolder("mariadb", "mysql", run)
    data = folder.make("data")
    common = ("--no-defaults", f"--datadir={data}", f"--tmpdir={folder.path}")
    method = "--auth-root-authentication-method=normal"
    folder.run(["mariadb-install-db", *common, method, "--skip-test-db"])
    where = ("--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder.path / 'socket'}")
    log, pid = folder.path / "log", folder.path / SERVER_PID
    command = ["mariadbd", *common, *where, *_OPTIONS, f"--pid-file={pid}"]
    with log.open("ab") as output:  # in a session of its own: it outlives the worker, and Ctrl+C
        subprocess.run(
            ["setsid", "--fork", *folder.words(command)],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    until = monotonic() + PATIENCE
    while not listens(port):
        if monotonic() > until:
            raise ServerError(f"MariaDB does not start:\n{log.read_text('utf-8')[-1500:]}")
        sleep(0.05)
