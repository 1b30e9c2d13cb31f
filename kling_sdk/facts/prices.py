"""The vendor's price list.

One unit costs 0.14 USD in a video pack and 0.0035 USD in an image pack (list of 2026-09-20, two
copies agree); one of a try-on pack is a picture, at 0.07 USD (one copy).
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from kling_sdk.facts.sources import Fact

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
        clips: The lengths in seconds that are sold; empty for any whole number of seconds.
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


_SOUND: Final = UseRule("sound", "sound", on=("on",), off=("off",))

#: By endpoint, what else than model, mode and length decides a price; the first that applies
#: counts. A request to which none applies, or to another endpoint, is `silent`.
USES: Final[dict[str, tuple[UseRule, ...]]] = {
    "text2video": (_SOUND,),
    "image2video": (UseRule("voice", "voice_list"), _SOUND),
    "omni-video": (UseRule("video", "video_list"), _SOUND),
    "motion-control": (UseRule("video", "character_orientation"),),
    "image-generation": (UseRule("image", "image"),),
    "solutions-talking-agent": (UseRule("goods", "goods_title"),),
}

TWO_COPIES: Final = PriceList(
    "the vendor's price list, two copies",
    Fact("documented", ("digest-2026-01", "pages-2026-09"), "2026-09-20", "high"),
)
ONE_COPY: Final = PriceList(
    "the vendor's price list, one copy",
    Fact("documented", ("pages-2026-09",), "2026-09-20", "medium"),
)
#: It also has the models that the newer list has dropped.
CONDENSED: Final = PriceList(
    "a condensed copy of the vendor's price list",
    Fact("documented", ("digest-2026-01",), "2026-01-01", "low"),
)
RESELLER: Final = PriceList(
    "one reseller's price list",
    Fact("documented", ("reseller-2026-10",), "2026-10-04", "low"),
)
CHARGED: Final = PriceList(
    "what one account was charged",
    Fact("observed", ("probe-2026-09",), "2026-09-22", "low", "seen once"),
)

AS_KLING_V2: Final = PriceList(
    "that of kling-v2, which is assumed",
    Fact("assumed", ("digest-2026-01",), "2026-01-01", "low", "the list lacks kling-v2-new"),
)

_BOTH: Final = ("text2video", "image2video")
#: The list has one price for 5 and one for 10 seconds; per second they are the same.
_CLIPS: Final = (5, 10)

PRICES: Final[tuple[PriceTable, ...]] = (
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
        _CLIPS,
    ),
    PriceTable(
        ("image2video",),
        "second",
        CONDENSED,
        {
            ("kling-v1-5", "std"): {"silent": "0.4"},
            ("kling-v1-5", "pro"): {"silent": "0.7"},
            ("kling-v2-1", "std"): {"silent": "0.4"},
            ("kling-v2-1", "pro"): {"silent": "0.7"},
        },
        _CLIPS,
    ),
    PriceTable(
        ("text2video", "image2video", "multi-image2video"),
        "second",
        CONDENSED,
        {("kling-v1-6", "std"): {"silent": "0.4"}, ("kling-v1-6", "pro"): {"silent": "0.7"}},
        _CLIPS,
    ),
    PriceTable(
        _BOTH,
        "second",
        TWO_COPIES,
        {
            ("kling-v2-5-turbo", "std"): {"silent": "0.3"},
            ("kling-v2-5-turbo", "pro"): {"silent": "0.5"},
            ("kling-v2-6", "std"): {"silent": "0.3"},
            ("kling-v2-6", "pro"): {"silent": "0.5", "sound": "1"},
        },
        _CLIPS,
    ),
    PriceTable(
        ("image2video",),
        "second",
        TWO_COPIES,
        {("kling-v2-6", "pro"): {"voice": "1.2"}},
        _CLIPS,
    ),
    PriceTable(
        _BOTH,
        "second",
        TWO_COPIES,
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
        ONE_COPY,
        {
            ("kling-3.0-turbo", "std"): {"silent": "0.8"},
            ("kling-3.0-turbo", "pro"): {"silent": "1"},
        },
    ),
    PriceTable(
        ("omni-video",),
        "second",
        TWO_COPIES,
        {
            ("kling-video-o1", "std"): {"silent": "0.6", "video": "0.9"},
            ("kling-video-o1", "pro"): {"silent": "0.8", "video": "1.2"},
            ("kling-v3-omni", "std"): {"silent": "0.6", "sound": "0.8", "video": "0.9"},
            ("kling-v3-omni", "pro"): {"silent": "0.8", "sound": "1", "video": "1.2"},
            ("kling-v3-omni", "4k"): {"silent": "3", "sound": "3"},
        },
    ),
    PriceTable(("omni-video",), "second", ONE_COPY, {("kling-v3-omni", "4k"): {"video": "3"}}),
    # Its input video decides the length.
    PriceTable(
        ("motion-control",),
        "second",
        TWO_COPIES,
        {
            ("kling-v2-6", "std"): {"video": "0.5"},
            ("kling-v2-6", "pro"): {"video": "0.8"},
            ("kling-v3", "std"): {"video": "0.9"},
            ("kling-v3", "pro"): {"video": "1.2"},
        },
    ),
    PriceTable(
        ("avatar",),
        "second",
        TWO_COPIES,
        {("", "std"): {"silent": "0.4"}, ("", "pro"): {"silent": "0.8"}},
    ),
    PriceTable(
        ("multi-elements",),
        "second",
        CONDENSED,
        {("", "std"): {"silent": "0.6"}, ("", "pro"): {"silent": "1"}},
        _CLIPS,
    ),
    PriceTable(
        ("solutions-talking-agent",),
        "second",
        RESELLER,
        {("", "std"): {"goods": "1.4"}, ("", "pro"): {"goods": "1.4"}},
    ),
    PriceTable(("lip-sync",), "5 seconds", CONDENSED, {("", ""): {"silent": "0.5"}}),
    PriceTable(("advanced-lip-sync",), "5 seconds", TWO_COPIES, {("", ""): {"silent": "0.5"}}),
    PriceTable(("recognize-image",), "call", TWO_COPIES, {("", ""): {"silent": "0.1"}}),
    PriceTable(("identify-face", "voices"), "call", TWO_COPIES, {("", ""): {"silent": "0.05"}}),
    # That a video pack pays for these is assumed: the list names no pack.
    PriceTable(("tts",), "call", TWO_COPIES, {("", ""): {"silent": "0.05"}}),
    PriceTable(
        ("text-to-audio", "video-to-audio"), "call", TWO_COPIES, {("", ""): {"silent": "0.25"}}
    ),
    PriceTable(
        ("video-extend",),
        "call",
        CONDENSED,
        {
            ("kling-v1", "std"): {"silent": "1"},
            ("kling-v1", "pro"): {"silent": "3.5"},
            ("kling-v1-5", "std"): {"silent": "2"},
            ("kling-v1-5", "pro"): {"silent": "3.5"},
            ("kling-v1-6", "std"): {"silent": "2"},
            ("kling-v1-6", "pro"): {"silent": "3.5"},
        },
    ),
    PriceTable(("elements",), "call", CHARGED, {("", ""): {"silent": "0"}}),
    PriceTable(
        ("image-generation",),
        "result",
        TWO_COPIES,
        {
            ("kling-v3", "1k"): {"silent": "8", "image": "8"},
            ("kling-v3", "2k"): {"silent": "8", "image": "8"},
            ("kling-v2-1", "1k"): {"silent": "4", "image": "8"},
            ("kling-v2-1", "2k"): {"silent": "4", "image": "8"},
        },
        pack="image",
    ),
    PriceTable(
        ("image-generation",),
        "result",
        CONDENSED,
        {
            ("kling-v2", "1k"): {"silent": "4", "image": "8"},
            ("kling-v2", "2k"): {"silent": "4", "image": "8"},
            ("kling-v1-5", "1k"): {"silent": "4", "image": "8"},
            ("kling-v1", "1k"): {"silent": "1", "image": "1"},
        },
        pack="image",
    ),
    PriceTable(
        ("image-generation",),
        "result",
        AS_KLING_V2,
        {("kling-v2-new", "1k"): {"silent": "4", "image": "8"}},
        pack="image",
    ),
    PriceTable(
        ("omni-image",),
        "result",
        TWO_COPIES,
        {
            ("kling-v3-omni", "1k"): {"silent": "8"},
            ("kling-v3-omni", "2k"): {"silent": "8"},
            ("kling-v3-omni", "4k"): {"silent": "16"},
            ("kling-image-o1", "1k"): {"silent": "8"},
            ("kling-image-o1", "2k"): {"silent": "8"},
        },
        pack="image",
    ),
    PriceTable(
        ("multi-image2image",),
        "result",
        TWO_COPIES,
        {("kling-v2-1", ""): {"silent": "16"}},
        pack="image",
    ),
    PriceTable(
        ("multi-image2image",),
        "result",
        CONDENSED,
        {("kling-v2", ""): {"silent": "16"}},
        pack="image",
    ),
    PriceTable(("image-expand",), "result", TWO_COPIES, {("", ""): {"silent": "8"}}, pack="image"),
    PriceTable(
        ("virtual-try-on",),
        "result",
        ONE_COPY,
        {
            ("kolors-virtual-try-on-v1", ""): {"silent": "1"},
            ("kolors-virtual-try-on-v1-5", ""): {"silent": "1"},
        },
        pack="try_on",
    ),
    # Nine pictures for one price.
    PriceTable(("ai-multi-shot",), "call", TWO_COPIES, {("", ""): {"silent": "20"}}, pack="image"),
)
