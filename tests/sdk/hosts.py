"""A host of several addresses on loopback, some of which are silent or refuse."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.sdk.faulty_server import FaultyKling

HOST = "kling.test"
#: Loopback addresses that a test with `pytest.mark.allow_hosts` may connect to.
ADDRESSES = ["127.0.0.1", "::1", *(f"127.0.0.{number}" for number in range(10, 14))]

_honest = socket.getaddrinfo


def resolves(monkeypatch: pytest.MonkeyPatch, addresses: Sequence[str]) -> list[str]:
    """Let `HOST` have these addresses, in this order; return the look-ups as they come."""
    lookups: list[str] = []

    def look_up(host: Any, port: Any, *args: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name != HOST:
            return _honest(host, port, *args, **named)
        lookups.append(name)
        return [_honest(address, port, type=socket.SOCK_STREAM)[0] for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return lookups


@contextlib.contextmanager
def host_of(
    monkeypatch: pytest.MonkeyPatch, kinds: Sequence[str]
) -> Iterator[tuple[str, list[str], list[FaultyKling]]]:
    """Yield the URL of `HOST`, its addresses, and the servers at those that serve.

    Args:
        monkeypatch: Changes the name server.
        kinds: What is at each address: `v4` and `v6` serve, `silent` accepts no connection,
            `refused` refuses it.
    """
    pairs = zip(kinds, ADDRESSES[2:], strict=False)
    addresses = ["::1" if kind == "v6" else address for kind, address in pairs]
    servers = []
    with contextlib.ExitStack() as stack, socket.socket() as reserved:
        reserved.bind(("127.0.0.9", 0))
        port = reserved.getsockname()[1]
        for kind, address in zip(kinds, addresses, strict=True):
            if kind == "silent":
                stack.enter_context(_full(address, port))
            elif kind != "refused":
                servers.append(stack.enter_context(FaultyKling(address=(address, port))))
        resolves(monkeypatch, addresses)
        yield f"http://{HOST}:{port}", addresses, servers


@contextlib.contextmanager
def _full(address: str, port: int) -> Iterator[None]:
    """Listen, without room for a further connection: to connect there gets no answer."""
    with socket.create_server((address, port), backlog=0), socket.socket() as waiting:
        waiting.connect((address, port))
        yield
