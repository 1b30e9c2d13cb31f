"""The vendor's price list as dated data, and what a request will cost by it.

One unit costs 0.14 USD in a video pack and 0.0035 USD in an image pack (list of 2026-09-20, two
copies agree); one of a try-on pack is a picture, at 0.07 USD (one copy). A task is charged when it
succeeds, by what the vendor then deducts (`Task.units`): an estimate is computed from a
list that may have changed since its date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from kling_sdk.endpoints.interfaces import model_path_name_of, one_vocabulary
from kling_sdk.errors import RequestValidationError

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.models import Confidence
    from kling_sdk.endpoints.record import InputLength

__all__ = ["PRICES", "Estimate", "Price", "cost_of", "estimate"]

Use = Literal["silent", "sound", "voice", "video", "image", "goods"]
Pack = Literal["video", "image", "try_on"]
Per = Literal["second", "5 seconds", "result", "call"]


@attrs.frozen
class Price:
    """One row of the price list.

    Attributes:
        endpoints: Names of the endpoints that it is for.
        model: Value of `model_name`; of a video that is extended, the model that made it; "" for
            an endpoint without models.
        mode: `std`, `pro` or `4k`, of pictures `1k`, `2k` or `4k`; "" for a model without modes.
        use: What decides the price besides: an input video (`video`, also of motion control), a
            voice (`voice`), sound (`sound`), of pictures an input picture (`image`), of a
            person who speaks the goods (`goods`), or none of these (`silent`). The first that
            applies counts.
        units: Units for each second of the result, for every 5 s that it begins, for each
            picture, or for a call.
        per: `second`, `5 seconds`, `result` (a picture) or `call`.
        clips: The lengths in seconds that are sold; empty for any whole number of seconds.
        source: Where the row comes from.
        confidence: `high` when two or more copies of the list agree, `medium` for one copy of
            the official list, `low` for one unofficial copy.
        priced_on: The date of the list.
        pack: Which kind of resource pack pays: a unit of another kind has another price.
    """

    endpoints: tuple[str, ...]
    model: str
    mode: str
    use: Use
    units: Decimal
    per: Per
    clips: tuple[int, ...]
    source: str
    confidence: Confidence
    priced_on: date
    pack: Pack = "video"


@attrs.frozen
class Estimate:
    """What a request will cost, as far as the price list says.

    Attributes:
        units: Units that the vendor deducts when the task succeeds; None when they cannot be
            computed.
        priced_on: The date of the price list.
        source: Where the price comes from; "" without one.
        confidence: How far to trust it, as in `Price`; None without one.
        reason: Why there are no units; "" when there are.
        pack: Which kind of resource pack pays: a unit of another kind has another price.
    """

    units: Decimal | None
    priced_on: date
    source: str = ""
    confidence: Confidence | None = None
    reason: str = ""
    pack: Pack = "video"


_AS_OF: Final = date(2026, 9, 20)
_List = tuple[str, "Confidence", date]
_NEW: Final[_List] = ("the vendor's price list, two copies", "high", _AS_OF)
_ONE: Final[_List] = ("the vendor's price list, one copy", "medium", _AS_OF)
_SEEN: Final[_List] = ("what one account was charged", "low", date(2026, 9, 22))
_RESOLD: Final[_List] = ("one reseller's price list", "low", date(2026, 10, 4))
# It also has the models that the newer list has dropped.
_OLD: Final[_List] = ("a condensed copy of the vendor's price list", "low", date(2026, 1, 1))

_PLAIN: Final = "text2video image2video"
_V1_6: Final = "text2video image2video multi-image2video"
# The list has one price for 5 and one for 10 seconds; per second they are the same.
_CLIPS: Final = (5, 10)
_ANY: Final = ()

# A model with two names stands here under the one of /v1; `PRICES` has it under both.
# endpoints, model, mode, use, units per second, lengths, list
_BY_SECOND: Final[tuple[tuple[str, str, str, Use, str, tuple[int, ...], _List], ...]] = (
    (_PLAIN, "kling-v1", "std", "silent", "0.2", _CLIPS, _OLD),
    (_PLAIN, "kling-v1", "pro", "silent", "0.7", _CLIPS, _OLD),
    ("image2video", "kling-v1-5", "std", "silent", "0.4", _CLIPS, _OLD),
    ("image2video", "kling-v1-5", "pro", "silent", "0.7", _CLIPS, _OLD),
    (_V1_6, "kling-v1-6", "std", "silent", "0.4", _CLIPS, _OLD),
    (_V1_6, "kling-v1-6", "pro", "silent", "0.7", _CLIPS, _OLD),
    (_PLAIN, "kling-v2-master", "", "silent", "2", _CLIPS, _OLD),
    (_PLAIN, "kling-v2-1-master", "", "silent", "2", _CLIPS, _OLD),
    ("image2video", "kling-v2-1", "std", "silent", "0.4", _CLIPS, _OLD),
    ("image2video", "kling-v2-1", "pro", "silent", "0.7", _CLIPS, _OLD),
    (_PLAIN, "kling-v2-5-turbo", "std", "silent", "0.3", _CLIPS, _NEW),
    (_PLAIN, "kling-v2-5-turbo", "pro", "silent", "0.5", _CLIPS, _NEW),
    (_PLAIN, "kling-v2-6", "std", "silent", "0.3", _CLIPS, _NEW),
    (_PLAIN, "kling-v2-6", "pro", "silent", "0.5", _CLIPS, _NEW),
    (_PLAIN, "kling-v2-6", "pro", "sound", "1", _CLIPS, _NEW),
    ("image2video", "kling-v2-6", "pro", "voice", "1.2", _CLIPS, _NEW),
    (_PLAIN, "kling-v3", "std", "silent", "0.6", _ANY, _NEW),
    (_PLAIN, "kling-v3", "std", "sound", "0.9", _ANY, _NEW),
    (_PLAIN, "kling-v3", "pro", "silent", "0.8", _ANY, _NEW),
    (_PLAIN, "kling-v3", "pro", "sound", "1.2", _ANY, _NEW),
    (_PLAIN, "kling-v3", "4k", "silent", "3", _ANY, _NEW),
    (_PLAIN, "kling-v3", "4k", "sound", "3", _ANY, _NEW),
    ("omni-video", "kling-video-o1", "std", "silent", "0.6", _ANY, _NEW),
    ("omni-video", "kling-video-o1", "std", "video", "0.9", _ANY, _NEW),
    ("omni-video", "kling-video-o1", "pro", "silent", "0.8", _ANY, _NEW),
    ("omni-video", "kling-video-o1", "pro", "video", "1.2", _ANY, _NEW),
    ("omni-video", "kling-v3-omni", "std", "silent", "0.6", _ANY, _NEW),
    ("omni-video", "kling-v3-omni", "std", "sound", "0.8", _ANY, _NEW),
    ("omni-video", "kling-v3-omni", "std", "video", "0.9", _ANY, _NEW),
    ("omni-video", "kling-v3-omni", "pro", "silent", "0.8", _ANY, _NEW),
    ("omni-video", "kling-v3-omni", "pro", "sound", "1", _ANY, _NEW),
    ("omni-video", "kling-v3-omni", "pro", "video", "1.2", _ANY, _NEW),
    ("omni-video", "kling-v3-omni", "4k", "silent", "3", _ANY, _NEW),
    ("omni-video", "kling-v3-omni", "4k", "sound", "3", _ANY, _NEW),
    ("omni-video", "kling-v3-omni", "4k", "video", "3", _ANY, _ONE),
    # Its input video decides the length.
    ("motion-control", "kling-v2-6", "std", "video", "0.5", _ANY, _NEW),
    ("motion-control", "kling-v2-6", "pro", "video", "0.8", _ANY, _NEW),
    ("motion-control", "kling-v3", "std", "video", "0.9", _ANY, _NEW),
    ("motion-control", "kling-v3", "pro", "video", "1.2", _ANY, _NEW),
    ("avatar", "", "std", "silent", "0.4", _ANY, _NEW),
    ("avatar", "", "pro", "silent", "0.8", _ANY, _NEW),
    ("multi-elements", "", "std", "silent", "0.6", _CLIPS, _OLD),
    ("multi-elements", "", "pro", "silent", "1", _CLIPS, _OLD),
    ("solutions-talking-agent", "", "std", "goods", "1.4", _ANY, _RESOLD),
    ("solutions-talking-agent", "", "pro", "goods", "1.4", _ANY, _RESOLD),
    # Every video of it has sound, which is in the price.
    (_PLAIN, "kling-3.0-turbo", "std", "silent", "0.8", _ANY, _NEW),
    (_PLAIN, "kling-3.0-turbo", "pro", "silent", "1", _ANY, _NEW),
)
# endpoint, units for every 5 s that the result begins, list
_BY_FIVE_SECONDS: Final[tuple[tuple[str, str, _List], ...]] = (
    ("lip-sync", "0.5", _OLD),
    ("advanced-lip-sync", "0.5", _NEW),
)
# endpoint, model, mode, units per call, list
_BY_CALL: Final[tuple[tuple[str, str, str, str, _List], ...]] = (
    ("identify-face", "", "", "0.05", _NEW),
    ("recognize-image", "", "", "0.1", _NEW),
    # That a video pack pays for these three is assumed: the list names no pack.
    ("text-to-audio", "", "", "0.25", _NEW),
    ("video-to-audio", "", "", "0.25", _NEW),
    ("tts", "", "", "0.05", _NEW),
    ("video-extend", "kling-v1", "std", "1", _OLD),
    ("video-extend", "kling-v1", "pro", "3.5", _OLD),
    ("video-extend", "kling-v1-5", "std", "2", _OLD),
    ("video-extend", "kling-v1-5", "pro", "3.5", _OLD),
    ("video-extend", "kling-v1-6", "std", "2", _OLD),
    ("video-extend", "kling-v1-6", "pro", "3.5", _OLD),
    ("voices", "", "", "0.05", _NEW),
    ("elements", "", "", "0", _SEEN),
)
# endpoint, model, mode, use, units per picture, list, pack
_BY_RESULT: Final[tuple[tuple[str, str, str, Use, str, _List, Pack], ...]] = (
    ("image-generation", "kling-v3", "1k", "silent", "8", _NEW, "image"),
    ("image-generation", "kling-v3", "1k", "image", "8", _NEW, "image"),
    ("image-generation", "kling-v3", "2k", "silent", "8", _NEW, "image"),
    ("image-generation", "kling-v3", "2k", "image", "8", _NEW, "image"),
    ("image-generation", "kling-v2-1", "1k", "silent", "4", _NEW, "image"),
    ("image-generation", "kling-v2-1", "1k", "image", "8", _NEW, "image"),
    ("image-generation", "kling-v2-1", "2k", "silent", "4", _NEW, "image"),
    ("image-generation", "kling-v2-1", "2k", "image", "8", _NEW, "image"),
    ("image-generation", "kling-v2", "1k", "silent", "4", _OLD, "image"),
    ("image-generation", "kling-v2", "1k", "image", "8", _OLD, "image"),
    ("image-generation", "kling-v2", "2k", "silent", "4", _OLD, "image"),
    ("image-generation", "kling-v2", "2k", "image", "8", _OLD, "image"),
    ("image-generation", "kling-v1-5", "1k", "silent", "4", _OLD, "image"),
    ("image-generation", "kling-v1-5", "1k", "image", "8", _OLD, "image"),
    ("image-generation", "kling-v1", "1k", "silent", "1", _OLD, "image"),
    ("image-generation", "kling-v1", "1k", "image", "1", _OLD, "image"),
    ("omni-image", "kling-v3-omni", "1k", "silent", "8", _NEW, "image"),
    ("omni-image", "kling-v3-omni", "2k", "silent", "8", _NEW, "image"),
    ("omni-image", "kling-v3-omni", "4k", "silent", "16", _NEW, "image"),
    ("omni-image", "kling-image-o1", "1k", "silent", "8", _NEW, "image"),
    ("omni-image", "kling-image-o1", "2k", "silent", "8", _NEW, "image"),
    ("multi-image2image", "kling-v2-1", "", "silent", "16", _NEW, "image"),
    ("multi-image2image", "kling-v2", "", "silent", "16", _OLD, "image"),
    ("image-expand", "", "", "silent", "8", _NEW, "image"),
    ("virtual-try-on", "kolors-virtual-try-on-v1", "", "silent", "1", _ONE, "try_on"),
    ("virtual-try-on", "kolors-virtual-try-on-v1-5", "", "silent", "1", _ONE, "try_on"),
)


def _names_of(model: str) -> tuple[str, ...]:
    """Return every name that a model is sold under: its price is the same on both interfaces."""
    return tuple(dict.fromkeys((model, model_path_name_of(model))))


#: The price list of the endpoints that this package has.
PRICES: Final[tuple[Price, ...]] = (
    *(
        Price(tuple(endpoints.split()), name, mode, use, Decimal(units), "second", clips, *source)
        for endpoints, model, mode, use, units, clips, source in _BY_SECOND
        for name in _names_of(model)
    ),
    *(
        Price((endpoint,), "", "", "silent", Decimal(units), "5 seconds", _ANY, *source)
        for endpoint, units, source in _BY_FIVE_SECONDS
    ),
    *(
        Price((endpoint,), model, mode, "silent", Decimal(units), "call", _ANY, *source)
        for endpoint, model, mode, units, source in _BY_CALL
    ),
    *(
        Price((endpoint,), model, mode, use, Decimal(units), "result", _ANY, *source, pack)
        for endpoint, model, mode, use, units, source, pack in _BY_RESULT
    ),
    # Nine pictures for one price.
    Price(("ai-multi-shot",), "", "", "silent", Decimal(20), "call", _ANY, *_NEW, "image"),
)

_DEFAULT_SECONDS: Final = 5  # of a request without `duration` (vendor's pages, several agree)
_WITH: Final[Mapping[Use, str]] = {
    "silent": "without sound",
    "sound": "with sound",
    "voice": "with a voice",
    "video": "with an input video",
    "image": "with an input picture",
    "goods": "with goods",
}
_SERIES: Final = 4  # pictures of a series of which nothing is said (vendor's page)


def estimate(request: Request) -> Estimate:
    """Return what a request will cost; nothing is sent.

    Args:
        request: Any request.

    Returns:
        The units, or None for what the list does not have, such as a model that is not known
        here, and where the price depends on what the request does not say.
    """
    given, model = one_vocabulary(request.given()), request.model
    rows = [row for row in PRICES if request.endpoint in row.endpoints]
    if "extra_body" in given:
        return _unknown("the fields of extra_body may change the price")
    if not request.record.models and any(row.model for row in rows):
        low, high = min(row.units for row in rows), max(row.units for row in rows)
        return _unknown(f"{low} to {high} units, by the model and mode of the source video")
    by_result = any(row.per == "result" for row in rows)
    mode = given.get("mode") or request.record.default_mode
    use = _use_of_picture(given, rows) if by_result else _use(given)
    fits = (row for row in rows if (row.model, row.use) == (model, use) and row.mode in ("", mode))
    found = next(fits, None)
    if found is None:
        if rows and all(row.use != use for row in rows) and not request.record.models:
            return _unknown(f"the price list has {request.endpoint} only {_WITH[rows[0].use]}")
        what = [f"no {request.endpoint}"]
        if request.record.models:
            what = [f"{what[0]} by {model}", str(mode)]
            what += [_WITH[use]] if not by_result or use != "silent" else []
        return _unknown(f"the price list has {', '.join(what)}")
    return _by_row(found, request.record.input_length, given)


def _by_row(row: Price, brought: InputLength | None, given: Mapping[str, Any]) -> Estimate:
    """Return what a request costs by its row; *brought* is what its result is as long as."""
    if row.per == "call":
        return _of(row, row.units)
    if row.per == "result":
        return _of_pictures(row, given)
    if brought is not None:
        unit = f"{row.units} units per {row.per}"
        return _unknown(f"{unit} of the {brought.what}, whose length decides")
    return _of_length(row, given)


def _of(row: Price, units: Decimal) -> Estimate:
    """Return *units* by a row."""
    return Estimate(units, row.priced_on, row.source, row.confidence, pack=row.pack)


def _of_length(row: Price, given: Mapping[str, Any]) -> Estimate:
    """Return what a request costs that says how long its result is to be."""
    if row.use == "video" and not _is_feature(given["video_list"]):
        return _unknown(f"{row.units} units per second of the base video, whose length decides")
    seconds = given.get("duration", _DEFAULT_SECONDS)
    if type(seconds) is not int or seconds < 1 or (row.clips and seconds not in row.clips):
        sold = f"videos of {' or '.join(map(str, row.clips))}" if row.clips else "whole"
        return _unknown(f"the price list has {sold} s for {row.model}")
    return _of(row, row.units * seconds)


def _of_pictures(row: Price, given: Mapping[str, Any]) -> Estimate:
    """Return the price of as many pictures as a request asks for."""
    is_series = given.get("result_type") == "series"
    count = given.get("series_amount", _SERIES) if is_series else given.get("n", 1)
    if type(count) is not int or count < 1:
        return _unknown(f"{row.units} units per picture, and how many there will be is not known")
    return _of(row, row.units * count)


def _use_of_picture(given: Mapping[str, Any], rows: Iterable[Price]) -> Use:
    """Return what decides the price of a picture, where a picture to start from can."""
    differs = any(row.use == "image" for row in rows)
    return "image" if differs and given.get("image") else "silent"


def cost_of(request: Request) -> Decimal:
    """Return the units of a request, for a ceiling that has to hold.

    Raises:
        RequestValidationError: the list cannot tell them.
    """
    found = estimate(request)
    if found.units is None:
        raise RequestValidationError(
            "max_units",
            "is given, and what this request costs is not known",
            "a request with a price, or no ceiling",
            f"max_units: what this request costs is not known: {found.reason}; "
            "nothing was sent. Leave the ceiling out to send it",
        )
    return found.units


def _unknown(reason: str) -> Estimate:
    return Estimate(None, _AS_OF, reason=reason)


def _use(given: Mapping[str, Any]) -> Use:
    if given.get("goods_title"):
        return "goods"
    if given.get("video_list") or given.get("character_orientation"):
        return "video"
    if given.get("voice_list"):
        return "voice"
    return "sound" if given.get("sound") == "on" else "silent"


def _is_feature(videos: Any) -> bool:
    """Return whether the input videos are references, so that `duration` counts."""
    return isinstance(videos, tuple) and all(
        getattr(video, "refer_type", None) == "feature" for video in videos
    )
