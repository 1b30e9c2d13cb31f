"""A backup made with the database's own tool, and a check that it is complete.

The guide's `mysqldump one-api` is not consistent while the service runs, and its check is
`ls -lh`. Here the dump is one snapshot, its end must be there, and its rows are counted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from kling_mock.relay.migration.database.session import connect
from kling_mock.relay.storage.adapters.address import mysql_address


class BackupError(Exception):
    """The backup failed: the tool is missing or failed, or its output is incomplete."""


def dump_command(url: str, target: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command that dumps the table `videos` to *target*, and its environment.

    The password goes into the environment, which no process list shows.
    """
    parts = urlsplit(url)
    if parts.scheme.startswith("postgres"):
        return _pg_dump(parts, target)
    return _mariadb_dump(parts, target)


def _mariadb_dump(parts: SplitResult, target: Path) -> tuple[list[str], dict[str, str]]:
    tool = shutil.which("mariadb-dump") or shutil.which("mysqldump") or "mysqldump"
    address = mysql_address(parts)
    command = [
        tool,
        f"--host={address.hosts[0].name}",
        f"--port={address.hosts[0].port}",
        f"--user={address.arguments['user']}",
        *_connected(address.arguments, tool),
        "--single-transaction",  # one snapshot, without a lock
        "--quick",  # row by row, without the whole table in memory
        "--hex-blob",
        "--triggers",
        "--default-character-set=utf8mb4",
        "--skip-extended-insert",  # one row per line, so rows can be counted
        "--no-autocommit",
        f"--result-file={target}",
        str(address.arguments["database"]),
        "videos",
    ]
    return command, {"MYSQL_PWD": str(address.arguments["password"])}


def _connected(arguments: Mapping[str, Any], tool: str) -> list[str]:
    """Return the options for a socket and for a verified server."""
    options = [f"--socket={arguments['unix_socket']}"] if "unix_socket" in arguments else []
    if "ssl" in arguments:
        mariadb = "mariadb" in Path(tool).name
        options += ["--ssl-verify-server-cert"] if mariadb else ["--ssl-mode=VERIFY_IDENTITY"]
    return options


def _pg_dump(parts: SplitResult, target: Path) -> tuple[list[str], dict[str, str]]:
    user, at, host = parts.netloc.rpartition("@")
    passwordless = parts._replace(netloc=user.partition(":")[0] + at + host)
    command = [
        shutil.which("pg_dump") or "pg_dump",
        "--no-password",
        "--format=plain",
        "--table=videos",
        f"--file={target}",
        f"--dbname={urlunsplit(passwordless)}",
    ]
    return command, {"PGPASSWORD": unquote(parts.password)} if parts.password else {}


def backup(url: str, target: Path) -> int:
    """Write a backup of `videos` to *target*; return the number of rows in it.

    Args:
        target: A file that does not exist yet.

    Raises:
        BackupError: There is no complete backup; the message says why, and no file is left.
    """
    if target.exists():
        raise BackupError(f"{target} exists; a backup never overwrites a file")
    try:
        return _whole(url, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _whole(url: str, target: Path) -> int:
    before = _count(url)
    rows = _copied(url, target) if urlsplit(url).scheme == "sqlite" else _dumped(url, target)
    after = _count(url)
    # The application may be writing; the snapshot lies between the two counts.
    if not min(before, after) <= rows <= max(before, after):
        raise BackupError(f"the backup has {rows} rows, the table {before} to {after}")
    return rows


def _count(url: str) -> int:
    with connect(url) as session:
        return int(session.query("SELECT COUNT(*) FROM videos")[0][0])


def _copied(url: str, target: Path) -> int:
    with connect(url) as session:
        session.execute("VACUUM INTO ?", str(target))
    with connect(f"sqlite:///{target}") as copy:
        if copy.query("PRAGMA integrity_check") != [("ok",)]:
            raise BackupError("the copy does not pass SQLite's integrity check")
        return int(copy.query("SELECT COUNT(*) FROM videos")[0][0])


_END: Final = {True: "-- PostgreSQL database dump complete", False: "-- Dump completed"}


def _dumped(url: str, target: Path) -> int:
    postgres = urlsplit(url).scheme.startswith("postgres")
    command, secrets = dump_command(url, target)
    try:
        done = subprocess.run(  # noqa: S603 - fixed options and the operator's URL
            command, env={**os.environ, **secrets}, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise BackupError(f"{command[0]} is not installed on this computer") from error
    if done.returncode:
        raise BackupError(f"{command[0]} failed: {done.stderr.strip()}")
    with target.open(encoding="utf-8", newline="\n") as lines:
        rows, ended = _read(lines, _copy_rows if postgres else _insert_rows, _END[postgres])
    if not ended:
        raise BackupError(f"{target} does not end with {_END[postgres]!r}: it is cut off")
    return rows


def _read(
    lines: Iterable[str], count: Callable[[str, bool], tuple[int, bool]], end: str
) -> tuple[int, bool]:
    rows, inside, ended = 0, False, False
    for line in lines:
        more, inside = count(line, inside)
        rows += more
        ended = ended or line.startswith(end)
    return rows, ended


def _insert_rows(line: str, _inside: bool) -> tuple[int, bool]:  # noqa: FBT001 - a step's state
    return int(line.startswith("INSERT INTO `videos`")), False


def _copy_rows(line: str, inside: bool) -> tuple[int, bool]:  # noqa: FBT001 - a step's state
    if inside:
        return (0, False) if line.startswith("\\.") else (1, True)
    return 0, line.startswith("COPY ")
