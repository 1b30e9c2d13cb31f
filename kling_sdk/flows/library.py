"""Deletion of an item of a library: sent as often as necessary, carried out once.

A delete is safe to repeat: the item is gone after the first one that arrives. If the reply to that
one was lost, the repeat is refused as deleted already, which counts as success.
"""

from __future__ import annotations

from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import AlreadyDeletedError, KlingAPIError, TransportError
from kling_sdk.flows.context import Context
from kling_sdk.flows.core import RepeatedPages, exchange, note_retry
from kling_sdk.flows.effects import Flow, Sleep
from kling_sdk.flows.retry import maybe_done


def delete(ctx: Context, record: EndpointRecord, item_id: str) -> Flow[None]:
    """Delete an item of the account's library.

    Each attempt uses a new connection: a reply does not name the item, so the reply to an earlier
    request could be mistaken for it.

    Raises:
        RequestValidationError: the server is a relay.
        AlreadyDeletedError: it was deleted before, and not by an attempt of this call.
        KlingAPIError: the server refused.
        TransportError: no readable answer came before the deadline.
    """
    library = record.library
    assert library is not None  # noqa: S101 - only resources of libraries have the method
    wire = ctx.wire_for(record)
    call = wire.delete(library, item_id)
    until = ctx.until(ctx.options.deadline)
    pages = RepeatedPages()
    may_be_gone = False
    attempt = 1
    while True:
        try:
            yield from exchange(ctx, call, wire.data, until, attempt, fresh=True)
        except AlreadyDeletedError:
            if not may_be_gone:
                raise
            return
        except (KlingAPIError, TransportError) as error:
            may_be_gone = may_be_gone or maybe_done(error)
            pages.note(error)
            pause = ctx.policy.pause(error, attempt, until - ctx.monotonic())
            if pause is None or pages.are_all_the_same:
                raise
            note_retry(ctx, call, attempt, pause, error)
            yield Sleep(pause)
            if ctx.cancelled():
                raise
        else:
            return
        attempt += 1
