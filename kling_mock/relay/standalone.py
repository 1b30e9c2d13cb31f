"""The relay alone, in front of a real Kling: a server on a thread of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from functools import partial
from random import SystemRandom
from secrets import token_bytes, token_hex
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from kling_mock.clock import RealClock, ScaledClock
from kling_mock.relay.app import Relay
from kling_mock.relay.bootstrap import Home, build
from kling_mock.relay.domain.tokens import new_token, token_hash
from kling_mock.relay.host import RelayHost
from kling_mock.relay.options import RelayOptions
from kling_mock.storage.connect import connect
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import ENABLED
from kling_mock.web.limits import Limits
from kling_mock.web.loop_thread import LoopThread

__all__ = ["RelayServer"]

_log: Final = logging.getLogger("kling_mock.relay")

_START_LIMIT = 30.0  # seconds of real time
_STOP_LIMIT = 5.0  # seconds of real time, beyond those given for draining


class RelayServer:
    """A relay; an empty database gets a channel, a user and a token.

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
        limits: What its connections may take; `None` is the defaults.
        secrets: Where `KLING_MOCK_RELAY_TOKEN`, `KLING_MOCK_ADMIN_TOKEN` and
            `KLING_MOCK_CALLBACK_SECRET` are looked up; what is missing is new. A token is
            stored only in an empty database.

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
        limits: Limits | None = None,
        secrets: Mapping[str, str],
    ) -> None:
        self._clock = RealClock() if speed is None else ScaledClock(speed)
        self._thread = LoopThread("kling-relay")
        given = secrets.get("KLING_MOCK_RELAY_TOKEN")
        self._token = given or new_token(token_bytes(24))
        self._is_given = bool(given)
        self._is_valid = False
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
        self._host = RelayHost(host, port, None, self._build, limits)
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

    def ready(self) -> dict[str, Any]:
        """Return what a user and an operator need.

        `relay_token` is `None` if the database was in use before, and so got no new token.
        `database` is `memory`, or the scheme of the database's URL.
        """
        return {
            "relay_url": self._url,
            "relay_token": self._token if self._is_valid else None,
            "admin_token": self._admin_token,
            "database": "memory" if _is_memory(self._database) else urlsplit(self._database).scheme,
        }

    async def _open(self) -> None:
        self._clock.start(asyncio.get_running_loop())
        if _is_memory(self._database):
            _log.warning(
                "kling relay: the database is in memory: users, tasks and balances are lost when"
                " this process ends. To keep them: --db URL, or the variable KLING_MOCK_DB"
            )
        self._url = self._host.listen()
        relay = await self._host.relay()
        self._is_valid = await _is_valid(relay.storage, self._token)
        if not self._is_valid:
            _log.log(
                logging.WARNING if self._is_given else logging.INFO,
                "kling relay: %s To make a token: kling-mock token add USER",
                _NOT_ADDED if self._is_given else _NONE_MADE,
            )

    async def _close(self, drain: float) -> None:
        self._clock.stop()
        await self._host.close(drain)

    async def _build(self, url: str) -> Relay:
        del url  # Kling cannot reach it there
        return await build(
            connect(self._database), self._clock, self._home, self._options, SystemRandom()
        )


_NOT_ADDED: Final = (
    "KLING_MOCK_RELAY_TOKEN is not an enabled token of this database. The database is in use,"
    " so the start has not added it."
)
_NONE_MADE: Final = "the database is in use, so the start has made no token."


def _is_memory(url: str) -> bool:
    return url.rstrip("/") in {"sqlite:", "sqlite:///:memory:"}


async def _is_valid(storage: Storage, token: str) -> bool:
    caller = await storage.authenticate(token_hash(token))
    return caller is not None and caller.token.status == caller.user.status == ENABLED
