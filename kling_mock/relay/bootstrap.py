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
from kling_mock.relay.storage.errors import ExistsError
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import (
    ENABLED,
    Channel,
    NewChannel,
    NewToken,
    NewUser,
    User,
)
from kling_mock.web.access import AccessPolicy
from kling_mock.web.addresses import is_loopback
from kling_mock.web.tls import ServerCertificate

USER: Final = "default"
_CHANNEL: Final = "Kling AI"
#: The service of the channel that a process with an emulated Kling creates. The process finds the
#: channel again by it: the address changes with each start, but the open tasks remain the same.
_SERVICE: Final = "emulated-kling"
_ROWS: Final = 3  # user, token, channel: another relay may create each at the same time
#: 10 000 US dollars.
_OPENING_QUOTA: Final = 5_000_000_000

# The guide's requests name `kling-v1-5-std` for text2video; Kling has kling-v1-5 for images only.
_MAPPING: Final = (
    '{"kling-v1-5-std": "kling-v1-6-std", "kling-v1-5-pro": "kling-v1-6-pro", '
    '"kling-v1-5": "kling-v1-6"}'
)

_NOT_ADDED: Final = (
    "KLING_MOCK_RELAY_TOKEN is not an enabled token of this database. The database is in use,"
    " so the start has not added it."
)
_NONE_MADE: Final = "the database is in use, so the start has made no token."

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
    callback_secret: bytes,
    emulated: bool = False,
) -> Relay:
    """Return a running relay with its first user, token and channel; see `bootstrap`.

    Args:
        callback_secret: Is stored in the database if that has none, and used if the settings have
            none.
    """
    await storage.open()
    try:
        if not settings.callback_secret:
            secret = await storage.keep_callback_secret(callback_secret)
            settings = attrs.evolve(settings, callback_secret=secret)
    except BaseException:
        await storage.close()
        raise
    relay = Relay(storage, clock, settings, access, random, token_bytes, certificate)
    try:
        await relay.start()
        await bootstrap(relay.storage, settings, int(clock.now()), emulated=emulated)
    except BaseException:  # also on an interrupted start: only this function has the relay
        relay.stop()
        await relay.close()
        raise
    return relay


async def bootstrap(
    storage: Storage, settings: RelaySettings, now: int, *, emulated: bool = False
) -> None:
    """Give an empty database a user, a token and a channel; leave a used one as it is.

    A database is empty if it has never had a channel or any user but `default`. What the operator
    has deleted leaves its row behind, so it is not created again.

    Args:
        storage: The store, open.
        settings: `token`, `upstream_url` and `upstream_key` are stored.
        now: Unix seconds.
        emulated: Whether this process has an emulated Kling, whose address and key are new with
            each start. In a database that such a process has created, the channel has a special
            name: it gets the new address and key, and `default` gets the token. Any other database
            is left as it is.
    """
    for _ in range(_ROWS):
        try:
            await _bootstrap_once(storage, settings, now, emulated=emulated)
        except ExistsError:
            continue  # another relay has created it meanwhile
        return
    await _bootstrap_once(storage, settings, now, emulated=emulated)


async def accepts(storage: Storage, token: str, level: int, *, is_given: bool) -> bool:
    """Return whether a token is an enabled one of an enabled user; log it if not.

    Args:
        storage: The store, open.
        token: The token that the relay was started with.
        level: The level of the log's record.
        is_given: Whether the operator has set the token; otherwise it was made.
    """
    caller = await storage.authenticate(token_hash(token))
    if caller is not None and caller.token.status == caller.user.status == ENABLED:
        return True
    cause = _NOT_ADDED if is_given else _NONE_MADE
    _log.log(level, "kling relay: %s To make a token: kling-mock token add USER", cause)
    return False


async def _bootstrap_once(
    storage: Storage, settings: RelaySettings, now: int, *, emulated: bool
) -> None:
    channels = await storage.list_channels(with_deleted=True)
    users = await storage.list_users(limit=2)
    is_empty = not channels and all(user.username == USER for user in users)
    own = (_CHANNEL, _SERVICE)
    emulator = next(
        (
            channel
            for channel in channels
            if emulated and (channel.name, channel.service_label) == own
        ),
        None,
    )
    await _ensure_token(
        storage, settings.token, now, is_own=emulated and (is_empty or bool(emulator))
    )
    if is_empty:
        first = NewChannel(
            name=_CHANNEL,
            base_url=settings.upstream_url,
            api_keys=settings.upstream_key,
            model_mapping=_MAPPING,
            service=_SERVICE if emulated else "",
        )
        await storage.create_channel(first, now=now)
        return
    living = [channel for channel in channels if not channel.is_deleted]
    if any(_leads_to(channel, settings) for channel in living):
        return
    if emulator is not None and not emulator.is_deleted and _is_as_made(emulator, settings):
        await _update_channel(storage, emulator, settings)
        return
    _log.warning(
        "kling relay: no channel has both the address and the key that this process was started"
        " with. The channels in the database are used, and the start has changed none of them."
        " To change one: kling-mock channel set NAME --base-url URL --key-env VARIABLE; to add"
        " one: kling-mock channel add; to see them: kling-mock channel list"
    )


async def _ensure_token(storage: Storage, token: str, now: int, *, is_own: bool) -> None:
    hashed = token_hash(token)
    if await storage.authenticate(hashed) is not None:
        return
    user = await storage.find_user(USER)
    if user is None and (is_own or not await storage.list_users(limit=1)):
        user = await storage.create_user(NewUser(USER, _OPENING_QUOTA), now=now)
    if user is None or user.status != ENABLED:
        return
    if is_own or await _is_new(storage, user):
        await storage.create_token(NewToken(user.id, hashed, "default"), now=now)


async def _is_new(storage: Storage, user: User) -> bool:
    """Return whether *user* is the only one and never had a token."""
    users = await storage.list_users(limit=2)
    return len(users) == 1 and not await storage.list_tokens(user.id)


def _keys(text: str) -> list[ChannelKey]:
    try:
        return [*parse_keys(text)]
    except RelayError:
        return []


def _leads_to(channel: Channel, settings: RelaySettings) -> bool:
    is_there = channel.base_url.rstrip("/") == settings.upstream_url
    return is_there and set(_keys(settings.upstream_key)) <= set(_keys(channel.api_keys))


def _is_as_made(channel: Channel, settings: RelaySettings) -> bool:
    """Return whether the channel of an emulated Kling is still as it was created."""
    is_pair = [key.is_pair for key in _keys(channel.api_keys)]
    # The process has created a key pair, and also an API key since it serves models that need one.
    if is_pair not in ([True], [False], [True, False]):
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
