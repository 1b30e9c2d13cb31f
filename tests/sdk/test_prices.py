"""The price of a request is known before it is sent, and is what the emulator deducts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import attrs
import pytest

import kling_mock.kling.endpoints.registry as emulator
from kling_mock.kling.model.plan import Plan
from kling_mock.relay.domain.channels import model_target
from kling_mock.relay.domain.pricing import BillableRequest, UnitPricing, quota_of
from kling_mock.relay.domain.wire import read_create
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
from kling_sdk.endpoints.interfaces import interface_for
from kling_sdk.facts.tables import USES
from kling_sdk.wire import WIRES
from kling_sdk.wire.relay import RELAY
from tests.endpoints import BODIES
from tests.mock.kling.endpoints.requests import plan
from tests.sdk.clients import KEY

IMAGE = "https://example.com/a.png"
FEATURE = {"video_url": "https://example.com/v.mp4", "refer_type": "feature"}
VIDEO = "https://example.com/a.mp4"
#: What `request` says itself, and what makes no difference to a price.
DECIDED = {"model_name", "mode", "resolution", "duration", "sound", "n", "callback_url"}
#: Values of the parameters that decide a use, where it is no URL of a video.
DECIDING = {
    "sound": "on",
    "voice_list": ["v"],
    "video_list": [FEATURE],
    "character_orientation": "video",
    "image": IMAGE,
    "goods_title": "x",
}
#: What the parameters must have beside them.
BESIDE: dict[str, dict[str, Any]] = {
    "voice_list": {"sound": "on"},
    "goods_title": {"ref_image_list": [IMAGE]},
}


def of_use(endpoint: str, use: str) -> dict[str, Any]:
    """Return the parameters by which a request has a use."""
    for rule in USES.get(endpoint, ()):
        if rule.use == use:
            beside = BESIDE.get(rule.parameter, {})
            return beside | {rule.parameter: DECIDING.get(rule.parameter, VIDEO)}
    return {}


def request(endpoint: str, model: str, mode: str, use: str, seconds: int) -> Request:
    """Return the plainest request of these."""
    decided = {"model_name": model, "duration": seconds, ENDPOINTS[endpoint].size_field: mode}
    cls = request_class(endpoint)
    parameters = attrs.fields_dict(cls)
    fields = {name: value for name, value in decided.items() if value and name in parameters}
    plain = {name: value for name, value in BODIES[endpoint].items() if name not in DECIDED}
    return cls(**(plain | of_use(endpoint, use) | fields))


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


@pytest.mark.parametrize("fields", [{"sound": "ON"}, {"audio": "NATIVE"}, {"sound": True}])
def test_an_unknown_value_of_what_decides_has_no_price(fields: dict[str, Any]) -> None:
    """It may cost what the dearer value does, so it is no price of high confidence."""
    request = TextToVideo(prompt="x", model_name="kling-v3", check=False, **fields)
    is_known = request.sound == "on"  # True is converted
    assert (prices.estimate(request).units is not None) == is_known


def test_shots_without_a_duration_must_add_up() -> None:
    """Unchecked shots may be longer than the video that the vendor makes by default."""
    shots = [{"index": 1, "prompt": "x", "duration": 12}]
    fields: dict[str, Any] = {"multi_shot": True, "multi_prompt": shots, "model_name": "kling-v3"}
    request = OmniVideo(prompt="x", check=False, **fields | {"model_name": "kling-v3-omni"})
    assert "do not add up to 5 s" in prices.estimate(request).reason


# ---------------------------------------------------------------- estimate, charge and hold


def source_of(row: prices.Price) -> Plan:
    """Return the video that a request of a row works on."""
    named = {"model_name": row.model, "mode": row.mode} if row.model else {}
    return plan("image2video", {"prompt": "a cat", "image": IMAGE} | named)


def emulated_plan(request: Request, row: prices.Price) -> Plan:
    """Return what the emulator makes of a request."""
    call = WIRES[interface_for(request)].create(request, "")
    folder, _, model = call.path.rpartition("/")
    paths = {record.path: name for name, record in emulator.ENDPOINTS.items() if record.makes_tasks}
    options: dict[str, Any] = {"name": model} if call.path not in paths else {}
    if "model_name" not in attrs.fields_dict(type(request)):
        options["find_video"] = lambda _id: source_of(row)
    return plan(paths.get(call.path) or paths[f"{folder}/{{model}}"], call.json, **options)


def held_units(request: Request) -> Decimal:
    """Return the units for which a relay reserves its user's quota."""
    body = json.dumps(RELAY.create(request, "").json).encode()
    ask = read_create(request.endpoint, body)
    target = model_target(ask.model, ask.mode, {})
    billable = BillableRequest(
        ask.endpoint, ask.model, target.model, target.mode, ask.seconds, ask.use, "", ask.results
    )
    return Decimal(UnitPricing().quote(billable).quota) / quota_of(Decimal(1), ask.endpoint)


def listed() -> Iterator[Any]:
    """Yield each row of the price list with each endpoint that it is for."""
    for row in PRICES:
        for endpoint in row.endpoints:
            if ENDPOINTS[endpoint].returns is None:
                yield pytest.param(endpoint, row, id=f"{endpoint} {row.model} {row.mode} {row.use}")


@pytest.mark.parametrize(("endpoint", "row"), list(listed()))
def test_estimate_charge_and_hold_agree(endpoint: str, row: prices.Price) -> None:
    """A request reaches each row, and the client, the emulator and the relay read the same."""
    record = ENDPOINTS[endpoint]
    # A selection is as long as its video, of which the test has one.
    lengths = (row.clips or (5, 10)) if endpoint != "multi-elements" else (5,)
    for seconds in lengths:
        priced = request(endpoint, row.model, row.mode, row.use, seconds)
        plan_, estimate = emulated_plan(priced, row), prices.estimate(priced).units
        parts = {
            "second": plan_.seconds,
            "5 seconds": math.ceil(plan_.seconds / 5),
            "result": plan_.result.total,
            "call": 1,
        }
        assert plan_.units == row.units * parts[row.per]
        held = held_units(priced) if record.is_on_relays else plan_.units
        if record.input_length is None and bool(row.model) == bool(record.models):
            assert estimate == plan_.units == held
        else:  # something that is not in the request decides: at least as much is held
            assert estimate is None
            assert held >= plan_.units
