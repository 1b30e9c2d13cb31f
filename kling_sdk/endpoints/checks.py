"""Validators of request fields: each raises `RequestValidationError` naming the field.

A *type* is checked for every request. A *limit* of the vendor's is checked only when the
request's model is known: a model of tomorrow may take more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, get_args
from urllib.parse import urlsplit

from kling_sdk.endpoints.interfaces import interface_for
from kling_sdk.errors import RequestValidationError
from kling_sdk.files import image_problem, sound_problem

__all__ = [
    "flag",
    "image",
    "is_json",
    "is_web_url",
    "items",
    "needed_count",
    "needed_number",
    "needed_url",
    "needed_word",
    "number",
    "one_of",
    "prompt",
    "require_json",
    "seconds",
    "sound",
    "text",
    "web_url",
    "whole_number",
    "word",
]

# attrs.Attribute is generic in the value's type, which a shared validator does not know.
Validator = Callable[[Any, Any, Any], None]


def _wrong_type(field: str, value: object, expected: str) -> RequestValidationError:
    return RequestValidationError(field, f"is a {type(value).__name__}", expected)


def text(maximum: int | None = None) -> Validator:
    """Accept text of at most *maximum* characters (None: of any length), or None."""

    def check(request: Any, attribute: Any, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, str):
            raise _wrong_type(attribute.name, value, "text")
        if maximum is not None and len(value) > maximum and request.has_known_limits:
            raise RequestValidationError(
                attribute.name, f"has {len(value)} characters", f"at most {maximum} characters"
            )

    return check


def prompt(request: Any, attribute: Any, value: object) -> None:
    """Accept text of as many characters as the request's model takes, or None."""
    text(request.prompt_limit)(request, attribute, value)


def required_text(maximum: int | None = None) -> Validator:
    """Accept text of 1 to *maximum* characters (None: of any length)."""
    limit = text(maximum)

    def check(request: Any, attribute: Any, value: object) -> None:
        if value is None:
            raise RequestValidationError(attribute.name, "is missing", "text")
        limit(request, attribute, value)
        if not value:
            raise RequestValidationError(attribute.name, "is empty", "text")

    return check


def one_of(literal: Any) -> Validator:
    """Accept a value of the `Literal` type *literal*, or None."""
    accepted = get_args(literal)

    def check(request: Any, attribute: Any, value: object) -> None:
        if value is None:
            return
        choices = ", ".join(accepted)
        if not isinstance(value, str):
            raise _wrong_type(attribute.name, value, choices)
        if value not in accepted and request.has_known_limits:
            raise RequestValidationError(attribute.name, f"is {value[:40]!r}", choices)

    return check


def needed_word(literal: Any) -> Validator:
    """Accept a value of the `Literal` type *literal*."""
    known = one_of(literal)

    def check(request: Any, attribute: Any, value: object) -> None:
        required_text()(request, attribute, value)
        known(request, attribute, value)

    return check


def word(literal: Any) -> Validator:
    """Accept a value of the `Literal` type *literal*, or None, whatever the model."""
    accepted = get_args(literal)

    def check(_request: Any, attribute: Any, value: object) -> None:
        if value is not None and value not in accepted:
            shown = repr(value)[:40] if isinstance(value, str) else f"a {type(value).__name__}"
            raise RequestValidationError(attribute.name, f"is {shown}", ", ".join(accepted))

    return check


def flag(_request: Any, attribute: Any, value: object) -> None:
    """Accept True, False or None."""
    if value is not None and not isinstance(value, bool):
        raise _wrong_type(attribute.name, value, "True or False")


def number(minimum: float, maximum: float) -> Validator:
    """Accept a number from *minimum* to *maximum*, or None."""

    def check(request: Any, attribute: Any, value: object) -> None:
        if value is None:
            return
        accepted = f"a number from {minimum} to {maximum}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong_type(attribute.name, value, accepted)
        # Written so that NaN is refused, whatever the model: it is not JSON.
        if value != value or (request.has_known_limits and not minimum <= value <= maximum):  # noqa: PLR0124 - only NaN differs from itself
            raise RequestValidationError(attribute.name, f"is {value}", accepted)

    return check


def whole_number(minimum: int, maximum: int, *words: str) -> Validator:
    """Accept a whole number from *minimum* to *maximum*, one of *words*, or None."""
    accepted = " or ".join((f"a whole number from {minimum} to {maximum}", *words))

    def check(request: Any, attribute: Any, value: object) -> None:
        if value is None or value in words:
            return
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong_type(attribute.name, value, accepted)
        if request.has_known_limits and not minimum <= value <= maximum:
            raise RequestValidationError(attribute.name, f"is {value}", accepted)

    return check


def needed_count(_request: Any, attribute: Any, value: Any) -> None:
    """Accept a whole number from 0."""
    if value is None:
        raise RequestValidationError(attribute.name, "is missing", "a whole number from 0")
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(attribute.name, value, "a whole number from 0")
    if value < 0:
        raise RequestValidationError(attribute.name, f"is {value}", "a whole number from 0")


def needed_number(minimum: float, maximum: float) -> Validator:
    """Accept a number from *minimum* to *maximum*."""
    limit = number(minimum, maximum)

    def check(request: Any, attribute: Any, value: object) -> None:
        if value is None:
            raise RequestValidationError(attribute.name, "is missing", "a number")
        limit(request, attribute, value)

    return check


def seconds(minimum: int, maximum: int) -> Validator:
    """Accept whole seconds from *minimum* to *maximum*, or None."""

    def check(request: Any, attribute: Any, value: object) -> None:
        if isinstance(value, int) and request.has_known_limits and not minimum <= value <= maximum:
            raise RequestValidationError(
                attribute.name, f"is {value} s", f"{minimum} to {maximum} s"
            )

    return check


def items(minimum: int, maximum: int) -> Validator:
    """Accept a tuple of *minimum* to *maximum* items, or None."""

    def check(request: Any, attribute: Any, value: Any) -> None:
        if value is not None and request.has_known_limits and not minimum <= len(value) <= maximum:
            raise RequestValidationError(
                attribute.name, f"has {len(value)} items", f"{minimum} to {maximum} items"
            )

    return check


def image(request: Any, attribute: Any, value: Any) -> None:
    """Accept a picture within the vendor's limits, or None."""
    if value is not None and request.has_known_limits:
        check_image(request, attribute.name, value)


#: Most megabytes of a picture on the newer interface (one official copy); /v1 takes 10.
_LARGE_MB: Final = 50


def check_image(request: Any, field: str, value: str) -> None:
    """Raise `RequestValidationError` when the picture in *value* breaks a limit."""
    is_new = interface_for(request) != "v1"
    webp = request.record.solution is not None
    problem = image_problem(value, _LARGE_MB, webp=webp) if is_new else image_problem(value)
    if problem:
        raise RequestValidationError(field, *problem)


def sound(request: Any, attribute: Any, value: object) -> None:
    """Accept a sound within the vendor's limits, or None."""
    if isinstance(value, str) and request.has_known_limits and (problem := sound_problem(value)):
        raise RequestValidationError(attribute.name, *problem)


def web_url(_request: Any, attribute: Any, value: object) -> None:
    """Accept an http(s) URL with a host, or None."""
    if value is not None:
        if not isinstance(value, str):
            raise _wrong_type(attribute.name, value, "text")
        if not is_web_url(value):
            raise RequestValidationError(
                attribute.name, "is no URL", "an http(s) URL such as https://example.com/kling"
            )


def needed_url(request: Any, attribute: Any, value: Any) -> None:
    """Accept an http(s) URL with a host."""
    required_text()(request, attribute, value)
    web_url(request, attribute, value)


def is_web_url(value: str) -> bool:
    """Return whether *value* is an http(s) URL with a host."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    is_one_word = value.isprintable() and not any(map(str.isspace, value))
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and is_one_word


_DEEPEST: Final = 100  # levels of a body; readers of JSON have limits of their own
_WIDEST: Final = 1024  # bits of a whole number, for the same reason


def is_json(value: Any) -> bool:
    """Return whether JSON can carry *value*."""
    return _json_problem(value, 0) is None


def require_json(field: str, value: Any) -> None:
    """Raise `RequestValidationError` naming the place in *value* that JSON cannot carry.

    Args:
        field: The parameter that holds it; "" for a whole body.
        value: The value.
    """
    problem = _json_problem(value, 0)
    if problem is not None:
        place, limit = problem
        raise RequestValidationError(
            f"{field}{place}".removeprefix(".") or "the body",
            limit,
            "what JSON can carry: text, finite numbers, True, False, None, lists, dicts",
        )


def _json_problem(value: Any, depth: int) -> tuple[str, str] | None:
    """Return the place in *value* that is not JSON, and what is wrong with it."""
    if isinstance(value, str):
        return None if _is_unicode(value) else ("", "holds half a surrogate pair")
    if isinstance(value, int):
        return None if value.bit_length() <= _WIDEST else ("", "has more than 300 digits")
    if isinstance(value, float):
        return None if math.isfinite(value) else ("", f"is {value}")
    if isinstance(value, dict | list | tuple):
        if depth >= _DEEPEST:
            return "", f"is nested more than {_DEEPEST} levels deep"
        return _problem_inside(value, depth + 1)
    return None if value is None else ("", f"is a {type(value).__name__}")


def _problem_inside(value: Any, depth: int) -> tuple[str, str] | None:
    is_object = isinstance(value, dict)
    for name in value if is_object else range(len(value)):
        if is_object and (not isinstance(name, str) or not _is_unicode(name)):
            return "", f"has a key that is a {type(name).__name__} or holds half a surrogate pair"
        problem = _json_problem(value[name], depth)
        if problem is not None:
            place, limit = problem
            return (f".{name}{place}" if is_object else f"[{name}]{place}"), limit
    return None


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
