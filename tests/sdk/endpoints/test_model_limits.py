"""The limits of every model, written out: what the check grants, warns of and refuses."""

from __future__ import annotations

from typing import Any

import pytest

from kling_sdk import ENDPOINTS
from kling_sdk.endpoints.models import AVAILABILITY, ModeLimits

CLIPS = [5, 10]
TO_10 = [3, 4, 5, 6, 7, 8, 9, 10]
TO_15 = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
PAIR = "negative_prompt first_last_frame"
V3_PICTURE = "element_list first_last_frame multi_shot negative_prompt sound"
OMNI = (
    "aspect_ratio element_list first_frame first_last_frame image_list keep_original_sound"
    " video_base video_feature"
)
OMNI_SOUND = f"{OMNI} multi_shot sound"

FROM_PICTURE = "negative_prompt aspect_ratio image"
WITH_REFERENCE = f"{FROM_PICTURE} image_reference image_fidelity human_fidelity"
SUBJECTS = "aspect_ratio subject_image_list scene_image style_image"

# endpoint, model, mode: seconds, features
GRANTED: list[tuple[str, str, str, list[int], str]] = [
    ("text2video", "kling-v1", "std", CLIPS, "aspect_ratio camera_control camera_move cfg_scale"),
    ("text2video", "kling-v1", "pro", CLIPS, "aspect_ratio cfg_scale"),
    ("text2video", "kling-v1-6", "std pro", CLIPS, "aspect_ratio cfg_scale"),
    ("text2video", "kling-v2-master", "", CLIPS, "aspect_ratio"),
    ("text2video", "kling-v2-1-master", "", CLIPS, "aspect_ratio"),
    ("text2video", "kling-v2-5-turbo", "std pro", CLIPS, "aspect_ratio"),
    ("text2video", "kling-v2-6", "std", CLIPS, "aspect_ratio"),
    ("text2video", "kling-v2-6", "pro", CLIPS, "aspect_ratio sound"),
    ("text2video", "kling-v3", "std pro 4k", TO_15, "aspect_ratio multi_shot sound"),
    ("text2video", "kling-2.5-turbo", "std pro", CLIPS, "aspect_ratio"),
    ("text2video", "kling-2.6", "std", CLIPS, "aspect_ratio"),
    ("text2video", "kling-2.6", "pro", CLIPS, "aspect_ratio sound"),
    ("text2video", "kling-3.0", "std pro 4k", TO_15, "aspect_ratio multi_shot sound"),
    ("text2video", "kling-3.0-turbo", "std pro", TO_15, "aspect_ratio multi_shot"),
    ("image2video", "kling-v1", "std pro", CLIPS, f"{PAIR} cfg_scale motion_brush"),
    ("image2video", "kling-v1-5", "std", CLIPS, "negative_prompt cfg_scale"),
    (
        "image2video",
        "kling-v1-5",
        "pro",
        CLIPS,
        f"{PAIR} camera_control cfg_scale last_frame_only motion_brush",
    ),
    ("image2video", "kling-v1-6", "std", CLIPS, "negative_prompt cfg_scale"),
    ("image2video", "kling-v1-6", "pro", CLIPS, f"{PAIR} cfg_scale last_frame_only"),
    ("image2video", "kling-v2-master", "", CLIPS, "negative_prompt"),
    ("image2video", "kling-v2-1-master", "", CLIPS, "negative_prompt"),
    ("image2video", "kling-v2-1", "std", CLIPS, "negative_prompt"),
    ("image2video", "kling-v2-1", "pro", CLIPS, PAIR),
    ("image2video", "kling-v2-5-turbo", "std", CLIPS, "negative_prompt"),
    ("image2video", "kling-v2-5-turbo", "pro", CLIPS, PAIR),
    ("image2video", "kling-v2-6", "std", CLIPS, "negative_prompt"),
    ("image2video", "kling-v2-6", "pro", CLIPS, f"{PAIR} sound voice_list"),
    ("image2video", "kling-v3", "std pro 4k", TO_15, V3_PICTURE),
    ("image2video", "kling-2.5-turbo", "std", CLIPS, ""),
    ("image2video", "kling-2.5-turbo", "pro", CLIPS, "first_last_frame"),
    ("image2video", "kling-2.6", "std", CLIPS, ""),
    ("image2video", "kling-2.6", "pro", CLIPS, "first_last_frame sound voice_list"),
    (
        "image2video",
        "kling-3.0",
        "std pro 4k",
        TO_15,
        "element_list first_last_frame multi_shot sound",
    ),
    ("image2video", "kling-3.0-turbo", "std pro", TO_15, "multi_shot"),
    ("multi-image2video", "kling-v1-6", "std pro", CLIPS, "aspect_ratio image_list"),
    ("omni-video", "kling-video-o1", "std pro", TO_10, OMNI),
    ("omni-video", "kling-v3-omni", "std pro 4k", TO_15, OMNI_SOUND),
    ("omni-video", "kling-o1", "std pro", TO_10, OMNI),
    ("omni-video", "kling-3.0-omni", "std pro 4k", TO_15, OMNI_SOUND),
    ("image-generation", "kling-v3", "1k 2k", [], f"{FROM_PICTURE} element_list"),
    ("image-generation", "kling-v2-1", "1k 2k", [], WITH_REFERENCE),
    ("image-generation", "kling-v2", "1k 2k", [], FROM_PICTURE),
    ("image-generation", "kling-v1-5", "1k", [], WITH_REFERENCE),
    ("image-generation", "kling-v1", "1k", [], f"{FROM_PICTURE} image_fidelity"),
    ("omni-image", "kling-v3-omni", "1k 2k 4k", [], "aspect_ratio image_list element_list series"),
    ("omni-image", "kling-image-o1", "1k 2k", [], "aspect_ratio image_list element_list"),
    ("multi-image2image", "kling-v2-1", "", [], SUBJECTS),
    ("multi-image2image", "kling-v2", "", [], SUBJECTS),
    ("virtual-try-on", "kolors-virtual-try-on-v1", "", [], ""),
    ("virtual-try-on", "kolors-virtual-try-on-v1-5", "", [], ""),
    ("motion-control", "kling-v2-6", "std pro", [], ""),
    ("motion-control", "kling-v3", "std pro", [], "element_list"),
    ("motion-control", "kling-2.6", "std pro", [], ""),
    ("motion-control", "kling-3.0", "std pro", [], "element_list"),
]
#: Models of /v1 take a negative prompt, but on omni-video.
NEGATIVE = {"text2video", "multi-image2video"}


def modes_of(endpoint: str, model: str) -> dict[str, ModeLimits]:
    limits = ENDPOINTS[endpoint].limits_of(model)
    assert limits is not None
    return limits.modes


@pytest.mark.parametrize(("endpoint", "model", "modes", "seconds", "features"), GRANTED)
def test_a_model_grants_these_seconds_and_features(
    endpoint: str, model: str, modes: str, seconds: list[int], features: str
) -> None:
    """Each mode, each length and each feature by its name."""
    negative = {"negative_prompt"} if endpoint in NEGATIVE and "kling-v" in model else set[str]()
    for mode in modes.split() or [""]:
        limits = modes_of(endpoint, model)[mode]
        assert list(limits.seconds) == seconds
        assert limits.features == {*features.split(), *negative}


def test_every_mode_of_every_model_is_written_out_above() -> None:
    """No row of the table is left out here, and there is none that is not in the table."""
    assert sorted(
        (endpoint, model, mode)
        for endpoint, model, modes, _, _ in GRANTED
        for mode in modes.split() or [""]
    ) == sorted(
        (name, model.name, mode)
        for name, record in ENDPOINTS.items()
        for model in record.models
        for mode in model.modes
    )


# What is narrowed: endpoint, model, mode, attribute of the limits, its value.
FIRST_FRAME = {"first_frame_only": (5, 10)}
TEXT_ONLY = {"text_only": (5, 10)}
MOVES = {"camera_control", "camera_move"}
O1 = (
    ("first_last_frame", "element_list"),
    ("first_last_frame", "more_than_two_images"),
    ("first_frame", "more_than_two_images"),
)
WITH_VIDEO = (
    ("sound", "video_feature"),
    ("sound", "video_base"),
    ("multi_shot", "video_base"),
    ("own_shots", "video_feature"),
)
KEEPS = (("keep_original_sound", "video_base"),)
OWN_SHOTS = (("multi_shot", "own_shots"),)
OF_A_PICTURE: dict[str, Any] = {
    "excludes": (("negative_prompt", "image"),),
    "requires": (
        ("image_reference", "image"),
        ("image_fidelity", "image"),
        ("human_fidelity", "subject_reference"),
    ),
}
NARROWED: dict[tuple[str, str, str], dict[str, Any]] = {
    **{
        ("image-generation", model, "1k 2k"): OF_A_PICTURE
        for model in ("kling-v3", "kling-v2-1", "kling-v2", "kling-v1-5", "kling-v1")
    },
    ("text2video", "kling-v1", "std"): {"only_seconds": {"camera_control": (5,)}},
    ("text2video", "kling-v1", "pro"): {"doubtful": MOVES},
    ("text2video", "kling-v3", "std pro 4k"): {"doubtful": {"cfg_scale"}},
    ("text2video", "kling-3.0-turbo", "std pro"): {"requires": OWN_SHOTS},
    ("image2video", "kling-v1", "std pro"): {
        "only_seconds": {"first_last_frame": (5,), "motion_brush": (5,)}
    },
    ("image2video", "kling-v1-5", "pro"): {
        "only_seconds": {"motion_brush": (5,), "camera_control": (5,)}
    },
    ("image2video", "kling-v2-6", "pro"): {
        "excludes": (("first_last_frame", "sound"),),
        "requires": (("voice_list", "sound"),),
    },
    ("image2video", "kling-v3", "std pro"): {"doubtful": {*MOVES, "cfg_scale", "motion_brush"}},
    ("image2video", "kling-v3", "4k"): {"doubtful": {"cfg_scale"}},
    ("image2video", "kling-2.6", "pro"): {
        "excludes": (("first_last_frame", "sound"),),
        "requires": (("voice_list", "sound"),),
    },
    ("image2video", "kling-3.0-turbo", "std pro"): {"requires": OWN_SHOTS},
    ("omni-video", "kling-video-o1", "std pro"): {
        "only_seconds": FIRST_FRAME,
        "doubtful_seconds": TEXT_ONLY,
        "excludes": O1,
    },
    ("omni-video", "kling-v3-omni", "std pro 4k"): {"excludes": WITH_VIDEO},
    ("omni-video", "kling-o1", "std pro"): {
        "only_seconds": FIRST_FRAME,
        "doubtful_seconds": TEXT_ONLY,
        "excludes": (*O1, ("first_last_frame", "video_feature")),
        "requires": KEEPS,
    },
    ("omni-video", "kling-3.0-omni", "std pro 4k"): {"excludes": WITH_VIDEO, "requires": KEEPS},
}
NOT_NARROWED: dict[str, Any] = {
    "only_seconds": {},
    "doubtful": set(),
    "doubtful_seconds": {},
    "excludes": (),
    "requires": (),
}


@pytest.mark.parametrize(("endpoint", "model", "modes"), [row[:3] for row in GRANTED])
def test_a_model_narrows_what_it_grants_as_written_here(
    endpoint: str, model: str, modes: str
) -> None:
    """Lengths that a feature needs, what is doubtful, and what excludes or requires another."""
    for mode in modes.split() or [""]:
        expected = next(
            (
                narrowed
                for (where, which, names), narrowed in NARROWED.items()
                if (where, which) == (endpoint, model) and mode in names.split()
            ),
            {},
        )
        limits = modes_of(endpoint, model)[mode]
        found = {name: getattr(limits, name) for name in NOT_NARROWED}
        assert found == NOT_NARROWED | expected


# Model: how sure, whether a video has sound, whether there is a setting for shots, prompt.
REQUESTED = ("high", "requested", False, 2500)
NEW: dict[tuple[str, str], tuple[str, str, bool, int]] = {
    ("text2video", "kling-2.5-turbo"): ("medium", "never", False, 2500),
    ("text2video", "kling-2.6"): ("medium", "requested", False, 2500),
    ("text2video", "kling-3.0"): ("medium", "requested", True, 3072),
    ("text2video", "kling-3.0-turbo"): ("medium", "always", False, 3072),
    ("image2video", "kling-2.5-turbo"): ("medium", "never", False, 2500),
    ("image2video", "kling-2.6"): ("medium", "requested", False, 2500),
    ("image2video", "kling-3.0"): ("medium", "requested", True, 3072),
    ("image2video", "kling-3.0-turbo"): ("medium", "always", False, 2500),
    ("omni-video", "kling-o1"): ("medium", "never", False, 2500),
    ("omni-video", "kling-3.0-omni"): ("medium", "requested", True, 3072),
    ("image-generation", "kling-v3"): ("medium", "requested", False, 2500),
    ("image-generation", "kling-v2-1"): ("medium", "requested", False, 2500),
    ("image-generation", "kling-v2"): ("low", "requested", False, 2500),
    ("image-generation", "kling-v1-5"): ("low", "requested", False, 2500),
    ("image-generation", "kling-v1"): ("low", "requested", False, 2500),
    ("omni-image", "kling-v3-omni"): ("medium", "requested", False, 2500),
    ("omni-image", "kling-image-o1"): ("medium", "requested", False, 2500),
    ("multi-image2image", "kling-v2-1"): ("medium", "requested", False, 2500),
    ("multi-image2image", "kling-v2"): ("low", "requested", False, 2500),
    **{
        ("motion-control", model): ("medium", "requested", False, 2500)
        for model in ("kling-v2-6", "kling-v3", "kling-2.6", "kling-3.0")
    },
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_model_has_these_properties(endpoint: str) -> None:
    """Only models of the newer interface, and of a page that is gone, differ from the rest."""
    for model in ENDPOINTS[endpoint].models:
        found = (model.confidence, model.sound, model.multi_shot_setting, model.prompt_max)
        assert found == NEW.get((endpoint, model.name), REQUESTED), model.name


def test_an_endpoint_has_these_paths_and_defaults() -> None:
    """Path, product, default model and mode, and how long a wait may take."""
    assert {
        name: (one.path, one.product, one.default_model, one.default_mode, one.wait_timeout)
        for name, one in ENDPOINTS.items()
        if one.returns is None
    } == {
        "text2video": ("/v1/videos/text2video", "text-to-video", "kling-v2-6", "std", 7200.0),
        "image2video": ("/v1/videos/image2video", "image-to-video", "kling-v2-6", "std", 7200.0),
        "omni-video": ("/v1/videos/omni-video", "omni-video", "kling-v3-omni", "pro", 7200.0),
        "multi-image2video": ("/v1/videos/multi-image2video", "", "kling-v1-6", "std", 7200.0),
        "video-extend": ("/v1/videos/video-extend", "", "", "std", 7200.0),
        "image-generation": ("/v1/images/generations", "", "kling-v3", "1k", 1800.0),
        "omni-image": ("/v1/images/omni-image", "", "kling-v3-omni", "1k", 1800.0),
        "multi-image2image": ("/v1/images/multi-image2image", "", "kling-v2-1", "std", 1800.0),
        "image-expand": ("/v1/images/editing/expand", "", "", "std", 1800.0),
        "virtual-try-on": (
            *("/v1/images/kolors-virtual-try-on", "", "kolors-virtual-try-on-v1-5", "std"),
            1800.0,
        ),
        "motion-control": (
            "/v1/videos/motion-control",
            "motion-control",
            "kling-v2-6",
            "std",
            7200.0,
        ),
        "effects": ("/v1/videos/effects", "", "", "std", 7200.0),
        "avatar": ("/v1/videos/avatar/image2video", "", "", "std", 7200.0),
        "lip-sync": ("/v1/videos/lip-sync", "", "", "std", 7200.0),
        "advanced-lip-sync": ("/v1/videos/advanced-lip-sync", "", "", "std", 7200.0),
        "text-to-audio": ("/v1/audio/text-to-audio", "", "", "std", 7200.0),
        "video-to-audio": ("/v1/audio/video-to-audio", "", "", "std", 7200.0),
        "voices": ("/v1/general/custom-voices", "", "", "std", 1800.0),
        "elements": ("/v1/general/advanced-custom-elements", "", "", "std", 1800.0),
        "multi-elements": ("/v1/videos/multi-elements", "", "", "std", 7200.0),
        "ai-multi-shot": ("/v1/general/ai-multi-shot", "", "", "std", 1800.0),
        "solutions-virtual-try-on": ("/solutions/virtual_try_on", "", "", "std", 1800.0),
        "solutions-clothing-dupe": ("/solutions/e-commerce/clothing_dupe", "", "", "std", 7200.0),
        "solutions-goods-studio": ("/solutions/e-commerce/goods_studio", "", "", "std", 7200.0),
        "solutions-talking-agent": ("/solutions/talking_agent", "", "", "std", 7200.0),
        "solutions-drama-subtitle": ("/solutions/drama_subtitle", "", "", "std", 7200.0),
    }
    for one in ENDPOINTS.values():
        kinds = (one.interface, one.result, one.takes_external_id)
        if one.solution is not None:
            is_picture = one.name == "solutions-virtual-try-on"
            assert kinds == ("solutions", "images" if is_picture else "videos", True)
            continue
        folder = one.path.split("/")[2].replace("audio", "audios")
        # What makes views of an element is not among the pictures.
        folder = "images" if one.name == "ai-multi-shot" else folder
        result = folder if one.library is None else f"{one.library.item}s"
        assert kinds == ("v1", result, one.returns is None)


def test_what_was_seen_retired_has_a_date() -> None:
    """`kling-v1` went first."""
    seen = "retired: the server was seen refusing it"
    assert {name: (one.state, one.as_of) for name, one in AVAILABILITY.items()} == {
        "kling-v1": (seen, "2026-09-20"),
        **dict.fromkeys(
            (
                "kling-v1-5",
                "kling-v1-6",
                "kling-v2-1",
                "kling-v2-master",
                "kling-v2-1-master",
                "multi-image2video",
            ),
            (seen, "2026-09-28"),
        ),
    }
