"""`kling.voices` and `kling.elements`: the presets of a library, and deletion, sync and async."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial

import attrs

from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import RequestValidationError
from kling_sdk.flows import Operation
from kling_sdk.library_items import Element, Voice
from kling_sdk.resources import (
    PAGE_SIZE,
    AsyncTaskResource,
    TaskResource,
    page_operation,
    read_options,
)
from kling_sdk.results import Page, Task
from kling_sdk.scalars import text


class LibraryResource(TaskResource):
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


class AsyncLibraryResource(AsyncTaskResource):
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

    async def delete(
        self,
        item: Voice | Element | int | str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
    ) -> None:
        """Delete one of your own items for good; see `LibraryResource.delete`."""
        return await self._runner.run(_delete(self.record, item), **read_options(timeout))


def _presets(record: EndpointRecord, page_size: int, page: int) -> Operation[Page]:
    assert record.library is not None  # noqa: S101 - only resources of libraries have the method
    place = attrs.evolve(record, path=record.library.presets)
    return page_operation(place, page, page_size, name="presets")


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
