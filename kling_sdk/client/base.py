"""The base of both clients: everything that sends no request."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Never, Self, Unpack

from kling_sdk.client.logs import log_as_environment_says
from kling_sdk.client.settings import ClientSettings, environment, settings_from
from kling_sdk.options import check_flag
from kling_sdk.text.hidden import hide
from kling_sdk.text.spelling import Suggesting
from kling_sdk.transports import Clock
from kling_sdk.transports.shared import Shared

if TYPE_CHECKING:
    from decimal import Decimal

    from kling_sdk.client.signatures import OptionOverrides
    from kling_sdk.endpoints.base import Request
    from kling_sdk.prices import Estimate


class ClientBase(Suggesting):
    """A client's settings and connections; `Kling` and `AsyncKling` add the calls."""

    _open_transport: ClassVar[Callable[..., Any]]
    _runner_class: ClassVar[type[Any]]
    _settings: ClientSettings
    _shared: Shared

    def __init__(
        self,
        key: str | None = None,
        secret_key: str | None = None,
        *,
        access_key: str | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        region: Literal["global", "cn"] | None = None,
        http_client: Any = None,
        trust_env: bool = True,
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        **options: Unpack[OptionOverrides],
    ) -> None:
        """Make a client. Nothing is opened or sent yet.

        Args:
            key: `AK|SK` or an API key; several of the same account, one per line, are tried
                in turn when the server refuses one, and the first that the interface takes is
                used. Without any key the environment is read: `KLING_ACCESS_KEY` and
                `KLING_SECRET_KEY`, `KLING_API_KEY`, or all three, which must be of one account.
                With *secret_key* it is the access key: `Kling(AK, SK)`.
            secret_key: Secret key.
            access_key: Access key, with *secret_key*.
            api_key: Static API key.
            base_url: URL of the API; None takes `KLING_BASE_URL`, or the server of *region*. A
                `/v1` at its end is left out: the client adds it where a path has it.
            region: The vendor's server: `global` is `https://api-singapore.klingai.com`, `cn`
                (for accounts in China) is `https://api-beijing.klingai.com`. None takes
                `KLING_REGION`, or `global`. Not together with *base_url*.
            http_client: A client of httpx or httpx2 to use; for `AsyncKling` an async one, or an
                `aiohttp.ClientSession`. It remains yours to close.
            trust_env: False to connect directly, although `HTTP_PROXY`, `HTTPS_PROXY` or
                `ALL_PROXY` is set. An *http_client* keeps its own setting.
            ssl_context: The trusted certificates, and a client certificate if there is one;
                None trusts the authorities of `certifi`, or those that `SSL_CERT_FILE` names. An
                *http_client* keeps its own setting.
            clock: The source of time; None takes the system's clocks.
            **options: See `Options`.

        Raises:
            ValueError: no key was given or found, or a value is invalid.
        """
        key, access_key, secret_key, api_key = map(hide, (key, access_key, secret_key, api_key))
        settings = settings_from(
            environment(),
            key,
            access_key,
            secret_key,
            api_key,
            base_url,
            clock,
            options,
            region=region,
        )
        self._connect(settings, http_client, trust_env=trust_env, ssl_context=ssl_context)

    def _set_up(self, settings: ClientSettings, shared: Shared) -> None:
        log_as_environment_says(os.environ)
        self._settings, self._shared = settings, shared
        self._runner = self._runner_class(settings, shared)

    def _connect(
        self,
        settings: ClientSettings,
        http_client: Any,
        *,
        trust_env: bool,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        """Set up a new client, whose connections open on first use."""
        check_flag("trust_env", trust_env)
        if ssl_context is not None and not hasattr(ssl_context, "wrap_socket"):
            kind = type(ssl_context).__name__
            raise TypeError(f"ssl_context is a {kind}; it must be an ssl.SSLContext, or None")
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
        *more: Never,
        http_client: Any = None,
        trust_env: bool = True,
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        **options: Unpack[OptionOverrides],
    ) -> Self:
        """Return a client of a relay in front of Kling, with the same resources.

        Args:
            url: URL of the relay, such as `http://localhost:3000`, with or without `/v1`.
            token: The relay's own token, `sk-...`.
            *more: Nothing: a relay takes no key pair.
            http_client: See `Kling`.
            trust_env: See `Kling`.
            ssl_context: See `Kling`.
            clock: See `Kling`.
            **options: See `Options`.
        """
        token, more = hide(token), hide(more)
        if more:
            raise TypeError("relay takes a URL and one token, the relay's own, and no key pair")
        # Keys and addresses of the environment are Kling's; a ceiling is for whatever is paid.
        ceiling = {k: v for k, v in environment().items() if k == "KLING_MAX_UNITS"}
        settings = settings_from(ceiling, None, None, None, token, url, clock, options, relay=True)
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
        from kling_sdk.prices import estimate

        return estimate(a_request("estimate", request))

    @property
    def spent(self) -> Decimal | None:
        """The units that count toward `max_units`; None without a ceiling.

        Creates in flight count until their outcome is known, and tasks until they have failed.
        """
        if self._settings.ctx.options.max_units is None:
            return None
        return self._settings.ctx.spending.units

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._settings.ctx.wire.name} {self._settings.base_url}>"


def a_request(name: str, request: Request) -> Request:
    """Return a request of any endpoint, or raise TypeError."""
    from kling_sdk.endpoints.base import Request

    argument: object = request  # a caller may not run a type checker
    if not isinstance(argument, Request):
        raise TypeError(
            f'{name} takes a request, such as TextToVideo(prompt="..."), '
            f"not a {type(request).__name__}; a body as a mapping goes to "
            "the submit of its endpoint, such as kling.text2video.submit"
        )
    return request
