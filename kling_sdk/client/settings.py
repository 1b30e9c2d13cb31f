"""The settings of a client: keys, base URL, clock and options. The environment is an argument."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import attrs

from kling_sdk.auth import FORMS, AccessKey, ApiKey, Keyring, checked_key, parse_keys
from kling_sdk.errors import RequestValidationError
from kling_sdk.flows import Context
from kling_sdk.options import Options
from kling_sdk.text.hidden import hide
from kling_sdk.text.scalars import decimal
from kling_sdk.transports import Clock, SystemClock
from kling_sdk.wire import WIRES, V1Wire
from kling_sdk.wire.v1 import REGIONS

_ADDRESS_NAMES: Final = ("KLING_BASE_URL", "KLING_REGION")


def _api_keys_of(ring: Keyring) -> Keyring | None:
    """Return the API keys of a client, or None when it has only pairs."""
    keys = [key for key in ring.keys if isinstance(key, ApiKey)]
    if len(keys) == len(ring.keys):
        return ring
    return Keyring(keys) if keys else None


def _is_set(cancel: threading.Event | None) -> Callable[[], bool]:
    return bool if cancel is None else cancel.is_set


def _has_model_path(url: str) -> bool:
    """Return whether a server may have the interface with the model in the path.

    The vendor's older server was seen to have only /v1.
    """
    return urlsplit(url).hostname != "api.klingai.com"


class ClientSettings(NamedTuple):
    """The parts of a client other than its connections; its flows get *ctx*."""

    base_url: str
    clock: Clock
    ctx: Context

    def changed(self, changes: Mapping[str, Any]) -> ClientSettings:
        """Return these settings with some options changed."""
        options = self.ctx.options.changed(changes)
        ctx = attrs.evolve(self.ctx, options=options, cancelled=_is_set(options.cancel))
        return self._replace(ctx=ctx)


def environment() -> dict[str, str]:
    """Return the variables that a client reads; keys are hidden."""
    return {
        name: hide(value) if name.endswith("_KEY") else value
        for name, value in os.environ.items()
        if name.startswith("KLING_")
    }


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
        ValueError: there is no key, the URL or `KLING_MAX_UNITS` is invalid, or both a URL and a
            region are given.
        TypeError: a key is not text.
    """
    import random  # not needed to import the package

    if "max_units" not in changes and (ceiling := environment.get("KLING_MAX_UNITS", "").strip()):
        changes = {**changes, "max_units": _units(ceiling)}
    wire = WIRES["relay" if relay else "v1"]
    keys = _keyring(environment, key, access_key, secret_key, api_key)
    url = _base_url(environment, base_url, region, wire)
    if _is_vendors(url):
        _refuse_foreign(keys)
    clock, options = clock or SystemClock(), Options().changed(changes)
    ctx = Context(
        wire,
        keys,
        options,
        clock.time,
        clock.monotonic,
        random.SystemRandom(),  # ids must differ also between processes forked from one
        _is_set(options.cancel),
        api_keys=_api_keys_of(keys),
        has_model_path=_has_model_path(url),
        is_real_time=isinstance(clock, SystemClock),
    )
    return ClientSettings(url, clock, ctx)


def _units(text: str) -> Decimal:
    units = decimal(text)
    if units is None or units < 0:
        raise ValueError(
            f"KLING_MAX_UNITS is {text!r:.40}; it must be a number of units, 0 or more"
        )
    return units


def _keyring(
    environment: Mapping[str, str],
    key: str | None,
    access_key: str | None,
    secret_key: str | None,
    api_key: str | None,
) -> Keyring:
    if key is not None and secret_key is not None and access_key is None and "|" not in str(key):
        key, access_key = None, key  # Kling(AK, SK)
    texts = [text for text in (key, api_key) if text is not None]
    has_pair = access_key is not None or secret_key is not None
    if len(texts) + has_pair > 1:
        raise ValueError(
            "several keys are given; give one of key, access_key with secret_key, or api_key"
        )
    if texts:
        return Keyring(parse_keys(texts[0]))
    if has_pair:
        return Keyring((_pair(("access_key", "secret_key"), access_key, secret_key),))
    names = ("KLING_ACCESS_KEY", "KLING_SECRET_KEY")
    access_key, secret_key = (environment.get(name, "").strip() or None for name in names)
    static = environment.get("KLING_API_KEY", "").strip()
    keys = parse_keys(static) if static else ()
    if (access_key and secret_key) or not keys:
        # The pair comes first, as before there were models that need an API key.
        keys = (_pair(names, access_key, secret_key), *keys)
    return Keyring(keys)


def _pair(names: tuple[str, str], access_key: str | None, secret_key: str | None) -> AccessKey:
    if access_key is None and secret_key is None:
        raise ValueError(
            "no key; give Kling('AK|SK'), access_key= and secret_key=, api_key=, or set the "
            "environment's KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY"
        )
    if access_key is None or secret_key is None:
        present, missing = names if secret_key is None else reversed(names)
        raise ValueError(f"{present} is given without {missing}; a pair needs both")
    return AccessKey(checked_key(access_key, names[0]), checked_key(secret_key, names[1]))


def _base_url(
    environment: Mapping[str, str], url: str | None, region: str | None, wire: V1Wire
) -> str:
    if url is None and region is None:
        url, region = (environment.get(name, "").strip() for name in _ADDRESS_NAMES)
        if url and region:
            raise ValueError("KLING_BASE_URL and KLING_REGION are both set; set only one of them")
    elif url is not None and region is not None:
        raise ValueError("base_url and region are both given; give only one of them")
    if region:
        if region not in REGIONS:
            expected = " or ".join(map(repr, REGIONS))
            raise ValueError(f"region is {region!r:.40}; it must be {expected}")
        url = REGIONS[region]
    url = (url or wire.default_base_url).strip().rstrip("/")
    # Clients of other APIs take it as a part of the address; here it is a part of the paths.
    url = re.sub("(?<=[^/:])/+v1$", "", url)
    limit, expected = _wrong_url(url)
    if limit:
        raise RequestValidationError(
            "base_url", limit, expected, f"base_url {limit}; it must be {expected}"
        )
    return url


def _wrong_url(url: str) -> tuple[str, str]:
    """Return what is wrong with a base URL and what it must be; "" if it is valid."""
    expected = "a URL such as https://example.com"
    try:
        parts = urlsplit(url)
        is_url = url.isprintable() and not set(url) & {" ", "\\"} and parts.port != 0
    except ValueError:  # the host or the port is invalid
        return "has a host or a port that is not valid", expected
    if not is_url:
        return "has a character or a port that a URL cannot have", expected
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        return "is not an http(s) URL of a host", expected
    if parts.username is not None or parts.password is not None:
        return "contains a password", "a URL without user info"
    if _is_vendors(url) and parts.path:
        return "has a path", "the host alone, such as " + REGIONS["cn"]
    return _wrong_host(parts.hostname)


def _wrong_host(host: str) -> tuple[str, str]:
    if host.isascii() and "xn--" not in host:
        return "", ""
    from idna import IDNAError, encode  # httpx needs it, and most hosts do not

    try:
        encode(host, uts46=True)
    except IDNAError as error:
        return f"has a host that is not a valid name ({error})", "a valid host name"
    return "", ""


def _is_vendors(url: str) -> bool:
    return f".{urlsplit(url).hostname}".endswith(".klingai.com")


def _refuse_foreign(keys: Keyring) -> None:
    """Raise an error for a key that Kling does not take, although another server may."""
    for key in keys.keys:
        if not isinstance(key, ApiKey):
            continue
        if key.value.startswith("sk-"):
            raise ValueError(
                "the key begins with sk-, as a relay's token does, and the address is Kling's; "
                f"for a relay use Kling.relay(url, token); {FORMS}"
            )
        if ":" in key.value:  # which a bearer token cannot have: RFC 6750, section 2.1
            raise ValueError(f"the key has a colon; a pair has a bar instead: {FORMS}")
