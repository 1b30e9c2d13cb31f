"""The relay of a mock server: its own user, token and channel, so that it works at once."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

import attrs

from kling_mock.clock import Clock
from kling_mock.kling.lifecycle import IllegalTransitionError
from kling_mock.kling.tasks import GivenVideo
from kling_mock.kling.world import World
from kling_mock.relay.app import Relay
from kling_mock.relay.options import RelayOptions
from kling_mock.relay.tokens import token_hash
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import NewChannel, NewToken, NewUser, VideoRow
from kling_sdk.callbacks import CallbackEvent

__all__ = ["USER", "Home", "build", "trial_of"]

USER: Final = "default"
_CHANNEL: Final = "Kling AI"
#: 10 000 US dollars.
_OPENING: Final = 5_000_000_000

# The guide asks for `kling-v1-5-std` on text2video, and Kling has kling-v1-5 for images only.
_MAPPING: Final = (
    '{"kling-v1-5-std": "kling-v1-6-std", "kling-v1-5-pro": "kling-v1-6-pro", '
    '"kling-v1-5": "kling-v1-6"}'
)


#: What is left as it is when the server starts again.
_OPERATORS: Final = (
    "model_mapping",
    "models",
    "webhook_secrets",
    "priority",
    "weight",
    "status",
)


class Home(NamedTuple):
    """What an embedded relay is given.

    Attributes:
        kling_url: The emulated Kling.
        key: `AK|SK` of its account.
        token: The default user's token.
        admin_token: What the operator's requests carry.
    """

    kling_url: str
    key: str
    token: str
    admin_token: str


async def build(
    storage: Storage, clock: Clock, home: Home, options: RelayOptions, random: Random
) -> Relay:
    """Return a relay that has been started, with its user, token and channel."""
    relay = Relay(storage, clock, options, home.admin_token, random)
    await relay.start()
    await _furnish(relay.storage, home, int(clock.now()))
    return relay


async def _furnish(storage: Storage, home: Home, now: int) -> None:
    """Make the user, its token and the channel; of one that exists, change address and key."""
    user = await storage.find_user(USER)
    if user is None:
        user = await storage.create_user(NewUser(USER, _OPENING), now=now)
    hashed = token_hash(home.token)
    if await storage.authenticate(hashed) is None:
        await storage.create_token(NewToken(user.id, hashed, "default"), now=now)
    channel = NewChannel(
        name=_CHANNEL, base_url=home.kling_url, api_keys=home.key, model_mapping=_MAPPING
    )
    for one in await storage.list_channels():
        if one.name == _CHANNEL:
            kept = {name: getattr(one, name) for name in _OPERATORS}
            await storage.replace_channel(one.id, attrs.evolve(channel, **kept))
            return
    await storage.create_channel(channel, now=now)


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
