"""Which channels there are, as the relay sees them: read from the store, kept for a moment."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from kling_mock.clock import Clock
from kling_mock.relay.domain.channels import Key, check_mapping, keys_of, order, rotated
from kling_mock.relay.domain.errors import RelayError
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import ENABLED, KELING, Channel, VideoRow

__all__ = ["Directory", "Way"]

#: Seconds for which a list of channels is used: by then a change that another process has made
#: takes effect here too.
FRESH: Final = 2.0

_log: Final = logging.getLogger("kling_mock.relay")


class Way(NamedTuple):
    """A channel and one of its keys.

    Attributes:
        channel: The channel.
        key: The key.
        mapping: The channel's own names for models.
    """

    channel: Channel
    key: Key
    mapping: Mapping[str, str]


class Directory:
    """The ways to Kling.

    Args:
        storage: Where channels are kept.
        clock: When a list of them is too old.
        chance: Returns a number from 0 up to 1, to draw by weight.
    """

    def __init__(self, storage: Storage, clock: Clock, chance: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock
        self._chance = chance
        self._channels: dict[int, _Known] = {}
        self._until = float("-inf")
        self._turns: dict[int, int] = {}
        self._reported: frozenset[tuple[int, str]] = frozenset()

    def forget(self) -> None:
        """Read the channels anew when they are needed next."""
        self._until = float("-inf")

    async def ways(self, model: str) -> list[Way]:
        """Return the channels that take a task of *model*, in the order to try them.

        Each with the key whose turn it is. Disabled and deleted channels take none.
        """
        known = await self._known()
        able = [one.channel for one in known.values() if one.takes(model)]
        return [self._way(known[channel.id]) for channel in order(able, self._chance)]

    async def back(self, row: VideoRow) -> Way | None:
        """Return the way by which *row* was sent; `None` if its key is gone.

        Another key may belong to another account, which would not know the task.
        """
        one = (await self._known()).get(row.channel_id)
        if one is None:
            return None
        for key in one.keys:
            if key.fingerprint == row.channel_key_id:
                return Way(one.channel, key, one.mapping)
        return None

    async def secrets(self, channel_id: int) -> tuple[str, ...]:
        """Return the secrets that callbacks of a channel are signed with; () is none."""
        one = (await self._known()).get(channel_id)
        return () if one is None else tuple(one.channel.webhook_secrets.split())

    async def unreadable(self) -> list[int]:
        """Return the numbers of the channels that take no tasks since their texts are broken."""
        return [number for number, one in (await self._known()).items() if one.problem]

    def _way(self, one: _Known) -> Way:
        turn = self._turns.get(one.channel.id, 0)
        self._turns[one.channel.id] = turn + 1
        return Way(one.channel, rotated(one.keys, turn), one.mapping)

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
    """A channel with its texts read.

    Attributes:
        channel: The channel.
        keys: Its keys; none if they cannot be read.
        mapping: Its own names for models; none if they cannot be read.
        problem: What cannot be read; "" if all can. It shows no key. A deleted one has none: it
            takes no tasks anyway.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.keys: tuple[Key, ...] = ()
        self.mapping: Mapping[str, str] = {}
        self.problem = ""
        try:
            self.keys = keys_of(channel.api_keys)
            self.mapping = check_mapping(channel.model_mapping)
        except RelayError as error:
            self.problem = "" if channel.is_deleted else error.message
        self._models = frozenset(filter(None, (m.strip() for m in channel.models.split(","))))

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
