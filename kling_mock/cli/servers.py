"""The running servers that a command can steer: addresses and admin tokens.

A server that a user has started on a terminal is remembered in a file that only this user can
read. A program has the ready line, which `--server` accepts as a file.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_TOKEN = "KLING_MOCK_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
_READY = ("kling_url", "admin_token")
_HOW = (
    "give --server FILE with the line that 'kling-mock serve' prints, or --server URL with the "
    f"admin token in {_TOKEN}"
)


class RunningServer(NamedTuple):
    """A server, as its ready line describes it.

    Attributes:
        url: The URL of the emulated Kling API, without a slash at the end.
        token: The admin token.
        api_key: A key of the API; empty if it is unknown.
    """

    url: str
    token: str
    api_key: str = ""


def folder(environment: Mapping[str, str]) -> Path:
    """Return the folder in which the servers of this user are remembered."""
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime:
        return Path(runtime) / "kling-mock"
    cache = environment.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "kling-mock" / "servers"


@contextlib.contextmanager
def ready_file(ready: Mapping[str, str | None], path: Path) -> Generator[None]:
    """Keep a server's ready line in a file while it runs.

    The file has its keys, so only this user may read it. It is written atomically.

    Raises:
        OSError: The file cannot be written.
    """
    # A temporary file has mode 0600; it replaces a file that a killed server has left.
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".new")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(dict(ready)) + "\n")
    Path(name).replace(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


@contextlib.contextmanager
def remembered(ready: Mapping[str, str | None], where: Path) -> Generator[None]:
    """Remember a server while it runs, for commands without its address.

    If the file cannot be written, the server is not remembered.

    Args:
        ready: Its ready line.
        where: See `folder`.
    """
    with contextlib.ExitStack() as files:
        # RuntimeError: there is no home folder.
        with contextlib.suppress(OSError, RuntimeError):
            where.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = where / f"{urlsplit(ready['kling_url'] or '').port}.json"
            files.enter_context(ready_file(ready, path))
        yield


def find_servers(where: str | None, environment: Mapping[str, str]) -> list[RunningServer]:
    """Return the servers that may be meant; some remembered ones may have ended.

    Args:
        where: A URL, or a file with a ready line; `None` means the remembered servers.
        environment: The environment of the process.

    Raises:
        ValueError: *where* does not name a server.
    """
    if where is None:
        return list(_remembered(folder(environment)))
    if where.startswith(("http://", "https://")):
        url, token = where.rstrip("/"), environment.get(_TOKEN)
        known = [server for server in _remembered(folder(environment)) if server.url == url]
        if token:
            return [RunningServer(url, token, environment.get("KLING_MOCK_API_KEY", ""))]
        if not known:
            raise ValueError(f"--server: with a URL the admin token must be in {_TOKEN}")
        return known
    try:
        return [_read(Path(where))]
    except (OSError, ValueError) as error:
        raise ValueError(f"--server: {where} has no ready line ({error}); {_HOW}") from None


def _remembered(where: Path) -> Iterator[RunningServer]:
    for path in sorted(where.glob("*.json")):
        with contextlib.suppress(OSError, ValueError):  # a server that ends just now
            yield _read(path)


def _read(path: Path) -> RunningServer:
    members: Any = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(members, dict) or not all(
        isinstance(members.get(name), str) for name in _READY
    ):
        raise ValueError(f"it must be a JSON object with {' and '.join(_READY)}")
    return RunningServer(
        members["kling_url"].rstrip("/"), members["admin_token"], members.get("api_key", "")
    )
