"""A relay as `kling-mock relay` runs it, in this process: in front of scripted Klings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import httpx

from kling_mock import KlingMock
from kling_mock.clock import MockClock, ScaledClock
from kling_mock.relay.settings import RelaySettings
from kling_mock.relay.standalone import RelayServer
from tests.mock.relay.http_calls import Caller


class _Tokens(NamedTuple):
    """The part of the server that a `Caller` needs."""

    relay_token: str
    admin_token: str


@contextmanager
def standalone(
    upstream_url: str,
    *,
    speed: float | None = None,
    clock: MockClock | None = None,
    **settings: Any,
) -> Iterator[Caller]:
    """Run a relay in front of *upstream_url*; yield its user, who is also its operator."""
    options = {"upstream_url": upstream_url, "upstream_key": "AK-1|SK-1"} | settings
    chosen = clock if speed is None else ScaledClock(speed)
    server = RelayServer(RelaySettings(**options), clock=chosen)
    server.start()
    try:
        ready = server.ready()
        tokens = _Tokens(ready["relay_token"], ready["admin_token"])
        with httpx.Client(base_url=ready["relay_url"], timeout=60) as http:
            yield Caller(http, cast(KlingMock, tokens))
    finally:
        server.stop(0.0)
