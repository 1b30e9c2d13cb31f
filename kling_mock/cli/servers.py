"""Which running server a command steers: its address and its admin token.

A server that a person has started on a terminal is remembered in a file of that person's alone;
a program has the ready line, which `--server` takes as a file.
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

__all__ = ["RunningServer", "find_servers", "folder", "remembered"]

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
        api_key: A key of the API; empty if it is not known.
    """

    url: str
    token: str
    api_key: str = ""


def folder(environment: Mapping[str, str]) -> Path:
    """Return where the servers of this person are remembered."""
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime:
        return Path(runtime) / "kling-mock"
    cache = environment.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "kling-mock" / "servers"


@contextlib.contextmanager
def remembered(ready: Mapping[str, str | None], where: Path) -> Generator[None]:
    """Remember a server while it runs, for commands that nobody tells where it is.

    The file has its keys, so only this person may read it. Where it cannot be written, nothing is
    remembered.

    Args:
        ready: Its ready line.
        where: See `folder`.
    """
    path = where / f"{urlsplit(ready['kling_url'] or '').port}.json"
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A temporary file is made with mode 0600; it replaces what a killed server has left.
        descriptor, name = tempfile.mkstemp(dir=where, suffix=".new")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(dict(ready), file)
        Path(name).replace(path)
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def find_servers(where: str | None, environment: Mapping[str, str]) -> list[RunningServer]:
    """Return the servers that may be meant; some of those that are remembered may have ended.

    Args:
        where: A URL, or a file with a ready line; `None` means those that are remembered.
        environment: Of the process.

    Raises:
        ValueError: It does not say where one is.
    """
    if where is None:
        return list(_remembered(folder(environment)))
    if where.startswith(("http://", "https://")):
        url, token = where.rstrip("/"), environment.get(_TOKEN)
        known = [one for one in _remembered(folder(environment)) if one.url == url]
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
        with contextlib.suppress(OSError, ValueError):  # one that ends just now
            yield _read(path)


def _read(path: Path) -> RunningServer:
    found: Any = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or not all(isinstance(found.get(one), str) for one in _READY):
        raise ValueError(f"it must be a JSON object with {' and '.join(_READY)}")
    return RunningServer(
        found["kling_url"].rstrip("/"), found["admin_token"], found.get("api_key", "")
    )
