"""What a relay brings along, so that it works at once: a user, its token and a channel."""

from __future__ import annotations

import logging
from random import Random
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import attrs

from kling_mock.clock import Clock
from kling_mock.kling.model.lifecycle import IllegalTransitionError
from kling_mock.kling.model.tasks import GivenVideo
from kling_mock.kling.world import World
from kling_mock.relay.app import Relay
from kling_mock.relay.domain.channels import keys_of
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.tokens import token_hash
from kling_mock.relay.options import RelayOptions
from kling_mock.storage.errors import ExistsError
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import (
    ENABLED,
    Channel,
    NewChannel,
    NewToken,
    NewUser,
    User,
    VideoRow,
)
from kling_mock.web.loopback import is_loopback
from kling_sdk.callbacks import CallbackEvent

__all__ = ["USER", "Home", "build", "furnish", "trial_of"]

USER: Final = "default"
_CHANNEL: Final = "Kling AI"
_THINGS: Final = 3  # a user, a token, a channel: each may be made by another relay meanwhile
#: 10 000 US dollars.
_OPENING: Final = 5_000_000_000

# The guide asks for `kling-v1-5-std` on text2video, and Kling has kling-v1-5 for images only.
_MAPPING: Final = (
    '{"kling-v1-5-std": "kling-v1-6-std", "kling-v1-5-pro": "kling-v1-6-pro", '
    '"kling-v1-5": "kling-v1-6"}'
)

_log: Final = logging.getLogger("kling_mock.relay")


class Home(NamedTuple):
    """What a relay is started with.

    Attributes:
        kling_url: Base URL of the Kling API.
        key: `AK|SK` of its account, or an API key.
        token: The token of the user `default`.
        admin_token: What the operator's requests carry.
        emulated: Whether this process has an emulated Kling of its own, whose address and key
            are new with each start.
    """

    kling_url: str
    key: str
    token: str
    admin_token: str
    emulated: bool = False


async def build(
    storage: Storage, clock: Clock, home: Home, options: RelayOptions, random: Random
) -> Relay:
    """Return a relay that has been started, with its user, token and channel."""
    relay = Relay(storage, clock, options, home.admin_token, random)
    await relay.start()
    await furnish(relay.storage, home, int(clock.now()))
    return relay


async def furnish(storage: Storage, home: Home, now: int) -> None:
    """Give an empty database a user, a token and a channel; leave one that is in use as it is.

    The database is empty of channels if there never was one, and of users if there never was
    another than `default`, without a token. What the operator has deleted leaves its row, so
    that it does not come back.

    Only the parts of an emulated Kling (`home.emulated`) follow their process: a database that
    lacks its token gets it, and its own channel gets its address and key.
    """
    for _ in range(_THINGS):
        try:
            await _furnish_once(storage, home, now)
        except ExistsError:
            continue  # another relay has made it this very moment, so it is there now
        return
    await _furnish_once(storage, home, now)


async def _furnish_once(storage: Storage, home: Home, now: int) -> None:
    await _furnish_token(storage, home, now)
    await _furnish_channel(storage, home, now)


async def _furnish_token(storage: Storage, home: Home, now: int) -> None:
    hashed = token_hash(home.token)
    if await storage.authenticate(hashed) is not None:
        return
    user = await storage.find_user(USER)
    if user is None and (home.emulated or not await storage.list_users(limit=1)):
        user = await storage.create_user(NewUser(USER, _OPENING), now=now)
    if user is None or user.status != ENABLED:
        return
    if home.emulated or await _is_new(storage, user):
        await storage.create_token(NewToken(user.id, hashed, "default"), now=now)


async def _is_new(storage: Storage, user: User) -> bool:
    """Whether *user* is the only one and never had a token."""
    users = await storage.list_users(limit=2)
    return len(users) == 1 and not await storage.list_tokens(user.id)


async def _furnish_channel(storage: Storage, home: Home, now: int) -> None:
    channels = await storage.list_channels(with_deleted=True)
    if not channels:
        first = NewChannel(
            name=_CHANNEL, base_url=home.kling_url, api_keys=home.key, model_mapping=_MAPPING
        )
        await storage.create_channel(first, now=now)
        return
    living = [channel for channel in channels if not channel.is_deleted]
    if any(_leads_to(channel, home) for channel in living):
        return
    for channel in living:
        if home.emulated and _is_emulated(channel, home):
            await _follow(storage, channel, home)
            return
    _log.warning(
        "kling relay: no channel has both the address and the key that this process was started"
        " with. The channels in the database are used, and the start has changed none of them."
        " To change one: kling-mock channel set NAME --base-url URL --key-env VARIABLE; to add"
        " one: kling-mock channel add; to see them: kling-mock channel list"
    )


def _keys(channel: Channel) -> list[str]:
    try:
        return [key.text for key in keys_of(channel.api_keys)]
    except RelayError:
        return []


def _leads_to(channel: Channel, home: Home) -> bool:
    return channel.base_url.rstrip("/") == home.kling_url and home.key in _keys(channel)


def _is_emulated(channel: Channel, home: Home) -> bool:
    """Whether *channel* is the one that a process with an emulated Kling has made."""
    if channel.name != _CHANNEL or len(_keys(channel)) != 1:
        return False
    try:
        host = urlsplit(channel.base_url).hostname or ""
    except ValueError:
        return False
    return host == urlsplit(home.kling_url).hostname or is_loopback(host)


async def _follow(storage: Storage, channel: Channel, home: Home) -> None:
    names = (field.name for field in attrs.fields(NewChannel))
    declared = NewChannel(**{name: getattr(channel, name) for name in names})
    changed = attrs.evolve(declared, base_url=home.kling_url, api_keys=home.key)
    await storage.replace_channel(channel.id, changed)


def trial_of(world: World, row: VideoRow, event: CallbackEvent) -> None:
    """Give a task of the emulated Kling the end that a test's callback speaks of.

    The guide's internal test posts a callback by hand and expects it to count. It would not be
    believed; so the task really gets this result, and the relay finds it when it looks.
    """
    task = world.tasks.peek(world.account, row.kling_task_id or row.task_id)
    if task is None or task.is_done or not event.task.is_done:
        return
    try:
        if event.task.is_succeed:
            for video in event.task.videos[:1]:
                task.given = GivenVideo(
                    video.id, video.url, f"{video.duration or task.plan.seconds}"
                )
            world.complete(task)
        else:
            world.fail(task, 5000, event.task.status_msg or None)
    except IllegalTransitionError:
        return  # it has ended this very moment
