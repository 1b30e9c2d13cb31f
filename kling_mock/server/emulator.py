"""What a client needs of the emulated Kling of one server: its URL, its keys, or a client."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Literal

from kling_mock.clock import Clock
from kling_mock.kling.http.handler import ADMIN
from kling_mock.web.listening import url_of

if TYPE_CHECKING:
    from kling_mock.kling.world import World
    from kling_sdk import AsyncKling, Kling

__all__ = ["KlingSide"]


class KlingSide:
    """The emulated Kling of one server, as its clients see it."""

    _admin: Literal[True, False, "remote"]
    _bound_port: int
    _clock: Clock
    _host: str
    _tls: ssl.SSLContext | None
    _world: World

    @property
    def kling_url(self) -> str:
        """The base URL of the emulated Kling, without a slash at the end.

        Raises:
            RuntimeError: The server has not been started.
        """
        if not self._bound_port:
            raise RuntimeError("The server has no URL before it is started: `with KlingMock()`.")
        return url_of(self._host, self._bound_port, tls=self._tls is not None)

    @property
    def dashboard_url(self) -> str | None:
        """The page that shows the server at work; `None` if the admin API is switched off.

        Raises:
            RuntimeError: The server has not been started.
        """
        return f"{self.kling_url}{ADMIN}" if self._admin else None

    @property
    def access_key(self) -> str:
        """The access key of the account that every server has."""
        return self._world.account.key_pairs[0].access_key

    @property
    def secret_key(self) -> str:
        """The secret of `access_key`."""
        return self._world.account.key_pairs[0].secret_key

    @property
    def api_key(self) -> str:
        """A static API key of the same account."""
        return self._world.account.api_keys[0].key

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables by which an app finds this server and its keys."""
        return {
            "KLING_BASE_URL": self.kling_url,
            "KLING_ACCESS_KEY": self.access_key,
            "KLING_SECRET_KEY": self.secret_key,
        }

    def client(self, **options: Any) -> Kling:
        """Return an SDK client wired to this server: its URL, keys and clock.

        Args:
            options: Passed on to `kling_sdk.Kling`; they win over what is set here.
        """
        from kling_sdk import Kling

        return Kling(**(self._wiring() | options))

    def async_client(self, **options: Any) -> AsyncKling:
        """Return an async SDK client wired to this server: its URL, keys and clock.

        Args:
            options: Passed on to `kling_sdk.AsyncKling`; they win over what is set here.
        """
        from kling_sdk import AsyncKling

        return AsyncKling(**(self._wiring() | options))

    def _wiring(self) -> dict[str, Any]:
        return {
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            "base_url": self.kling_url,
            "trust_env": False,  # no proxy knows the way to this computer
            "clock": self._clock,
        }
