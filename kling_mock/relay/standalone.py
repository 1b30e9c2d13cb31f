"""The relay alone, in front of a real Kling: a server on a thread of its own."""

from __future__ import annotations

import asyncio
import hmac
import logging
from functools import partial
from random import SystemRandom
from secrets import token_bytes, token_hex
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from kling_mock.clock import MockClock, NodeClock
from kling_mock.relay.app import Relay
from kling_mock.relay.bootstrap import accepts, start_relay
from kling_mock.relay.domain.credentials import new_token, parse_keys
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.host import RelayHost
from kling_mock.relay.http.routes import DASHBOARD
from kling_mock.relay.settings import RelaySettings
from kling_mock.relay.storage.connect import connect, is_in_memory
from kling_mock.web.access import AccessPolicy, names_of
from kling_mock.web.addresses import leads_to
from kling_mock.web.loop_thread import LoopThread

_log: Final = logging.getLogger("kling_mock.relay")

_START_LIMIT = 45.0  # seconds of real time; a database waits 30 s for a lock, and then reports it
_STOP_LIMIT = 5.0  # seconds of real time, beyond those given for draining


class RelayServer:
    """A relay; an empty database gets a channel, a user and a token.

    Args:
        settings: The settings; `upstream_url` and `upstream_key` are needed. Secrets that are
            empty are generated.
        host: The address to listen on.
        clock: The relay's clock; `None` is real time, set to the database's. In front of an
            emulated Kling that does not run in real time, a clock with that Kling's time.

    Raises:
        ValueError: The upstream is missing, its key cannot be one, or the settings enable the
            test hook.
    """

    def __init__(
        self,
        settings: RelaySettings,
        *,
        host: str = "127.0.0.1",
        clock: MockClock | None = None,
    ) -> None:
        if not (settings.upstream_url and settings.upstream_key):
            raise ValueError("upstream_url and upstream_key: both are needed")
        try:
            parse_keys(settings.upstream_key)
        except RelayError as error:
            raise ValueError(f"upstream_{error.message}") from None
        for name in ("token", "admin_token"):
            if 0 < len(getattr(settings, name)) < _MIN_TOKEN:
                raise ValueError(
                    f"{name}: must have {_MIN_TOKEN} characters or more, since whoever guesses"
                    " it can spend; leave it out to have one made"
                )
        if settings.test_callback:
            raise ValueError("test_callback: only an emulated Kling has the test hook")
        self._clock = NodeClock() if clock is None else clock
        self._thread = LoopThread("kling-relay")
        self._token_was_given = bool(settings.token)
        self._token_is_valid = False
        self._database = settings.database or "sqlite://"
        self._settings = attrs.evolve(
            settings,
            token=settings.token or new_token(token_bytes(24)),
            admin_token=settings.admin_token or f"admin-{token_hex(16)}",
        )
        names = self._settings.admin_hosts | names_of(host, settings.public_url)
        self._access = AccessPolicy(settings.operator, self._settings.admin_token, names)
        self._host = RelayHost(host, settings.port, None, self._build, settings.limits, clock)
        self._url = ""

    def start(self) -> None:
        """Start; return once the relay accepts connections and has its database.

        Raises:
            OSError: The address cannot be bound.
            StorageError: The database cannot be used.
            ValueError: The upstream is this relay's own address.
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
        """Return the content of the ready line.

        `relay_token` is `None` if the database was already in use, so that no token was created.
        `database` is `memory`, or the scheme of the database's URL.
        """
        return {
            "relay_url": self._url,
            "relay_token": self._settings.token if self._token_is_valid else None,
            "admin_token": self._settings.admin_token,
            "dashboard_url": self._dashboard_url(),
            "database": "memory"
            if is_in_memory(self._database)
            else urlsplit(self._database).scheme,
        }

    def _dashboard_url(self) -> str | None:
        return self._access.link(f"{self._url}{DASHBOARD}") if self._access.is_on else None

    async def _open(self) -> None:
        self._clock.start(asyncio.get_running_loop())
        if is_in_memory(self._database):
            _log.warning(
                "kling relay: the database is in memory: users, tasks and balances are lost when"
                " this process ends. To keep them: --db URL, or the variable KLING_MOCK_DB"
            )
        self._url = self._host.listen()
        upstream = self._settings.upstream_url
        if any(leads_to(upstream, own) for own in (self._url, self._settings.public_url) if own):
            raise ValueError(
                f"upstream_url: {upstream} is this relay's own address; it must be Kling's, such "
                "as https://api-singapore.klingai.com"
            )
        relay = await self._host.relay()
        level = logging.WARNING if self._token_was_given else logging.INFO
        self._token_is_valid = await accepts(
            relay.storage, self._settings.token, level, is_given=self._token_was_given
        )

    async def _close(self, drain: float) -> None:
        self._clock.stop()
        await self._host.close(drain)

    async def _build(self, url: str) -> Relay:
        del url  # Kling cannot reach it there
        storage = connect(self._database)
        return await start_relay(
            storage,
            self._clock,
            self._settings,
            self._access,
            SystemRandom(),
            # Earlier programs derived it at each start: their users' secrets stay the same.
            callback_secret=_derived(self._settings.upstream_key),
        )


#: Minimum length of a token in the settings; a generated one has 48 hexadecimal digits.
_MIN_TOKEN: Final = 16


def _derived(upstream_key: str) -> bytes:
    return hmac.digest(upstream_key.encode(), b"kling-mock relay: secrets of webhooks", "sha256")
