"""`kling.account`: an account's resource packs and charges, sync and async."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Literal

from kling_sdk.client.operations import check_whole, milliseconds, read_options
from kling_sdk.client.resources import Held
from kling_sdk.client.runner import AsyncRunner, SyncRunner
from kling_sdk.errors import RequestValidationError
from kling_sdk.flows import Context, Flow, Operation, repeat
from kling_sdk.results.bills import ChargePage, ResourcePack, charges_from, packs_from
from kling_sdk.wire.v1 import checked_id

#: Charges on a page when no size is given; the vendor's default and maximum (vendor page).
PAGE_SIZE: Final = 500


class AccountResource(Held):
    """Resource packs and charges of a `Kling` client's account. Not available on a relay.

    These calls are free of charge. A response does not name the account: only its
    connection shows that it is about this one.
    """

    _runner: SyncRunner

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
            timeout: Seconds it may take, with all its repeats; None takes the client's `timeout`
                for an attempt, and its `deadline`.
        """
        return self._runner.run(_costs(start, end, resource_pack_name), **read_options(timeout))

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
        """Return one page of charges paid from the balance: `POST /account/billing/balance`.

        Source: the vendor's page since 2026-07-06 (two copies agree); the form of filters (a list
        of key and values) and the position of `count` are read off it. Beta: no call was published.

        Args:
            start: From when, as an aware datetime or Unix milliseconds; with *end*.
            end: Until when.
            cursor: `ChargePage.next_cursor` of the page before, instead of the times.
            api_key_names: Only charges for calls made with these API keys, given by name.
            page_size: Charges on a page, 1 to 500.
            timeout: Seconds it may take, with all its repeats; None takes the client's `timeout`
                for an attempt, and its `deadline`.

        Raises:
            RequestValidationError: neither both times nor a cursor are given, or the server is a
                relay.
        """
        filters = {"api_key_name": api_key_names}
        operation = _billing("balance", (start, end), cursor, filters, page_size)
        return self._runner.run(operation, **read_options(timeout))

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
        """Return one page of charges paid from resource packs: `POST /account/billing/package`.

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
            RequestValidationError: as `balance`; or packs are given both by name and by id.
        """
        filters = _of_packs(api_key_names, product_types, package_names, package_ids)
        operation = _billing("package", (start, end), cursor, filters, page_size)
        return self._runner.run(operation, **read_options(timeout))


class AsyncAccountResource(Held):
    """Resource packs and charges of an `AsyncKling` client's account; see `AccountResource`."""

    _runner: AsyncRunner

    async def costs(
        self,
        start: datetime | int,
        end: datetime | int,
        *,
        resource_pack_name: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
    ) -> tuple[ResourcePack, ...]:
        """Return the resource packs; see `AccountResource.costs`."""
        operation = _costs(start, end, resource_pack_name)
        return await self._runner.run(operation, **read_options(timeout))

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
        """Return one page of charges paid from the balance; see `AccountResource.balance`."""
        filters = {"api_key_name": api_key_names}
        operation = _billing("balance", (start, end), cursor, filters, page_size)
        return await self._runner.run(operation, **read_options(timeout))

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
        """Return one page of charges paid from packs; see `AccountResource.packages`."""
        filters = _of_packs(api_key_names, product_types, package_names, package_ids)
        operation = _billing("package", (start, end), cursor, filters, page_size)
        return await self._runner.run(operation, **read_options(timeout))


def _of_packs(
    keys: Iterable[str], types: Iterable[str], names: Iterable[str], ids: Iterable[str]
) -> dict[str, Any]:
    return {
        "api_key_name": keys,
        "product_type": types,
        "package_name": names,
        "package_id": ids,
    }


def _costs(
    start: datetime | int, end: datetime | int, pack_name: str | None
) -> Operation[tuple[ResourcePack, ...]]:
    def flow(ctx: Context) -> Flow[tuple[ResourcePack, ...]]:
        if pack_name is not None:
            checked_id(pack_name, "resource_pack_name")
        call = ctx.wire.account_costs(milliseconds(start), milliseconds(end), pack_name)
        return repeat(ctx, call, lambda reply: packs_from(ctx.wire.data(reply)))

    return Operation("account.costs", flow)


def _billing(
    kind: Literal["balance", "package"],
    times: tuple[datetime | int | None, datetime | int | None],
    cursor: str | None,
    filters: Mapping[str, Iterable[str]],
    page_size: int,
) -> Operation[ChargePage]:
    name = f"account.{'packages' if kind == 'package' else kind}"
    chosen = {
        key: values
        for key, choice in filters.items()
        if (values := [choice] if isinstance(choice, str) else [*choice])
    }
    if {"package_name", "package_id"} <= chosen.keys():
        raise RequestValidationError("package_names", "are given with package_ids", "one of them")
    check_whole("page_size", page_size)
    if not 1 <= page_size <= PAGE_SIZE:
        raise RequestValidationError("page_size", f"is {page_size}", f"1 to {PAGE_SIZE}")
    body: dict[str, Any] = {"limit": page_size}
    if chosen:
        body["filters"] = [{"key": key, "values": values} for key, values in chosen.items()]
    start, end = times
    if cursor:
        body["cursor"] = cursor
    elif start is not None and end is not None:
        body |= {"start_time": milliseconds(start), "end_time": milliseconds(end)}
    else:
        raise RequestValidationError("start", "and end are not both given", "both, or a cursor")

    def flow(ctx: Context) -> Flow[ChargePage]:
        # It only reads, so it may be repeated.
        call = ctx.wire.billing(kind, body)
        return repeat(ctx, call, lambda reply: charges_from(ctx.wire.data(reply)))

    return Operation(name, flow)
