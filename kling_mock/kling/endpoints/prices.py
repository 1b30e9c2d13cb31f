"""What the models for videos cost: the vendor's price list, which is the same on all endpoints."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from kling_mock.kling.endpoints.record import Capability, UnitPrice
from kling_mock.web.facts import Fact, documented

__all__ = ["path_prices", "video_prices"]

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
    ("kling-v2-6", "std", ("motion",), "0.5", _LIST),
    ("kling-v2-6", "pro", ("motion",), "0.8", _LIST),
    ("kling-v3", "std", ("motion",), "0.9", _LIST),
    ("kling-v3", "pro", ("motion",), "1.2", _LIST),
)

# The names of the model-path interface for models that /v1 has as well, at the same price.
_SAME_AS: Mapping[str, str] = {
    "kling-2.5-turbo": "kling-v2-5-turbo",
    "kling-2.6": "kling-v2-6",
    "kling-3.0": "kling-v3",
    "kling-3.0-omni": "kling-v3-omni",
    "kling-o1": "kling-video-o1",
}
_MODE_OF: Mapping[str, str] = {"720p": "std", "1080p": "pro", "4k": "4k"}
# One call of 3 s in 720p was seen to cost 2.4. It has sound always.
_TURBO: Mapping[str, str] = {"720p": "0.8", "1080p": "1"}


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


def path_prices(
    capabilities: Iterable[Capability], uses: Collection[str] = ("silent", "sound")
) -> Mapping[tuple[str, str, str], UnitPrice]:
    """Return the lines of the price list for what an endpoint of the model-path interface serves.

    Args:
        capabilities: Its models and resolutions.
        uses: What decides the price besides, as for `video_prices`, or `motion`.
    """
    lines = {
        (model, mode, use): UnitPrice(Decimal(amount), fact)
        for model, mode, found, amount, fact in _LINES
        for use in found
    }
    made: dict[tuple[str, str, str], UnitPrice] = {}
    for row in capabilities:
        if row.model == "kling-3.0-turbo":
            made[row.model, row.mode, "sound"] = UnitPrice(Decimal(_TURBO[row.mode]), _ONE)
            continue
        for use in uses:
            line = lines.get((_SAME_AS[row.model], _MODE_OF[row.mode], use))
            if line is not None:
                made[row.model, row.mode, use] = line
    return made
