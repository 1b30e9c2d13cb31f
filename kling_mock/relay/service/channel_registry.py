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
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import (
    ENABLED,
    KELING,
    MAX_PAUSE,
    Attempt,
    Channel,
    VideoRow,
)
from kling_sdk import interface_of

#: Seconds for which a list of channels is used: a change by another process may take this long to
#: take effect here.
FRESH: Final = 2.0

_log: Final = logging.getLogger("kling_mock.relay")


class ChannelRoute(NamedTuple):
    """The destination of a task: a channel, one of its keys, and the model to request.

    Attributes:
        channel: The channel.
        key: The key.
        target: The model and mode that the requested model stands for on the channel.
    """

    channel: Channel
    key: ChannelKey
    target: ModelTarget

    def attempt(self, until: int) -> Attempt:
        """Return the attempt to send a task on this route.

        Args:
            until: Unix seconds at which the attempt is surely over.
        """
        channel = self.channel
        return Attempt(channel.id, self.key.fingerprint, until, channel.service_label)


class ChannelRegistry:
    """The channels.

    Args:
        storage: The store of the channels.
        clock: The time, to tell when a list of channels is too old.
        chance: Returns a number from 0 up to 1, to draw by weight.
    """

    def __init__(self, storage: Storage, clock: MockClock, chance: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock
        self._chance = chance
        self._channels: dict[int, _Known] = {}
        self._until = float("-inf")
        self._turns: dict[int, int] = {}
        self._gone: dict[tuple[int, str, str], float] = {}
        self._reported: frozenset[tuple[int, str]] = frozenset()

    def invalidate(self) -> None:
        """Read the channels again when they are needed next."""
        self._until = float("-inf")

    async def routes(self, model: str, mode: str) -> list[ChannelRoute]:
        """Return the routes for a task of *model*, in the order in which they are tried.

        Each has the key whose turn it is. Disabled and deleted channels do not take tasks, nor do
        channels without a key that Kling accepts for the model.
        """
        known = await self._known()
        able = [candidate.channel for candidate in known.values() if candidate.takes(model)]
        routes: list[ChannelRoute] = []
        for channel in order(able, self._chance):
            parsed = known[channel.id]
            target = model_target(model, mode, parsed.mapping)
            if keys := parsed.keys_for(target.model):
                routes.append(ChannelRoute(channel, self._next_key(channel, keys), target))
        return routes

    async def sent_through(self, row: VideoRow) -> tuple[Channel, ChannelKey] | None:
        """Return the channel and key with which *row* was sent; `None` if they are gone.

        Another key may belong to another account, which would not know the task, and another
        service may have a different task with that id.
        """
        parsed = (await self._known()).get(row.channel_id)
        gone = (row.channel_id, row.channel_key_id, row.service or "")
        if parsed is not None and row.service in {None, parsed.channel.service_label}:
            for key in parsed.keys:
                if key.fingerprint == row.channel_key_id:
                    self._gone.pop(gone, None)
                    return parsed.channel, key
        if gone not in self._gone:
            _log.error(
                "kling task error: tasks of channel %d cannot be read: %s is gone, or its service "
                "is no longer %s. To put it back: kling-mock channel set id:%d ...",
                row.channel_id,
                f"the key {row.channel_key_id}",
                row.service or "that of the tasks",
                row.channel_id,
            )
        self._gone[gone] = self._clock.monotonic()
        return None

    def gone(self) -> set[int]:
        """Return the channels with tasks whose key or service is gone, as last seen."""
        since = self._clock.monotonic() - MAX_PAUSE
        return {number for (number, _, _), seen in self._gone.items() if seen > since}

    async def webhook_secrets(self, channel_id: int) -> tuple[str, ...]:
        """Return the secrets that sign a channel's callbacks; () if it does not have any."""
        parsed = (await self._known()).get(channel_id)
        return () if parsed is None else tuple(parsed.channel.webhook_secrets.split())

    async def refresh(self) -> None:
        """Read the channels again if the cached list is too old."""
        await self._known()

    def unreadable(self) -> list[int]:
        """Return the channels that take no tasks because their texts are broken, as last read."""
        return [number for number, parsed in self._channels.items() if parsed.problem]

    def in_use(self) -> set[int]:
        """Return the channels that are neither disabled nor deleted, as last read."""
        return {
            number
            for number, parsed in self._channels.items()
            if parsed.channel.status == ENABLED and not parsed.channel.is_deleted
        }

    def keys_in_use(self) -> set[tuple[int, str]]:
        """Return channel and fingerprint of each key of the channels in use, as last read."""
        return {
            (number, key.fingerprint)
            for number in self.in_use()
            for key in self._channels[number].keys
        }

    def _next_key(self, channel: Channel, keys: Sequence[ChannelKey]) -> ChannelKey:
        turn = self._turns.get(channel.id, 0)
        self._turns[channel.id] = turn + 1
        return rotated(keys, turn)

    async def _known(self) -> dict[int, _Known]:
        now = self._clock.monotonic()
        if now >= self._until:
            channels = await self._storage.list_channels(with_deleted=True)
            self._channels = {channel.id: _Known(channel) for channel in channels}
            self._until = now + FRESH
            self._report()
        return self._channels

    def _report(self) -> None:
        """Log each channel that has become unreadable, once."""
        broken = {
            number: parsed.problem for number, parsed in self._channels.items() if parsed.problem
        }
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
        keys: Its keys; empty if they cannot be read.
        mapping: Its own names for models; empty if they cannot be read.
        problem: What cannot be read, without showing a key; "" if everything can. A deleted channel
            never has a problem: it does not take tasks anyway.
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
        """Return the keys that Kling accepts for *model*, which is the channel's name of a model.

        The interface with the model in the path accepts API keys only (vendor's pages).
        """
        if interface_of(model) == "v1":
            return self.keys
        return [key for key in self.keys if not key.is_pair]

    def takes(self, model: str) -> bool:
        """Return whether the channel takes new tasks of *model*."""
        channel = self.channel
        return (
            channel.status == ENABLED
            and channel.type == KELING
            and not channel.is_deleted
            and not self.problem
            and (not self._models or model in self._models)
        )
