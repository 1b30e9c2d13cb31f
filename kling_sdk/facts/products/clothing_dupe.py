"""Facts of `solutions-clothing-dupe`: a video again, with other clothes in it."""

from typing import Final

from kling_sdk.facts.fields import FieldFacts
from kling_sdk.facts.solutions import ContentFacts, SolutionFacts

REQUEST: Final = SolutionFacts(
    "/solutions/e-commerce/clothing_dupe",
    (
        ContentFacts("source_video", "url"),
        ContentFacts("product_image", "image", max_items=5),
        ContentFacts("product_info", "text", max_length=2500),
        ContentFacts("model_image", "image", max_items=5),
        ContentFacts("bgm", "url"),
        ContentFacts("voice", "voice"),
    ),
    (
        FieldFacts("resolution", "string", enum=("720p", "1080p"), default="720p"),
        FieldFacts(
            "aspect_ratio",
            "string",
            enum=("9:16", "2:3", "3:4", "1:1", "4:3", "3:2", "16:9", "21:9"),
        ),
    ),
    watermark="watermark_info",
)
