"""Which channel and key a task goes to, and when another one may be tried. Pure.

Chance is an argument: a function that returns a number from 0 up to 1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from kling_mock.relay.domain.errors import invalid
from kling_sdk.errors import AlreadyExistsError, KlingAPIError, KlingError, TransportError

__all__ = [
    "KELING",
    "Key",
    "Target",
    "Verdict",
    "check_mapping",
    "check_secrets",
    "judge",
    "keys_of",
    "order",
    "rotated",
    "target",
]

#: one-api's number of the channel type "Keling" (constants of one-api; confidence high).
KELING: Final = 41

_MODES: Final = ("std", "pro", "4k")
_FINGERPRINT: Final = 16  # hex digits


class Ranked(Protocol):
    """What the choice of a channel depends on."""

    @property
    def priority(self) -> int:
        """The higher, the earlier."""
        ...

    @property
    def weight(self) -> int:
        """Its share among channels of the same priority; 0 is tried after all others."""
        ...


C = TypeVar("C", bound=Ranked)


def order(channels: Iterable[C], chance: Callable[[], float]) -> list[C]:
    """Return *channels* in the order in which they are tried.

    Priority decides; among equals each place is drawn by weight.
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


class Key(NamedTuple):
    """One key of a channel.

    Attributes:
        text: `AK|SK`, or an API key.
        fingerprint: Names it in a task's row without showing it.
    """

    text: str
    fingerprint: str

    def __repr__(self) -> str:
        return f"Key(fingerprint={self.fingerprint!r})"


def keys_of(text: str) -> tuple[Key, ...]:
    """Return the keys of a channel, one per line.

    A pair is named by its access key alone: with another secret it is still the same account,
    whose tasks it can read.

    Raises:
        RelayError: 400 if there is none, or one is half empty. The text does not show it.
    """
    keys: list[Key] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        access, bar, secret = (part.strip() for part in line.partition("|"))
        if bar and not (access and secret and "|" not in secret):
            raise invalid("key", f"line {number} is no pair; accepted: AK|SK or an API key")
        named = hashlib.sha256(access.encode()).hexdigest()[:_FINGERPRINT]
        keys.append(Key(f"{access}|{secret}" if bar else access, named))
    if not keys:
        raise invalid("key", "there is none; accepted: AK|SK or an API key, one per line")
    return tuple(keys)


def rotated(keys: Sequence[Key], turn: int) -> Key:
    """Return the key whose turn it is; *turn* counts the tasks of the channel."""
    return keys[turn % len(keys)]


class Target(NamedTuple):
    """What Kling is asked for.

    Attributes:
        model: Value of `model_name`.
        mode: `std`, `pro`, `4k`; "" if neither the request nor the name says.
    """

    model: str
    mode: str


def target(model: str, mode: str, mapping: Mapping[str, str]) -> Target:
    """Return what a model's name means on a channel.

    The channel's mapping comes first. Then a name that ends in a mode, such as
    `kling-v1-5-std`, is taken apart, and the request's own `mode` wins over it.

    Args:
        model: The model as the user named it.
        mode: The request's mode; "" if it names none.
        mapping: The channel's own names for models, as in one-api.
    """
    name = mapping.get(model, model)
    head, dash, tail = name.rpartition("-")
    if dash and head and tail in _MODES:
        return Target(head, mode or tail)
    return Target(name, mode)


def check_mapping(text: str) -> dict[str, str]:
    """Return a channel's model mapping, which is a JSON object from name to name; "" is none.

    Raises:
        RelayError: 400 if it is something else.
    """
    if not text.strip():
        return {}
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(
        isinstance(value, str) and value for value in found.values()
    ):
        raise invalid("model_mapping", 'accepted is a JSON object such as {"name": "model"}')
    return found


def check_secrets(text: str) -> str:
    """Return a channel's webhook secrets, separated by blanks; "" is none.

    One that cannot sign would turn every callback of the channel into a hint, in silence.

    Raises:
        RelayError: 400 if one is empty or not base64. The text does not show it.
    """
    for secret in text.split():
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not key:
            raise invalid("webhook_secrets", "one is no secret; accepted: whsec_ and base64 each")
    return text


class Verdict(StrEnum):
    """What a failed create proves.

    `next`: it was refused for a reason of this channel's, or never sent, so another channel
    may be tried. `refused`: no channel would take it. `unknown`: it may have been accepted, so
    it stays bound to this channel and key, and is looked up there.
    """

    NEXT = "next"
    REFUSED = "refused"
    UNKNOWN = "unknown"


# Account, permission, rate, concurrency and address: refusals that are about the channel.
_OF_THE_CHANNEL: Final = frozenset({1100, 1101, 1102, 1103, 1302, 1303, 1304})
_FIRST_SERVER_CODE: Final = 5000


def judge(error: KlingError) -> Verdict:
    """Return what *error* proves about the create that it answered."""
    if isinstance(error, TransportError):
        return Verdict.UNKNOWN if error.maybe_sent else Verdict.NEXT
    if not isinstance(error, KlingAPIError) or isinstance(error, AlreadyExistsError):
        return Verdict.UNKNOWN  # "already exists" is our own id: an attempt was accepted
    if error.code in _OF_THE_CHANNEL:
        return Verdict.NEXT
    # No code: it was not Kling that answered, but something in between.
    spoken = 0 < error.code < _FIRST_SERVER_CODE and error.http_status < 500
    return Verdict.REFUSED if spoken else Verdict.UNKNOWN
