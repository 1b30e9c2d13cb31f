"""The runner of a client's flows, which performs an operation over the client's transport."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from kling_sdk.client.settings import ClientSettings
from kling_sdk.flows import Context, Flow, Operation
from kling_sdk.hooks import PendingHooks, check_hook
from kling_sdk.results.task import Page
from kling_sdk.transports import arun, astream, run, stream

if TYPE_CHECKING:
    from kling_sdk.client.tracing import Traced
    from kling_sdk.results.library_items import ElementPage

P = TypeVar("P", Page, "ElementPage")
R = TypeVar("R")
T = TypeVar("T")

#: Runs a flow, or streams it.
_Loop = Callable[[Flow[T], Any, Any, Any], R]


class _Runner:
    """The runner of a client's flows, which opens its transport on first use."""

    def __init__(self, settings: ClientSettings, open_transport: Callable[[], Any]) -> None:
        self.settings = settings
        self.open_transport = open_transport

    def _changed(self, options: dict[str, Any]) -> Context:
        ctx = self.settings.ctx
        return attrs.evolve(ctx, options=ctx.options.changed(options))

    def _traced(self, ctx: Context, operation: Operation[Any]) -> Traced | None:
        # A program that has not loaded the API has nowhere to send spans, and is not made to load
        # it.
        if not ctx.options.trace or "opentelemetry.trace" not in sys.modules:
            return None
        from kling_sdk.client.tracing import Traced

        return Traced(ctx, operation, self.settings.base_url)


class SyncRunner(_Runner):
    """Runs flows for a `Kling`."""

    def __init__(self, settings: ClientSettings, open_transport: Callable[[], Any]) -> None:
        super().__init__(settings, open_transport)
        check_hook("on_update", settings.ctx.options.on_update)
        check_hook("on_event", settings.ctx.options.on_event)
        check_hook("confirm", settings.ctx.options.confirm)

    def _changed(self, options: dict[str, Any]) -> Context:
        check_hook("on_update", options.get("on_update"))
        return super()._changed(options)

    def run(self, operation: Operation[T], **options: Any) -> T:
        """Run an operation with some options changed."""
        ctx = self._changed(options) if options else self.settings.ctx
        if (traced := self._traced(ctx, operation)) is None:
            return self._play(run, operation, ctx)
        with traced.call() as span:
            return span.noted(self._play(run, operation, span.ctx))

    def pages(self, page_behind: Callable[[P | None], Operation[P]]) -> Iterator[Any]:
        """Yield what all pages list; *page_behind* reads the first one, and each next one."""
        page: P | None = None
        while page is None or page.has_next:
            page = self.run(page_behind(page))
            yield from page

    def _play(self, loop: _Loop[T, R], operation: Operation[T], ctx: Context) -> R:
        flow, settings = operation.start(ctx), self.settings
        return loop(flow, self.open_transport(), settings.clock, settings.ctx.options.cancel)

    def stream(self, operation: Operation[None], **options: Any) -> Iterator[Any]:
        """Run an operation that hands out items."""
        ctx = self._changed(options) if options else self.settings.ctx
        if (traced := self._traced(ctx, operation)) is None:
            return self._play(stream, operation, ctx)
        return traced.stream(lambda ctx: self._play(stream, operation, ctx))


class AsyncRunner(_Runner):
    """Runs flows for an `AsyncKling`."""

    def _context(self, options: dict[str, Any]) -> Context:
        ctx = self._changed(options) if options else self.settings.ctx
        if ctx.options.on_update is None and ctx.options.on_event is None:
            return ctx
        return attrs.evolve(ctx, pending=PendingHooks())

    async def run(self, operation: Operation[T], **options: Any) -> T:
        """Run an operation with some options changed."""
        ctx = self._context(options)
        if (traced := self._traced(ctx, operation)) is None:
            return await self._play(arun, operation, ctx)
        with traced.call() as span:
            return span.noted(await self._play(arun, operation, span.ctx))

    async def pages(self, page_behind: Callable[[P | None], Operation[P]]) -> AsyncIterator[Any]:
        """Yield what all pages list; see `SyncRunner.pages`."""
        page: P | None = None
        while page is None or page.has_next:
            page = await self.run(page_behind(page))
            for row in page:
                yield row

    def _play(self, loop: _Loop[T, R], operation: Operation[T], ctx: Context) -> R:
        transport, clock = self.open_transport(), self.settings.clock
        return loop(operation.start(ctx), transport, clock, ctx.pending)

    def stream(self, operation: Operation[None], **options: Any) -> AsyncIterator[Any]:
        """Run an operation that hands out items."""
        ctx = self._context(options)
        if (traced := self._traced(ctx, operation)) is None:
            return self._play(astream, operation, ctx)
        return traced.astream(lambda ctx: self._play(astream, operation, ctx))
