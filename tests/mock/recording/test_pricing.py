"""The price of a request is known before it is sent, from the emulator's records."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from kling_mock.kling.endpoints.example_parts import (
    AUDIO_ID,
    SELECTION_ID,
    SESSION_ID,
    VIDEO_ID,
)
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.wire.solutions import SOLUTIONS
from kling_mock.recording.pricing import RequestPrice, price_of, reads_only, refusal_of

T2V = "/v1/videos/text2video"


def priced(path: str = T2V, **body: Any) -> RequestPrice:
    return price_of("POST", path, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("body", "units"),
    [
        ({"model_name": "kling-v2-6", "prompt": "a"}, "1.5"),
        ({"model_name": "kling-v2-6", "prompt": "a", "mode": "pro", "sound": "on"}, "5"),
        ({"model_name": "kling-v3", "prompt": "a", "mode": "4k", "duration": "15"}, "45"),
        ({"prompt": "a", "unknown": 1, "duration": 10}, "2"),
    ],
)
def test_a_create(body: dict[str, Any], units: str) -> None:
    """Model, mode, length and sound decide; what the service ignores does not."""
    price = priced(**body)
    assert (price.is_free, price.units) == (False, Decimal(units))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", T2V),
        ("GET", "/anything"),
        ("POST", "/tasks"),
        ("POST", "/solutions"),
        ("POST", "/account/billing/balance"),
        ("POST", "/v1/general/delete-voices"),
    ],
)
def test_what_makes_nothing_is_free(method: str, path: str) -> None:
    """Queries, lists, bills, deletions."""
    assert price_of(method, path, b"").is_free


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/v1/videos/dream", b"{}", "does not know this path"),
        (T2V, b"{", "refuse it with 1200"),
        (
            "/solutions/drama_subtitle",
            b'{"contents": [{"type": "source_video", "url": "https://a.test/Wilhelmina"}]}',
            "no price for this endpoint",
        ),
        (T2V, b'{"prompt": "Wilhelmina", "mode": "x"}', "1201 because of mode"),
        (T2V, b'{"prompt": "Wilhelmina", "model_name": "kling-v9"}', "1201 because of model_name"),
    ],
)
def test_an_unknown_price(path: str, body: bytes, reason: str) -> None:
    """The reason has no value of the request."""
    price = price_of("POST", path, body)
    assert (price.is_free, price.units) == (False, None)
    assert reason in price.reason
    assert "Wilhelmina" not in price.reason


def test_the_examples_of_all_endpoints_have_a_price() -> None:
    """The exceptions are requests that work on an earlier result or a session, which are not known
    here, and /solutions, which has no reliable price list.
    """
    for record in ENDPOINTS.values():
        if record.makes_tasks and record.interface is not SOLUTIONS:
            for body in record.examples.values():
                names = (VIDEO_ID, SESSION_ID, AUDIO_ID, SELECTION_ID)
                if any(name in str(body) for name in names):
                    continue
                # Not every model of a path that names its model can do what an example shows.
                paths = [record.path.replace("{model}", model) for model in record.models or ("",)]
                prices = [price_of("POST", path, json.dumps(body).encode()) for path in paths]
                reasons = [price.reason for price in prices]
                assert any(price.units is not None for price in prices), (record.name, reasons)


def test_the_ceiling() -> None:
    """It may be reached and not passed; the refusal says how much is left."""
    price = RequestPrice(is_free=False, units=Decimal("1.5"))
    assert refusal_of(price, Decimal("8.5"), Decimal(10), allows_unpriced=False) is None
    refusal = refusal_of(price, Decimal("8.6"), Decimal(10), allows_unpriced=True)
    assert refusal is not None
    assert (refusal.http, refusal.code) == (429, 1102)
    assert "it costs 1.5 units, and 8.6 of --max-units 10 are spent" in refusal.message


def test_an_unknown_price_is_refused_unless_it_is_allowed() -> None:
    """The error says what to do."""
    price = RequestPrice(is_free=False, units=None, reason="why")
    refusal = refusal_of(price, Decimal(0), Decimal(10), allows_unpriced=False)
    assert refusal is not None
    assert (refusal.http, refusal.code) == (403, 1103)
    assert "--allow-unpriced" in refusal.message
    assert refusal_of(price, Decimal(0), Decimal(10), allows_unpriced=True) is None


def test_what_only_asks() -> None:
    """It may be played back again and again."""
    assert reads_only("GET", T2V)
    assert reads_only("POST", "/tasks")
    assert not reads_only("POST", T2V)
    assert not reads_only("POST", "/v1/general/delete-voices")
