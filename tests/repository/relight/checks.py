"""Features that a new endpoint gets without code of its own."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.relay.domain.pricing import quota_of
from kling_sdk import KlingError
from kling_sdk.endpoints import request_class
from tests.mock.kling.endpoints.test_rules import png

MOOD = "Xanadu at dusk, by one candle"
BACKDROP = "https://example.com/sea.mp4"
MODELS = ("kling-v2-6", "kling-2.6")
Relight: Any = request_class("relight")


@pytest.mark.parametrize("model", MODELS)
def test_a_picture_of_two_megabytes_passes_the_relay(model: str) -> None:
    """It passes as the new medium, for a model of either interface."""
    request = Relight(lamp_picture=png(800, 600, 2_000_000), lamp_mood=MOOD, model_name=model)
    with KlingMock() as mock, mock.relay_client() as client:
        kling: Any = client
        assert kling.relight.wait(kling.submit(request)).is_succeed


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("mode", "backdrop", "units"),
    [
        ("std", None, "2.0"),
        ("pro", None, "3.5"),
        ("std", BACKDROP, "3.0"),
        ("pro", BACKDROP, "4.5"),
    ],
)
def test_it_costs_what_the_estimate_says(
    model: str, mode: str, backdrop: str | None, units: str
) -> None:
    """The price list says what decides: client, emulator and relay agree, on either interface."""
    fields: dict[str, Any] = {"lamp_picture": png(800, 600), "lamp_mood": MOOD, "mode": mode}
    request = Relight(model_name=model, backdrop_video=backdrop, **fields)
    with KlingMock() as mock, mock.client() as client, mock.relay_client() as relay_client:
        kling: Any = client
        relayed: Any = relay_client
        task, estimate = kling.relight.wait(kling.submit(request)), kling.estimate(request)
        before = mock.ledger.user().quota
        sent = relayed.submit(request)
        held = mock.ledger.user().held_quota
        relayed.relight.wait(sent)
        charged = before - mock.ledger.user().quota
    assert (estimate.units, task.units) == (Decimal(units), Decimal(units))
    assert held == charged == quota_of(Decimal(units))


@pytest.mark.parametrize("model", MODELS)
def test_the_private_text_is_cut_out_of_a_quoted_error(model: str) -> None:
    """The text is not in a repr either, on either interface."""
    request = Relight(lamp_picture=png(800, 600), lamp_mood=MOOD, model_name=model)
    with KlingMock() as mock, mock.client() as kling:
        words = f"lamp_mood {MOOD!r} is not allowed"
        mock.faults.add("status", http=400, code=1201, message=words)
        with pytest.raises(KlingError) as caught:
            kling.submit(request)
    assert "is not allowed" in str(caught.value)
    assert "Xanadu" not in f"{caught.value}{request!r}"


def test_the_pages_have_it() -> None:
    """The pages of both languages have it."""
    for name in ("client.md", "client.zh-CN.md", "coverage.md", "coverage.zh-CN.md"):
        assert "relight" in (Path("docs") / name).read_text("utf-8")
