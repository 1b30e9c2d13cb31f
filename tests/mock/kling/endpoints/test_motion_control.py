"""`motion-control`: what goes together, what it costs, and whether it has a sound."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import pytest

from kling_mock.kling.service_codes import Refusal
from tests.endpoints import BODIES
from tests.mock.kling.endpoints.requests import plan
from tests.sdk.endpoints.test_requests import png

PLAIN = BODIES["motion-control"]
ELEMENT = {"element_list": [{"element_id": 1}]}


@pytest.mark.parametrize(
    ("model", "mode", "units"),
    [
        ("kling-v2-6", "std", "0.5"),
        ("kling-v2-6", "pro", "0.8"),
        ("kling-v3", "std", "0.9"),
        ("kling-v3", "pro", "1.2"),
    ],
)
def test_each_second_is_paid_for(model: str, mode: str, units: str) -> None:
    """A video that is not seen counts as 5 s."""
    task_plan = plan("motion-control", PLAIN | {"model_name": model, "mode": mode})
    assert (task_plan.seconds, task_plan.units) == (5, Decimal(units) * 5)
    assert task_plan.resolution == {"std": "720p", "pro": "1080p"}[mode]


def test_the_sound_of_the_video_is_kept_unless_it_is_not_wanted() -> None:
    """The page says so."""
    assert plan("motion-control", PLAIN).sound
    assert plan("motion-control", PLAIN | {"keep_original_sound": "yes"}).sound
    assert not plan("motion-control", PLAIN | {"keep_original_sound": "no"}).sound


def test_the_shape_is_that_of_the_picture() -> None:
    """The page states no limit for its ratio."""
    for size, shape in (((400, 900), "9:16"), ((400, 4000), "9:16"), ((400, 400), "1:1")):
        picture = base64.b64encode(png(*size)).decode()
        assert plan("motion-control", PLAIN | {"image_url": picture}).aspect_ratio == shape


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (ELEMENT, "is not supported with element_list"),
        (ELEMENT | {"model_name": "kling-v3", "character_orientation": "image"}, "must be video"),
        ({"element_list": [{"element_id": 1}, {"element_id": 2}]}, "from 1 to 1 items"),
        ({"mode": "4k"}, "mode value '4k' is invalid"),
        ({"model_name": "kling-v1"}, "model is not supported"),
    ],
)
def test_what_is_refused(change: dict[str, Any], message: str) -> None:
    """An element needs kling-v3 and the video's orientation."""
    with pytest.raises(Refusal, match=message):
        plan("motion-control", PLAIN | change)


def test_a_video_that_cannot_be_had_fails_later() -> None:
    """The same is true of a picture."""
    for name in ("image_url", "video_url"):
        task_plan = plan("motion-control", PLAIN | {name: "https://media.invalid/a"})
        assert task_plan.failure is not None
