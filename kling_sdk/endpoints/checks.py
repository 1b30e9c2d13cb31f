"""Validators of request fields: each raises `RequestValidationError` naming the field.

A *type* is checked for every request. A *limit* of the vendor's is checked only when the
request's model is known: a future model may take more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final, get_args
from urllib.parse import urlsplit

import attrs

from kling_sdk.endpoints.interfaces import interface_for
from kling_sdk.errors import RequestValidationError
from kling_sdk.facts.media import LARGE_IMAGE_MB
from kling_sdk.files import image_problem, sound_problem

__all__ = [
    "Problem",
    "Problems",
    "Validator",
    "flag",
    "image",
    "is_a",
    "is_json",
    "is_number",
    "is_web_url",
    "items",
    "needed",
    "needed_count",
    "needed_number",
    "needed_url",
    "needed_word",
    "number",
    "one_of",
    "picture_problems",
    "prompt",
    "raise_first",
    "require_json",
    "seconds",
    "sound",
    "text",
    "validator",
    "web_url",
    "whole_number",
]

# attrs.Attribute is generic in the value's type, which a shared validator does not know.
Validator = Callable[[Any, Any, Any], Any]
#: What is wrong with a value, and what is accepted.
Problem = tuple[str, str]
#: The same with the parameter before it.
Problems = Iterable[tuple[str, str, str]]


def is_a(value: object) -> str:
    """Return what is wrong with a value of another type."""
    return f"is a {type(value).__name__}"


def is_number(value: object) -> bool:
    """Return whether a value is a number; a bool is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def validator(problem: Callable[[Any, Any], Problem | None], within: str = "") -> Validator:
    """Return a validator that raises what *problem* returns of a value; None passes.

    Args:
        problem: Given the request and the value: what is wrong, and what is accepted.
        within: What stands before the attribute's name: the parameter that has the object.
    """

    def check(request: Any, attribute: Any, value: Any) -> None:
        if value is not None and (finding := problem(request, value)) is not None:
            raise RequestValidationError(f"{within}{attribute.name}", *finding)

    return check


def raise_first(problems: Problems) -> None:
    """Raise `RequestValidationError` if there is a problem."""
    for problem in problems:
        raise RequestValidationError(*problem)


def needed(check: Validator, expected: str, within: str = "") -> Validator:
    """Return a validator like *check* that also refuses None."""

    def check_present(request: Any, attribute: Any, value: Any) -> None:
        if value is None:
            raise RequestValidationError(f"{within}{attribute.name}", "is missing", expected)
        check(request, attribute, value)

    return check_present


def text(maximum: int | None = None) -> Validator:
    """Accept text of at most *maximum* characters (None: of any length), or None."""
    return validator(lambda request, value: _text_problem(request, value, maximum))


def _text_problem(request: Any, value: object, maximum: int | None) -> Problem | None:
    if not isinstance(value, str):
        return is_a(value), "text"
    if maximum is not None and len(value) > maximum and request.has_known_limits:
        return f"has {len(value)} characters", f"at most {maximum} characters"
    return None


#: Accepts text of as many characters as the request's model takes, or None.
prompt: Final = validator(
    lambda request, value: _text_problem(request, value, request.prompt_limit)
)


def required_text(maximum: int | None = None) -> Validator:
    """Accept text of 1 to *maximum* characters (None: of any length)."""

    def problem(request: Any, value: object) -> Problem | None:
        return _text_problem(request, value, maximum) or (None if value else ("is empty", "text"))

    return needed(validator(problem), "text")


def one_of(words: Any, *, for_any_model: bool = False) -> Validator:
    """Accept one of *words*, a tuple or a `Literal` type, or None; a new model may take others."""
    accepted = words if isinstance(words, tuple) else get_args(words)

    def problem(request: Any, value: object) -> Problem | None:
        if not isinstance(value, str):
            return is_a(value), ", ".join(accepted)
        if value not in accepted and (for_any_model or request.has_known_limits):
            quoted = repr(value)[:40] if for_any_model else repr(value[:40])
            return f"is {quoted}", ", ".join(accepted)
        return None

    return validator(problem)


def needed_word(words: Any) -> Validator:
    """Accept one of *words*, a tuple or a `Literal` type."""
    return attrs.validators.and_(required_text(), one_of(words))


def _flag_problem(_request: Any, value: object) -> Problem | None:
    return None if isinstance(value, bool) else (is_a(value), "True or False")


#: Accepts True, False or None.
flag: Final = validator(_flag_problem)


def number(minimum: float, maximum: float) -> Validator:
    """Accept a number from *minimum* to *maximum*, or None."""
    accepted = f"a number from {minimum} to {maximum}"

    def problem(request: Any, value: Any) -> Problem | None:
        if not is_number(value):
            return is_a(value), accepted
        # Written so that NaN is refused, whatever the model: it is not JSON.
        if value != value or (request.has_known_limits and not minimum <= value <= maximum):  # noqa: PLR0124 - only NaN differs from itself
            return f"is {value}", accepted
        return None

    return validator(problem)


def whole_number(minimum: int, maximum: int, *words: str) -> Validator:
    """Accept a whole number from *minimum* to *maximum*, one of *words*, or None."""
    accepted = " or ".join((f"a whole number from {minimum} to {maximum}", *words))

    def problem(request: Any, value: Any) -> Problem | None:
        if value in words:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            return is_a(value), accepted
        if request.has_known_limits and not minimum <= value <= maximum:
            return f"is {value}", accepted
        return None

    return validator(problem)


_COUNT: Final = "a whole number from 0"


def _count_problem(_request: Any, value: Any) -> Problem | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return is_a(value), _COUNT
    return None if value >= 0 else (f"is {value}", _COUNT)


#: Accepts a whole number from 0.
needed_count: Final = needed(validator(_count_problem), _COUNT)


def needed_number(minimum: float, maximum: float) -> Validator:
    """Accept a number from *minimum* to *maximum*."""
    return needed(number(minimum, maximum), "a number")


def seconds(minimum: int, maximum: int) -> Validator:
    """Accept whole seconds from *minimum* to *maximum*, or None."""

    def problem(request: Any, value: object) -> Problem | None:
        if isinstance(value, int) and request.has_known_limits and not minimum <= value <= maximum:
            return f"is {value} s", f"{minimum} to {maximum} s"
        return None

    return validator(problem)


def items(minimum: int, maximum: int) -> Validator:
    """Accept a tuple of *minimum* to *maximum* items, or None."""

    def problem(request: Any, value: Any) -> Problem | None:
        if request.has_known_limits and not minimum <= len(value) <= maximum:
            return f"has {len(value)} items", f"{minimum} to {maximum} items"
        return None

    return validator(problem)


def image(request: Any, attribute: Any, value: Any) -> None:
    """Accept a picture within the vendor's limits, or None."""
    if value is not None and request.has_known_limits:
        raise_first(picture_problems(request, attribute.name, value))


def picture_problems(request: Any, field: str, *pictures: str) -> Problems:
    """Yield what breaks a limit in the pictures that a parameter holds."""
    is_new = interface_for(request) != "v1"
    webp = request.record.solution is not None
    for value in pictures:
        problem = (
            image_problem(value, LARGE_IMAGE_MB, webp=webp) if is_new else image_problem(value)
        )
        if problem is not None:
            yield field, *problem


def _sound_problem(request: Any, value: object) -> Problem | None:
    return sound_problem(value) if isinstance(value, str) and request.has_known_limits else None


#: Accepts a sound within the vendor's limits, or None.
sound: Final = validator(_sound_problem)


def _url_problem(_request: Any, value: object) -> Problem | None:
    if not isinstance(value, str):
        return is_a(value), "text"
    expected = "an http(s) URL such as https://example.com/kling"
    return None if is_web_url(value) else ("is not a URL", expected)


#: Accepts an http(s) URL with a host, or None.
web_url: Final = validator(_url_problem)
#: The same without None.
needed_url: Final = attrs.validators.and_(required_text(), web_url)


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
    """
    problem = _json_problem(value, 0)
    if problem is not None:
        place, limit = problem
        raise RequestValidationError(
            f"{field}{place}".removeprefix(".") or "the body",
            limit,
            "JSON values: text, finite numbers, True, False, None, lists, dicts",
        )


def _json_problem(value: Any, depth: int) -> tuple[str, str] | None:
    """Return the place in *value* that is not JSON, and what is wrong with it."""
    if isinstance(value, str):
        is_unicode = value.isascii() or _is_unicode(value)
        return None if is_unicode else ("", "contains an unpaired surrogate")
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
        if is_object and not (isinstance(name, str) and (name.isascii() or _is_unicode(name))):
            return (
                "",
                f"has a key that is a {type(name).__name__} or contains an unpaired surrogate",
            )
        problem = _json_problem(value[name], depth)
        if problem is not None:
            place, limit = problem
            return (f".{name}{place}" if is_object else f"[{name}]{place}"), limit
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
