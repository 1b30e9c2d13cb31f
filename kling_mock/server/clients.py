"""Access of clients to a server and its relay: URLs, keys, and clients wired to them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from kling_mock.controls.loop_proxy import LoopProxy
from kling_mock.controls.server_controls import ServerControls
from kling_mock.kling.http.handler import ADMIN
from kling_mock.server.emulator import Emulator, ServerSettings
from kling_mock.server.relay import EmbeddedRelay
from kling_mock.web.loop_thread import LoopThread

if TYPE_CHECKING:
    from kling_mock.controls.ledger import LedgerHandle
    from kling_sdk import AsyncKling, Kling

# Option of the SDK -> its default in seconds, and its minimum in seconds of real time.
_LIMITS: Final = {
    "deadline": (60.0, 5.0),
    "create_deadline": (120.0, 10.0),
    "wait_timeout": (7200.0, 30.0),
}


class ServerClients(ServerControls):
    """A server's controls, and the URLs, keys and SDK clients for its users.

    Args:
        proxy: See `ServerControls`.
        thread: Runs the server's loop.
        emulator: The emulated Kling.
        relay: The relay in front of it, if any.
        settings: The server's settings.
    """

    def __init__(
        self,
        proxy: LoopProxy,
        thread: LoopThread,
        emulator: Emulator,
        relay: EmbeddedRelay | None,
        settings: ServerSettings,
    ) -> None:
        super().__init__(proxy)
        self._thread = thread
        self._emulator = emulator
        self._relay = relay
        self._access = settings.access
        self._certificate = settings.certificate

    # ------------------------------------------------------------ the emulated Kling's clients

    @property
    def kling_url(self) -> str:
        """The base URL of the emulated Kling, without a slash at the end.

        Raises:
            RuntimeError: The server does not run.
        """
        if not self._emulator.is_listening:
            raise self._thread.refusal()
        return self._emulator.url

    @property
    def dashboard_url(self) -> str | None:
        """The URL of the dashboard; `None` if the admin API is off.

        The fragment has the admin token, so that the page opens without asking for it. A browser
        does not send the fragment to any server, but keeps it in its history.

        Raises:
            RuntimeError: The server does not run.
        """
        return self._access.link(f"{self.kling_url}{ADMIN}") if self._access.is_on else None

    @property
    def access_key(self) -> str:
        """The access key of the account that every server has."""
        return self._emulator.world.account.key_pairs[0].access_key

    @property
    def secret_key(self) -> str:
        """The secret of `access_key`."""
        return self._emulator.world.account.key_pairs[0].secret_key

    @property
    def api_key(self) -> str:
        """A static API key of the same account."""
        return self._emulator.world.account.api_keys[0].key

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables by which an app finds this server, its relay and the keys.

        `KLING_BASE_URL`, `KLING_ACCESS_KEY` and `KLING_SECRET_KEY` are those that `Kling()` reads;
        `KLING_RELAY_URL` and `KLING_RELAY_TOKEN` are for `Kling.relay(url, token)`, and are
        missing if there is no relay; the token also if the relay's database does not have it.

        Raises:
            RuntimeError: The server does not run.
        """
        variables = {
            "KLING_BASE_URL": self.kling_url,
            "KLING_ACCESS_KEY": self.access_key,
            "KLING_SECRET_KEY": self.secret_key,
            "KLING_API_KEY": self.api_key,
        }
        if self._relay is not None:
            variables["KLING_RELAY_URL"] = self.relay_url
            if self._relay.accepts_token:
                variables["KLING_RELAY_TOKEN"] = self.relay_token
        return variables

    def client(self, **options: Any) -> Kling:
        """Return an SDK client wired to this server: its URL, keys and clock.

        Args:
            options: Passed on to `kling_sdk.Kling`; they win over what is set here.
        """
        from kling_sdk import Kling

        return Kling(**self._client_options(options))

    def async_client(self, **options: Any) -> AsyncKling:
        """Return an async SDK client wired to this server: its URL, keys and clock.

        Args:
            options: Passed on to `kling_sdk.AsyncKling`; they win over what is set here.
        """
        from kling_sdk import AsyncKling

        return AsyncKling(**self._client_options(options))

    def _client_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        own: dict[str, Any] = {
            "base_url": self.kling_url,
            "trust_env": False,  # no proxy knows the way to this computer
            "ssl_context": self.ssl_context,
            "clock": self._emulator.clock,
            **self._time_limits(),
        }
        if options.keys().isdisjoint(("key", "api_key", "access_key", "secret_key")):
            # The API key is for the interface without key pairs; the other one prefers the pair.
            own["key"] = f"{self.access_key}|{self.secret_key}\n{self.api_key}"
        elif options.keys().isdisjoint(("key", "api_key")):
            own |= {"access_key": self.access_key, "secret_key": self.secret_key}
        return {**own, **options}

    @property
    def ssl_context(self) -> ssl.SSLContext | None:
        """A TLS context for your own client, which trusts only this server's certificate.

        `httpx.Client(verify=mock.ssl_context)`; `None` if the server does not use TLS. The relay
        has the same certificate. Clients that are made here already use it.
        """
        return None if self._certificate is None else self._certificate.client_context

    # ------------------------------------------------------------ the relay's clients

    @property
    def relay_url(self) -> str:
        """The base URL of the relay, without a slash at the end.

        Raises:
            RuntimeError: The server does not run, or has no relay.
        """
        return self._existing_relay().url

    @property
    def relay_token(self) -> str:
        """The token of the relay's user `default`, `sk-...`.

        A database that another relay has made, or whose operator has disabled the user or the
        token, does not accept it: the log says so at the start, and `environment` leaves it out.

        Raises:
            RuntimeError: The server has no relay.
        """
        return self._existing_relay().token

    def relay_client(self, **options: Any) -> Kling:
        """Return an SDK client wired to the relay: its URL, token and clock.

        Args:
            options: Passed on to `kling_sdk.Kling.relay`; they win over what is set here.
        """
        from kling_sdk import Kling

        return Kling.relay(**(self._relay_client_options() | options))

    def async_relay_client(self, **options: Any) -> AsyncKling:
        """Return an async SDK client wired to the relay: its URL, token and clock.

        Args:
            options: Passed on to `kling_sdk.AsyncKling.relay`; they win over what is set here.
        """
        from kling_sdk import AsyncKling

        return AsyncKling.relay(**(self._relay_client_options() | options))

    @property
    def ledger(self) -> LedgerHandle:
        """The money of the relay's users: `mock.ledger.assert_balanced()`.

        Raises:
            RuntimeError: The server has no relay.
        """
        from kling_mock.controls.ledger import LedgerHandle

        return LedgerHandle(self._existing_relay().run, lambda: int(self._emulator.clock.now()))

    def _existing_relay(self) -> EmbeddedRelay:
        if self._relay is None:
            raise RuntimeError("This server has no relay: it was made with relay=False.")
        return self._relay

    def _relay_client_options(self) -> dict[str, Any]:
        return {
            "url": self.relay_url,
            "token": self.relay_token,
            "trust_env": False,  # no proxy knows the way to this computer
            "ssl_context": self.ssl_context,
            "clock": self._emulator.clock,
            **self._time_limits(),
        }

    def _time_limits(self) -> dict[str, float]:
        """Return time limits that give a call a minimum of real time, however fast the clock is."""
        speed = self._emulator.clock.speed or 0.0
        return {name: speed * real for name, (own, real) in _LIMITS.items() if speed * real > own}
