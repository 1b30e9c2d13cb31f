"""What the endpoints of `/solutions` share: fields, and the items of `contents`.

What their pages say of files behind URLs, such as the length of a video, is not checked: none is
ever fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from kling_mock.kling.endpoints.field_checks import check_image
from kling_mock.kling.endpoints.fields import Field, FieldShape, field_shape
from kling_mock.kling.endpoints.images import MIN_SIDE, check_reachable, inspect
from kling_mock.kling.endpoints.record import CallContext, Capability, CreateRequest
from kling_mock.kling.service_codes import Refusal, invalid, refusal
from kling_mock.kling.wire.solutions_schemas import PAGE_OF
from kling_mock.web.addresses import is_http_url
from kling_mock.web.facts import Fact, assumed

__all__ = [
    "BEHAVIOURS",
    "MOST_IMAGE",
    "UNPRICED",
    "ItemRule",
    "check_contents",
    "flattened",
    "one_row",
    "resolution_rows",
    "solution_fields",
]

MOST_IMAGE: Final = 50 * 1024 * 1024  # bytes
UNPRICED: Fact = assumed("no price of it is known: a task costs 1 unit here", "solutions-2026-09")
BEHAVIOURS: tuple[tuple[str, Fact], ...] = (
    (
        "Nothing is checked of files behind URLs; a host that ends in `.invalid` fails the task.",
        assumed("videos, sounds and pictures are never fetched"),
    ),
    (
        "What the page has no text for is refused in the words of the model-path interface.",
        assumed("the texts of other refusals", "solutions-2026-09"),
    ),
)

_MODELESS: Final = ""


class ItemRule(NamedTuple):
    """What is known of one type of items.

    Attributes:
        type: The type.
        kind: `text`, `url`, `image` (a URL or base64), `voice` or `glossary`: what an item needs.
        most: How many of them there may be.
        longest: Characters of a text.
        missing: The situation if there is none, or an empty one; "" if there need not be one.
        many: The situation if there are too many; "" for the usual words.
        wrong: The situation of an item that is empty, or whose value is wrong; likewise.
        long: The situation of a text that is too long; likewise.
        words: What a `voice` may be; empty is anything.
    """

    type: str
    kind: str
    most: int = 1
    longest: int = 0
    missing: str = ""
    many: str = ""
    wrong: str = ""
    long: str = ""
    words: tuple[str, ...] = ()


def solution_fields(
    rules: Iterable[ItemRule], settings: Sequence[Field], watermark: str = "watermark"
) -> FieldShape:
    """Return the fields of a body.

    Args:
        rules: The types of the items of `contents`.
        settings: The members of `settings`.
        watermark: What `options` calls the watermark; "" if it has none.
    """
    rules = tuple(rules)
    kinds = {rule.kind for rule in rules}
    keys = ["text"] if "text" in kinds else []
    keys += ["url"] if kinds & {"url", "image"} else []
    keys += ["voice_id"] if "voice" in kinds else []
    keys += ["source", "target"] if "glossary" in kinds else []
    items = field_shape(
        Field(
            "type",
            "string",
            required=True,
            enum=tuple(rule.type for rule in rules),
            fact=PAGE_OF,
            wrong_type="value",
        ),
        *(Field(key, "string", fact=PAGE_OF) for key in keys),
    )
    marks = [_watermark(watermark)] if watermark else []
    return field_shape(
        Field("contents", "array", members=items, fact=PAGE_OF, wrong_type="wrong_type"),
        Field(
            "settings",
            "object",
            required=any(field.required for field in settings),
            members=field_shape(*settings),
            fact=PAGE_OF,
            wrong_type="wrong_type",
        ),
        Field(
            "options",
            "object",
            members=field_shape(
                Field("callback_url", "url", fact=PAGE_OF),
                Field("external_task_id", "string", fact=PAGE_OF),
                *marks,
            ),
            fact=PAGE_OF,
            wrong_type="wrong_type",
        ),
    )


def _watermark(name: str) -> Field:
    shape = field_shape(Field("enabled", "boolean", fact=PAGE_OF))
    return Field(name, "object", members=shape, fact=PAGE_OF)


def flattened(
    rules: Iterable[ItemRule],
    watermark: str = "watermark",
    resolution: str = "720p",
    settle: Callable[[dict[str, Any]], None] | None = None,
) -> Callable[[Mapping[str, Any], CallContext], Mapping[str, Any]]:
    """Return what rewrites a body into the vocabulary that every record is checked in.

    Args:
        rules: The types of the items of `contents`.
        watermark: As for `solution_fields`.
        resolution: What a request without one means; `none` if there is no such setting.
        settle: Checks the settings, and changes them where it has to.
    """
    texts = frozenset(rule.type for rule in rules if rule.kind == "text")

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
            **{("mode" if key == "resolution" else key): one for key, one in settings.items()},
            **options,
            "contents": contents,
        }
        if watermark in options:
            flat["watermark_info"] = options[watermark]
        return flat

    return flatten


def check_contents(*rules: ItemRule) -> Callable[[CreateRequest], None]:
    """Return the rule about `contents`."""

    def check(request: CreateRequest) -> None:
        items = request.fields["contents"]
        for rule in rules:
            found = [(at, item) for at, item in enumerate(items) if item["type"] == rule.type]
            if not found and rule.missing:
                raise _refused(rule.missing, "contents", rule)
            if len(found) > rule.most:
                if rule.many:
                    raise _refused(rule.many, "contents", rule)
                raise refusal("content_count", f"'{rule.type}'", rule.most, field="contents")
            for place, item in found:
                _check_item(request, rule, item, f"contents[{place}]")

    return check


def _refused(situation: str, field: str, rule: ItemRule) -> Refusal:
    note = f"{rule.type}: at most {rule.most}, each with a {rule.kind}"
    return refusal(situation, field=field, note=note)


def _check_item(request: CreateRequest, rule: ItemRule, item: Mapping[str, Any], path: str) -> None:
    if rule.kind == "glossary":
        for key in ("source", "target"):
            if not 1 <= len(item.get(key, "").strip()) <= rule.longest:
                raise _refused(rule.wrong, f"{path}.{key}", rule)
    elif rule.kind == "text":
        _check_text(rule, item.get("text", ""), f"{path}.text")
    elif rule.kind == "voice":
        if item.get("voice_id", "") not in rule.words:
            raise _refused(rule.wrong, f"{path}.voice_id", rule)
    else:
        _check_file(request, rule, item.get("url", "").strip(), f"{path}.url")


def _check_text(rule: ItemRule, text: str, path: str) -> None:
    if not text.strip():
        raise refusal(
            rule.wrong or rule.missing or "blank_text", rule.type, field=path, note="must be a text"
        )
    if rule.longest and len(text) > rule.longest:
        if rule.long:
            raise _refused(rule.long, path, rule)
        raise invalid(path, f"must be at most {rule.longest} characters", len(text))


def _check_file(request: CreateRequest, rule: ItemRule, url: str, path: str) -> None:
    noticed = request.context.reader.noticed
    if not url:
        situation = rule.wrong or rule.missing or "blank_url"
        raise refusal(situation, rule.type, field=path, note="must be a URL")
    if is_http_url(url):
        check_reachable(url, noticed)
        return
    if rule.kind == "url":
        raise refusal(rule.wrong or "blank_url", rule.type, field=path, note="must be a URL")
    try:
        size = inspect(check_image(url, path, MOST_IMAGE), path, noticed, MOST_IMAGE, webp=True)
    except Refusal as error:
        raise refusal(rule.wrong, field=path, note=error.message[:80]) from None
    if size is not None and min(size) < MIN_SIDE:
        raise refusal(rule.wrong, field=path, note=f"must have {MIN_SIDE} px a side")


def resolution_rows(*resolutions: str, durations: tuple[int, ...] = ()) -> tuple[Capability, ...]:
    """Return the capabilities of an endpoint with these resolutions, all at 24 frames a second."""
    return tuple(
        Capability(_MODELESS, one, durations, frozenset(), one, 24, PAGE_OF) for one in resolutions
    )


def one_row(resolution: str, fps: int) -> tuple[Capability, ...]:
    """Return the capabilities of an endpoint without a resolution to choose."""
    return (Capability(_MODELESS, "none", (), frozenset(), resolution, fps, PAGE_OF),)
