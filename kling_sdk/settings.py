"""The settings of a client: keys, base URL, clock and options. The environment is an argument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from kling_sdk.auth import FORMS, AccessKey, ApiKey, Keyring, checked_key, parse_keys
from kling_sdk.flows import Context, Randomness
from kling_sdk.flows.board import Board
from kling_sdk.flows.identity import Server
from kling_sdk.options import Options
from kling_sdk.transports import Clock, SystemClock
from kling_sdk.wire import WIRES, RelayWire, Wire
from kling_sdk.wire.v1 import REGIONS

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
        api_keys=settings.api_keys,
        has_model_path=_has_model_path(settings.base_url),
        warned=settings.warned,
        is_real_time=isinstance(settings.clock, SystemClock),
    )


def _api_keys_of(settings: ClientSettings) -> Keyring | None:
    """Return the API keys of a client, or None when it has only pairs."""
    keys = [key for key in settings.keys.keys if isinstance(key, ApiKey)]
    if len(keys) == len(settings.keys.keys):
        return settings.keys
    return Keyring(keys) if keys else None


def _has_model_path(url: str) -> bool:
    """Return whether a server may have the interface with the model in the path.

    The vendor's older one was seen to have /v1 only.
    """
    return urlsplit(url).hostname != "api.klingai.com"


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
    api_keys: Keyring | None = attrs.field(
        repr=False, default=attrs.Factory(_api_keys_of, takes_self=True)
    )
    warned: set[str] = attrs.field(factory=set)
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
    region: str | None = None,
    relay: bool = False,
) -> ClientSettings:
    """Return the settings of a new client.

    Raises:
        ValueError: there is no key, or the URL is none, or both a URL and a region are given.
        TypeError: a key is no text.
    """
    import random  # not needed to import the package

    wire: Wire = RelayWire() if relay else WIRES["v1"]
    keys = _keyring(environment, key, access_key, secret_key, api_key)
    url = _base_url(environment, base_url, region, wire)
    _refuse_token_of_relay(keys, url)
    return ClientSettings(
        wire=wire,
        keys=keys,
        base_url=url,
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
    given = [text for text in (key, api_key) if text is not None]
    has_pair = access_key is not None or secret_key is not None
    if len(given) + has_pair > 1:
        raise ValueError(
            "several keys are given; it must be one of key, access_key with secret_key, or api_key"
        )
    if given:
        return Keyring(parse_keys(given[0]))
    if has_pair:
        return Keyring((_pair(("access_key", "secret_key"), access_key, secret_key),))
    names = ("KLING_ACCESS_KEY", "KLING_SECRET_KEY")
    access_key, secret_key = (environment.get(name) or None for name in names)
    static = environment.get("KLING_API_KEY")
    keys = parse_keys(static) if static else ()
    if (access_key and secret_key) or not keys:
        # The pair first, as it was before there were models that only API keys open.
        keys = (_pair(names, access_key, secret_key), *keys)
    return Keyring(keys)


def _pair(names: tuple[str, str], access_key: str | None, secret_key: str | None) -> AccessKey:
    if access_key is None and secret_key is None:
        raise ValueError(
            "no key; give Kling('AK|SK'), access_key= and secret_key=, api_key=, or set the "
            "environment's KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY"
        )
    if access_key is None or secret_key is None:
        one, other = names if secret_key is None else reversed(names)
        raise ValueError(f"{one} is given without {other}; a pair needs both")
    return AccessKey(checked_key(access_key, names[0]), checked_key(secret_key, names[1]))


def _base_url(
    environment: Mapping[str, str], url: str | None, region: str | None, wire: Wire
) -> str:
    if url is None and region is None:
        url, region = environment.get("KLING_BASE_URL"), environment.get("KLING_REGION")
        if url and region:
            raise ValueError("KLING_BASE_URL and KLING_REGION are both set; it must be one of them")
    elif url is not None and region is not None:
        raise ValueError("base_url and region are both given; it must be one of them")
    if region:
        if region not in REGIONS:
            expected = " or ".join(map(repr, REGIONS))
            raise ValueError(f"region is {region!r:.40}; it must be {expected}")
        url = REGIONS[region]
    url = (url or wire.default_base_url).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
        raise ValueError("base_url is not an http(s) URL of a host, such as https://example.com")
    if parts.username or parts.password:
        raise ValueError("base_url holds a password; it must be a URL without user info")
    if _is_vendors(url) and parts.path:
        raise ValueError("base_url has a path; it must be the host alone, such as " + REGIONS["cn"])
    return url


def _is_vendors(url: str) -> bool:
    return f".{urlsplit(url).hostname}".endswith(".klingai.com")


def _refuse_token_of_relay(keys: Keyring, url: str) -> None:
    for key in keys.keys:
        if isinstance(key, ApiKey) and key.value.startswith("sk-") and _is_vendors(url):
            raise ValueError(
                "the key begins with sk-, as a relay's token does, and the address is Kling's; "
                f"for a relay use Kling.relay(url, token); {FORMS}"
            )
