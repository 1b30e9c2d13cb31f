"""Parts shared by the endpoints of `/solutions`: fields, and the items of `contents`.

Their pages limit files behind URLs, such as the length of a video. These limits are not checked,
since no URL is ever fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from kling_mock.kling.endpoints.field_checks import check_image
from kling_mock.kling.endpoints.fields import (
    Field,
    FieldShape,
    FieldTexts,
    field_shape,
    read_fields,
)
from kling_mock.kling.endpoints.images import check_reachable, inspect
from kling_mock.kling.endpoints.record import CallContext, Capability, CreateRequest
from kling_mock.kling.service_codes import Refusal, invalid, refusal
from kling_mock.web.addresses import is_http_url
from kling_mock.web.facts import Fact, assumed
from kling_sdk.facts.media import IMAGE_SIDE, LARGE_IMAGE_MB
from kling_sdk.facts.solutions import PAGE, ContentFacts, SolutionFacts

MAX_IMAGE: Final = LARGE_IMAGE_MB * 1024 * 1024  # bytes
UNPRICED: Fact = assumed("no price of it is known: a task costs 1 unit here", "solutions-2026-09")
BEHAVIOURS: tuple[tuple[str, Fact], ...] = (
    (
        "Files behind URLs are not checked; a host that ends in `.invalid` fails the task.",
        assumed("videos, sounds and pictures are never fetched"),
    ),
    (
        "What the page has no text for is refused in the words of the model-path interface.",
        assumed("the texts of other refusals", "solutions-2026-09"),
    ),
)

_MODELESS: Final = ""
VALUE: Final = FieldTexts(wrong_type="value")
_OBJECT: Final = FieldTexts(wrong_type="wrong_type")


class ItemTexts(NamedTuple):
    """The situations with the texts that refuse items of one type; "" is the usual text.

    Attributes:
        missing: The item is missing or empty; "" if it is optional.
        many: There are too many items.
        wrong: An item is empty, or its value is wrong.
        long: A text is too long.
    """

    missing: str = ""
    many: str = ""
    wrong: str = ""
    long: str = ""


_USUAL: Final = ItemTexts()


class SolutionBody(NamedTuple):
    """The rules by which the body of an endpoint is read.

    Attributes:
        facts: The possible fields.
        items: The texts of refusals, by the type of an item.
        texts: The texts of refusals of settings, by name.
        words: The values of a `voice`, or of the setting `voice_id`; empty is any value.
    """

    facts: SolutionFacts
    items: Mapping[str, ItemTexts]
    texts: Mapping[str, FieldTexts] = {}
    words: tuple[str, ...] = ()

    @property
    def settings(self) -> tuple[Field, ...]:
        """The members of `settings`."""
        return tuple(
            field._replace(
                enum=self.words if field.name == "voice_id" else field.enum,
                low=None,  # each endpoint has its own texts to refuse numbers
                high=field.high if field.type == "string" else None,
            )
            for field in read_fields(self.facts.settings, PAGE, self.texts)
        )

    def fields(self, *more: Field) -> FieldShape:
        """Return all fields, with *more* settings."""
        settings = (*self.settings, *more)
        kinds = {content.kind for content in self.facts.contents}
        keys = ["text"] if kinds & {"text", "word"} else []
        keys += ["url"] if kinds & {"url", "image"} else []
        keys += ["voice_id"] if "voice" in kinds else []
        keys += ["source", "target"] if "glossary" in kinds else []
        types = tuple(content.type for content in self.facts.contents)
        of_type = Field("type", "string", required=True, enum=types, fact=PAGE, texts=VALUE)
        private = {"text", "source", "target"}
        values = (Field(key, "string", fact=PAGE, private=key in private) for key in keys)
        items = field_shape(of_type, *values)
        name = self.facts.watermark
        marks = field_shape(Field("enabled", "boolean", fact=PAGE))
        options = (
            Field("callback_url", "url", fact=PAGE),
            Field("external_task_id", "string", fact=PAGE),
            *([Field(name, "object", members=marks, fact=PAGE)] if name else []),
        )
        return field_shape(
            Field("contents", "array", members=items, fact=PAGE, texts=_OBJECT),
            Field(
                "settings",
                "object",
                required=any(field.required for field in settings),
                members=field_shape(*settings),
                fact=PAGE,
                texts=_OBJECT,
            ),
            Field("options", "object", members=field_shape(*options), fact=PAGE, texts=_OBJECT),
        )


def flattened(
    body: SolutionBody,
    resolution: str = "720p",
    settle: Callable[[dict[str, Any]], None] | None = None,
) -> Callable[[Mapping[str, Any], CallContext], Mapping[str, Any]]:
    """Return a function that rewrites a body into the vocabulary in which records are checked.

    Args:
        body: The rules by which the body is read.
        resolution: The resolution of a request without one; `none` if there is no such setting.
        settle: Checks the settings, and changes them where it has to.
    """
    texts = frozenset(content.type for content in body.facts.contents if content.kind == "text")
    watermark = body.facts.watermark

    def flatten(fields: Mapping[str, Any], _context: CallContext) -> Mapping[str, Any]:
        settings: dict[str, Any] = {**fields.get("settings", {})}
        if settle is not None:
            settle(settings)
        options: Mapping[str, Any] = fields.get("options", {})
        contents = fields.get("contents", ())
        parts = (item.get("text", "") for item in contents if item["type"] in texts)
        flat = {
            "prompt": "\n".join(text for text in parts if text),
            "mode": resolution,
            **{
                ("mode" if key == "resolution" else key): setting
                for key, setting in settings.items()
            },
            **options,
            "contents": contents,
        }
        if watermark in options:
            flat["watermark_info"] = options[watermark]
        return flat

    return flatten


def check_contents(body: SolutionBody) -> Callable[[CreateRequest], None]:
    """Return the rule about `contents`."""

    def check(request: CreateRequest) -> None:
        items = request.fields["contents"]
        for content in body.facts.contents:
            texts = body.items.get(content.type, _USUAL)
            parts = [(at, item) for at, item in enumerate(items) if item["type"] == content.type]
            if not parts and texts.missing:
                raise _refused(texts.missing, "contents", content)
            if len(parts) > content.max_items:
                if texts.many:
                    raise _refused(texts.many, "contents", content)
                raise refusal(
                    "content_count", f"'{content.type}'", content.max_items, field="contents"
                )
            for place, item in parts:
                _check_item(request, body, content, item, f"contents[{place}]")

    return check


def _refused(situation: str, field: str, content: ContentFacts) -> Refusal:
    note = f"{content.type}: at most {content.max_items}, each with a {content.kind}"
    return refusal(situation, field=field, note=note)


def _check_item(
    request: CreateRequest,
    body: SolutionBody,
    content: ContentFacts,
    item: Mapping[str, Any],
    path: str,
) -> None:
    texts = body.items.get(content.type, _USUAL)
    if content.kind == "glossary":
        for key in ("source", "target"):
            if not 1 <= len(item.get(key, "").strip()) <= content.max_length:
                raise _refused(texts.wrong, f"{path}.{key}", content)
    elif content.kind in ("text", "word"):
        _check_text(content, texts, item.get("text", ""), f"{path}.text")
    elif content.kind == "voice":
        if item.get("voice_id", "") not in body.words:
            raise _refused(texts.wrong, f"{path}.voice_id", content)
    else:
        _check_file(request, content, texts, item.get("url", "").strip(), f"{path}.url")


def _check_text(content: ContentFacts, texts: ItemTexts, text: str, path: str) -> None:
    if not text.strip():
        situation = texts.wrong or texts.missing or "blank_text"
        raise refusal(situation, content.type, field=path, note="must be a text")
    if content.max_length and len(text) > content.max_length:
        if texts.long:
            raise _refused(texts.long, path, content)
        raise invalid(path, f"must be at most {content.max_length} characters", len(text))


def _check_file(
    request: CreateRequest, content: ContentFacts, texts: ItemTexts, url: str, path: str
) -> None:
    noticed = request.context.reader.noticed
    if not url:
        situation = texts.wrong or texts.missing or "blank_url"
        raise refusal(situation, content.type, field=path, note="must be a URL")
    if is_http_url(url):
        check_reachable(url, noticed)
        return
    if content.kind == "url":
        raise refusal(texts.wrong or "blank_url", content.type, field=path, note="must be a URL")
    try:
        size = inspect(check_image(url, path, MAX_IMAGE), path, noticed, MAX_IMAGE, webp=True)
    except Refusal as error:
        raise refusal(texts.wrong, field=path, note=error.message[:80]) from None
    if size is not None and min(size) < IMAGE_SIDE:
        raise refusal(texts.wrong, field=path, note=f"must have {IMAGE_SIDE} px a side")


def resolution_rows(*resolutions: str, durations: tuple[int, ...] = ()) -> tuple[Capability, ...]:
    """Return the capabilities of an endpoint with these resolutions, all at 24 frames a second."""
    return tuple(
        Capability(_MODELESS, resolution, durations, frozenset(), resolution, 24, PAGE)
        for resolution in resolutions
    )


def one_row(resolution: str, fps: int) -> tuple[Capability, ...]:
    """Return the capabilities of an endpoint without a resolution to choose."""
    return (Capability(_MODELESS, "none", (), frozenset(), resolution, fps, PAGE),)
