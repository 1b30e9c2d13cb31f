"""An account's resource packs and deductions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from kling_sdk.text.scalars import decimal, instant, object_of, objects_of, text


@attrs.frozen
class ResourcePack:
    """Units bought in advance.

    Attributes:
        name: The pack's name.
        id: The pack's id.
        type: `decreasing_total` or `constant_period`.
        status: `toBeOnline`, `online`, `expired`, `runOut`, or a new word.
        total: Units bought, or None when the response does not say.
        remaining: Units left, about 12 hours behind (vendor page).
        effective_at: From when it can be used, aware UTC.
        invalid_at: When it expires, aware UTC.
        raw: The object as received.
    """

    name: str
    id: str
    type: str
    status: str
    total: Decimal | None
    remaining: Decimal | None
    effective_at: datetime | None
    invalid_at: datetime | None
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)


@attrs.frozen
class Charge:
    """One deduction, as the vendor's bill has it.

    Attributes:
        task_id: The task that was charged; "" when the response does not say.
        deducted_at: When it was deducted, aware UTC, or None when unknown.
        product: The vendor's name of the product.
        model: The model, "" without one.
        api_key_name: The name of the API key that the call was made with.
        units: From a pack: the units that were deducted; else None.
        package_id: From a pack: which one; else "".
        product_type: From a pack: `video`, `image`, `try-on`, or a new word; else "".
        units_before: From a pack: units in it before; else None.
        units_after: From a pack: units in it after that; else None.
        amount: From the balance: the money that was deducted; else None. No currency is stated.
        cash_type: From the balance: `balance`, `test_balance`, or a new word; else "".
        raw: The object as received, with resolution, duration, sound and what is new.
    """

    task_id: str
    deducted_at: datetime | None = None
    product: str = ""
    model: str = ""
    api_key_name: str = ""
    units: Decimal | None = None
    package_id: str = ""
    product_type: str = ""
    units_before: Decimal | None = None
    units_after: Decimal | None = None
    amount: Decimal | None = None
    cash_type: str = ""
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)


@attrs.frozen
class ChargePage:
    """One page of deductions. The vendor documents no order.

    Attributes:
        charges: The deductions.
        next_cursor: The cursor that requests the next page; "" when the response does not say.
        has_next: Whether another page may follow.
    """

    charges: tuple[Charge, ...] = ()
    next_cursor: str = ""
    has_next: bool = False

    def __iter__(self) -> Iterator[Charge]:
        return iter(self.charges)

    def __len__(self) -> int:
        return len(self.charges)


def packs_from(data: object) -> tuple[ResourcePack, ...]:
    """Return the resource packs in the `data` of `/account/costs`, which wraps them twice."""
    return tuple(
        ResourcePack(
            name=text(item.get("resource_pack_name")),
            id=text(item.get("resource_pack_id")),
            type=text(item.get("resource_pack_type")),
            status=text(item.get("status")),
            total=decimal(item.get("total_quantity")),
            remaining=decimal(item.get("remaining_quantity")),
            effective_at=instant(item.get("effective_time")),
            invalid_at=instant(item.get("invalid_time")),
            raw=item,
        )
        for item in objects_of(object_of(data).get("resource_pack_subscribe_infos"))
    )


def charges_from(data: object) -> ChargePage:
    """Return the page of deductions in the `data` of `/account/billing`.

    `count`, `next_cursor` and `has_more` are read beside `result` or inside it: the vendor's page
    does not show where they stand.
    """
    outer = object_of(data)
    inner = object_of(outer.get("result"))
    more = {**inner, **outer}
    return ChargePage(
        tuple(
            Charge(
                task_id=text(item.get("task_id")),
                deducted_at=instant(item.get("deduction_time")),
                product=text(item.get("product_function")),
                model=text(item.get("model_name")),
                api_key_name=text(item.get("api_key_name")),
                units=decimal(item.get("deduction")),
                package_id=text(item.get("package_id")),
                product_type=text(item.get("product_type")),
                units_before=decimal(item.get("unit_before")),
                units_after=decimal(item.get("unit_after")),
                amount=decimal(item.get("deduction_amount")),
                cash_type=text(item.get("cash_type")),
                raw=item,
            )
            for item in objects_of(inner.get("detail"))
        ),
        next_cursor=text(more.get("next_cursor")),
        has_next=more.get("has_more") is True,
    )
