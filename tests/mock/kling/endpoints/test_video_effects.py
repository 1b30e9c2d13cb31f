"""`effects`: the set of scenes is open, and each known one takes one or two pictures."""

from __future__ import annotations

import warnings
from typing import Any, get_args

import pytest

from kling_mock import KlingMock
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.service_codes import Refusal
from kling_sdk import CapabilityWarning, VideoEffects
from kling_sdk.endpoints.capabilities import require
from kling_sdk.facts.effects import UNLISTED, WITHDRAWN, DualScene, SingleScene
from tests.endpoints import URL
from tests.mock.kling.endpoints.requests import plan

ONE = {"image": URL}
TWO = {"images": [URL, URL]}
SINGLE = frozenset(get_args(SingleScene))
DUAL = frozenset(get_args(DualScene))


def notes(scene: str, brought: dict[str, Any]) -> list[str]:
    noticed = Noticed()
    plan("effects", {"effect_scene": scene, "input": brought}, noticed)
    return [note.kind for note in noticed.notes]


def warned(scene: str, brought: dict[str, Any]) -> list[str]:
    request = VideoEffects(effect_scene=scene, input=brought)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        require(request.record, request.parameters())
    assert all(warning.category is CapabilityWarning for warning in caught)
    return [str(warning.message) for warning in caught]


def test_a_scene_is_in_one_list() -> None:
    """There are 219, and those that are not on a page."""
    assert (len(SINGLE), len(DUAL), SINGLE & DUAL) == (204, 15, frozenset())
    assert not UNLISTED.keys() & (SINGLE | DUAL)


@pytest.mark.parametrize("scene", ["bullet_time_360", "hug_pro", "kiss_pro", "magic_match_tree"])
def test_a_known_scene_takes_its_number_of_pictures(scene: str) -> None:
    """The other number is refused by the emulator, and the client warns of it."""
    right, wrong = (ONE, TWO) if scene in SINGLE else (TWO, ONE)
    gone = scene in WITHDRAWN
    assert notes(scene, right) == ["retired"] * gone
    assert len(warned(scene, right)) == gone
    with pytest.raises(Refusal, match="required with this effect_scene"):
        notes(scene, wrong)
    assert (
        f"input: does not have the number of pictures that {scene} takes"
        in warned(scene, wrong)[-1]
    )


@pytest.mark.parametrize("brought", [ONE, TWO])
def test_a_scene_that_is_not_known_is_sent_and_served(brought: dict[str, Any]) -> None:
    """The client warns with the nearest name, and the response has a note."""
    assert notes("bullet_time_361", brought) == ["assumed"]
    (text,) = warned("bullet_time_361", brought)
    assert "not among the 219 known scenes" in text
    assert "nearest: bullet_time_360" in text
    assert notes("puff_cheeks", brought) == []
    assert warned("puff_cheeks", brought) == []


@pytest.mark.parametrize(
    ("brought", "message"),
    [
        ({}, "input.images: must be a list of exactly 2 images"),
        ({"images": [URL]}, "must be a list of exactly 2 images, unless there is image, got 1"),
        (ONE | TWO, "input.images: not possible together with image"),
        ({"images": [URL, "?"]}, "not in a valid base64 format"),
    ],
)
def test_one_picture_or_two(brought: dict[str, Any], message: str) -> None:
    """No picture and three pictures are refused."""
    with pytest.raises(Refusal, match=message):
        notes("puff_cheeks", brought)


def test_its_result_does_not_say_how_long_it_is(mock: KlingMock) -> None:
    """The vendor's page shows it without a length; the file has 5 s."""
    with mock.client() as kling:
        task = kling.effects.create(effect_scene="hug_pro", input={"images": [URL, URL]})
        mock.complete(task)
        (video,) = kling.effects.get(task.task_id).videos
        assert video.duration is None
        assert kling.download(video, None)[4:8] == b"ftyp"
