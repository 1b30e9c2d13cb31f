"""Servers in processes of their own: their URL, CPU time and memory (Linux)."""

from __future__ import annotations

import ctypes
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import urlsplit

import jwt

from tests.benchmarks.measure import ROOT

_LIBC = ctypes.CDLL(None, use_errno=True)


class Running(NamedTuple):
    """A server that accepts connections.

    Attributes:
        url: Scheme, host and port.
        access_key: Half of a key pair that it knows.
        secret_key: The other half.
        pid: Its process.
    """

    url: str
    access_key: str
    secret_key: str
    pid: int

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def authorization(self) -> str:
        """Return a value for the `Authorization` header, good for half an hour."""
        now = int(time.time())
        claims = {"iss": self.access_key, "exp": now + 1800, "nbf": now - 5}
        return f"Bearer {jwt.encode(claims, self.secret_key, algorithm='HS256')}"

    def cpu(self) -> float:
        """Return the CPU time that the process has used, all threads, in seconds."""
        clock = ctypes.c_int()
        if _LIBC.clock_getcpuclockid(self.pid, ctypes.byref(clock)):
            raise ProcessLookupError(self.pid)
        return time.clock_gettime(clock.value)

    def memory(self) -> float:
        """Return the resident memory of the process in MiB."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise ProcessLookupError(self.pid)


@contextmanager
def python(
    *arguments: str, environment: Mapping[str, str] | None = None, log: IO[str] | None = None
) -> Iterator[tuple[str, int]]:
    """Run a Python process; yield its first line of output and its pid.

    Args:
        *arguments: Arguments of the interpreter.
        environment: Its environment; `None` is this process's own.
        log: Where its standard error goes; `None` is this process's own.
    """
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline(), process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()


@contextmanager
def bare(*options: str) -> Iterator[Running]:
    """Run the bare aiohttp server."""
    with python("-m", "tests.benchmarks.bare_aiohttp", *options) as (line, pid):
        yield Running(line.strip(), "access", "any secret of thirty-two letters", pid)


@contextmanager
def mock(*options: str) -> Iterator[Running]:
    """Run `kling-mock serve` on a free port."""
    command = ("-m", "kling_mock", "serve", "--port", "0", "--kling-port", "0", *options)
    with python(*command) as (line, pid):
        ready = json.loads(line)
        yield Running(ready["kling_url"], ready["access_key"], ready["secret_key"], pid)


def ask(server: Running, path: str) -> None:
    """Make one signed GET on a connection of its own; the answer must be a 200."""
    connection = http.client.HTTPConnection(*server.address, timeout=20)
    try:
        connection.request("GET", path, headers={"Authorization": server.authorization()})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
    finally:
        connection.close()
