"""Helpers for the tests of many requests: requests, and the results of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kling_sdk import KlingError, TextToVideo, TransportError, VideoRequest
from kling_sdk.flows import Send
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import Played, reply

LOST: Final = TransportError("reset")
BROKE: Final = reply(answer(429, 1102, "the resource pack is used up"))


def requests(count: int) -> list[VideoRequest]:
    return [TextToVideo(prompt=f"kitten {number}") for number in range(count)]


def endless(indexes: list[int]) -> Iterator[VideoRequest]:
    while True:
        indexes.append(len(indexes))
        yield TextToVideo(prompt=f"kitten {indexes[-1]}")


def is_create(effect: Send) -> bool:
    return effect.call.method == "POST"


def half_a_second(effect: Send) -> float:
    """Return how long a call takes when a create takes half a second."""
    return 0.5 if is_create(effect) else 0.0


def creates(played: Played[None]) -> int:
    return sum(call.startswith("POST") for call in played.sent)


def errors(played: Played[None]) -> list[KlingError | None]:
    """Return the errors in the order of the input."""
    return [outcome.error for outcome in sorted(played.items, key=lambda outcome: outcome.index)]
