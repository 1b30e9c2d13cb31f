"""Facts of `solutions-talking-agent`: a person who speaks, about goods or about something else."""

from typing import Final

from kling_sdk.facts.fields import FieldFacts
from kling_sdk.facts.limits import MAX_PROMPT
from kling_sdk.facts.prices import PriceList, PriceTable, UseRule
from kling_sdk.facts.solutions import ContentFacts, SolutionFacts
from kling_sdk.facts.sources import Fact

REQUEST: Final = SolutionFacts(
    "/solutions/talking_agent",
    (
        ContentFacts("avatar_image", "image"),
        ContentFacts("avatar_id", "word", max_length=128),
        ContentFacts("speech_script", "text", max_length=2000),
        ContentFacts("ref_image", "image", max_items=5),
        ContentFacts("goods_title", "text", max_length=500),
        ContentFacts("goods_price", "text", max_length=256),
        ContentFacts("goods_target_audience", "text", max_items=20, max_length=200),
        ContentFacts("goods_selling_point", "text", max_items=20, max_length=500),
    ),
    (
        FieldFacts("resolution", "string", enum=("720p", "1080p"), default="720p"),
        FieldFacts("aspect_ratio", "string", enum=("9:16", "16:9"), default="9:16"),
        FieldFacts("allow_polish", "boolean", default=False),
        FieldFacts("voice_id", "string"),
        FieldFacts("speech_rate", "number", numbers=(0.8, 1.0, 1.2)),
        FieldFacts("action_prompt", "string", high=MAX_PROMPT, private=True),
        FieldFacts("bgm_enabled", "boolean", default=False),
    ),
)

_RESELLER: Final = PriceList(
    "one reseller's price list", Fact("documented", ("reseller-2026-10",), "2026-10-04", "low")
)

PRICES: Final = (
    PriceTable(
        ("solutions-talking-agent",),
        "second",
        _RESELLER,
        {("", "std"): {"goods": "1.4"}, ("", "pro"): {"goods": "1.4"}},
    ),
)

USES: Final = {"solutions-talking-agent": (UseRule("goods", "goods_title"),)}
