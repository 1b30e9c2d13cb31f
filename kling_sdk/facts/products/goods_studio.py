"""Facts of `solutions-goods-studio`: an advertisement from pictures of goods."""

from typing import Final

from kling_sdk.facts.fields import FieldFacts
from kling_sdk.facts.solutions import ContentFacts, SolutionFacts

REQUEST: Final = SolutionFacts(
    "/solutions/e-commerce/goods_studio",
    (
        ContentFacts("ref_image", "image", max_items=5),
        ContentFacts("goods_title", "text", max_length=200),
        ContentFacts("goods_description", "text", max_length=2000),
    ),
    (
        FieldFacts("resolution", "string", required=True, enum=("720p", "1080p")),
        FieldFacts("aspect_ratio", "string", required=True, enum=("9:16", "1:1", "16:9")),
        FieldFacts("duration", "integer", required=True, numbers=(15, 30, 60)),
    ),
)
