"""Requests without an external id: their outcome cannot be looked up, so they are sent once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.capabilities import require
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import KlingError, OutcomeUnknownError, RequestValidationError
from kling_sdk.flows.context import Context
from kling_sdk.flows.core import exchange
from kling_sdk.flows.effects import Flow
from kling_sdk.flows.interrupted import interrupted
from kling_sdk.flows.retry import maybe_done
from kling_sdk.flows.spending import Reservation, reserve
from kling_sdk.wire import Reply

T = TypeVar("T")


def makes_no_task(record: EndpointRecord) -> RequestValidationError:
    """Return the error for creating a task at an endpoint that does not make tasks."""
    return RequestValidationError(
        "request",
        f"is for {record.name}, which does not make a task",
        f"a request for an endpoint that makes tasks, or {record.takes_prepared}",
    )


def call_once(ctx: Context, request: Request) -> Flow[Any]:
    """Call an endpoint that makes no task, and return its result.

    Raises:
        RequestValidationError: the model is known not to support this; nothing was sent.
        SpendingError: the ceiling or the caller does not allow it; nothing was sent.
        KlingAPIError: the server refused.
        TransportError: the server was not reached.
        OutcomeUnknownError: it may have been carried out, and its result is lost.
    """
    if ctx.options.check and request.check:
        require(request.record, request.parameters(), ctx.warned)
    wire, returns = ctx.wire_of(request), request.record.returns
    assert returns is not None  # noqa: S101 - what makes no task says how its reply is read
    with (yield from reserve(ctx, request)) as reservation:
        return (
            yield from send_once(ctx, request, reservation, lambda reply: returns(wire.data(reply)))
        )


def send_once(
    ctx: Context,
    request: Request | RawRequest,
    reservation: Reservation,
    read: Callable[[Reply], T],
) -> Flow[T]:
    """Send a request that carries no external id: exactly once, over a connection of its own.

    Raises:
        OutcomeUnknownError: the reply is lost. The others are those of `call_once`.
    """
    call = ctx.wire_of(request).create(request, "")
    until = ctx.until(ctx.options.create_deadline)
    lost = "its outcome cannot be looked up: this endpoint does not take an external_task_id"
    reservation.note("sent")
    try:
        return (yield from exchange(ctx, call, read, until, fresh=True))
    except KlingError as error:
        if not maybe_done(error):
            reservation.note("refused")
            raise
        message = f"the request may have been carried out, but its response is lost; {lost}"
        raise OutcomeUnknownError(message, external_task_id="") from error
    except BaseException as error:
        interrupted(error, f"interrupted during a {request.endpoint} call; {lost}")
        raise
