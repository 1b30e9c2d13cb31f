"""What both clients have in common: everything that sends nothing."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

from kling_sdk import operations
from kling_sdk.logs import log_as_environment_says
from kling_sdk.runner import Shared
from kling_sdk.settings import ClientSettings, settings_from
from kling_sdk.transports import Clock

if TYPE_CHECKING:
    from kling_sdk._signatures import OptionOverrides
    from kling_sdk.endpoints.base import Request
    from kling_sdk.prices import Estimate

__all__ = ["ClientBase"]


class ClientBase:
    """A client's settings and connections; `Kling` and `AsyncKling` add the calls."""

    _open_transport: ClassVar[Callable[..., Any]]
    _settings: ClientSettings
    _shared: Shared

    def _set_up(self, settings: ClientSettings, shared: Shared) -> None:
        log_as_environment_says(os.environ)
        self._settings, self._shared = settings, shared

    def _connect(
        self,
        settings: ClientSettings,
        http_client: Any,
        *,
        trust_env: bool,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        """Set up a new client, whose connections open on first use."""
        open_transport = self._open_transport
        shared = Shared(
            lambda: open_transport(
                http_client, settings.base_url, trust_env=trust_env, ssl_context=ssl_context
            ),
            is_own=http_client is None,
        )
        self._set_up(settings, shared)

    @classmethod
    def relay(
        cls,
        url: str,
        token: str,
        *,
        http_client: Any = None,
        trust_env: bool = True,
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        **options: Unpack[OptionOverrides],
    ) -> Self:
        """Return a client of a relay in front of Kling, with the same resources.

        Args:
            url: Where the relay is, such as `http://localhost:3000`.
            token: The relay's own token, `sk-...`.
            http_client: See `Kling`.
            trust_env: See `Kling`.
            ssl_context: See `Kling`.
            clock: See `Kling`.
            **options: See `Kling`.
        """
        settings = settings_from({}, None, None, None, token, url, clock, options, relay=True)
        client = cls.__new__(cls)
        client._connect(  # noqa: SLF001 - our own
            settings, http_client, trust_env=trust_env, ssl_context=ssl_context
        )
        return client

    def with_options(self, **options: Unpack[OptionOverrides]) -> Self:
        """Return a client that shares connections and keys, with other settings.

        Args:
            **options: See `Options`.
        """
        client = type(self).__new__(type(self))
        client._set_up(self._settings.changed(options), self._shared)  # noqa: SLF001 - our own
        return client

    def estimate(self, request: Request) -> Estimate:
        """Return what a request will cost, by the vendor's price list; nothing is sent.

        A relay charges its users by its own prices.

        Args:
            request: A request of any endpoint, such as `TextToVideo(prompt="...")`.
        """
        return operations.estimate(request)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._settings.wire.name} {self._settings.base_url}>"
