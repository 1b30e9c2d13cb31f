"""What Kling's models cost, as data: units per second of the result.

Sources: the vendor's price list as of 2026-09-20 ("list": two copies agree) and a condensed copy
of about 2026-01 ("digest": one copy, for models that are no longer listed). Clips that are sold
as 5 and 10 seconds cost the same per second in both lengths. The emulated Kling keeps a list of
its own, on purpose: a mistake that both shared would pass every test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, Literal, NamedTuple

__all__ = ["DEAREST", "PRICES", "Price", "Use"]

Use = Literal["silent", "sound", "voice", "video"]
Confidence = Literal["high", "medium", "low"]


class Price(NamedTuple):
    """One line of the list.

    Attributes:
        model: Value of `model_name`.
        mode: `std`, `pro`, `4k`, or `any` for a model without modes.
        use: What decides the price besides: a video input, a voice, sound, or nothing.
        per_second: Units for each second of the result.
        source: `list` or `digest`; see the module.
        confidence: How far to trust it.
    """

    model: str
    mode: str
    use: Use
    per_second: Decimal
    source: str
    confidence: Confidence


def _lines() -> Iterator[Price]:
    """Yield the list; a row gives the units for each use, in the order of *uses*."""
    for model, mode, uses, units, source, confidence in _ROWS:
        for use, per_second in zip(uses.split(), units.split(), strict=True):
            yield Price(model, mode, _USES[use], Decimal(per_second), source, confidence)


_USES: Final[Mapping[str, Use]] = {
    "silent": "silent",
    "sound": "sound",
    "voice": "voice",
    "video": "video",
}
_ROWS: Final[tuple[tuple[str, str, str, str, str, Confidence], ...]] = (
    ("kling-v1", "std", "silent", "0.2", "digest", "low"),
    ("kling-v1", "pro", "silent", "0.7", "digest", "low"),
    ("kling-v1-5", "std", "silent", "0.4", "digest", "low"),
    ("kling-v1-5", "pro", "silent", "0.7", "digest", "low"),
    ("kling-v1-6", "std", "silent", "0.4", "digest", "low"),
    ("kling-v1-6", "pro", "silent", "0.7", "digest", "low"),
    ("kling-v2-1", "std", "silent", "0.4", "digest", "low"),
    ("kling-v2-1", "pro", "silent", "0.7", "digest", "low"),
    ("kling-v2-master", "any", "silent", "2", "digest", "low"),
    ("kling-v2-1-master", "any", "silent", "2", "digest", "low"),
    ("kling-v2-5-turbo", "std", "silent", "0.3", "list", "high"),
    ("kling-v2-5-turbo", "pro", "silent", "0.5", "list", "high"),
    ("kling-v2-6", "std", "silent", "0.3", "list", "high"),
    ("kling-v2-6", "pro", "silent sound voice", "0.5 1 1.2", "list", "high"),
    ("kling-v3", "std", "silent sound", "0.6 0.9", "list", "high"),
    ("kling-v3", "pro", "silent sound", "0.8 1.2", "list", "high"),
    ("kling-v3", "4k", "silent sound", "3 3", "list", "high"),
    ("kling-video-o1", "std", "silent video", "0.6 0.9", "list", "high"),
    ("kling-video-o1", "pro", "silent video", "0.8 1.2", "list", "high"),
    ("kling-v3-omni", "std", "silent sound video", "0.6 0.8 0.9", "list", "high"),
    ("kling-v3-omni", "pro", "silent sound video", "0.8 1 1.2", "list", "high"),
    ("kling-v3-omni", "4k", "silent sound video", "3 3 3", "list", "medium"),
)

PRICES: Final[Mapping[tuple[str, str, Use], Price]] = {
    (line.model, line.mode, line.use): line for line in _lines()
}

DEAREST: Final = max(line.per_second for line in PRICES.values())
