"""Declaration of faults, in Python and in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from kling_mock.kling.faults.kinds import KINDS, FaultSpec
from kling_mock.kling.faults.matching import Fault
from kling_mock.kling.journal.matching import STATUSES, TargetOptions, Where
from kling_mock.web.values import is_one_of


class FaultSettings(TypedDict, total=False):
    """The settings of the kinds; `KINDS` says which kind takes which.

    Attributes:
        seconds: How long, or how late.
        http: An HTTP status.
        code: A service code of Kling.
        message: The text that goes with the code.
        retry_after: Seconds in a `Retry-After` header.
        body: A body instead of Kling's envelope, such as a gateway's.
        keep: The part of a body that is correct, 0 to 1.
        pieces: The number of pieces in which a body is sent.
        by: The number of bytes by which a length is wrong.
        copies: How many times a report is sent.
    """

    seconds: float
    http: int
    code: int
    message: str
    retry_after: int
    body: str
    keep: float
    pieces: int
    by: int
    copies: int


class FaultOptions(TargetOptions, FaultSettings, total=False):
    """All keyword arguments of a fault.

    Attributes:
        after: The number of matching requests that are left alone first.
        times: The maximum number of requests that it then happens to; without it there is no limit.
        probability: How likely it is for each of them, above 0 to 1.
    """

    after: int
    times: int
    probability: float


_TARGET = frozenset({"prompt", "external_id", "account", "statuses"})
_SETTINGS = frozenset(FaultSettings.__annotations__)


def make_fault(kind: str, match: str, options: Mapping[str, Any]) -> Fault:
    """Return the fault that these arguments declare.

    Raises:
        ValueError: An argument is invalid; the text names what it must be.
    """
    row = KINDS[kind] if is_one_of(kind, KINDS) else None
    if row is None:
        raise ValueError(f"kind: must be one of {', '.join(KINDS)}; got {kind!r}")
    known = {*_TARGET, "after", "times", "probability", *row.settings}
    for name in options:
        if name not in known:
            raise ValueError(f"{name}: {kind!r} takes {', '.join(sorted(known))}")
    settings = {name: setting.default for name, setting in row.settings.items()}
    for name in _SETTINGS.intersection(options):
        setting = row.settings[name]
        if not setting.is_valid(options[name]):
            raise ValueError(f"{name}: must be {setting.expected}; got {options[name]!r}")
        settings[name] = options[name]
    after, times = options.get("after", 0), options.get("times")
    probability = options.get("probability", 1.0)
    if not (type(after) is int and after >= 0):
        raise ValueError(f"after: must be a whole number of 0 or more, got {after!r}")
    if not (times is None or (type(times) is int and times >= 1)):
        raise ValueError(f"times: must be a whole number of 1 or more, got {times!r}")
    if not (type(probability) in {int, float} and 0 < probability <= 1):
        raise ValueError(f"probability: must be a number above 0, at most 1; got {probability!r}")
    where = Where(match, **{name: options[name] for name in _TARGET.intersection(options)})
    return Fault(row, where, settings, after, times, float(probability))


def read_profile(text: str) -> list[Fault]:
    """Return the faults in a JSON profile.

    Args:
        text: A JSON array of objects, or an object with such an array as `faults`. The members
            of an object are `kind`, `match` and those of `FaultOptions`.

    Raises:
        ValueError: It is not of this form, or a fault in it is invalid.
    """
    profile = json.loads(text)
    return read_rows(profile.get("faults") if isinstance(profile, dict) else profile)


def read_rows(rows: object) -> list[Fault]:
    """Return the faults of an array like a profile's.

    Raises:
        ValueError: It is not of this form, or a fault in it is invalid.
    """
    if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise ValueError('profile: must be [{"kind": ...}, ...] or {"faults": [...]}')
    return [_read_row(number, row) for number, row in enumerate(rows)]


def _read_row(number: int, row: Mapping[str, Any]) -> Fault:
    try:
        return read_fault(row)
    except ValueError as error:
        raise ValueError(f"profile[{number}].{error}") from None


def read_fault(row: Mapping[str, Any]) -> Fault:
    """Return the fault that a JSON object declares.

    Args:
        row: The members are `kind`, `match` and those of `FaultOptions`.

    Raises:
        ValueError: An argument is invalid; the text names what it must be.
    """
    options = dict(row)
    kind, match = options.pop("kind", None), options.pop("match", "*")
    for name, value in {"kind": kind, "match": match, **_target_options(options)}.items():
        _check_target(name, value)
    return make_fault(kind, match, options)


def _target_options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name in _TARGET}


def _check_target(name: str, value: object) -> None:
    values: Iterable[object] = [value]
    if name == "statuses" and isinstance(value, list):
        values = value
    if not all(isinstance(text, str) for text in values):
        raise ValueError(f"{name}: must be a string, got {value!r}")


def schema_of(kinds: Mapping[str, FaultSpec]) -> dict[str, Any]:
    """Return the JSON Schema of the input of `read_fault`.

    Args:
        kinds: The kinds that may be declared, by name.
    """
    string = {"type": "string"}
    status = {"enum": [*STATUSES]}
    common: dict[str, Any] = {
        "match": {**string, "description": "A method, a path or both; `*` stands for anything."},
        "prompt": {**string, "description": "Text that the prompt contains, in any case."},
        "external_id": {**string, "description": "The external id; `*` stands for anything."},
        "account": {**string, "description": "The account's name."},
        "statuses": {"anyOf": [status, {"type": "array", "items": status}]},
        "after": {"type": "integer", "minimum": 0},
        "times": {"type": "integer", "minimum": 1},
        "probability": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    }
    return {"anyOf": [_schema_of_kind(kind, common) for kind in kinds.values()]}


def _schema_of_kind(kind: FaultSpec, common: Mapping[str, Any]) -> dict[str, Any]:
    settings = {
        name: {**setting.schema, "description": f"Must be {setting.expected}."}
        for name, setting in kind.settings.items()
    }
    return {
        "type": "object",
        "description": f"{kind.summary[0].upper()}{kind.summary[1:]}.",
        "properties": {"kind": {"const": kind.name}, **common, **settings},
        "required": ["kind"],
        "additionalProperties": False,
    }
