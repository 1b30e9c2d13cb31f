"""The price of a request is known before it is sent, and is what the emulator deducts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import attrs
import pytest

import kling_mock.kling.endpoints.registry as emulator
from kling_mock.kling.endpoints.record import Capability, UnitPrice
from kling_sdk import (
    ENDPOINTS,
    PRICES,
    AsyncKling,
    ImageGeneration,
    ImageToVideo,
    Kling,
    MultiImageToVideo,
    OmniImageGeneration,
    OmniVideo,
    Request,
    RequestValidationError,
    TextToVideo,
    VideoExtend,
    prices,
)
from kling_sdk.endpoints import request_class
from kling_sdk.endpoints.interfaces import mode_of
from tests.endpoints import BODIES
from tests.sdk.clients import KEY

IMAGE = "https://example.com/a.png"
FEATURE = {"video_url": "https://example.com/v.mp4", "refer_type": "feature"}
#: What `request` says itself, and what makes no difference to a price.
DECIDED = {"model_name", "mode", "resolution", "duration", "sound", "n", "callback_url"}
USES: dict[str, dict[str, Any]] = {
    "silent": {},
    "sound": {"sound": "on"},
    "voice": {"sound": "on", "voice_list": ["v"]},
    "video": {"video_list": [FEATURE]},
    "image": {"image": IMAGE},
    "goods": {"goods_title": "x", "ref_image_list": ["https://example.com/a.png"]},
}


def request(endpoint: str, model: str, mode: str, use: str, seconds: int) -> Request:
    """Return the plainest request of these."""
    fields: dict[str, Any] = {"model_name": model} if model else {}
    fields |= {"duration": seconds} if seconds else {}
    fields |= {ENDPOINTS[endpoint].size_field: mode} if mode else {}
    plain = {name: value for name, value in BODIES[endpoint].items() if name not in DECIDED}
    return request_class(endpoint)(**(plain | USES[use] | fields))


def emulated() -> Iterator[tuple[str, Any, Capability]]:
    """Yield the emulator's record of each endpoint, on either interface, and its rows."""
    products = {record.product: name for name, record in ENDPOINTS.items() if record.product}
    for name, record in emulator.ENDPOINTS.items():
        endpoint = name if name in ENDPOINTS else products.get(record.path.split("/")[1], "")
        for capability in record.capabilities if endpoint else ():
            yield endpoint, record, capability


def their_prices() -> Iterator[tuple[tuple[str, str, str, str], UnitPrice, Capability]]:
    """Yield the emulator's price list in the words of the SDK's."""
    for endpoint, record, row in emulated():
        mode = mode_of(row.mode) or row.mode.replace("none", "")
        for use in USES:
            price = record.prices.get((row.model, row.mode, use))
            if price is not None and price.fact.kind != "assumed":  # no list has that
                # Where every video has sound, the SDK's list has it as the plain price.
                sdk_use = "silent" if "always_sound" in row.features else use
                yield (endpoint, row.model, mode, sdk_use), price, row


def rows() -> Iterator[Any]:
    """Yield each row that both price by the request alone: its requests, and what they cost."""
    for (endpoint, model, mode, use), price, row in their_prices():
        if price.per != "call" and ENDPOINTS[endpoint].input_length is None:
            costs = [
                (request(endpoint, model, mode, use, seconds), price.units(seconds, 1))
                for seconds in row.durations or (0,)
            ]
            yield pytest.param(costs, id=f"{endpoint}-{model}-{mode}-{use}")


@pytest.mark.parametrize("costs", list(rows()))
def test_a_request_costs_what_the_emulator_deducts(costs: list[tuple[Request, Decimal]]) -> None:
    """Every model x mode x duration x use that both know has the same price in both."""
    for request_, units in costs:
        assert prices.estimate(request_).units == prices.cost_of(request_) == units, request_


@pytest.mark.parametrize(
    ("request_", "units"),
    [
        (TextToVideo(prompt="x"), "1.5"),  # 5 s of kling-v2-6, std, silent
        (TextToVideo(prompt="x", model_name="kling-v2-master", mode="pro"), "10"),  # without modes
        (OmniVideo(prompt="x"), "4.0"),  # pro is the default
        (OmniVideo(prompt="x", sound=True, video_list=[FEATURE]), "6.0"),  # the video counts
        (MultiImageToVideo(prompt="x", image_list=[IMAGE], duration="10"), "4.0"),
        (ImageGeneration(prompt="x"), "8"),  # one picture of kling-v3
        (ImageGeneration(prompt="x", model_name="kling-v2-1", n=9), "36"),
        (ImageGeneration(prompt="x", model_name="kling-v2-1", image=IMAGE, n="2"), "16"),
        (OmniImageGeneration(prompt="x", result_type="series"), "32"),  # four of them
        (OmniImageGeneration(prompt="x", series_amount=9, resolution="4k", n=2), "32"),
        (OmniImageGeneration(prompt="x", result_type="series", series_amount=9, n=2), "72"),
    ],
)
def test_what_is_left_out_is_priced_as_the_vendor_understands_it(
    request_: Request, units: str
) -> None:
    """Without a mode or duration the vendor's default is priced."""
    assert prices.estimate(request_).units == Decimal(units)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (TextToVideo(prompt="x", model_name="kling-v9"), "no text2video by kling-v9, std, without"),
        (TextToVideo(prompt="x", model_name="kling-v2-1"), "no text2video by kling-v2-1"),
        (TextToVideo(prompt="x", sound=True), "by kling-v2-6, std, with sound"),
        (ImageToVideo(image=IMAGE, voice_list=["v"]), "with a voice"),
        (TextToVideo(prompt="x", duration=7), "videos of 5 or 10 s for kling-v2-6"),
        (TextToVideo(prompt="x", model_name="kling-v3", duration=-5, check=False), "whole s"),
        (TextToVideo(prompt="x", model_name="kling-v3", duration="5.5", check=False), "whole s"),
        (OmniVideo(prompt="x", video_list=["https://example.com/v.mp4"]), "1.2 units per second"),
        (OmniVideo(prompt="x", video_list=[{"url": "u"}], check=False), "base video"),
        (VideoExtend(video_id="1"), "1 to 3.5 units, by the model and mode of the source"),
        (TextToVideo(prompt="x", extra_body={"frames": 60}), "extra_body may change the price"),
        (
            ImageGeneration(prompt="x", model_name="kling-v9", n=2),
            "no image-generation by kling-v9, 1k",
        ),
        (
            OmniImageGeneration(prompt="x", result_type="series", series_amount="auto"),
            "8 units per picture, and how many there will be is not known",
        ),
    ],
)
def test_what_cannot_be_priced_says_why(request_: Request, reason: str) -> None:
    """No guess is made: a ceiling must be able to tell what is known."""
    estimate = prices.estimate(request_)
    with pytest.raises(RequestValidationError, match="the price of this request is not known"):
        prices.cost_of(request_)

    assert (estimate.units, estimate.confidence, estimate.source) == (None, None, "")
    assert reason in estimate.reason


def test_an_endpoint_without_prices_has_none() -> None:
    """An endpoint that an application has added has no prices."""

    @attrs.frozen(kw_only=True)
    class Dream(TextToVideo):
        record = attrs.evolve(TextToVideo.record, name="dream")

    assert "no dream" in prices.estimate(Dream(prompt="x")).reason


def test_an_estimate_names_its_source() -> None:
    """Date, source and confidence of the row are those of the estimate."""
    for row in PRICES:
        if row.per == "second" and ENDPOINTS[row.endpoints[0]].input_length is None:
            seconds = 10 if row.clips else 7
            estimate = prices.estimate(
                request(row.endpoints[0], row.model, row.mode, row.use, seconds)
            )
            assert estimate == prices.Estimate(
                row.units * seconds, row.priced_on, row.source, row.confidence
            )
    assert {row.priced_on for row in PRICES if row.confidence != "low"} == {date(2026, 9, 20)}


@pytest.mark.parametrize("client", [Kling, AsyncKling])
def test_both_clients_estimate_without_sending(client: type[Kling | AsyncKling]) -> None:
    """Nothing is awaited, and no connection is opened."""
    kling = client(KEY, base_url="http://127.0.0.1:1")

    estimate = kling.estimate(
        TextToVideo(prompt="x", model_name="kling-v3", mode="4k", duration=15)
    )

    assert (estimate.units, estimate.confidence) == (Decimal(45), "high")
    with pytest.raises(TypeError, match="estimate takes a request, such as TextToVideo"):
        kling.estimate({"prompt": "x"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_what_has_no_price_has_the_date_of_the_list() -> None:
    """So a program can say how old the list is."""
    unknown = prices.estimate(TextToVideo(prompt="x", model_name="kling-v9"))
    assert (unknown.priced_on, unknown.source) == (date(2026, 9, 20), "")


def test_a_row_per_second_has_the_lengths_that_are_sold() -> None:
    """5 or 10 seconds, or any; a call has no length."""
    assert {row.clips for row in PRICES} == {(5, 10), ()}
    assert {row.clips for row in PRICES if row.per == "call"} == {()}


def test_what_has_no_price_is_named_in_the_words_of_the_request() -> None:
    """The model, its mode and what else decides."""
    words = {
        "silent": "without sound",
        "sound": "with sound",
        "voice": "with a voice",
        "video": "with an input video",
    }
    for use, phrase in words.items():
        endpoint = {"video": "omni-video", "voice": "image2video"}.get(use, "text2video")
        estimate = prices.estimate(request(endpoint, "kling-v9", "pro", use, 5))
        assert estimate.reason == f"the price list has no {endpoint} by kling-v9, pro, {phrase}"


@pytest.mark.parametrize(("seconds", "units"), [(1, "0.6"), (0, None), (-1, None), (True, None)])
def test_a_price_is_for_whole_seconds_from_one_on(seconds: Any, units: str | None) -> None:
    """Whether or not the model makes videos of that length: the vendor may allow it tomorrow."""
    video_request = TextToVideo(prompt="x", model_name="kling-v3", duration=seconds, check=False)
    assert prices.estimate(video_request).units == (units and Decimal(units))


def test_a_video_that_is_edited_among_references_decides() -> None:
    """One base video is enough for its length to count."""
    base = {"video_url": "https://example.com/b.mp4", "refer_type": "base"}
    both = OmniVideo(prompt="x", video_list=[FEATURE, base], check=False)
    assert prices.estimate(both).units is None


def test_a_mode_that_is_no_text_has_no_price() -> None:
    """Nothing was checked, so it may be anything; the reason names it."""
    request = TextToVideo(prompt="x", mode=True, check=False)  # type: ignore[arg-type]  # on purpose
    assert prices.estimate(request).units is None
    assert "True" in prices.estimate(request).reason
