"""`kling.account`: what an account has and was charged, sync and async, over operations."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from kling_sdk import operations
from kling_sdk.resources import call_options

if TYPE_CHECKING:
    from kling_sdk.bills import ChargePage, ResourcePack
    from kling_sdk.runner import AsyncRunner, SyncRunner

__all__ = ["AccountResource", "AsyncAccountResource"]

#: Charges on a page when no size is given; the vendor's default, and the most.
PAGE_SIZE: Final = operations.MOST_CHARGES


class AccountResource:
    """What the account of a `Kling` client has, and what it was charged. Not on a relay.

    Nothing here is charged. A reply of these calls has no check that it is about this account
    other than the connection that it comes from.
    """

    def __init__(self, runner: SyncRunner) -> None:
        self._runner = runner

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def costs(
        self,
        start: datetime | int,
        end: datetime | int,
        *,
        resource_pack_name: str | None = None,
        timeout: float | None = None,
    ) -> tuple[ResourcePack, ...]:
        """Return the resource packs; at most one call per second (vendor page).

        Args:
            start: From when, as an aware datetime or Unix milliseconds.
            end: Until when.
            resource_pack_name: Only packs of this name.
            timeout: Seconds one attempt may take; None takes the client's.
        """
        work = operations.costs(start, end, resource_pack_name)
        return self._runner.run(work, **call_options(timeout=timeout))

    def balance(
        self,
        start: datetime | int | None = None,
        end: datetime | int | None = None,
        *,
        cursor: str | None = None,
        api_key_names: Iterable[str] = (),
        page_size: int = PAGE_SIZE,
        timeout: float | None = None,
    ) -> ChargePage:
        """Return one page of what was paid from the balance: `POST /account/billing/balance`.

        Source: the vendor's page since 2026-07-06 (two copies agree); that filters are a list of
        key and values, and where `count` stands, is read off it. Beta: no call was published.

        Args:
            start: From when, as an aware datetime or Unix milliseconds; with *end*.
            end: Until when.
            cursor: `ChargePage.next_cursor` of the page before, instead of the times.
            api_key_names: Only what was called with these API keys, by their names.
            page_size: Charges on a page, 1 to 500.
            timeout: Seconds one attempt may take; None takes the client's.

        Raises:
            RequestValidationError: there are neither both times nor a cursor; the server is a
                relay.
        """
        wanted = {"api_key_name": api_key_names}
        work = operations.billing("balance", (start, end), cursor, wanted, page_size)
        return self._runner.run(work, **call_options(timeout=timeout))

    def packages(
        self,
        start: datetime | int | None = None,
        end: datetime | int | None = None,
        *,
        cursor: str | None = None,
        api_key_names: Iterable[str] = (),
        product_types: Iterable[str] = (),
        package_names: Iterable[str] = (),
        package_ids: Iterable[str] = (),
        page_size: int = PAGE_SIZE,
        timeout: float | None = None,
    ) -> ChargePage:
        """Return one page of what was paid from resource packs: `POST /account/billing/package`.

        Args:
            start: See `balance`.
            end: See `balance`.
            cursor: See `balance`.
            api_key_names: See `balance`.
            product_types: Only from packs of these types: `video`, `image`, `try-on`.
            package_names: Only from packs of these names; not together with *package_ids*.
            package_ids: Only from these packs.
            page_size: See `balance`.
            timeout: See `balance`.

        Raises:
            RequestValidationError: as `balance`; or packs are given by name and by id.
        """
        work = operations.billing(
            "package",
            (start, end),
            cursor,
            _of_packs(api_key_names, product_types, package_names, package_ids),
            page_size,
        )
        return self._runner.run(work, **call_options(timeout=timeout))


class AsyncAccountResource:
    """What the account of an `AsyncKling` client has and was charged; see `AccountResource`."""

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    async def costs(
        self,
        start: datetime | int,
        end: datetime | int,
        *,
        resource_pack_name: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
    ) -> tuple[ResourcePack, ...]:
        """Return the resource packs; see `AccountResource.costs`."""
        work = operations.costs(start, end, resource_pack_name)
        return await self._runner.run(work, **call_options(timeout=timeout))

    async def balance(
        self,
        start: datetime | int | None = None,
        end: datetime | int | None = None,
        *,
        cursor: str | None = None,
        api_key_names: Iterable[str] = (),
        page_size: int = PAGE_SIZE,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
    ) -> ChargePage:
        """Return one page of what was paid from the balance; see `AccountResource.balance`."""
        wanted = {"api_key_name": api_key_names}
        work = operations.billing("balance", (start, end), cursor, wanted, page_size)
        return await self._runner.run(work, **call_options(timeout=timeout))

    async def packages(
        self,
        start: datetime | int | None = None,
        end: datetime | int | None = None,
        *,
        cursor: str | None = None,
        api_key_names: Iterable[str] = (),
        product_types: Iterable[str] = (),
        package_names: Iterable[str] = (),
        package_ids: Iterable[str] = (),
        page_size: int = PAGE_SIZE,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
    ) -> ChargePage:
        """Return one page of what was paid from resource packs; see `AccountResource.packages`."""
        work = operations.billing(
            "package",
            (start, end),
            cursor,
            _of_packs(api_key_names, product_types, package_names, package_ids),
            page_size,
        )
        return await self._runner.run(work, **call_options(timeout=timeout))


def _of_packs(
    keys: Iterable[str], types: Iterable[str], names: Iterable[str], ids: Iterable[str]
) -> dict[str, Any]:
    return {
        "api_key_name": keys,
        "product_type": types,
        "package_name": names,
        "package_id": ids,
    }
