"""What a task costs, in the vendor's units (one is 0.14 USD in a video pack)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Literal

from kling_mock.web.facts import Fact, documented

__all__ = ["FREE", "PRICES", "Price", "units"]

FREE = Decimal(0)  # a failed task

_LIST = documented("digest-2026-01", "pages-2026-09", as_of="2026-09-20")
_OLD = documented("digest-2026-01", as_of="2026-01-01", confidence="low")
_ONE = documented("pages-2026-09", as_of="2026-09-20", confidence="medium")

Use = Literal["silent", "sound", "voice", "video"]
_T2V, _I2V, _OMNI, _MULTI = "text2video", "image2video", "omni-video", "multi-image2video"
_BOTH = (_T2V, _I2V)


@dataclass(frozen=True, slots=True)
class Price:
    """One line of the price list.

    Attributes:
        per_second: Units for each second of the result.
        fact: Where the line comes from. Clips that are sold as 5 and 10 seconds cost the same
            per second in both lengths.
    """

    per_second: Decimal
    fact: Fact


# endpoints, model, mode, what is used, units per second, origin
_LINES: tuple[tuple[tuple[str, ...], str, str, tuple[Use, ...], str, Fact], ...] = (
    (_BOTH, "kling-v1", "std", ("silent",), "0.2", _OLD),
    (_BOTH, "kling-v1", "pro", ("silent",), "0.7", _OLD),
    ((_I2V,), "kling-v1-5", "std", ("silent",), "0.4", _OLD),
    ((_I2V,), "kling-v1-5", "pro", ("silent",), "0.7", _OLD),
    ((*_BOTH, _MULTI), "kling-v1-6", "std", ("silent",), "0.4", _OLD),
    ((*_BOTH, _MULTI), "kling-v1-6", "pro", ("silent",), "0.7", _OLD),
    (_BOTH, "kling-v2-master", "none", ("silent",), "2", _OLD),
    (_BOTH, "kling-v2-1-master", "none", ("silent",), "2", _OLD),
    ((_I2V,), "kling-v2-1", "std", ("silent",), "0.4", _OLD),
    ((_I2V,), "kling-v2-1", "pro", ("silent",), "0.7", _OLD),
    (_BOTH, "kling-v2-5-turbo", "std", ("silent",), "0.3", _LIST),
    (_BOTH, "kling-v2-5-turbo", "pro", ("silent",), "0.5", _LIST),
    (_BOTH, "kling-v2-6", "std", ("silent",), "0.3", _LIST),
    (_BOTH, "kling-v2-6", "pro", ("silent",), "0.5", _LIST),
    (_BOTH, "kling-v2-6", "pro", ("sound",), "1", _LIST),
    ((_I2V,), "kling-v2-6", "pro", ("voice",), "1.2", _LIST),
    (_BOTH, "kling-v3", "std", ("silent",), "0.6", _LIST),
    (_BOTH, "kling-v3", "std", ("sound",), "0.9", _LIST),
    (_BOTH, "kling-v3", "pro", ("silent",), "0.8", _LIST),
    (_BOTH, "kling-v3", "pro", ("sound",), "1.2", _LIST),
    (_BOTH, "kling-v3", "4k", ("silent", "sound"), "3", _LIST),
    ((_OMNI,), "kling-video-o1", "std", ("silent",), "0.6", _LIST),
    ((_OMNI,), "kling-video-o1", "std", ("video",), "0.9", _LIST),
    ((_OMNI,), "kling-video-o1", "pro", ("silent",), "0.8", _LIST),
    ((_OMNI,), "kling-video-o1", "pro", ("video",), "1.2", _LIST),
    ((_OMNI,), "kling-v3-omni", "std", ("silent",), "0.6", _LIST),
    ((_OMNI,), "kling-v3-omni", "std", ("sound",), "0.8", _LIST),
    ((_OMNI,), "kling-v3-omni", "std", ("video",), "0.9", _LIST),
    ((_OMNI,), "kling-v3-omni", "pro", ("silent",), "0.8", _LIST),
    ((_OMNI,), "kling-v3-omni", "pro", ("sound",), "1", _LIST),
    ((_OMNI,), "kling-v3-omni", "pro", ("video",), "1.2", _LIST),
    ((_OMNI,), "kling-v3-omni", "4k", ("silent", "sound"), "3", _LIST),
    ((_OMNI,), "kling-v3-omni", "4k", ("video",), "3", _ONE),
)

PRICES: Mapping[tuple[str, str, str, Use], Price] = {
    (endpoint, model, mode, use): Price(Decimal(per_second), fact)
    for endpoints, model, mode, uses, per_second, fact in _LINES
    for endpoint in endpoints
    for use in uses
}


@cache
def units(endpoint: str, model: str, mode: str, use: Use, seconds: int) -> Decimal:
    """Return the units that a finished task costs.

    Args:
        endpoint: One of `capabilities.ENDPOINTS`.
        model: A model that the endpoint serves.
        mode: One of the model's modes there.
        use: What decides the price besides: a video input, a voice, sound, or nothing.
        seconds: Length of the result in whole seconds.

    Raises:
        KeyError: The price list has no such line.
    """
    return PRICES[endpoint, model, mode, use].per_second * seconds
