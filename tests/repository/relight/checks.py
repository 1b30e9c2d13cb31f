"""Features that a new endpoint gets without code of its own."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_sdk import KlingError
from kling_sdk.endpoints import request_class
from tests.mock.kling.endpoints.test_rules import png

MOOD = "Xanadu at dusk, by one candle"
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
@pytest.mark.parametrize(("mode", "units"), [("std", "2"), ("pro", "3.5")])
def test_it_costs_what_the_estimate_says(model: str, mode: str, units: str) -> None:
    """A call has the same price on either interface."""
    picture = png(800, 600)
    request = Relight(lamp_picture=picture, lamp_mood=MOOD, model_name=model, mode=mode)
    with KlingMock() as mock, mock.client() as client:
        kling: Any = client
        task = kling.relight.wait(kling.submit(request))
        assert (kling.estimate(request).units, task.units) == (Decimal(units), Decimal(units))


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
