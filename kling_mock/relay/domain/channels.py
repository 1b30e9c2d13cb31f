"""The choice of channel and key for a task, and when another one may be tried."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from kling_mock.relay.domain.credentials import ChannelKey
from kling_mock.relay.domain.errors import invalid
from kling_sdk import (
    AlreadyExistsError,
    KlingAPIError,
    KlingError,
    RequestValidationError,
    TransportError,
)

#: Why a channel takes no tasks, or is in trouble.
DEGRADED: Final = ("unreadable", "unreachable", "key_refused", "key_gone")

_MODES: Final = ("std", "pro", "4k")


class Ranked(Protocol):
    """The properties on which the choice of a channel depends."""

    @property
    def priority(self) -> int:
        """The channel's priority; higher ones are tried first."""
        ...

    @property
    def weight(self) -> int:
        """The channel's share among those of the same priority; 0 is tried after all others."""
        ...


C = TypeVar("C", bound=Ranked)


def order(channels: Iterable[C], chance: Callable[[], float]) -> list[C]:
    """Return *channels* in the order in which they are tried.

    Priority decides. Channels of equal priority are drawn one after the other by weight.
    """
    left = list(channels)
    ordered: list[C] = []
    while left:
        top = max(channel.priority for channel in left)
        chosen = _draw([channel for channel in left if channel.priority == top], chance())
        ordered.append(chosen)
        left = [channel for channel in left if channel is not chosen]
    return ordered


def _draw(channels: Sequence[C], chance: float) -> C:
    total = sum(max(channel.weight, 0) for channel in channels)
    if total == 0:
        return channels[min(int(chance * len(channels)), len(channels) - 1)]
    mark = chance * total
    for channel in channels:
        mark -= max(channel.weight, 0)
        if mark < 0:
            return channel
    return max(channels, key=lambda channel: channel.weight)  # chance was 1, or rounding


def rotated(keys: Sequence[ChannelKey], turn: int) -> ChannelKey:
    """Return the key whose turn it is; *turn* counts the tasks of the channel."""
    return keys[turn % len(keys)]


class ModelTarget(NamedTuple):
    """The model and mode that are sent to Kling for a requested model.

    Attributes:
        model: Value of `model_name`.
        mode: `std`, `pro`, `4k`; "" if neither the request nor the name has one.
    """

    model: str
    mode: str


def model_target(model: str, mode: str, mapping: Mapping[str, str]) -> ModelTarget:
    """Return the model and mode that a model's name stands for on a channel.

    The channel's mapping comes first. Then a name that ends in a mode, such as
    `kling-v1-5-std`, is taken apart, and the request's own `mode` takes precedence.

    Args:
        model: The model that the user named.
        mode: The request's mode; "" if it names none.
        mapping: The channel's own names for models, as in one-api.
    """
    name = mapping.get(model, model)
    head, dash, tail = name.rpartition("-")
    if dash and head and tail in _MODES:
        return ModelTarget(head, mode or tail)
    return ModelTarget(name, mode)


def check_mapping(text: str) -> dict[str, str]:
    """Return a channel's model mapping, a JSON object from name to name; "" is an empty mapping.

    Raises:
        RelayError: 400 if it is something else.
    """
    if not text.strip():
        return {}
    try:
        mapping: Any = json.loads(text)
    except (ValueError, RecursionError):
        mapping = None
    if not isinstance(mapping, dict) or not all(
        isinstance(value, str) and value for value in mapping.values()
    ):
        raise invalid("model_mapping", 'must be a JSON object such as {"name": "model"}')
    return mapping


class FailoverDecision(StrEnum):
    """The consequence of a failed create.

    `next`: it was refused for a reason that concerns this channel only, or was never sent, so
    another channel may be tried. `refused`: no channel would take it. `unknown`: Kling may have
    accepted it, so it stays bound to this channel and key, and is looked up there.
    """

    NEXT = "next"
    REFUSED = "refused"
    UNKNOWN = "unknown"


#: Kling's codes for a key that it rejects (vendor's error page).
_OF_THE_KEY: Final = frozenset({1000, 1001, 1002, 1003, 1004})


def is_refused_key(error: KlingError) -> bool:
    """Return whether Kling has refused the key of a call."""
    return isinstance(error, KlingAPIError) and error.code in _OF_THE_KEY


# Account, permission, rate, concurrency and address: refusals that concern the channel, each with
# its HTTP status (vendor's error page; several official copies agree).
_OF_THE_CHANNEL: Final = {
    1100: 429,
    1101: 429,
    1102: 429,
    1103: 403,
    1302: 429,
    1303: 429,
    1304: 429,
}


def failover_decision(error: KlingError) -> FailoverDecision:
    """Return what *error* proves about a create that failed with it.

    A refusal is a complete error of Kling's with an HTTP status below 500; a refusal that concerns
    the channel must also have the status that belongs to its code. A request that the SDK refuses
    was never sent: either this channel's server does not have the model, or no server would take
    the request. Any other error may come from a proxy or gateway in between.
    """
    if isinstance(error, RequestValidationError):
        of_channel = error.field == "model_name"
        return FailoverDecision.NEXT if of_channel else FailoverDecision.REFUSED
    if isinstance(error, TransportError):
        return FailoverDecision.UNKNOWN if error.maybe_sent else FailoverDecision.NEXT
    if not isinstance(error, KlingAPIError) or isinstance(error, AlreadyExistsError):
        return (
            FailoverDecision.UNKNOWN
        )  # "already exists" is about our own id: an attempt was accepted
    if not error.is_refusal or error.http_status >= 500:
        return FailoverDecision.UNKNOWN
    belongs = _OF_THE_CHANNEL.get(error.code)
    if belongs is None:
        return FailoverDecision.REFUSED
    return FailoverDecision.NEXT if error.http_status == belongs else FailoverDecision.UNKNOWN
