"""`kling.voices`, `kling.elements` and `kling.legacy_elements`: the calls of libraries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from kling_sdk.client.calls import AsyncOnceResource, OnceResource
from kling_sdk.client.operations import (
    PAGE_SIZE,
    check_whole,
    page_operation,
    read_options,
    request_operation,
)
from kling_sdk.client.resources import AsyncTaskResource, TaskResource, aside
from kling_sdk.client.runner import AsyncRunner, SyncRunner
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import RequestValidationError
from kling_sdk.flows import Operation
from kling_sdk.results.library_items import Element, ElementPage, Voice
from kling_sdk.results.task import Page, Task
from kling_sdk.text.hidden import hide
from kling_sdk.text.scalars import text


class _Deleting:
    """The method of a `Kling` client's library that deletes."""

    record: EndpointRecord
    _runner: SyncRunner

    def delete(self, item: Voice | Element | int | str, *, timeout: float | None = None) -> None:
        """Delete one of your own items for good. Its task stays.

        The call is repeated until a response comes: after a lost response, "already deleted" means
        that an earlier attempt succeeded.

        Args:
            item: The voice or element, or its id; not the id of its task.
            timeout: Seconds it may take, with all its repeats; None takes the client's `timeout`
                for an attempt, and its `deadline`.

        Raises:
            RequestValidationError: it is not the id of an item.
            AlreadyDeletedError: it was deleted before this call.
            InvalidRequestError: the account has no such item.
            TransportError: no response came. The item may be gone; the call can be made again.
        """
        return self._runner.run(_delete(self.record, item), **read_options(timeout))


class _AsyncDeleting:
    """The method of an `AsyncKling` client's library that deletes."""

    record: EndpointRecord
    _runner: AsyncRunner

    async def delete(
        self,
        item: Voice | Element | int | str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
    ) -> None:
        """Delete one of your own items for good; see `LibraryResource.delete`."""
        return await self._runner.run(_delete(self.record, item), **read_options(timeout))


class LibraryResource(_Deleting, TaskResource):
    """One endpoint of a `Kling` client whose results stay in a library of the account.

    Your own items are the results of its tasks: `list` and `iter` show them. A relay does not serve
    libraries.
    """

    def presets(
        self, *, page: int = 1, page_size: int = PAGE_SIZE, timeout: float | None = None
    ) -> Page:
        """Return one page of the vendor's own items, as results of tasks that all accounts have.

        Args:
            page: Number of the page, 1 to 1000.
            page_size: Tasks per page, 1 to 500 (voices: 1 to 1000).
            timeout: Seconds it may take, with all its repeats; None takes the client's `timeout`
                for an attempt, and its `deadline`.
        """
        return self._runner.run(_presets(self.record, page_size, page), **read_options(timeout))

    def iter_presets(self, *, page_size: int = PAGE_SIZE) -> Iterator[Task]:
        """Yield all of the vendor's own items, page by page; see `presets`."""
        return self._runner.pages(partial(_presets_behind, self.record, page_size))


class AsyncLibraryResource(_AsyncDeleting, AsyncTaskResource):
    """One endpoint of an `AsyncKling` client with a library; see `LibraryResource`."""

    async def presets(
        self,
        *,
        page: int = 1,
        page_size: int = PAGE_SIZE,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
    ) -> Page:
        """Return one page of the vendor's own items; see `LibraryResource.presets`."""
        operation = _presets(self.record, page_size, page)
        return await self._runner.run(operation, **read_options(timeout))

    def iter_presets(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[Task]:
        """Yield all of the vendor's own items, page by page; see `LibraryResource.presets`."""
        return self._runner.pages(partial(_presets_behind, self.record, page_size))


class ElementLibraryResource(_Deleting, OnceResource):
    """The older library of elements of a `Kling` client, whose calls answer without a task.

    A create is sent once; if its response is lost, `list` shows whether the element is there. A
    relay does not serve libraries.
    """

    _runner: SyncRunner

    if not TYPE_CHECKING:  # its own signature is in `kling_sdk.client.signatures`

        def create(self, *args: Any, **parameters: Any) -> Element:
            """Make an element, and return it."""
            from kling_sdk.flows.send_once import call_once

            request, options = self._prepared("create", args := args and hide(args), parameters)
            return self._runner.run(request_operation("create", call_once, request), **options)

    def list(
        self, *, page: int = 1, page_size: int = PAGE_SIZE, timeout: float | None = None
    ) -> ElementPage:
        """Return one page of your own elements.

        Args:
            page: Number of the page, 1 to 1000.
            page_size: Elements per page, 1 to 500.
            timeout: Seconds it may take, with all its repeats; None takes the client's `timeout`
                for an attempt, and its `deadline`.
        """
        operation = _elements("list", self.record, page_size, page)
        return self._runner.run(operation, **read_options(timeout))

    def iter(self, *, page_size: int = PAGE_SIZE) -> Iterator[Element]:
        """Yield all of your own elements, page by page."""
        return self._runner.pages(partial(_elements_behind, "list", self.record, page_size))

    def presets(
        self, *, page: int = 1, page_size: int = PAGE_SIZE, timeout: float | None = None
    ) -> ElementPage:
        """Return one page of the vendor's own elements; see `list`."""
        operation = _elements("presets", self.record, page_size, page)
        return self._runner.run(operation, **read_options(timeout))

    def iter_presets(self, *, page_size: int = PAGE_SIZE) -> Iterator[Element]:
        """Yield all of the vendor's own elements, page by page."""
        return self._runner.pages(partial(_elements_behind, "presets", self.record, page_size))


class AsyncElementLibraryResource(_AsyncDeleting, AsyncOnceResource):
    """The older library of elements of an `AsyncKling` client; see `ElementLibraryResource`."""

    _runner: AsyncRunner

    if not TYPE_CHECKING:

        async def create(self, *args: Any, **parameters: Any) -> Element:
            """Make an element, and return it."""
            from kling_sdk.flows.send_once import call_once

            request, options = await aside(self, "create", args := args and hide(args), parameters)
            operation = request_operation("create", call_once, request)
            return await self._runner.run(operation, **options)

    async def list(
        self,
        *,
        page: int = 1,
        page_size: int = PAGE_SIZE,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
    ) -> ElementPage:
        """Return one page of your own elements; see `ElementLibraryResource.list`."""
        operation = _elements("list", self.record, page_size, page)
        return await self._runner.run(operation, **read_options(timeout))

    def iter(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[Element]:
        """Yield all of your own elements, page by page."""
        return self._runner.pages(partial(_elements_behind, "list", self.record, page_size))

    async def presets(
        self,
        *,
        page: int = 1,
        page_size: int = PAGE_SIZE,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
    ) -> ElementPage:
        """Return one page of the vendor's own elements; see `ElementLibraryResource.list`."""
        operation = _elements("presets", self.record, page_size, page)
        return await self._runner.run(operation, **read_options(timeout))

    def iter_presets(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[Element]:
        """Yield all of the vendor's own elements, page by page."""
        return self._runner.pages(partial(_elements_behind, "presets", self.record, page_size))


def _presets_place(record: EndpointRecord) -> EndpointRecord:
    """Return where a library lists the vendor's own items."""
    assert record.library is not None  # noqa: S101 - only resources of libraries ask
    return attrs.evolve(record, path=record.library.presets)


def _elements(
    name: str, record: EndpointRecord, page_size: int, page: int
) -> Operation[ElementPage]:
    from kling_sdk.flows.library import element_page

    check_whole("page", page)
    check_whole("page_size", page_size)
    place = _presets_place(record) if name == "presets" else record
    start = partial(element_page, record=place, page=page, page_size=page_size)
    return Operation(name, start, record.name)


def _elements_behind(
    name: str, record: EndpointRecord, page_size: int, page: ElementPage | None
) -> Operation[ElementPage]:
    return _elements(name, record, page_size, 1 if page is None else page.page + 1)


def _presets(record: EndpointRecord, page_size: int, page: int) -> Operation[Page]:
    return page_operation(_presets_place(record), page, page_size, name="presets")


def _presets_behind(record: EndpointRecord, page_size: int, page: Page | None) -> Operation[Page]:
    return _presets(record, page_size, 1 if page is None else page.page + 1)


def _delete(record: EndpointRecord, item: Voice | Element | int | str) -> Operation[None]:
    from kling_sdk.flows.library import delete  # most programs delete nothing

    item_id: object = item  # a caller may not run a type checker
    if isinstance(item_id, Voice | Element):
        item_id = item_id.voice_id if isinstance(item_id, Voice) else item_id.element_id
    assert record.library is not None  # noqa: S101 - as above
    if not isinstance(item_id, str | int) or not text(item_id).strip():
        raise RequestValidationError(
            record.library.id_field, f"is a {type(item).__name__}", "an item, or its id"
        )
    return Operation("delete", partial(delete, record=record, item_id=text(item_id)), record.name)
