"""The parts of a request under `/solutions`."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from kling_sdk.facts.fields import FieldFacts
from kling_sdk.facts.sources import Fact

PAGE: Final = Fact("documented", ("solutions-2026-09",), "2026-09-15", "medium")


class ContentFacts(NamedTuple):
    """One type of the items of `contents`.

    Attributes:
        type: The type.
        kind: What an item has: the user's own `text`, which is private, a `url`, an `image`
            (a URL or base64), a `voice` (the id of one), a `word` (another id, under the key
            `text`) or a `glossary` (a word and its translation; private).
        max_items: How many of them there may be.
        max_length: Maximum characters of a text; 0 for no limit.
    """

    type: str
    kind: Literal["text", "url", "image", "voice", "word", "glossary"]
    max_items: int = 1
    max_length: int = 0


class SolutionFacts(NamedTuple):
    """One call that makes a task under `/solutions`; all that is known of it is of `PAGE`.

    Attributes:
        path: Under the base URL.
        contents: The types of the items of `contents`.
        settings: The members of `settings`.
        watermark: What `options` calls the watermark; "" if it has none.
    """

    path: str
    contents: tuple[ContentFacts, ...]
    settings: tuple[FieldFacts, ...]
    watermark: str = "watermark"
