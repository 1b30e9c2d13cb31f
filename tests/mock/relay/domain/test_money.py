"""Money is whole quota; a price is the vendor's, or the guide's."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.relay.domain.pricing import (
    DEAREST,
    PER_SECOND,
    QUOTA_PER_UNIT,
    QUOTA_PER_USD,
    UNLISTED,
    BillableRequest,
    GuidePricing,
    Pricing,
    UnitPricing,
    final_quota,
    price_list,
    quota_of,
)


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ("1", 70_000),
        ("0", 0),
        ("1.5", 105_000),
        ("0.0000071", 0),  # 0.497 quota
        ("0.0000072", 1),  # 0.504 quota
        ("0.00005", 4),  # 3.5 quota: half goes up
        ("3.00005", 210_004),
    ],
)
def test_units_become_quota_rounded_half_up(units: str, expected: int) -> None:
    """One unit is 70 000 quota, which is 0.14 dollars, and halves go up."""
    assert quota_of(Decimal(units)) == expected
    assert QUOTA_PER_UNIT * 100 == QUOTA_PER_USD * 14


#: What the relay has held since its first release: units per second of each model and mode, by use.
HELD = {
    ("kling-v1", "std"): {"silent": "0.2"},
    ("kling-v1", "pro"): {"silent": "0.7"},
    ("kling-v1-5", "std"): {"silent": "0.4"},
    ("kling-v1-5", "pro"): {"silent": "0.7"},
    ("kling-v1-6", "std"): {"silent": "0.4"},
    ("kling-v1-6", "pro"): {"silent": "0.7"},
    ("kling-v2-1", "std"): {"silent": "0.4"},
    ("kling-v2-1", "pro"): {"silent": "0.7"},
    ("kling-v2-master", ""): {"silent": "2"},
    ("kling-v2-1-master", ""): {"silent": "2"},
    ("kling-v2-5-turbo", "std"): {"silent": "0.3"},
    ("kling-v2-5-turbo", "pro"): {"silent": "0.5"},
    ("kling-v2-6", "std"): {"silent": "0.3"},
    ("kling-v2-6", "pro"): {"silent": "0.5", "sound": "1", "voice": "1.2"},
    ("kling-v3", "std"): {"silent": "0.6", "sound": "0.9"},
    ("kling-v3", "pro"): {"silent": "0.8", "sound": "1.2"},
    ("kling-v3", "4k"): {"silent": "3", "sound": "3"},
    ("kling-video-o1", "std"): {"silent": "0.6", "video": "0.9"},
    ("kling-video-o1", "pro"): {"silent": "0.8", "video": "1.2"},
    ("kling-v3-omni", "std"): {"silent": "0.6", "sound": "0.8", "video": "0.9"},
    ("kling-v3-omni", "pro"): {"silent": "0.8", "sound": "1", "video": "1.2"},
    ("kling-v3-omni", "4k"): {"silent": "3", "sound": "3", "video": "3"},
    ("kling-2.5-turbo", "std"): {"silent": "0.3"},
    ("kling-2.5-turbo", "pro"): {"silent": "0.5"},
    ("kling-2.6", "std"): {"silent": "0.3"},
    ("kling-2.6", "pro"): {"silent": "0.5", "sound": "1", "voice": "1.2"},
    ("kling-3.0", "std"): {"silent": "0.6", "sound": "0.9"},
    ("kling-3.0", "pro"): {"silent": "0.8", "sound": "1.2"},
    ("kling-3.0", "4k"): {"silent": "3", "sound": "3"},
    ("kling-3.0-turbo", "std"): {"silent": "0.8"},
    ("kling-3.0-turbo", "pro"): {"silent": "1"},
    ("kling-o1", "std"): {"silent": "0.6", "video": "0.9"},
    ("kling-o1", "pro"): {"silent": "0.8", "video": "1.2"},
    ("kling-3.0-omni", "std"): {"silent": "0.6", "sound": "0.8", "video": "0.9"},
    ("kling-3.0-omni", "pro"): {"silent": "0.8", "sound": "1", "video": "1.2"},
    ("kling-3.0-omni", "4k"): {"silent": "3", "sound": "3", "video": "3"},
}


def test_the_price_list_is_the_client_s() -> None:
    """Prices per second come from `kling_sdk.PRICES`, and are what was held before."""
    held = {
        (model, mode, use): Decimal(units)
        for (model, mode), uses in HELD.items()
        for use, units in uses.items()
    }
    listed = {
        (row.model, row.mode, row.use, row.units) for rows in PER_SECOND.values() for row in rows
    }
    assert {(*key, units) for key, units in held.items()} <= listed
    assert max(held.values()) <= DEAREST


@pytest.mark.parametrize("units", [None, "-1", "-0.0001", "1000000001", "NaN", "Infinity"])
def test_a_nonsense_deduction_counts_as_none(units: str | None) -> None:
    """A deduction that is missing, negative or absurd leaves the price of the creation."""
    assert final_quota(None if units is None else Decimal(units)) is None


def test_a_deduction_of_nothing_charges_nothing() -> None:
    """When Kling deducts 0 units, the user pays 0 and not the estimate."""
    final = final_quota(Decimal(0))
    assert final == 0


def billable(model: str, mode: str = "", seconds: str = "5", **more: str) -> BillableRequest:
    endpoint = more.pop("endpoint", "text2video")
    return BillableRequest(endpoint, model, model, mode, Decimal(seconds), **more)  # type: ignore[arg-type]  # literals in text


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (billable("kling-v2-6"), 105_000),  # 5 s x 0.3 units
        (billable("kling-v2-6", "pro", "10"), 350_000),
        (billable("kling-v2-6", "pro", "5", use="sound"), 350_000),
        (billable("kling-v3", "std", "15", use="sound"), 945_000),
        (billable("kling-v2-master", "std"), 700_000),  # without modes
        (billable("kling-v3-omni", "", "5", endpoint="omni-video"), 280_000),  # pro is meant
        (billable("kling-v3-omni", "std", "10", use="video", endpoint="omni-video"), 630_000),
    ],
)
def test_the_price_is_kling_s_own(ask: BillableRequest, expected: int) -> None:
    """A task's price is the vendor's units for its model, mode, seconds and sound."""
    assert UnitPricing().quote(ask).quota == expected


def test_a_dear_endpoint_changes_no_price_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A price is that of the request's endpoint; one that does not list the model costs most."""
    rows = PER_SECOND["kling-v2-6"]
    dear = attrs.evolve(rows[0], endpoints=("relight",), units=Decimal(9))
    monkeypatch.setitem(cast("dict[str, object]", PER_SECOND), "kling-v2-6", (*rows, dear))
    prices = {
        endpoint: UnitPricing().per_second(billable("kling-v2-6", "std", endpoint=endpoint))
        for endpoint in ("text2video", "relight", "omni-video")
    }
    assert prices == {
        "text2video": (Decimal("0.3"), True),
        "relight": (Decimal(9), True),
        "omni-video": (Decimal(9), False),
    }


def test_what_is_not_listed_is_held_at_a_dearer_price() -> None:
    """A model or combination without a price holds enough, since no charge can exceed a hold."""
    pricing = UnitPricing()
    assert pricing.per_second(billable("kling-v9")) == (DEAREST, False)
    assert pricing.per_second(billable("kling-v2-5-turbo", "std", use="sound")) == (
        Decimal("0.3"),
        False,
    )
    assert pricing.per_second(billable("kling-v2-6", "8k")) == (Decimal("1.2"), False)
    assert UnitPricing(Decimal(7)).quote(billable("kling-v9", seconds="1")).quota == 490_000


BASE = f"({UNLISTED}: the default base)"
DEARER = f" ({UNLISTED}: the dearest that may apply)"
REASONS = [
    (
        UnitPricing(),
        billable("kling-v2-6", "pro", "10", use="sound"),
        "kling-v2-6 pro sound: 1 units per second x 10 x 70000 = 700000",
    ),
    (
        UnitPricing(),
        billable("kling-v9", "std"),
        f"kling-v9 std: {DEAREST} units per second x 5 x 70000 = {quota_of(5 * DEAREST)}" + DEARER,
    ),
    (
        UnitPricing(),
        BillableRequest("image-generation", "m", "kling-v2-1", "2k", Decimal(0), results=3),
        "kling-v2-1 2k: 4 units per result x 3 x 1750 = 21000",
    ),
    (
        UnitPricing(),
        billable("", seconds="12", endpoint="lip-sync"),
        "lip-sync: 0.5 units per 5 seconds x 3 x 70000 = 105000",
    ),
    (
        UnitPricing(),
        billable("", endpoint="ai-multi-shot", use="image"),
        "ai-multi-shot image: 20 units per call x 1750 = 35000" + DEARER,
    ),
    (
        GuidePricing({"m": Decimal("0.5")}),
        billable("m", seconds="10"),
        "m: base 0.5 x duration 2 x aspect 1.2 x endpoint 1 x results 1 x 500000 = 600000",
    ),
    (
        GuidePricing(),
        billable("m"),
        f"m: base 50 x duration 1 x aspect 1.2 x endpoint 1 x results 1 x 500000 = 30000000 {BASE}",
    ),
]


@pytest.mark.parametrize(("pricing", "ask", "reason"), REASONS)
def test_a_price_says_how_it_arose(pricing: Pricing, ask: BillableRequest, reason: str) -> None:
    """The row, the quantity, the price of a unit; a price that no row has says so."""
    assert pricing.quote(ask).reason == reason


@given(
    st.sampled_from([*PER_SECOND, "kling-v9"]),
    st.sampled_from(["", "std", "pro", "4k", "8k"]),
    st.sampled_from(["silent", "sound", "voice", "video"]),
    st.decimals("0.001", "3600", places=3),
)
def test_every_request_has_a_price(model: str, mode: str, use: str, seconds: Decimal) -> None:
    """No combination of model, mode, use and length is free or without a price."""
    assert UnitPricing().quote(billable(model, mode, str(seconds), use=use)).quota > 0


@given(
    st.sampled_from([UnitPricing(), GuidePricing(), GuidePricing({"m": Decimal("1e-9")})]),
    st.sampled_from(["kling-v2-6", "m"]),
    st.decimals("0.000000000000000001", "3600", places=18),
)
def test_whatever_is_not_free_holds_at_least_one(
    pricing: Pricing, model: str, seconds: Decimal
) -> None:
    """A price that rounds to 0 holds 1, so a task is never sent without anything to pay it from."""
    assert pricing.quote(billable(model, seconds=str(seconds))).quota >= 1


def test_the_same_finds_a_price_that_is_only_rounded() -> None:
    """Negative control: a microsecond of the cheapest model rounds to 0 and needs no balance."""
    assert quota_of(Decimal("0.2") * Decimal("0.000001")) == 0
    assert UnitPricing().quote(billable("kling-v1", seconds="0.000001")).quota == 1


def test_what_the_operator_makes_free_is_free() -> None:
    """A price of 0 in the operator's own list holds nothing, whatever the length."""
    assert (
        GuidePricing({"kling-v9": Decimal(0)}).quote(billable("kling-v9", seconds="3600")).quota
        == 0
    )
    assert UnitPricing(Decimal(0)).quote(billable("kling-v9", seconds="3600")).quota == 0


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (billable("kling-v1-5-std", aspect_ratio="16:9"), 30_000_000),
        (billable("kling-v1-5-std", seconds="10", aspect_ratio="16:9"), 60_000_000),
        (billable("kling-v1-5-std", endpoint="image2video"), 33_000_000),
        (
            billable("kling-v1-6-pro", endpoint="multi-image2video", aspect_ratio="21:9"),
            42_250_000,
        ),
        (billable("kling-v1-5-std", seconds="3", aspect_ratio="1:1"), 25_000_000),
    ],
)
def test_the_guide_s_formula_gives_the_guide_s_prices(ask: BillableRequest, expected: int) -> None:
    """The formula of the guide's relay can be chosen, and gives that relay's prices."""
    assert GuidePricing().quote(ask).quota == expected


def test_the_guide_s_formula_takes_prices_of_one_s_own() -> None:
    """An operator's own base price for a model counts, by the name that the user sends."""
    pricing = GuidePricing({"kling-v1-5-std": Decimal("0.28")})
    assert pricing.quote(billable("kling-v1-5-std", aspect_ratio="1:1")).quota == 140_000
    assert pricing.quote(billable("kling-v1-6-std", aspect_ratio="1:1")).quota == 25_000_000


@pytest.mark.parametrize(
    ("ratio", "endpoint", "factor"),
    [
        ("", "text2video", "1.2"),  # 16:9 is meant
        ("16:9", "text2video", "1.2"),
        ("9:16", "text2video", "1.2"),
        ("1:1", "text2video", "1"),
        ("21:9", "text2video", "1.3"),
        ("9:21", "text2video", "1.3"),
        ("4:3", "text2video", "1"),
        ("1:1", "image2video", "1.1"),
        ("1:1", "omni-video", "1.2"),
        ("1:1", "multi-image2video", "1.3"),
        ("1:1", "video-extend", "1"),
    ],
)
def test_the_guide_s_factors(ratio: str, endpoint: str, factor: str) -> None:
    """Factors are by aspect ratio and endpoint; one that the guide does not name is 1."""
    ask = billable("kling-v2-6", aspect_ratio=ratio, endpoint=endpoint)
    assert GuidePricing().quote(ask).quota == Decimal(25_000_000) * Decimal(factor)


@pytest.mark.parametrize(
    ("seconds", "quota"), [("1", 500_000), ("5", 500_000), ("5.000001", 500_000), ("7.5", 750_000)]
)
def test_the_guide_s_price_is_cut_off_and_never_below_that_of_five_seconds(
    seconds: str, quota: int
) -> None:
    pricing = GuidePricing(default=Decimal(1))
    assert pricing.quote(billable("m", seconds=seconds, aspect_ratio="1:1")).quota == quota


def test_the_most_that_a_task_can_cost() -> None:
    """A thousand million units still fit a BIGINT once they are added up."""
    assert final_quota(Decimal(1_000_000_000)) == 70_000_000_000_000
    assert final_quota(Decimal("1000000000.1")) is None


@pytest.mark.parametrize(
    ("endpoint", "model", "mode", "seconds", "units"),
    [
        ("motion-control", "kling-v2-6", "std", 30, "15"),
        ("motion-control", "kling-3.0", "pro", 30, "36"),
        ("motion-control", "kling-v3", "", 30, "27"),  # std is meant
        ("motion-control", "kling-v3", "4k", 30, "36"),  # the dearest of the model
        ("motion-control", "kling-v9", "std", 30, "27"),  # the dearest of the mode
        ("avatar", "", "", 300, "120"),
        ("avatar", "", "pro", 300, "240"),
        ("lip-sync", "", "", 60, "6"),
        ("advanced-lip-sync", "", "", 11, "1.5"),  # each started 5 s
    ],
)
def test_what_is_as_long_as_its_input_has_prices_of_its_own(
    endpoint: str, model: str, mode: str, seconds: int, units: str
) -> None:
    """They neither raise nor lower what the same model costs elsewhere."""
    ask = BillableRequest(endpoint, model, model, mode, Decimal(seconds))
    assert UnitPricing().quote(ask).quota == quota_of(Decimal(units))


@pytest.mark.parametrize(
    ("endpoint", "seconds", "units"),
    [
        ("text-to-audio", "3", "0.25"),
        ("text-to-audio", "10", "0.25"),
        ("video-to-audio", "5", "0.25"),
        ("video-extend", "5", "3.5"),  # the model and mode of its video decide, which is not seen
    ],
)
def test_what_is_sold_by_the_call(endpoint: str, seconds: str, units: str) -> None:
    """One price for any length; where the list has several, the highest of a model is held."""
    ask = billable("", seconds=seconds, endpoint=endpoint)
    assert UnitPricing().quote(ask).quota == quota_of(Decimal(units))


def test_a_price_list_is_chosen_by_its_name() -> None:
    assert isinstance(price_list("units"), UnitPricing)
    assert isinstance(price_list("guide"), GuidePricing)


@pytest.mark.parametrize(
    ("ask", "units"),
    [
        (billable("kling-v3-omni"), "0.6"),  # std is meant
        (billable("kling-v3-omni", endpoint="omni-video"), "0.8"),  # pro is
        (billable("kling-v2-master", "pro", use="sound"), "2"),  # the dearest of its rows
        (billable("kling-v3", "pro", use="voice"), "1.2"),  # the dearest of its mode
        (billable("kling-v2-6", "4k", use="video"), "1.2"),  # the dearest of the model
    ],
)
def test_a_line_that_is_missing_is_replaced(ask: BillableRequest, units: str) -> None:
    """It is replaced by a dearer line of the mode, else of the model."""
    assert UnitPricing().per_second(ask)[0] == Decimal(units)
