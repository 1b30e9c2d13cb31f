"""The clock, and the reset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.admin.context import AdminContext
from kling_mock.clock import MockClock, Timer
from kling_mock.controls.loop_proxy import CALLBACKS_TIMEOUT
from kling_mock.kling.callbacks.log import Delivery
from kling_mock.kling.model.tasks import EmulatedTask
from kling_mock.web.errors import ApiError
from kling_mock.web.json_schema import EVERY, closed, encode, integer, number, optional, text
from kling_mock.web.operations import ApiCall, Parameters

_MAX_SECONDS = 10 * 365 * 24 * 3600  # seconds

# The action of a timer, by the name of its function.
_DUE: Mapping[str, str] = {
    "_start": "start",
    "end": "end",
    "_send": "callback",
    "_retry": "callback",
}
NEXT = closed(
    at=number(about="Unix seconds."),
    what=text(
        "For a task its `start`, its `end` or a `callback`; otherwise `other`.",
        enum=("start", "end", "callback", "other"),
    ),
    task_id=text("The task; empty for `other`."),
)
CLOCK = closed(
    now=number(about="Unix seconds."),
    kind=text(enum=("manual", "scaled", "real")),
    speed=optional(
        number(0, about="Seconds that pass on it in one real second; null if it stands still.")
    ),
    next=optional(NEXT),
)


def show_due(timer: Timer) -> dict[str, Any]:
    """Return the view of a timer."""
    name, arguments = timer.work
    subject = arguments[0] if arguments else None
    if name not in _DUE or not isinstance(subject, EmulatedTask | Delivery):
        return {"at": timer.when, "what": "other", "task_id": ""}
    return {"at": timer.when, "what": _DUE[name], "task_id": subject.task_id}


def show_clock(clock: MockClock) -> dict[str, Any]:
    """Return the view of the clock."""
    due = clock.next_due
    following = None if due is None else show_due(due)
    return encode(CLOCK, clock, now=clock.now(), next=following)


def read_clock(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Return the time."""
    return show_clock(context.clock)


async def advance_clock(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Move the clock; return when all that came due is done."""
    clock = context.clock
    if clock.speed is not None:
        raise _conflict("This clock runs by itself; only a manual one can be advanced.")
    await clock.aadvance(parameters["seconds"])
    return show_clock(clock)


def set_clock_speed(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Let a scaled clock run at another speed."""
    try:
        context.clock.speed = parameters["speed"]
    except RuntimeError as error:
        raise _conflict(str(error)) from None
    return show_clock(context.clock)


async def reset(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Forget everything."""
    await context.clock.drain(CALLBACKS_TIMEOUT)
    context.reset(parameters.get("seed"))
    return show_clock(context.clock)


def _conflict(message: str) -> ApiError:
    return ApiError(409, "other_clock", message)


CALLS: tuple[ApiCall[AdminContext], ...] = (
    ApiCall(
        "POST",
        "/reset",
        reset,
        "Forget everything: all state and the clock are as on a new server; keys and address stay",
        CLOCK,
        closed(
            EVERY,
            seed=integer(
                0, 2**63 - 1, "Determines ids, times and faults; default: the present one."
            ),
        ),
        examples={"seeded": {"seed": 7}},
    ),
    ApiCall("GET", "/clock", read_clock, "Read the clock", CLOCK),
    ApiCall(
        "POST",
        "/clock/advance",
        advance_clock,
        "Move a manual clock; responds when all that came due is done, including callbacks",
        CLOCK,
        closed(seconds=number(0, _MAX_SECONDS, "Seconds to move forward; 0 runs what is due now.")),
        errors={409: "The clock runs by itself."},
        examples={"minute": {"seconds": 60}},
    ),
    ApiCall(
        "PATCH",
        "/clock",
        set_clock_speed,
        "Let a scaled clock run at another speed",
        CLOCK,
        closed(speed=number(None, 1e9, "Seconds that pass on it in one real second.", above=0)),
        errors={409: "The clock is not a scaled one."},
        examples={"fast": {"speed": 600}},
    ),
)
