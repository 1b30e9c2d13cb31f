"""The first user, token and channel of a relay, so that it works at once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import Random
from typing import Final
from urllib.parse import urlsplit

import attrs

from kling_mock.clock import MockClock
from kling_mock.relay.app import Relay
from kling_mock.relay.domain.credentials import ChannelKey, parse_keys, token_hash
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.settings import RelaySettings
from kling_mock.storage.errors import ExistsError
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import (
    ENABLED,
    Channel,
    NewChannel,
    NewToken,
    NewUser,
    User,
)
from kling_mock.web.access import AccessPolicy
from kling_mock.web.listening import is_loopback
from kling_mock.web.tls import ServerCertificate

__all__ = ["USER", "bootstrap", "start_relay"]

USER: Final = "default"
_CHANNEL: Final = "Kling AI"
_ROWS: Final = 3  # user, token, channel: another relay may create each at the same time
#: 10 000 US dollars.
_OPENING_QUOTA: Final = 5_000_000_000

# The guide's requests name `kling-v1-5-std` for text2video; Kling has kling-v1-5 for images only.
_MAPPING: Final = (
    '{"kling-v1-5-std": "kling-v1-6-std", "kling-v1-5-pro": "kling-v1-6-pro", '
    '"kling-v1-5": "kling-v1-6"}'
)

_log: Final = logging.getLogger("kling_mock.relay")


async def start_relay(
    storage: Storage,
    clock: MockClock,
    settings: RelaySettings,
    access: AccessPolicy,
    random: Random,
    *,
    token_bytes: Callable[[int], bytes] | None = None,
    certificate: ServerCertificate | None = None,
    emulated: bool = False,
) -> Relay:
    """Return a relay that runs, with its first user, token and channel; see `bootstrap`."""
    relay = Relay(storage, clock, settings, access, random, token_bytes, certificate)
    try:
        await relay.start()
        await bootstrap(relay.storage, settings, int(clock.now()), emulated=emulated)
    except BaseException:  # also a start that is interrupted: nobody else knows the relay
        relay.stop()
        await relay.close()
        raise
    return relay


async def bootstrap(
    storage: Storage, settings: RelaySettings, now: int, *, emulated: bool = False
) -> None:
    """Give an empty database a user, a token and a channel; leave a used one as it is.

    A database has no channels if there never was one, and no users if there never was another
    than `default`, without a token. What the operator has deleted leaves its row, so that it
    does not come back.

    Args:
        storage: The store, open.
        settings: `token`, `upstream_url` and `upstream_key` are stored.
        now: Unix seconds.
        emulated: Whether this process has an emulated Kling, whose address and key are new with
            each start: then a database that lacks the token gets it, and the channel of the
            emulated Kling gets the new address and key.
    """
    for _ in range(_ROWS):
        try:
            await _bootstrap_once(storage, settings, now, emulated=emulated)
        except ExistsError:
            continue  # another relay has created it meanwhile
        return
    await _bootstrap_once(storage, settings, now, emulated=emulated)


async def _bootstrap_once(
    storage: Storage, settings: RelaySettings, now: int, *, emulated: bool
) -> None:
    await _ensure_token(storage, settings.token, now, emulated=emulated)
    await _ensure_channel(storage, settings, now, emulated=emulated)


async def _ensure_token(storage: Storage, token: str, now: int, *, emulated: bool) -> None:
    hashed = token_hash(token)
    if await storage.authenticate(hashed) is not None:
        return
    user = await storage.find_user(USER)
    if user is None and (emulated or not await storage.list_users(limit=1)):
        user = await storage.create_user(NewUser(USER, _OPENING_QUOTA), now=now)
    if user is None or user.status != ENABLED:
        return
    if emulated or await _is_new(storage, user):
        await storage.create_token(NewToken(user.id, hashed, "default"), now=now)


async def _is_new(storage: Storage, user: User) -> bool:
    """Whether *user* is the only one and never had a token."""
    users = await storage.list_users(limit=2)
    return len(users) == 1 and not await storage.list_tokens(user.id)


async def _ensure_channel(
    storage: Storage, settings: RelaySettings, now: int, *, emulated: bool
) -> None:
    channels = await storage.list_channels(with_deleted=True)
    if not channels:
        first = NewChannel(
            name=_CHANNEL,
            base_url=settings.upstream_url,
            api_keys=settings.upstream_key,
            model_mapping=_MAPPING,
        )
        await storage.create_channel(first, now=now)
        return
    living = [channel for channel in channels if not channel.is_deleted]
    if any(_leads_to(channel, settings) for channel in living):
        return
    for channel in living:
        if emulated and _is_emulated(channel, settings):
            await _update_channel(storage, channel, settings)
            return
    _log.warning(
        "kling relay: no channel has both the address and the key that this process was started"
        " with. The channels in the database are used, and the start has changed none of them."
        " To change one: kling-mock channel set NAME --base-url URL --key-env VARIABLE; to add"
        " one: kling-mock channel add; to see them: kling-mock channel list"
    )


def _keys(text: str) -> list[ChannelKey]:
    try:
        return [*parse_keys(text)]
    except RelayError:
        return []


def _leads_to(channel: Channel, settings: RelaySettings) -> bool:
    is_there = channel.base_url.rstrip("/") == settings.upstream_url
    return is_there and set(_keys(settings.upstream_key)) <= set(_keys(channel.api_keys))


def _is_emulated(channel: Channel, settings: RelaySettings) -> bool:
    """Whether *channel* is the channel that a process with an emulated Kling has created."""
    is_pair = [key.is_pair for key in _keys(channel.api_keys)]
    # It has made a key pair, and an API key since it serves models that need one.
    if channel.name != _CHANNEL or is_pair not in ([True], [False], [True, False]):
        return False
    try:
        host = urlsplit(channel.base_url).hostname or ""
    except ValueError:
        return False
    return host == urlsplit(settings.upstream_url).hostname or is_loopback(host)


async def _update_channel(storage: Storage, channel: Channel, settings: RelaySettings) -> None:
    names = (field.name for field in attrs.fields(NewChannel))
    declared = NewChannel(**{name: getattr(channel, name) for name in names})
    changed = attrs.evolve(declared, base_url=settings.upstream_url, api_keys=settings.upstream_key)
    await storage.replace_channel(channel.id, changed)
