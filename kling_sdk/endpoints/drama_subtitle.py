"""`POST /solutions/drama_subtitle`: a Chinese video with English subtitles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, cast

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.converters import AnyMapping
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.record import ContentItem, EndpointRecord
from kling_sdk.endpoints.values import (
    hidden,
    needed,
    objects,
    private_text,
)
from kling_sdk.facts.products.drama_subtitle import REQUEST

__all__ = ["DramaSubtitle", "GlossaryTerm"]

_TERMS: Final = next(row for row in REQUEST.contents if row.type == "glossary")

_RECORD: Final = EndpointRecord(
    name="solutions-drama-subtitle",
    path=REQUEST.path,
    fields=REQUEST.settings,
    interface="solutions",
    solution=REQUEST,
    contents=(
        ContentItem("source_video", "source_video", "url"),
        ContentItem("glossary", "glossary", ""),
    ),
)


@attrs.frozen
class GlossaryTerm:
    """The translation of a word.

    Attributes:
        source: The Chinese word, 1 to 100 characters.
        target: The English word, 1 to 100 characters.
    """

    source: str = attrs.field(
        repr=hidden, converter=private_text, validator=needed(str, "glossary", "text")
    )
    target: str = attrs.field(
        repr=hidden, converter=private_text, validator=needed(str, "glossary", "text")
    )


def to_glossary(
    value: Mapping[str, str] | Iterable[GlossaryTerm | AnyMapping] | None,
) -> tuple[GlossaryTerm, ...] | None:
    """Return words with their translations, given as a mapping or as objects."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        words = cast("Mapping[str, str]", value)
        return tuple(GlossaryTerm(source, target) for source, target in words.items())
    return objects(GlossaryTerm, "glossary", value)


def _terms(request: Any) -> checks.Problems:
    """No word is empty or long."""
    for term in request.glossary or ():
        for name in ("source", "target"):
            length = len(getattr(term, name).strip())
            if not 1 <= length <= _TERMS.max_length:
                yield f"glossary.{name}", f"has {length} characters", f"1 to {_TERMS.max_length}"


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class DramaSubtitle(Request):
    """A Chinese video with English subtitles in its picture: `POST /solutions/drama_subtitle`.

    The result has the video in `Task.videos`, and the subtitles as SRT and as ASS in
    `Task.subtitles`.

    Beta. Source: one copy of the vendor's Chinese page, undated, of 2026-09-15 or later (confidence
    medium); no response was observed. It takes an API key, not a key pair.
    What it costs is not known.

    Attributes:
        source_video: Public URL of the video, best an mp4 of H.264 and AAC: at most 500 MB and
            300 s, with a sound in which people speak.
        glossary: How words are translated, 1 to 200 of them: objects with `source`, the Chinese
            word, and `target`, the English one; or the English words by the Chinese ones.
        target_cps: Reading speed of a subtitle, 10 to 20 characters per second, as int or
            text: fewer make them shorter. None: 17.
        target_language: `en`, the only one that the page has. None: `en`.
        margin_v: Pixels from the bottom of the picture, 1 to 4096, as int or text. None: 340 in an
            upright video, 80 in another.
        font_size: Size of the letters, 1 to 512, as int or text. None: 60 in an upright video, 56
            in another.
        external_task_id: Your own id of the task, unique in the account and without a comma; None
            generates one.
        callback_url: Where the vendor posts when the task has ended, and not before: an http(s)
            URL.
        extra_body: Further fields of the body (`contents`, `settings`, `options`), merged in last.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (_terms,)

    source_video: str
    glossary: tuple[GlossaryTerm, ...] | None = attrs.field(
        default=None, converter=to_glossary, validator=checks.items(1, _TERMS.max_items)
    )
    target_cps: int | None = attrs.field(default=None, converter=converters.to_count)
    target_language: str | None = attrs.field(default=None, validator=checks.text(20))
    margin_v: int | None = attrs.field(default=None, converter=converters.to_count)
    font_size: int | None = attrs.field(default=None, converter=converters.to_count)
