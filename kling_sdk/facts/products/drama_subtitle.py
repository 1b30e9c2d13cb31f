"""Facts of `solutions-drama-subtitle`: a Chinese video with English subtitles."""

from typing import Final

from kling_sdk.facts.fields import FieldFacts
from kling_sdk.facts.solutions import ContentFacts, SolutionFacts

REQUEST: Final = SolutionFacts(
    "/solutions/drama_subtitle",
    (
        ContentFacts("source_video", "url"),
        ContentFacts("glossary", "glossary", max_items=200, max_length=100),
    ),
    (
        FieldFacts("target_cps", "integer", low=10, high=20, default=17),
        FieldFacts("target_language", "string", enum=("en",), default="en"),
        FieldFacts("margin_v", "integer", low=1, high=4096),
        FieldFacts("font_size", "integer", low=1, high=512),
    ),
    watermark="",
)
