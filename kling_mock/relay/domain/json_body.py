"""Parsing JSON objects from clients, with limits on depth, number of values, and numbers.

An object that passes can be hashed, priced, stored and sent on: no later step meets a value that
it cannot serialize.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, NoReturn

from kling_mock.relay.domain.errors import RelayError, invalid
from kling_mock.relay.domain.large_json import (
    HalfPairError,
    TooManyValuesError,
    check_values,
    loads_in_steps,
)
from kling_mock.web.values import BOUND, bounded_decimal

#: Levels of objects and lists, including the outermost one. Kling's own bodies have four.
MAX_DEPTH: Final = 32
#: Characters of a name in an object. Kling's own have at most 30.
MAX_MEMBER_NAME: Final = 1_000
#: Values in all objects and lists together. Kling's largest bodies have about a thousand.
MAX_VALUES: Final = 10_000

_KEY_SHOWN: Final = 40  # characters of a key that a message shows
_TOO_DEEP: Final = f"is nested too deeply; the limit is {MAX_DEPTH} levels"
_LONG_NAME: Final = f"has a name that is too long; the limit is {MAX_MEMBER_NAME} characters"
_TOO_MANY: Final = f"has too many values; the limit is {MAX_VALUES}"
HALF_PAIR: Final = "holds half of a surrogate pair; must be UTF-8"
#: Bytes from which a body is parsed in steps.
LARGE: Final = 64 * 1024

#: The path of a value: its key and the path of its container; None for the body itself.
_Place = tuple["_Place", str | int] | None


def read_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in *raw*.

    Raises:
        RelayError: 400; it is not a JSON object, is nested more than `MAX_DEPTH` deep, has more
            than `MAX_VALUES` values, has a name of more than `MAX_MEMBER_NAME` characters, or has a
            number outside `decimals.BOUND`. The text names that number's field.
    """
    try:
        large = len(raw) > LARGE
        body = loads_in_steps(raw, MAX_VALUES, _parsed) if large else _parsed(raw.decode("utf-8"))
    except TooManyValuesError:
        raise invalid("body", _TOO_MANY) from None
    except HalfPairError:
        raise invalid("body", HALF_PAIR) from None
    except UnicodeDecodeError as error:
        raise invalid("body", f"is not UTF-8: see byte {error.start}") from None
    except RecursionError:
        raise invalid("body", _TOO_DEEP) from None
    except ValueError:
        raise invalid("body", "is not JSON; must be a JSON object") from None
    if not isinstance(body, dict):
        raise invalid("body", "must be a JSON object")
    _check(body)
    return body


def check_size(raw: bytes) -> None:
    """Check that a body which another parser will read has not far more than `MAX_VALUES` values.

    Raises:
        RelayError: 400.
    """
    if len(raw) > LARGE:
        with suppress(ValueError):  # the parser reports it
            try:
                check_values(raw, MAX_VALUES)
            except TooManyValuesError:
                raise invalid("body", _TOO_MANY) from None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError:
        raise
    except ValueError:
        # Python refuses to read a whole number of more than 4,300 digits, and does not say where
        # it is. An infinity takes its place, and is refused below with its field's name.
        return json.loads(text, parse_constant=_no_constant, parse_int=_whole)


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < 100 else float("inf")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are not JSON


def _check(body: dict[str, Any]) -> None:
    """Check every value, without recursion.

    Raises:
        RelayError: 400; see `read_object`.
    """
    values = 0
    waiting: list[tuple[Any, _Place, int]] = [(body, None, 1)]
    while waiting:
        holder, place, depth = waiting.pop()
        values += len(holder)
        if values > MAX_VALUES:
            raise invalid("body", _TOO_MANY)
        for key, value in _items(holder):
            if isinstance(key, str) and len(key) > MAX_MEMBER_NAME:
                raise invalid("body", _LONG_NAME)
            if isinstance(value, dict | list):
                if depth == MAX_DEPTH:
                    raise invalid("body", _TOO_DEEP)
                waiting.append((value, (place, key), depth + 1))
            elif _is_number(value) and bounded_decimal(value) is None:
                raise _out_of_bounds((place, key))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _items(holder: dict[str, Any] | list[Any]) -> Iterable[tuple[str | int, Any]]:
    return holder.items() if isinstance(holder, dict) else enumerate(holder)


def _out_of_bounds(place: _Place) -> RelayError:
    keys: list[str | int] = []
    while place is not None:
        place, key = place
        keys.append(key)
    name = ""
    for key in reversed(keys):
        name += f"[{key}]" if isinstance(key, int) else f".{key[:_KEY_SHOWN]}"
    return invalid(name.removeprefix("."), f"must be {BOUND}")
