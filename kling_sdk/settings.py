"""The settings of a client: keys, base URL, clock and options. The environment is an argument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from kling_sdk.auth import AccessKey, Keyring, parse_keys
from kling_sdk.flows import Context, Randomness
from kling_sdk.flows.board import Board
from kling_sdk.flows.identity import Server
from kling_sdk.options import Options
from kling_sdk.transports import Clock, SystemClock
from kling_sdk.wire import WIRES, RelayWire, Wire

__all__ = ["ClientSettings", "settings_from"]


def _context_of(settings: ClientSettings) -> Context:
    cancel = settings.options.cancel
    return Context(
        settings.wire,
        settings.keys,
        settings.options,
        settings.clock.time,
        settings.clock.monotonic,
        settings.random,
        cancel.is_set if cancel is not None else bool,
        settings.server,
        settings.board,
    )


@attrs.frozen(eq=False)
class ClientSettings:
    """Everything a client is made of, but for its connections."""

    wire: Wire
    keys: Keyring
    base_url: str
    clock: Clock
    options: Options
    random: Randomness
    server: Server = attrs.field(factory=Server)
    board: Board = attrs.field(factory=Board)
    _context: Context = attrs.field(
        init=False, repr=False, default=attrs.Factory(_context_of, takes_self=True)
    )

    def context(self, changes: Mapping[str, Any]) -> Context:
        """Return what flows need, with some options changed."""
        if not changes:
            return self._context
        return attrs.evolve(self._context, options=self.options.changed(changes))

    def changed(self, changes: Mapping[str, Any]) -> ClientSettings:
        """Return these settings with some options changed."""
        return attrs.evolve(self, options=self.options.changed(changes))


def settings_from(
    environment: Mapping[str, str],
    key: str | None,
    access_key: str | None,
    secret_key: str | None,
    api_key: str | None,
    base_url: str | None,
    clock: Clock | None,
    changes: Mapping[str, Any],
    *,
    relay: bool = False,
) -> ClientSettings:
    """Return the settings of a new client.

    Raises:
        ValueError: there is no key, or the URL is none.
    """
    import random  # not needed to import the package

    wire: Wire = RelayWire() if relay else WIRES["v1"]
    return ClientSettings(
        wire=wire,
        keys=_keyring(environment, key, access_key, secret_key, api_key),
        base_url=_base_url(base_url or environment.get("KLING_BASE_URL"), wire),
        clock=clock or SystemClock(),
        options=Options().changed(changes),
        # Ids must differ also between processes forked from one.
        random=random.SystemRandom(),
    )


def _keyring(
    environment: Mapping[str, str],
    key: str | None,
    access_key: str | None,
    secret_key: str | None,
    api_key: str | None,
) -> Keyring:
    if not (key or access_key or secret_key or api_key):
        access_key = environment.get("KLING_ACCESS_KEY")
        secret_key = environment.get("KLING_SECRET_KEY")
        if not (access_key and secret_key):
            api_key = environment.get("KLING_API_KEY")
    elif bool(key) + bool(api_key) + bool(access_key or secret_key) > 1:
        raise ValueError(
            "several keys are given; it must be one of key, access_key with secret_key, or api_key"
        )
    if access_key and secret_key:
        return Keyring((AccessKey(access_key.strip(), secret_key.strip()),))
    if key or api_key:
        return Keyring(parse_keys(key or api_key or ""))
    raise ValueError(
        "no key; give Kling('AK|SK'), access_key= and secret_key=, api_key=, or set the "
        "environment's KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY"
    )


def _base_url(url: str | None, wire: Wire) -> str:
    url = (url or wire.default_base_url).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
        raise ValueError("base_url is not an http(s) URL of a host, such as https://example.com")
    if parts.username or parts.password:
        raise ValueError("base_url holds a password; it must be a URL without user info")
    return url
