"""The calls of a library: deletion of an item, and lists whose entries are items, not tasks.

A delete is sent as often as necessary, and carried out once: the item is gone after the first one
that arrives. If the reply to that one was lost, the repeat is refused as deleted already, which
counts as success.
"""

from __future__ import annotations

from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import AlreadyDeletedError, KlingAPIError, TransportError
from kling_sdk.flows.context import Context
from kling_sdk.flows.core import RepeatedPages, exchange, note_retry, repeat
from kling_sdk.flows.effects import Flow, Sleep
from kling_sdk.flows.retry import maybe_done
from kling_sdk.results.library_items import ElementPage, elements_from
from kling_sdk.wire import Reply


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


def element_page(
    ctx: Context, record: EndpointRecord, page: int, page_size: int
) -> Flow[ElementPage]:
    """Return a page of elements from a list that has no tasks.

    Raises:
        RequestValidationError: there is no such page; nothing is sent, or opened.
    """
    wire = ctx.wire_for(record)

    def read(reply: Reply) -> ElementPage:
        data = wire.data(reply)
        if not isinstance(data, list):
            raise TransportError(f"HTTP {reply.status}: a page without a list of elements")
        more = len(data) >= page_size and page < wire.max_page
        return ElementPage(elements_from(data), page, page_size, has_next=more)

    return repeat(ctx, wire.list(record, page, page_size, None), read)
