"""Values, converters and checks that the requests of `/solutions` share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from kling_sdk.endpoints import checks
from kling_sdk.endpoints.values import sequence
from kling_sdk.files import ImageSource, to_image

__all__ = [
    "VideoResolution",
    "model_images",
    "needed_ref_images",
    "numbers",
    "pictures",
    "product_images",
    "ref_images",
    "texts",
    "to_goods_audience",
    "to_selling_points",
]

VideoResolution = Literal["720p", "1080p"]


def product_images(value: Iterable[ImageSource]) -> tuple[str, ...]:
    """Return pictures of a product as URLs or base64."""
    return _images("product_image_list", value)


def model_images(value: Iterable[ImageSource] | None) -> tuple[str, ...] | None:
    """Return pictures of a person as URLs or base64."""
    return None if value is None else _images("model_image_list", value)


def needed_ref_images(value: Iterable[ImageSource]) -> tuple[str, ...]:
    """Return pictures of goods as URLs or base64."""
    return _images("ref_image_list", value)


def ref_images(value: Iterable[ImageSource] | None) -> tuple[str, ...] | None:
    """Return pictures of goods as URLs or base64."""
    return None if value is None else _images("ref_image_list", value)


def _images(field: str, values: Iterable[ImageSource]) -> tuple[str, ...]:
    return tuple(to_image(image, field=field) for image in sequence(field, values))


def to_goods_audience(value: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return the audience of goods as a tuple."""
    return None if value is None else sequence("goods_target_audience_list", value)


def to_selling_points(value: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return the selling points of goods as a tuple."""
    return None if value is None else sequence("goods_selling_point_list", value)


def pictures(max_items: int) -> checks.Validator:
    """Accept 1 to *max_items* pictures within the vendor's limits, or None."""
    count = checks.items(1, max_items)

    def check(request: Any, attribute: Any, value: Any) -> None:
        count(request, attribute, value)
        checks.raise_first(checks.picture_problems(request, attribute.name, *(value or ())))

    return check


def texts(max_items: int, max_length: int) -> checks.Validator:
    """Accept 1 to *max_items* texts of 1 to *max_length* characters, or None."""
    count, limit = checks.items(1, max_items), checks.required_text(max_length)

    def check(request: Any, attribute: Any, value: Any) -> None:
        count(request, attribute, value)
        for text in value or ():
            limit(request, attribute, text)

    return check


def numbers(*accepted: float) -> checks.Validator:
    """Accept one of these numbers, or None."""
    words = ", ".join(map(str, accepted))

    def problem(_request: Any, value: object) -> checks.Problem | None:
        if not checks.is_number(value):
            return checks.is_a(value), words
        return None if value in accepted else (f"is {value}", words)

    return checks.validator(problem)
