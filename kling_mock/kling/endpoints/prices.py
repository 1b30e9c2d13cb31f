"""What the models for videos cost: the vendor's price list, which is the same on all endpoints."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from kling_mock.kling.endpoints.record import Capability, UnitPrice
from kling_mock.web.facts import Fact, documented

__all__ = ["video_prices"]

_LIST = documented("digest-2026-01", "pages-2026-09", as_of="2026-09-20")
_OLD = documented("digest-2026-01", as_of="2026-01-01", confidence="low")
_ONE = documented("pages-2026-09", as_of="2026-09-20", confidence="medium")

# model, mode, what is used, units per second, origin
_LINES: tuple[tuple[str, str, tuple[str, ...], str, Fact], ...] = (
    ("kling-v1", "std", ("silent",), "0.2", _OLD),
    ("kling-v1", "pro", ("silent",), "0.7", _OLD),
    ("kling-v1-5", "std", ("silent",), "0.4", _OLD),
    ("kling-v1-5", "pro", ("silent",), "0.7", _OLD),
    ("kling-v1-6", "std", ("silent",), "0.4", _OLD),
    ("kling-v1-6", "pro", ("silent",), "0.7", _OLD),
    ("kling-v2-master", "none", ("silent",), "2", _OLD),
    ("kling-v2-1-master", "none", ("silent",), "2", _OLD),
    ("kling-v2-1", "std", ("silent",), "0.4", _OLD),
    ("kling-v2-1", "pro", ("silent",), "0.7", _OLD),
    ("kling-v2-5-turbo", "std", ("silent",), "0.3", _LIST),
    ("kling-v2-5-turbo", "pro", ("silent",), "0.5", _LIST),
    ("kling-v2-6", "std", ("silent",), "0.3", _LIST),
    ("kling-v2-6", "pro", ("silent",), "0.5", _LIST),
    ("kling-v2-6", "pro", ("sound",), "1", _LIST),
    ("kling-v2-6", "pro", ("voice",), "1.2", _LIST),
    ("kling-v3", "std", ("silent",), "0.6", _LIST),
    ("kling-v3", "std", ("sound",), "0.9", _LIST),
    ("kling-v3", "pro", ("silent",), "0.8", _LIST),
    ("kling-v3", "pro", ("sound",), "1.2", _LIST),
    ("kling-v3", "4k", ("silent", "sound"), "3", _LIST),
    ("kling-video-o1", "std", ("silent",), "0.6", _LIST),
    ("kling-video-o1", "std", ("video",), "0.9", _LIST),
    ("kling-video-o1", "pro", ("silent",), "0.8", _LIST),
    ("kling-video-o1", "pro", ("video",), "1.2", _LIST),
    ("kling-v3-omni", "std", ("silent",), "0.6", _LIST),
    ("kling-v3-omni", "std", ("sound",), "0.8", _LIST),
    ("kling-v3-omni", "std", ("video",), "0.9", _LIST),
    ("kling-v3-omni", "pro", ("silent",), "0.8", _LIST),
    ("kling-v3-omni", "pro", ("sound",), "1", _LIST),
    ("kling-v3-omni", "pro", ("video",), "1.2", _LIST),
    ("kling-v3-omni", "4k", ("silent", "sound"), "3", _LIST),
    ("kling-v3-omni", "4k", ("video",), "3", _ONE),
)


def video_prices(
    capabilities: Iterable[Capability], uses: Collection[str] = ("silent", "sound")
) -> Mapping[tuple[str, str, str], UnitPrice]:
    """Return the lines of the price list for what an endpoint serves.

    Args:
        capabilities: Its models and modes.
        uses: What decides the price besides: sound, a voice, a video input, or `silent`.
    """
    served = {(row.model, row.mode) for row in capabilities}
    return {
        (model, mode, use): UnitPrice(Decimal(amount), fact)
        for model, mode, found, amount, fact in _LINES
        if (model, mode) in served
        for use in found
        if use in uses
    }
