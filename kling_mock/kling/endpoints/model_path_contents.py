"""The items of `contents`: the types that a product takes, their numbers and requirements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from kling_mock.kling.endpoints.field_checks import check_image
from kling_mock.kling.endpoints.images import check_reachable, inspect
from kling_mock.kling.endpoints.model_path_requests import served
from kling_mock.kling.endpoints.record import CreateRequest
from kling_mock.kling.model.plan import nearest_aspect_ratio
from kling_mock.kling.service_codes import refusal, shortened
from kling_mock.web.addresses import is_http_url
from kling_mock.web.facts import documented
from kling_sdk.facts.media import LARGE_IMAGE_MB

LIMITS = documented("pages-2026-09", as_of="2026-09-20", confidence="medium")
_MAX_BYTES: Final = LARGE_IMAGE_MB * 1024 * 1024


class ContentLimit(NamedTuple):
    """The number of items that a type may have.

    Attributes:
        type: The type. The feature of the same name says what a model can do with it.
        kind: The contents of an item: a text, the URL of an image or video, or the id of an
            element or voice.
        max_items: The maximum number of its items.
        required: Whether at least one is required.
        everywhere: Whether every model accepts it.
    """

    type: str
    kind: Literal["text", "image", "video", "element", "voice"]
    max_items: int = 1
    required: bool = False
    everywhere: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """The items that have an effect, counted and sorted once for all rules.

    Attributes:
        places: By type, the places of its items.
        items: All items.
    """

    places: Mapping[str, Sequence[int]]
    items: Sequence[Mapping[str, Any]]

    def count(self, *types: str) -> int:
        """Return how many items there are of these types."""
        return sum(len(self.places.get(name, ())) for name in types)

    def __contains__(self, name: object) -> bool:
        return name in self.places


def _sorted_contents(request: CreateRequest, limits: Sequence[ContentLimit]) -> Contents:
    """Return the contents of a request without the items that the product ignores."""
    known = {limit.type for limit in limits}
    places: dict[str, list[int]] = {}
    items = request.fields["contents"]
    for place, item in enumerate(items):
        if item["type"] in known:
            places.setdefault(item["type"], []).append(place)
        else:
            types = ", ".join(limit.type for limit in limits)
            text = f"such an item has no effect here; the types are {types}"
            request.context.reader.noticed.inapplicable(f"contents[{place}]", text)
    return Contents(places, items)


def check_contents(
    limits: Sequence[ContentLimit],
    *more: Callable[[CreateRequest, Contents], None],
) -> Callable[[CreateRequest], None]:
    """Return the rule about `contents`.

    Args:
        limits: What the product takes.
        more: Rules of the product, on items that are valid one by one.
    """
    by_type = {limit.type: limit for limit in limits}

    def check(request: CreateRequest) -> None:
        if not request.fields["contents"]:
            raise refusal("empty", path="contents", field="contents")
        contents = _sorted_contents(request, limits)
        for limit in limits:
            _check_limit(request, contents, limit)
        for name, places in contents.places.items():
            for place in places:
                _check_item(request, by_type[name], contents.items[place], f"contents[{place}]")
        _check_ids(contents)
        for rule in more:
            rule(request, contents)

    return check


def _check_limit(request: CreateRequest, contents: Contents, limit: ContentLimit) -> None:
    count = contents.count(limit.type)
    if limit.required and count == 0:
        raise refusal("content_required", limit.type, field="contents")
    if count and not (limit.everywhere or limit.type in request.capability.features):
        note = f"it can be used with {served(request, limit.type)}"
        raise refusal("content_unsupported", limit.type, field="contents", note=note)
    if count > limit.max_items:
        raise refusal("content_count", f"'{limit.type}'", limit.max_items, field="contents")


def _check_item(
    request: CreateRequest, limit: ContentLimit, item: Mapping[str, Any], path: str
) -> None:
    noticed = request.context.reader.noticed
    if limit.kind == "text":
        if not item.get("text", "").strip():
            raise refusal("blank_text", limit.type, field=f"{path}.text", note="must be a text")
    elif limit.kind in ("image", "video"):
        url, at = item.get("url", "").strip(), f"{path}.url"
        if not url:
            raise refusal("blank_url", limit.type, field=at, note="must be a URL")
        if limit.kind == "image":
            check_image(url, at, _MAX_BYTES)
        elif not is_http_url(url):
            raise refusal("video_url", field=at, note="must be an http or https URL with a host")
        else:
            check_reachable(url, noticed)
    elif limit.kind == "element":
        element_id = item.get("element_id", "")
        if not (element_id.isascii() and element_id.isdigit()):
            raise refusal(
                "element_id",
                shortened(element_id),
                field=f"{path}.element_id",
                note="must be digits",
            )
    elif not item.get("voice_id", "").strip():
        raise refusal("content_id", limit.type, field=f"{path}.voice_id", note="must be a voice_id")


def _check_ids(contents: Contents) -> None:
    """Check that elements and voices have an id, and that no two items have the same one."""
    seen: set[str] = set()
    for name, places in contents.places.items():
        for place in places:
            content_id = contents.items[place].get("id", "").strip()
            missing = name in {"element", "voice"} and not content_id
            if missing or content_id in seen:
                at = f"contents[{place}].id"
                note = "must be there, and be unique" if missing else "must be unique"
                raise refusal("content_id", name, field=at, note=note)
            if content_id:
                seen.add(content_id)


def shape_of_image(first: str, *others: str) -> Callable[[CreateRequest], str]:
    """Return a function that finds the shape of a result: that of an image, unless it is a URL.

    Otherwise it is the stated shape, or 16:9. The function also checks all images.

    Args:
        first: The type of the item whose shape the result takes.
        others: The other types of images.
    """
    types = frozenset({first, *others})

    def shape(request: CreateRequest) -> str:
        ratio = str(request.fields.get("aspect_ratio", "16:9"))
        noticed = request.context.reader.noticed
        for place, item in enumerate(request.fields["contents"]):
            if item["type"] in types:
                at = f"contents[{place}].url"
                size = inspect(item["url"].strip(), at, noticed, _MAX_BYTES)
                if size is not None and item["type"] == first:
                    ratio = nearest_aspect_ratio(*size)
        return ratio

    return shape
