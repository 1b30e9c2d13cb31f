"""The channels of the relay: read from the store, and cached for a moment."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from kling_mock.clock import MockClock
from kling_mock.relay.domain.channels import (
    ModelTarget,
    check_mapping,
    model_target,
    order,
    rotated,
)
from kling_mock.relay.domain.credentials import ChannelKey, parse_keys
from kling_mock.relay.domain.errors import RelayError
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import ENABLED, KELING, Attempt, Channel, VideoRow
from kling_sdk import interface_of

__all__ = ["FRESH", "ChannelRegistry", "ChannelRoute"]

#: Seconds for which a list of channels is used: until then a change by another process may not
#: have taken effect here.
FRESH: Final = 2.0

_log: Final = logging.getLogger("kling_mock.relay")


class ChannelRoute(NamedTuple):
    """Where a task is sent: a channel, one of its keys, and the model to ask for.

    Attributes:
        channel: The channel.
        key: The key.
        target: What the requested model is on the channel.
    """

    channel: Channel
    key: ChannelKey
    target: ModelTarget

    def attempt(self, until: int) -> Attempt:
        """Return the attempt to send a task here.

        Args:
            until: Unix seconds at which it is surely over.
        """
        channel = self.channel
        return Attempt(channel.id, self.key.fingerprint, until, channel.service_label)


class ChannelRegistry:
    """The channels.

    Args:
        storage: Where channels are stored.
        clock: When a list of them is too old.
        chance: Returns a number from 0 up to 1, to draw by weight.
    """

    def __init__(self, storage: Storage, clock: MockClock, chance: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock
        self._chance = chance
        self._channels: dict[int, _Known] = {}
        self._until = float("-inf")
        self._turns: dict[int, int] = {}
        self._reported: frozenset[tuple[int, str]] = frozenset()

    def invalidate(self) -> None:
        """Read the channels again when they are needed next."""
        self._until = float("-inf")

    async def routes(self, model: str, mode: str) -> list[ChannelRoute]:
        """Return the routes for a task of *model*, in the order in which they are tried.

        Each has the key whose turn it is. Disabled and deleted channels take no tasks, nor do
        those without a key that Kling takes for the model.
        """
        known = await self._known()
        able = [one.channel for one in known.values() if one.takes(model)]
        routes: list[ChannelRoute] = []
        for channel in order(able, self._chance):
            one = known[channel.id]
            target = model_target(model, mode, one.mapping)
            if keys := one.keys_for(target.model):
                routes.append(ChannelRoute(channel, self._next_key(channel, keys), target))
        return routes

    async def sent_through(self, row: VideoRow) -> tuple[Channel, ChannelKey] | None:
        """Return the channel and key with which *row* was sent; `None` if the key is gone.

        Another key may belong to another account, which would not know the task.
        """
        one = (await self._known()).get(row.channel_id)
        if one is None:
            return None
        for key in one.keys:
            if key.fingerprint == row.channel_key_id:
                return one.channel, key
        return None

    async def webhook_secrets(self, channel_id: int) -> tuple[str, ...]:
        """Return the secrets that a channel's callbacks are signed with; () is none."""
        one = (await self._known()).get(channel_id)
        return () if one is None else tuple(one.channel.webhook_secrets.split())

    async def unreadable(self) -> list[int]:
        """Return the ids of the channels that take no tasks because their texts are broken."""
        return [number for number, one in (await self._known()).items() if one.problem]

    async def in_use(self) -> set[int]:
        """Return the ids of the channels that are neither disabled nor deleted."""
        known = (await self._known()).items()
        return {
            number
            for number, one in known
            if one.channel.status == ENABLED and not one.channel.is_deleted
        }

    def _next_key(self, channel: Channel, keys: Sequence[ChannelKey]) -> ChannelKey:
        turn = self._turns.get(channel.id, 0)
        self._turns[channel.id] = turn + 1
        return rotated(keys, turn)

    async def _known(self) -> dict[int, _Known]:
        now = self._clock.monotonic()
        if now >= self._until:
            found = await self._storage.list_channels(with_deleted=True)
            self._channels = {channel.id: _Known(channel) for channel in found}
            self._until = now + FRESH
            self._report()
        return self._channels

    def _report(self) -> None:
        """Log each channel that has become unreadable, once."""
        broken = {number: one.problem for number, one in self._channels.items() if one.problem}
        for number, problem in broken.items() - self._reported:
            _log.error(
                "kling relay error: channel %d takes no tasks, since what is stored of it cannot"
                " be read: %s. To repair it: kling-mock channel set id:%d ...",
                number,
                problem,
                number,
            )
        self._reported = frozenset(broken.items())


class _Known:
    """A channel with its texts parsed.

    Attributes:
        channel: The channel.
        keys: Its keys; none if they cannot be read.
        mapping: Its own names for models; none if they cannot be read.
        problem: What cannot be read, without showing a key; "" if all can. A deleted channel has
            no problem: it takes no tasks anyway.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.keys: tuple[ChannelKey, ...] = ()
        self.mapping: Mapping[str, str] = {}
        self.problem = ""
        try:
            self.keys = parse_keys(channel.api_keys)
            self.mapping = check_mapping(channel.model_mapping)
        except RelayError as error:
            self.problem = "" if channel.is_deleted else error.message
        self._models = frozenset(filter(None, (m.strip() for m in channel.models.split(","))))

    def keys_for(self, model: str) -> Sequence[ChannelKey]:
        """Return the keys that Kling takes for *model*, as the channel calls it.

        The interface with the model in the path takes API keys only (vendor's pages).
        """
        if interface_of(model) == "v1":
            return self.keys
        return [key for key in self.keys if not key.is_pair]

    def takes(self, model: str) -> bool:
        """Whether the channel takes new tasks of *model*."""
        channel = self.channel
        return (
            channel.status == ENABLED
            and channel.type == KELING
            and not channel.is_deleted
            and not self.problem
            and (not self._models or model in self._models)
        )
