"""What the requests of `/solutions` share: values, converters and checks of their parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from kling_sdk.endpoints import checks
from kling_sdk.endpoints.values import hidden, media, sequence
from kling_sdk.errors import RequestValidationError
from kling_sdk.files import ImageSource, to_image

__all__ = [
    "VideoResolution",
    "avatar_image",
    "hidden_list",
    "media_list",
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


def hidden_list(values: Iterable[object] | None) -> str:
    """Return the repr of texts that must not be shown."""
    return "None" if values is None else f"({', '.join(map(hidden, values))})"


def media_list(values: Iterable[object] | None) -> str:
    """Return the repr of URLs without their signatures, and of the lengths of base64."""
    return "None" if values is None else f"({', '.join(map(media, values))})"


def avatar_image(value: ImageSource | None) -> str | None:
    """Return the picture of a person as URL or base64."""
    return None if value is None else to_image(value, field="avatar_image")


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
    return tuple(to_image(one, field=field) for one in sequence(field, values))


def to_goods_audience(value: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return whom goods are for, as a tuple."""
    return None if value is None else sequence("goods_target_audience_list", value)


def to_selling_points(value: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return why to buy goods, as a tuple."""
    return None if value is None else sequence("goods_selling_point_list", value)


def pictures(maximum: int) -> Callable[[Any, Any, Any], None]:
    """Accept 1 to *maximum* pictures within the vendor's limits, or None."""
    count = checks.items(1, maximum)

    def check(request: Any, attribute: Any, value: Any) -> None:
        count(request, attribute, value)
        for one in value or ():
            checks.check_image(request, attribute.name, one)

    return check


def texts(maximum: int, longest: int) -> Callable[[Any, Any, Any], None]:
    """Accept 1 to *maximum* texts of 1 to *longest* characters, or None."""
    count, limit = checks.items(1, maximum), checks.required_text(longest)

    def check(request: Any, attribute: Any, value: Any) -> None:
        count(request, attribute, value)
        for one in value or ():
            limit(request, attribute, one)

    return check


def numbers(*accepted: float) -> Callable[[Any, Any, Any], None]:
    """Accept one of these numbers, or None."""
    words = ", ".join(map(str, accepted))

    def check(_request: Any, attribute: Any, value: object) -> None:
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RequestValidationError(attribute.name, f"is a {type(value).__name__}", words)
        if value not in accepted:
            raise RequestValidationError(attribute.name, f"is {value}", words)

    return check
