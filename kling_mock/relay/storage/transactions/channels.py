"""Channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.errors import ExistsError, UnknownError
from kling_mock.relay.storage.steps import (
    DuplicateError,
    RetryTransactionError,
    Statement,
    Transaction,
)
from kling_mock.relay.storage.values import Channel, NewChannel

_DECLARED = tuple(field.name for field in attrs.fields(NewChannel))


def _declared(channel: Channel | NewChannel) -> tuple[Any, ...]:
    return tuple(getattr(channel, name) for name in _DECLARED)


def get_channel(channel_id: int) -> Transaction[Channel]:
    """Return a channel, deleted or not.

    Raises:
        UnknownError: There is none.
    """
    rows = yield sql.CHANNEL_BY_ID, (channel_id,)
    if not rows:
        raise UnknownError("channel", channel_id)
    return Channel(*rows[0])


def create_channel(channel: NewChannel, *, now: int) -> Transaction[Channel]:
    """Create a channel.

    Raises:
        ExistsError: Another one that is not deleted has its name.
    """
    rows = yield sql.CHANNEL_BY_NAME, (channel.name,)
    if rows:
        before = Channel(*rows[0])
        if before.created_at == now and _declared(before) == _declared(channel):
            return before
        raise ExistsError("channel", "name")
    ((highest,),) = yield sql.HIGHEST_CHANNEL, ()
    try:
        yield sql.INSERT_CHANNEL, ((highest or 0) + 1, *_declared(channel), now)
    except DuplicateError:
        raise RetryTransactionError from None
    rows = yield sql.CHANNEL_BY_NAME, (channel.name,)
    return Channel(*rows[0])


def list_channels(*, with_deleted: bool = False) -> Transaction[Sequence[Channel]]:
    """Return all channels, the oldest first."""
    rows = yield sql.CHANNELS, ()
    channels = [Channel(*row) for row in rows]
    return [channel for channel in channels if with_deleted or not channel.is_deleted]


def sum_by_channel() -> Transaction[Mapping[int, int]]:
    """Return the sum of charges of each channel; channels without charges may be missing."""
    rows = yield sql.CHANNEL_TOTALS, ()
    return {int(channel_id): int(total) for channel_id, total in rows}


def replace_channel(channel_id: int, channel: NewChannel) -> Transaction[Channel]:
    """Replace a channel's settings; its usage stays.

    Raises:
        ExistsError: Another one that is not deleted has its name.
        UnknownError: There is none, or it is deleted.
    """
    return (yield from _change(channel_id, [(sql.REPLACE_CHANNEL, _declared(channel))]))


def change_channel(channel_id: int, settings: Mapping[str, Any]) -> Transaction[Channel]:
    """Change some settings of a channel; what others change meanwhile stays.

    Args:
        settings: By the name that `NewChannel` has for each.

    Raises:
        ExistsError: Another one that is not deleted has its name.
        UnknownError: There is none, or it is deleted.
        ValueError: A value does not fit.
    """
    before = yield from get_channel(channel_id)
    attrs.evolve(NewChannel(*_declared(before)), **settings)  # checks the values
    changes = [(sql.SET_CHANNEL[name], (value,)) for name, value in settings.items()]
    return (yield from _change(channel_id, changes))


def _change(
    channel_id: int, changes: Iterable[tuple[Statement, tuple[Any, ...]]]
) -> Transaction[Channel]:
    before = yield from get_channel(channel_id)
    if before.is_deleted:
        raise UnknownError("channel", channel_id)
    try:
        for statement, values in changes:
            yield statement, (*values, channel_id)
    except DuplicateError:
        raise ExistsError("channel", "name") from None
    after = yield from get_channel(channel_id)
    if after.is_deleted:
        raise RetryTransactionError
    return after


def delete_channel(channel_id: int) -> Transaction[Channel]:
    """Delete a channel softly: no new tasks, its name is free, its row stays.

    Raises:
        UnknownError: There is none.
    """
    yield sql.DELETE_CHANNEL, (channel_id,)
    return (yield from get_channel(channel_id))
