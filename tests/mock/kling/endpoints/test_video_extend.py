"""`video-extend`: what can be extended, what the result is, and what it costs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.endpoints.validation import make_plan
from kling_mock.kling.model.plan import ParentVideo, Plan
from kling_mock.kling.service_codes import Refusal
from tests.endpoints import URL
from tests.mock.kling.endpoints.requests import context

PRICES = {
    ("kling-v1", "std"): "1",
    ("kling-v1", "pro"): "3.5",
    ("kling-v1-5", "std"): "2",
    ("kling-v1-5", "pro"): "3.5",
    ("kling-v1-6", "std"): "2",
    ("kling-v1-6", "pro"): "3.5",
}


def plan_for(endpoint: str, **fields: Any) -> Plan:
    return make_plan(ENDPOINTS[endpoint], fields, context())


def picture_video(model: str, mode: str) -> Plan:
    return plan_for("image2video", image=URL, model_name=model, mode=mode)


def extended(source: Plan | None, noticed: Noticed | None = None, **fields: Any) -> Plan:
    judged = context(noticed, find_video=lambda _: source)
    return make_plan(ENDPOINTS["video-extend"], {"video_id": "7", **fields}, judged)


@pytest.mark.parametrize(("model", "mode"), PRICES)
def test_model_and_mode_are_those_of_the_source(model: str, mode: str) -> None:
    """The result is 5 s longer, has the same shape, and costs a fixed number of units."""
    source = picture_video(model, mode)
    plan = extended(source)

    assert (plan.model, plan.mode, plan.seconds) == (model, mode, source.seconds + 5)
    assert plan.aspect_ratio == source.aspect_ratio
    assert plan.units == Decimal(PRICES[model, mode])
    assert plan.parent_video == ParentVideo("7", source.seconds)


def test_a_result_can_be_extended_again_up_to_180_seconds() -> None:
    """Each extension adds 5 s, until the result would be longer."""
    plan = picture_video("kling-v1-6", "std")
    for _ in range(35):
        plan = extended(plan)
    assert plan.seconds == 180

    with pytest.raises(Refusal, match="longer than 180 s"):
        extended(plan)


@pytest.mark.parametrize("option", [{"negative_prompt": "rain"}, {"cfg_scale": 0.7}])
def test_options_are_not_for_the_oldest_model(option: dict[str, Any]) -> None:
    """Newer sources use them; for these they have no effect, and there is a note."""
    for model, kinds in {"kling-v1-5": [], "kling-v1": ["inapplicable"]}.items():
        noticed = Noticed()
        assert extended(picture_video(model, "std"), noticed, **option)
        assert [note.kind for note in noticed.notes] == ["retired", *kinds]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "must be the id of a video of this account"),
        (
            plan_for("text2video", prompt="a cat", model_name="kling-v2-6"),
            "with kling-v1, kling-v1-5",
        ),
        (
            plan_for("multi-image2video", prompt="x", image_list=[{"image": URL}]),
            "made by text2video, image2video, video-extend",
        ),
    ],
)
def test_what_cannot_be_extended_is_refused(source: Plan | None, message: str) -> None:
    """The refusal is 400/1201 and names the field and what it must be."""
    with pytest.raises(Refusal, match=message) as caught:
        extended(source)
    assert (caught.value.http, caught.value.code) == (400, 1201)
