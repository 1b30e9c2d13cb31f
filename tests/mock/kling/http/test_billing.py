"""`/account/billing`: what an account was charged, from its packs or from its balance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.admission import Purchase
from kling_mock.kling.model.charges import KEPT, charges_of
from kling_mock.kling.model.packs import Pack
from kling_sdk import Charge, InvalidRequestError, Kling

ALL = (0, 10**13)
URL = "https://example.com/a.mp4"


@pytest.fixture
def kling(mock: KlingMock) -> Iterator[Kling]:
    with mock.client() as kling:
        yield kling


def bought(mock: KlingMock, kling: Kling, **fields: Any) -> str:
    """Make a video for 1.5 units; return the task's id."""
    task = kling.text2video.create(prompt="a kitten", **fields)
    mock.complete(task)
    return task.task_id


def amounts(charges: Any) -> list[tuple[str, Decimal | None]]:
    return [(charge.task_id, charge.units or charge.amount) for charge in charges]


def test_without_packs_the_balance_pays(mock: KlingMock, kling: Kling) -> None:
    """It pays in dollars, by the price of a unit; a call without a task has no task id."""
    mock.clock.advance(3)
    task_id = bought(mock, kling)
    kling.identify_face.call(video_url=URL)
    mock.clock.advance(1)
    later = kling.image_generation.create(prompt="a cat", n=2)
    mock.complete(later)

    page = kling.account.balance(*ALL)
    assert amounts(page) == [
        (later.task_id, Decimal("0.056")),
        ("", Decimal("0.007")),
        (task_id, Decimal("0.21")),
    ]
    last = page.charges[-1]
    assert (last.cash_type, last.product, last.model) == ("balance", "text2video", "kling-v2-6")
    assert (last.raw["duration"], last.raw["resolution"]) == ("5", "720p")
    assert page.charges[0].deducted_at is not None
    assert last.deducted_at is not None
    assert last.deducted_at < page.charges[0].deducted_at
    assert kling.account.packages(*ALL).charges == ()


def test_packs_pay_and_the_bill_agrees_with_them(mock: KlingMock, kling: Kling) -> None:
    """A pack that runs out and the next one have a deduction each; a failed task has none."""
    mock.account.add_pack(2, name="small", lasts=1000)
    mock.account.add_pack(10, name="large", lasts=2000)
    first, second = bought(mock, kling), bought(mock, kling)
    failed = kling.text2video.create(prompt="a kitten")
    mock.fail(failed, 1301)

    page = kling.account.packages(*ALL)
    assert [
        (charge.task_id, charge.units_before, charge.units_after, charge.units) for charge in page
    ] == [
        (second, Decimal(10), Decimal(9), Decimal(1)),
        (second, Decimal("0.5"), Decimal(0), Decimal("0.5")),
        (first, Decimal(2), Decimal("0.5"), Decimal("1.5")),
    ]
    packs = kling.account.costs(*ALL)
    assert {charge.package_id for charge in page} == {pack.id for pack in packs}
    assert sum(pack.remaining or 0 for pack in packs) == 9
    assert kling.account.balance(*ALL).charges == ()


def test_pages_go_on_where_the_last_one_ended(mock: KlingMock, kling: Kling) -> None:
    """The cursor stands for the times, also when something was bought meanwhile."""
    mine = [bought(mock, kling) for _ in range(5)]
    charges: list[Charge] = []
    page = kling.account.balance(*ALL, page_size=2)
    while True:
        charges += page
        if not page.has_next:
            break
        bought(mock, kling)
        page = kling.account.balance(cursor=page.next_cursor, page_size=2)
    assert [charge.task_id for charge in charges] == mine[::-1]


def test_times_choose(mock: KlingMock, kling: Kling) -> None:
    """Both ends belong to the range."""
    bought(mock, kling)
    mock.clock.advance(60)
    task_id = bought(mock, kling)
    at = round(mock.clock.now() * 1000)
    assert amounts(kling.account.balance(at, at)) == [(task_id, Decimal("0.21"))]
    assert amounts(kling.account.balance(at + 1, at + 2)) == []


def test_filters_choose(mock: KlingMock, kling: Kling) -> None:
    """Values of one filter are alternatives, filters hold together."""
    mock.account.add_pack(100, name="clips")
    mock.account.add_pack(100, name="pictures", type="image")
    video = bought(mock, kling)
    picture = kling.image_generation.create(prompt="a cat")
    mock.complete(picture)
    bill = kling.account.packages

    def ids(**filters: Any) -> list[str]:
        return [charge.task_id for charge in bill(*ALL, **filters)]

    assert ids(product_types=["image"]) == [picture.task_id]
    assert ids(product_types=["image", "video"]) == [picture.task_id, video]
    assert ids(package_names=["clips"]) == [video]
    assert ids(package_names=["clips"], product_types=["image"]) == []
    assert ids(api_key_names=["another"]) == []
    (pack,) = {charge.package_id for charge in bill(*ALL, package_names=["pictures"])}
    assert ids(package_ids=[pack]) == [picture.task_id]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "start_time: required without cursor"),
        ({"start_time": 1}, "end_time: required without cursor"),
        ({"cursor": "x"}, "cursor value 'x' is invalid"),
        ({"start_time": 1, "end_time": 2, "limit": 501}, "limit"),
        (
            {
                "start_time": 1,
                "end_time": 2,
                "filters": [
                    {"key": "package_name", "values": ["a"]},
                    {"key": "package_id", "values": ["b"]},
                ],
            },
            "package_name or package_id, not both",
        ),
    ],
)
def test_a_bad_query_is_refused(
    mock: KlingMock, kling: Kling, body: dict[str, Any], message: str
) -> None:
    """400/1201; the client's error leaves out what the body says, the reply has it."""
    with pytest.raises(InvalidRequestError):
        kling.request("POST", "/account/billing/package", json=body)
    assert message in json.loads(mock.journal[-1].response)["message"]


def test_each_pack_that_pays_a_part_is_a_deduction() -> None:
    """All of an account are numbered, from 1."""
    packs = [Pack(name, name, Decimal(1), Decimal(1), None, 0.0, 0.0) for name in ("a", "b", "c")]
    account = Account("mine", [], [], packs=packs)
    account.charge(Purchase("identify-face", "", Decimal("1.5")), 1.0)
    account.charge(Purchase("identify-face", "", Decimal("0.5")), 1.0)
    charges = [(charge.number, charge.pack_id, charge.units) for charge in account.charges]
    assert charges == [(1, "a", 1), (2, "b", Decimal("0.5")), (3, "b", Decimal("0.5"))]
    assert account.charged == 3


def test_what_is_free_is_on_no_bill() -> None:
    """The oldest deductions are dropped first."""
    free = Purchase("init-selection", "", Decimal(0))
    assert charges_of([], free, 1.0) == []
    account = Account("mine", [], [])
    for _ in range(KEPT + 2):
        account.charge(Purchase("identify-face", "", Decimal("0.05")), 1.0)
    assert (len(account.charges), account.charges[0].number) == (KEPT, 3)
