"""The prompt of the newer interface: shots in its place, and the names of references."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sdk.wire.test_translated_bodies import FEATURE, PICTURE, new, omni

SHOTS = [{"prompt": "walk", "duration": 3}, {"prompt": "jump", "duration": 2}]


@pytest.mark.parametrize(
    ("fields", "prompt"),
    [
        # Shots take the prompt's place when they are the caller's own, and only then.
        ({"multi_prompt": SHOTS}, "a cat"),
        ({"multi_prompt": SHOTS, "multi_shot": False}, "a cat"),
        ({"multi_prompt": SHOTS, "multi_shot": True, "shot_type": "intelligence"}, "a cat"),
        ({"multi_shot": True, "shot_type": "customize"}, "a cat"),
        (
            {"multi_prompt": SHOTS, "multi_shot": True, "shot_type": "customize"},
            "shot 1, 3, walk; shot 2, 2, jump;",
        ),
        ({"multi_prompt": SHOTS, "multi_shot": True}, "shot 1, 3, walk; shot 2, 2, jump;"),
        ({"multi_prompt": [{}], "multi_shot": True}, "shot 1, , ;"),
        # In the order of their numbers; one without a number has that of its place.
        (
            {"multi_shot": True, "multi_prompt": [{**SHOTS[0], "index": 2}, SHOTS[1]]},
            "shot 1, 3, walk; shot 2, 2, jump;",
        ),
        (
            {"multi_shot": True, "multi_prompt": [{**SHOTS[0], "index": 3}, SHOTS[1]]},
            "shot 1, 2, jump; shot 2, 3, walk;",
        ),
        (
            {"multi_shot": True, "multi_prompt": [SHOTS[0], {**SHOTS[1], "index": 1}]},
            "shot 1, 3, walk; shot 2, 2, jump;",
        ),
        (
            {
                "multi_shot": True,
                "multi_prompt": [
                    {**SHOTS[0], "index": 5},
                    SHOTS[1],
                    {"prompt": "rest", "duration": 1, "index": 1},
                ],
            },
            "shot 1, 1, rest; shot 2, 2, jump; shot 3, 3, walk;",
        ),
        (
            {"multi_shot": True, "multi_prompt": [{**SHOTS[0], "index": "2"}, SHOTS[1]]},
            "shot 1, 3, walk; shot 2, 2, jump;",
        ),
        # Nothing can be referred to here.
        ({"prompt": "<<<image_1>>> <<<voice_1>>>"}, "<<<image_1>>> <<<voice_1>>>"),
    ],
)
def test_the_prompt_is(fields: dict[str, Any], prompt: str) -> None:
    """The prompt, or the shots in its place."""
    assert new(**{"prompt": "a cat", **fields})["prompt"] == prompt


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("<<<image_1>>>", "@image_01"),
        ("<<<image_1>>> runs", "@image_01 runs"),
        ("<<<image_1>>>s", "@image_01 s"),
        ("<<<image_1>>>_9", "@image_01 _9"),
        ("<<<image_1>>>, ok", "@image_01, ok"),
        ("<<<image_0>>>", "<<<image_0>>>"),
        ("<<<image_2>>>", "@image_02"),
        ("<<<image_3>>>", "<<<image_3>>>"),
        ("<<<image_0001>>>", "@image_01"),
        ("<<<image_00001>>>", "<<<image_00001>>>"),
        ("<<<video_1>>> <<<voice_1>>>", "@video_01 <<<voice_1>>>"),
        ("<<<element_1>>> <<<sound_1>>>", "@element_01 <<<sound_1>>>"),
    ],
)
def test_a_reference_is_renamed_if_there_is_what_it_names(prompt: str, text: str) -> None:
    """A space keeps it apart from a letter, a digit or a line that follows."""
    images = [{"image_url": PICTURE}] * 2
    fields = {"image_list": images, "video_list": [FEATURE], "element_list": [{"element_id": 1}]}
    assert omni(prompt=prompt, **fields)["contents"][0] == {"type": "prompt", "text": text}
