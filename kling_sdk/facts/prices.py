"""The parts of the vendor's price list, and the rows that several products share.

One unit costs 0.14 USD in a video pack and 0.0035 USD in an image pack (list of 2026-09-20, two
copies agree); one of a try-on pack is a picture, at 0.07 USD (one copy).
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from kling_sdk.facts.limits import CLIPS
from kling_sdk.facts.sources import DIGEST, ONE_COPY, Fact

Use = Literal["silent", "sound", "voice", "video", "image", "goods"]
Pack = Literal["video", "image", "try_on"]
Per = Literal["second", "5 seconds", "result", "call"]


class PriceList(NamedTuple):
    """A price list that rows come from.

    Attributes:
        name: What it is, for readers.
        fact: Its sources, date and confidence.
    """

    name: str
    fact: Fact


class PriceTable(NamedTuple):
    """Rows of the price list that are alike.

    Attributes:
        endpoints: Names of the endpoints that they are for.
        per: What the units are for: each `second` of the result, `5 seconds` each that it begins,
            each `result` (a picture), or a `call`.
        price_list: Where the rows come from.
        units: By model and mode, what each use costs. A model has its name on /v1 where it has
            two: the price is the same. For an extended video it is the model that made it;
            "" stands for an endpoint without models. A mode is `std`, `pro` or `4k`, for pictures
            `1k`, `2k` or `4k`; "" for a model without modes. A use is what else decides the
            price, see `USES`.
        clips: The lengths in seconds that are sold; empty for any whole number of seconds. The list
            has a price for each, which per second are the same.
        pack: Which kind of resource pack pays.
    """

    endpoints: tuple[str, ...]
    per: Per
    price_list: PriceList
    units: dict[tuple[str, str], dict[Use, str]]
    clips: tuple[int, ...] = ()
    pack: Pack = "video"


class UseRule(NamedTuple):
    """What a request must have for a use.

    Attributes:
        use: The use: an input video (`video`, also for motion control), a voice (`voice`), sound
            (`sound`), for pictures an input picture (`image`), for a speaking person the goods
            (`goods`).
        parameter: The parameter that decides it, by its name on /v1.
        on: The values that mean the use; empty for any value.
        off: The values that mean the opposite.
    """

    use: Use
    parameter: str
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()


LISTED: Final = PriceList(
    "the vendor's price list, two copies",
    Fact("documented", ("digest-2026-01", "pages-2026-09"), "2026-09-20", "high"),
)
LISTED_ONCE: Final = PriceList("the vendor's price list, one copy", ONE_COPY)
#: It also has the models that the newer list has dropped.
CONDENSED: Final = PriceList("a condensed copy of the vendor's price list", DIGEST)

BY_SOUND: Final = UseRule("sound", "sound", on=("on",), off=("off",))

_BOTH: Final = ("text2video", "image2video")

#: The rows that several products have; those of one are in its module.
SHARED: Final[tuple[PriceTable, ...]] = (
    PriceTable(
        _BOTH,
        "second",
        CONDENSED,
        {
            ("kling-v1", "std"): {"silent": "0.2"},
            ("kling-v1", "pro"): {"silent": "0.7"},
            ("kling-v2-master", ""): {"silent": "2"},
            ("kling-v2-1-master", ""): {"silent": "2"},
        },
        CLIPS,
    ),
    PriceTable(
        ("text2video", "image2video", "multi-image2video"),
        "second",
        CONDENSED,
        {("kling-v1-6", "std"): {"silent": "0.4"}, ("kling-v1-6", "pro"): {"silent": "0.7"}},
        CLIPS,
    ),
    PriceTable(
        _BOTH,
        "second",
        LISTED,
        {
            ("kling-v2-5-turbo", "std"): {"silent": "0.3"},
            ("kling-v2-5-turbo", "pro"): {"silent": "0.5"},
            ("kling-v2-6", "std"): {"silent": "0.3"},
            ("kling-v2-6", "pro"): {"silent": "0.5", "sound": "1"},
        },
        CLIPS,
    ),
    PriceTable(
        _BOTH,
        "second",
        LISTED,
        {
            ("kling-v3", "std"): {"silent": "0.6", "sound": "0.9"},
            ("kling-v3", "pro"): {"silent": "0.8", "sound": "1.2"},
            ("kling-v3", "4k"): {"silent": "3", "sound": "3"},
        },
    ),
    # Every video of it has sound, which is in the price. 3 s in 720p were seen to cost 2.4.
    PriceTable(
        _BOTH,
        "second",
        LISTED_ONCE,
        {
            ("kling-3.0-turbo", "std"): {"silent": "0.8"},
            ("kling-3.0-turbo", "pro"): {"silent": "1"},
        },
    ),
    PriceTable(("identify-face", "voices"), "call", LISTED, {("", ""): {"silent": "0.05"}}),
    # That a video pack pays for these is assumed: the list names no pack.
    PriceTable(("text-to-audio", "video-to-audio"), "call", LISTED, {("", ""): {"silent": "0.25"}}),
)
