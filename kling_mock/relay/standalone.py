"""The relay alone, in front of a real Kling: a server on a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from random import SystemRandom
from secrets import token_bytes, token_hex
from typing import Literal

from kling_mock._loop_thread import LoopThread
from kling_mock.clock import RealClock, ScaledClock
from kling_mock.relay.app import Relay
from kling_mock.relay.embedded import Home, build
from kling_mock.relay.host import RelayHost
from kling_mock.relay.options import RelayOptions
from kling_mock.relay.tokens import new_token
from kling_mock.storage.connect import connect

__all__ = ["RelayServer"]

_START_LIMIT = 30.0  # seconds of real time
_STOP_LIMIT = 5.0  # seconds of real time, beyond those given for draining


class RelayServer:
    """A relay with one channel, one user and new tokens.

    Args:
        upstream: Base URL of Kling.
        key: `AK|SK`, or an API key.
        host: The address to listen on.
        port: The port; 0 is any free one.
        database: URL of the database; `None` is in memory.
        public_url: Scheme, host and port by which Kling reaches this relay; `None` asks for
            no callbacks.
        pricing: `units` or `guide`.
        callback_hosts: Private hosts that users' callbacks may go to.
        speed: Seconds on the relay's clock in one real second, as the emulated Kling in front
            of which it stands; `None` is real time.
        secrets: Where `KLING_MOCK_RELAY_TOKEN`, `KLING_MOCK_ADMIN_TOKEN` and
            `KLING_MOCK_CALLBACK_SECRET` are looked up; what is missing is new.

    Raises:
        ValueError: The speed is not a positive number.
    """

    def __init__(
        self,
        upstream: str,
        key: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        database: str | None = None,
        public_url: str | None = None,
        pricing: Literal["units", "guide"] = "units",
        callback_hosts: Iterable[str] = (),
        speed: float | None = None,
        secrets: Mapping[str, str],
    ) -> None:
        self._clock = RealClock() if speed is None else ScaledClock(speed)
        self._thread = LoopThread("kling-relay")
        self._token = secrets.get("KLING_MOCK_RELAY_TOKEN") or new_token(token_bytes(24))
        self._admin_token = secrets.get("KLING_MOCK_ADMIN_TOKEN") or f"admin-{token_hex(16)}"
        callback_secret = secrets.get("KLING_MOCK_CALLBACK_SECRET", "").encode()
        self._database = database or "sqlite://"
        self._home = Home(upstream.rstrip("/"), key, self._token, self._admin_token)
        self._options = RelayOptions(
            public_url=None if public_url is None else public_url.rstrip("/"),
            pricing=pricing,
            callback_secret=callback_secret or token_bytes(32),
            callback_hosts=frozenset(callback_hosts),
        )
        self._host = RelayHost(host, port, None, self._build)
        self._url = ""

    def start(self) -> None:
        """Start; return once it accepts connections and has its database.

        Raises:
            OSError: The address cannot be bound.
            StorageError: The database cannot be used.
        """
        self._thread.start()
        try:
            self._thread.wait(self._open(), _START_LIMIT)
        except BaseException:
            self.stop(0.0)
            raise

    def stop(self, drain: float) -> None:
        """Stop; requests in progress get *drain* seconds of real time."""
        self._thread.stop(partial(self._close, drain), drain + _STOP_LIMIT)

    def ready(self) -> dict[str, str]:
        """Return what a user and an operator need."""
        return {
            "relay_url": self._url,
            "relay_token": self._token,
            "admin_token": self._admin_token,
        }

    async def _open(self) -> None:
        self._clock.start(asyncio.get_running_loop())
        self._url = self._host.listen()
        await self._host.relay()

    async def _close(self, drain: float) -> None:
        self._clock.stop()
        await self._host.close(drain)

    async def _build(self, url: str) -> Relay:
        del url  # Kling cannot reach it there
        return await build(
            connect(self._database), self._clock, self._home, self._options, SystemRandom()
        )
