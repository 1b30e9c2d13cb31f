"""The items of `contents`: which a product takes, how many, and what each of them needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from kling_mock.kling.endpoints.field_checks import check_image
from kling_mock.kling.endpoints.images import check_reachable, inspect
from kling_mock.kling.endpoints.model_path_requests import served
from kling_mock.kling.endpoints.record import CreateRequest
from kling_mock.kling.model.plan import nearest_aspect_ratio
from kling_mock.kling.service_codes import refusal, shortened
from kling_mock.web.addresses import is_http_url
from kling_mock.web.facts import documented

__all__ = ["LIMITS", "ContentLimit", "Contents", "check_contents", "shape_of_image"]

LIMITS = documented("pages-2026-09", as_of="2026-09-20", confidence="medium")
_IMAGES: Final = frozenset({"first_frame", "last_frame", "refer_image", "image"})
_VIDEOS: Final = frozenset({"feature_video", "base_video", "video"})
_MOST_BYTES: Final = 50 * 1024 * 1024


class ContentLimit(NamedTuple):
    """How often a type may be there.

    Attributes:
        type: The type. A model can do with it what the feature of the same name says.
        most: How many items of it there may be.
        required: Whether there must be one.
        everywhere: Whether every model takes it.
    """

    type: str
    most: int = 1
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

    def check(request: CreateRequest) -> None:
        if not request.fields["contents"]:
            raise refusal("empty", path="contents", field="contents")
        contents = _sorted_contents(request, limits)
        for limit in limits:
            _check_limit(request, contents, limit)
        for name, places in contents.places.items():
            for place in places:
                _check_item(request, name, contents.items[place], f"contents[{place}]")
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
    if count > limit.most:
        raise refusal("content_count", f"'{limit.type}'", limit.most, field="contents")


def _check_item(request: CreateRequest, name: str, item: Mapping[str, Any], path: str) -> None:
    noticed = request.context.reader.noticed
    if name == "prompt":
        if not item.get("text", "").strip():
            raise refusal("blank_text", name, field=f"{path}.text", note="must be a text")
    elif name in _IMAGES or name in _VIDEOS:
        url, at = item.get("url", "").strip(), f"{path}.url"
        if not url:
            raise refusal("blank_url", name, field=at, note="must be a URL")
        if name in _IMAGES:
            check_image(url, at, _MOST_BYTES)
        elif not is_http_url(url):
            raise refusal("video_url", field=at, note="must be an http or https URL with a host")
        else:
            check_reachable(url, noticed)
    elif name == "element":
        given = item.get("element_id", "")
        if not (given.isascii() and given.isdigit()):
            raise refusal(
                "element_id", shortened(given), field=f"{path}.element_id", note="must be digits"
            )
    elif not item.get("voice_id", "").strip():
        raise refusal("content_id", name, field=f"{path}.voice_id", note="must be a voice_id")


def _check_ids(contents: Contents) -> None:
    """Elements and voices need an id; no two items may have the same one."""
    seen: set[str] = set()
    for name, places in contents.places.items():
        for place in places:
            given = contents.items[place].get("id", "").strip()
            missing = name in {"element", "voice"} and not given
            if missing or given in seen:
                at = f"contents[{place}].id"
                note = (
                    "must be there, and no other item's" if missing else "must be no other item's"
                )
                raise refusal("content_id", name, field=at, note=note)
            if given:
                seen.add(given)


def shape_of_image(first: str, *others: str) -> Callable[[CreateRequest], str]:
    """Return what finds the shape of a result: that of an image, if that is no URL.

    Otherwise it is the stated one, or 16:9. All images are looked into on the way.

    Args:
        first: The type of the item whose shape the result takes.
        others: The other types of images.
    """
    types = frozenset({first, *others})

    def shape(request: CreateRequest) -> str:
        found = str(request.fields.get("aspect_ratio", "16:9"))
        noticed = request.context.reader.noticed
        for place, item in enumerate(request.fields["contents"]):
            if item["type"] in types:
                at = f"contents[{place}].url"
                size = inspect(item["url"].strip(), at, noticed, _MOST_BYTES)
                if size is not None and item["type"] == first:
                    found = nearest_aspect_ratio(*size)
        return found

    return shape
