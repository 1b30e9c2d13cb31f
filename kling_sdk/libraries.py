"""`kling.voices` and `kling.elements`: what a library has beside its tasks, sync and async."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from kling_sdk import operations
from kling_sdk.library_items import Element, Voice
from kling_sdk.resources import PAGE_SIZE, AsyncTaskResource, TaskResource, call_options
from kling_sdk.results import Page, Task

__all__ = ["AsyncLibraryResource", "LibraryResource"]


class LibraryResource(TaskResource):
    """One endpoint of a `Kling` client whose results stay in a library of the account.

    Those of your own are the results of its tasks: `list` and `iter` show them. A relay serves no
    libraries.
    """

    def presets(
        self, *, page: int = 1, page_size: int = PAGE_SIZE, timeout: float | None = None
    ) -> Page:
        """Return one page of the vendor's own items, as the results of tasks that anybody has.

        Args:
            page: Number of the page, 1 to 1000.
            page_size: Tasks per page, 1 to 500 (voices: 1 to 1000).
            timeout: Seconds one attempt may take; None takes the client's.
        """
        work = operations.presets(self.record, page, page_size)
        return self._runner.run(work, **call_options(timeout=timeout))

    def iter_presets(self, *, page_size: int = PAGE_SIZE) -> Iterator[Task]:
        """Yield all of the vendor's own items, page by page; see `presets`."""
        page = self.presets(page_size=page_size)
        yield from page
        while page.has_next:
            page = self.presets(page=page.page + 1, page_size=page_size)
            yield from page

    def delete(self, item: Voice | Element | int | str, *, timeout: float | None = None) -> None:
        """Delete one of your own items for good. Its task stays.

        It is repeated until it is answered: after a lost answer "already deleted" is the success
        of an earlier attempt.

        Args:
            item: The voice or element, or its id; not the id of its task.
            timeout: Seconds one attempt may take; None takes the client's.

        Raises:
            RequestValidationError: it is no id of an item.
            AlreadyDeletedError: it was deleted before this call.
            InvalidRequestError: the account has no such item.
            TransportError: no answer came. The item may be gone; the call may be made again.
        """
        work = operations.delete(self.record, item)
        return self._runner.run(work, **call_options(timeout=timeout))


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
        work = operations.presets(self.record, page, page_size)
        return await self._runner.run(work, **call_options(timeout=timeout))

    async def iter_presets(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[Task]:
        """Yield all of the vendor's own items, page by page; see `LibraryResource.presets`."""
        page = await self.presets(page_size=page_size)
        for task in page:
            yield task
        while page.has_next:
            page = await self.presets(page=page.page + 1, page_size=page_size)
            for task in page:
                yield task

    async def delete(
        self,
        item: Voice | Element | int | str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
    ) -> None:
        """Delete one of your own items for good; see `LibraryResource.delete`."""
        work = operations.delete(self.record, item)
        return await self._runner.run(work, **call_options(timeout=timeout))
