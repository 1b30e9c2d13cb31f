"""The kinds of faults, as a table.

A request meets its faults in the order of the stages, at most one of each stage:

    delay   before anything else; the request is then served as usual
    before  instead of serving the request, which therefore changes nothing
    accept  a create request is served later, and its reply does not show it
    reply   the request was served, and its reply lacks something
    after   the request was served, and something happens to the reply
    media   something happens to a result file
    task    something happens to a new task
    report  something happens to a report (callback) of a task's status; kinds of this stage
            are chosen one by one, so that several may hit the same report

Latency, hanging and slow bodies take real time: a client's own time limits are real, too.
Everything else happens on the mock's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from kling_mock.kling.service_codes import CODES

Stage = Literal["delay", "before", "accept", "reply", "after", "media", "task", "report"]

FaultKind = Literal[
    "latency",
    "status",
    "reset",
    "hang",
    "delayed-acceptance",
    "omit-task-info",
    "response-lost",
    "truncated-body",
    "malformed-body",
    "slow-body",
    "wrong-length",
    "stuck",
    "unreachable-media",
    "callback-duplicate",
    "callback-shuffled",
    "callback-delayed",
    "callback-dropped",
    "callback-before-create-returns",
    "callback-contradicting",
    "callback-omit-task-info",
]


@dataclass(frozen=True, slots=True)
class FaultSetting:
    """One setting of a kind.

    Attributes:
        default: Its value if it is not given.
        is_valid: Whether a value can be used.
        expected: What a value must be.
        schema: The same as JSON Schema.
    """

    default: Any
    is_valid: Callable[[Any], bool]
    expected: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """One kind of fault.

    Attributes:
        name: Its name.
        stage: The stage at which it strikes.
        summary: What happens.
        settings: Its settings, by name.
    """

    name: FaultKind
    stage: Stage
    summary: str
    settings: Mapping[str, FaultSetting] = field(default_factory=dict)


def _number(default: float | None, low: float, high: float, unit: str) -> FaultSetting:
    def is_valid(value: Any) -> bool:
        return type(value) in {int, float} and low <= value <= high

    schema = {"type": "number", "minimum": low, "maximum": high}
    return FaultSetting(default, is_valid, f"{low:g} to {high:g} {unit}", schema)


def _whole(default: int | None, low: int, high: int, unit: str) -> FaultSetting:
    def is_valid(value: object) -> bool:
        return type(value) is int and low <= value <= high

    schema = {"type": "integer", "minimum": low, "maximum": high}
    return FaultSetting(default, is_valid, f"a whole number from {low} to {high}{unit}", schema)


_BODILESS = (204, 205, 304)  # a body after one of these would be taken for the next reply


def _status(value: object) -> bool:
    return type(value) is int and 200 <= value <= 599 and value not in _BODILESS


def _code(value: object) -> bool:
    return type(value) is int and value in CODES


def _text(value: object) -> bool:
    return isinstance(value, str)


_DAY = 24 * 3600.0
_REAL = 600.0
_CODE = FaultSetting(5000, _code, f"one of {', '.join(map(str, CODES))}", {"enum": [*CODES]})
_STRING = {"type": "string"}
_MESSAGE = FaultSetting(None, _text, "a string; without it the code's own text", _STRING)
_HTTP = FaultSetting(
    None,
    _status,
    "200 to 599 except 204, 205, 304; without it the code's own status",
    {"type": "integer", "minimum": 200, "maximum": 599, "not": {"enum": [*_BODILESS]}},
)
_HANGING = (
    "seconds of real time; without it 2 for the SDK, which treats a reset like its own timeout, "
    "and 60 for other clients"
)
_KEEP = _number(0.5, 0, 1, "of the body")

KINDS: Mapping[str, FaultSpec] = {
    kind.name: kind
    for kind in (
        FaultSpec(
            "latency",
            "delay",
            "the request is processed only after some seconds of real time",
            {"seconds": _number(0.05, 0, _REAL, "seconds of real time")},
        ),
        FaultSpec(
            "status",
            "before",
            "the response is an error; the request is not served",
            {
                "http": _HTTP,
                "code": _CODE,
                "message": _MESSAGE,
                "retry_after": _whole(None, 0, int(_DAY), " seconds; without it no header"),
                "body": FaultSetting(
                    None, _text, "a string that is sent instead of the envelope", _STRING
                ),
            },
        ),
        FaultSpec("reset", "before", "the connection is reset; the request is not served"),
        FaultSpec(
            "hang",
            "before",
            "no response comes, and finally the connection is reset; the request is not served",
            {"seconds": _number(None, 0, _REAL, _HANGING)},
        ),
        FaultSpec(
            "delayed-acceptance",
            "accept",
            "a create request is served some seconds later; its response is a reset, or an error",
            {
                "seconds": _number(5.0, 0, _DAY, "seconds on the mock's clock"),
                "http": _whole(None, 400, 599, "; without it the connection is reset"),
                "code": replace(_CODE, default=5002),
                "message": _MESSAGE,
            },
        ),
        FaultSpec(
            "omit-task-info",
            "reply",
            "the response to a successful create, query or list has no `task_info` (for tasks of "
            "the model-path interface: no `external_id`), and so no external id; all else is as "
            "usual",
        ),
        FaultSpec(
            "response-lost",
            "after",
            "the request is served, and the connection is reset before the response",
        ),
        FaultSpec(
            "truncated-body",
            "after",
            "the connection ends in the middle of the response's body",
            {"keep": _KEEP},
        ),
        FaultSpec(
            "malformed-body",
            "after",
            "the response's body is complete by its length, and is not JSON",
            {"keep": _KEEP},
        ),
        FaultSpec(
            "slow-body",
            "after",
            "the response's body comes in pieces, over some seconds of real time",
            {
                "seconds": _number(0.05, 0, _REAL, "seconds of real time"),
                "pieces": _whole(5, 2, 1000, ""),
            },
        ),
        FaultSpec(
            "wrong-length",
            "media",
            "a result file is announced with a wrong length",
            {"by": _whole(1000, -(10**9), 10**9, " bytes too many, below 0 too few")},
        ),
        FaultSpec("stuck", "task", "the task becomes processing, and never ends by itself"),
        FaultSpec(
            "unreachable-media",
            "task",
            "the task fails when it would have succeeded, as if its files could not be fetched",
        ),
        FaultSpec(
            "callback-duplicate",
            "report",
            "the report comes several times at once",
            {"copies": _whole(2, 2, 100, "")},
        ),
        FaultSpec(
            "callback-shuffled",
            "report",
            "all reports of the task come after its end, in another order",
        ),
        FaultSpec(
            "callback-delayed",
            "report",
            "the report comes some seconds late",
            {"seconds": _number(30.0, 0, 30 * _DAY, "seconds on the mock's clock")},
        ),
        FaultSpec("callback-dropped", "report", "the report never comes"),
        FaultSpec(
            "callback-before-create-returns",
            "report",
            "the response to the create call comes only after the task's first reports were "
            "delivered",
        ),
        FaultSpec(
            "callback-contradicting",
            "report",
            "after the report of the end comes another one that states the opposite",
            {"seconds": _number(0.0, 0, 30 * _DAY, "seconds on the mock's clock")},
        ),
        FaultSpec(
            "callback-omit-task-info",
            "report",
            "the report has no `task_info`, or no `external_id`, and so no external id; all else "
            "is as usual",
        ),
    )
}

if set(KINDS) != set(get_args(FaultKind)):  # pragma: no cover - a mistake in this file
    raise AssertionError("FaultKind and KINDS name different kinds")
