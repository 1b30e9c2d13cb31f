"""The check that says before sending what a model does not do."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from kling_sdk import (
    ENDPOINTS,
    CapabilityWarning,
    ImageToVideo,
    Kling,
    MultiImageToVideo,
    OmniVideo,
    RequestValidationError,
    TextToVideo,
    VideoRequest,
)
from kling_sdk.endpoints.capabilities import check, require
from kling_sdk.endpoints.models import ABSENT, ModelLimits
from kling_sdk.endpoints.record import EndpointRecord
from tests.sdk.clients import KEY
from tests.sdk.faulty_server import FaultyKling

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (400).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
)
CAMERA = {"type": "simple", "config": {"zoom": 1}}
MOVE = {"type": "down_back"}
BASE = {"video_url": "https://example.com/v.mp4"}
FEATURE = {**BASE, "refer_type": "feature"}
SHOTS = {"multi_shot": True, "shot_type": "intelligence"}
OWN = {
    "multi_shot": True,
    "shot_type": "customize",
    "multi_prompt": [{"prompt": "x", "duration": 5}],
    "duration": 5,
}
FIRST = {"image_url": PNG, "type": "first_frame"}
LAST = {"image_url": PNG, "type": "end_frame"}
MASKS = [{"mask": PNG, "trajectories": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]}]


@pytest.mark.parametrize(
    "model",
    [model for record in ENDPOINTS.values() for model in record.models],
    ids=lambda m: m.name,
)
def test_how_sure_a_limit_is_has_three_words(model: ModelLimits) -> None:
    """They are shown to users."""
    assert model.confidence in {"high", "medium", "low"}


def text(model: str, **fields: Any) -> TextToVideo:
    return TextToVideo(prompt="x", model_name=model, **fields)


def image(model: str, **fields: Any) -> ImageToVideo:
    return ImageToVideo(**{"image": PNG, **fields}, model_name=model)


def omni(model: str, **fields: Any) -> OmniVideo:
    return OmniVideo(prompt="x", model_name=model, **fields)


REFUSED: list[tuple[VideoRequest, str, str]] = [
    (text("kling-v1-5"), "model_name", "kling-v1-5 has no text2video; expected kling-v1, "),
    (text("kling-v2-1"), "model_name", "has no text2video"),
    (text("kling-v2-5-turbo", cfg_scale=0.5), "cfg_scale", "expected models kling-v1, kling-v1-6"),
    (text("kling-v2-6", mode="4k"), "mode", "expected std, pro"),
    (text("kling-v2-6", sound="on"), "sound", "expected mode pro"),
    (text("kling-v2-6", duration=7), "duration", "expected 5, 10 s"),
    (text("kling-v1-6", multi_shot=True, shot_type="intelligence"), "multi_shot", "kling-v3"),
    (text("kling-v1", camera_control=CAMERA, duration=10), "duration", "expected 5 s"),
    (image("kling-v2-1", image_tail=PNG), "image_tail", "expected mode pro"),
    (image("kling-v2-master", image_tail=PNG), "image_tail", "kling-v2-master"),
    (image("kling-v2-6", image=None, image_tail=PNG, mode="pro"), "image_tail", "kling-v1-5"),
    (
        image("kling-v2-6", image_tail=PNG, mode="pro", sound="on"),
        "image_tail",
        "together with sound",
    ),
    (image("kling-v2-6", voice_list=["a"], mode="pro"), "voice_list", "voice_list with sound"),
    (image("kling-v2-6", element_list=[1]), "element_list", "kling-v3"),
    (image("kling-v1-6", dynamic_masks=MASKS), "dynamic_masks", "motion_brush"),
    (image("kling-v1", dynamic_masks=MASKS, duration=10), "duration", "expected 5 s"),
    (image("kling-v1-5", mode="pro", camera_control=MOVE), "camera_control", "type simple with"),
    (omni("kling-v3-omni", video_list=[BASE], **SHOTS), "multi_shot", "together with video_base"),
    (
        omni("kling-v3-omni", video_list=[FEATURE], **OWN),
        "shot_type",
        "together with video_feature",
    ),
    (omni("kling-video-o1", sound="on"), "sound", "kling-v3-omni"),
    (omni("kling-video-o1", mode="4k"), "mode", "expected std, pro"),
    (omni("kling-video-o1", duration=11), "duration", "3, 4, 5, 6, 7, 8, 9, 10 s"),
    (omni("kling-video-o1", image_list=[FIRST], duration=7), "duration", "expected 5, 10 s"),
    (
        omni("kling-video-o1", image_list=[FIRST, LAST], element_list=[1]),
        "image_list",
        "together with",
    ),
    (omni("kling-video-o1", image_list=[FIRST, LAST, PNG]), "image_list", "together with"),
    (
        omni("kling-v3-omni", sound="on", video_list=["https://example.com/v.mp4"]),
        "sound",
        "together with video_base",
    ),
    (
        MultiImageToVideo(image_list=[PNG], prompt="x", model_name="kling-v3"),
        "model_name",
        "expected kling-v1-6",
    ),
    (MultiImageToVideo(image_list=[PNG], prompt="x", duration=7), "duration", "5, 10 s"),
    (text("kling-2.6", resolution="4k"), "resolution", "720p, 1080p"),
    (text("kling-2.6", resolution="720p", audio="native"), "sound", "mode pro"),
    (text("kling-2.5-turbo", sound="on"), "sound", "kling-2.6"),
    (text("kling-3.0", negative_prompt="rain"), "negative_prompt", "kling-v3"),
    (text("kling-3.0", audio="original"), "audio", "no keep_original_sound"),
    (text("kling-3.0-turbo", audio="off"), "audio", "has sound"),
    (text("kling-3.0-turbo", sound=False), "sound", "has sound"),
    (
        text("kling-3.0-turbo", multi_shot=True, shot_type="intelligence"),
        "multi_shot",
        "shot_type customize",
    ),
    (image("kling-2.6", resolution="720p", image_tail=PNG), "image_tail", "mode pro"),
    (image("kling-3.0-turbo", image_tail=PNG), "image_tail", "kling-3.0"),
    (omni("kling-o1", duration=11), "duration", "3, 4, 5"),
    (omni("kling-video-o1", duration=3), "duration", "5, 10 s"),
]


@pytest.mark.parametrize(("request_", "field", "words"), REFUSED)
def test_what_a_model_is_known_not_to_do_is_refused_with_what_would_work(
    request_: VideoRequest, field: str, words: str
) -> None:
    """The refusal names the field, and the models, modes or seconds that are accepted."""
    with pytest.raises(RequestValidationError) as caught:
        require(request_.record, request_.parameters())

    assert caught.value.field == field
    assert words in str(caught.value)


WARNED: list[tuple[VideoRequest, str]] = [
    (text("kling-v3", cfg_scale=0.5), "cfg_scale"),
    (image("kling-v3", camera_control=CAMERA), "camera_control"),
    (text("kling-v2-master", mode="pro"), "has no modes"),
    (omni("kling-o1", duration=7), "text_only"),
]


@pytest.mark.parametrize(("request_", "words"), WARNED)
def test_what_only_one_weak_source_says_warns_and_passes(
    request_: VideoRequest, words: str
) -> None:
    """A doubtful fact never stops a call that may work."""
    with pytest.warns(CapabilityWarning, match=words):
        require(request_.record, request_.parameters(), {"kling-v2-master"})


RETIRED: list[tuple[VideoRequest, str]] = [
    (text("kling-v1"), "kling-v1 is retired: .* 2026-09-20"),
    *(
        (image(name), f"{name} is retired: .* 2026-09-28")
        for name in ("kling-v1-5", "kling-v1-6", "kling-v2-1", "kling-v2-master")
    ),
    (text("kling-v2-1-master"), "kling-v2-1-master is retired: .* 2026-09-28"),
    (
        MultiImageToVideo(image_list=[PNG], prompt="x", model_name="kling-v9"),
        "multi-image2video is retired: .* 2026-09-28",
    ),
]


@pytest.mark.parametrize(("request_", "words"), RETIRED)
def test_what_was_seen_retired_warns_once_with_the_date(request_: VideoRequest, words: str) -> None:
    """It is never refused here: each was seen with one account."""
    warned: set[str] = set()
    with pytest.warns(CapabilityWarning, match=words):
        require(request_.record, request_.parameters(), warned)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        require(request_.record, request_.parameters(), warned)
    assert not any(problem.certain for problem in check(request_.record, request_.parameters()))


def test_a_client_warns_once_of_what_was_seen_retired() -> None:
    """Its copies, too; another client warns again. Each request is sent."""
    with FaultyKling() as server:
        for _ in range(2):
            with (
                warnings.catch_warnings(record=True) as caught,
                Kling(KEY, base_url=server.url) as kling,
            ):
                warnings.simplefilter("always")
                for client in (kling, kling, kling.with_options(timeout=5.0)):
                    client.text2video.create(prompt="a cat", model_name="kling-v1-6")
            assert [warning.category for warning in caught] == [CapabilityWarning]
        assert len(server.kling.tasks) == 6


PASSED: list[VideoRequest] = [
    TextToVideo(prompt="x"),
    ImageToVideo(image=PNG),
    OmniVideo(prompt="x"),
    text("kling-v2-6", mode="pro", sound="on", duration=10, aspect_ratio="9:16"),
    text("kling-v3", mode="4k", duration=15, sound=True),
    image("kling-v3", element_list=[1, 2, 3], duration=3),
    omni("kling-video-o1", duration=9, image_list=[PNG]),
    omni("kling-video-o1", duration=7, image_list=[FIRST, PNG]),
    omni("kling-v3-omni", duration=15, mode="4k", sound=True),
    omni("kling-v3-omni", video_list=["https://example.com/v.mp4"], duration=4),
    text("kling-v9", mode="16k", duration=99),
    text("kling-3.0", resolution="4k", audio="native", duration=15),
    text("kling-3.0-turbo", resolution="1080p", duration=3),
    image("kling-2.6", audio="native", resolution="1080p", voice_list=["v"]),
    omni("kling-o1", audio="original", video_list=["https://example.com/v.mp4"]),
    omni("kling-4.0", resolution="720p", duration=30),
]


@pytest.mark.parametrize("request_", PASSED)
def test_what_works_or_is_not_known_passes_in_silence(request_: VideoRequest) -> None:
    """Defaults, the corners of the table and unknown models neither raise nor warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        require(request_.record, request_.parameters())


@pytest.mark.parametrize(
    ("record", "model"),
    [
        pytest.param(record, model, id=f"{model.name}/{record.name}")
        for record in ENDPOINTS.values()
        for model in record.models
    ],
)
def test_every_model_accepts_its_own_modes_and_seconds_and_no_others(
    record: EndpointRecord, model: ModelLimits
) -> None:
    """The limits are read as they are written: all they grant passes, the next second does not."""
    for mode, spec in model.modes.items():
        fields = {"model_name": model.name, "prompt": "x", "image": "https://example.com/a.png"}
        if mode != ABSENT:
            fields["mode"] = mode
        for seconds in range(1, 18):
            problems = [
                problem
                for problem in check(record, {**fields, "duration": seconds})
                if problem.certain
            ]
            possible = spec.only_seconds.get("text_only", spec.seconds)
            assert bool(problems) == (seconds not in possible), (mode, seconds, problems)


def test_models_are_listed_per_endpoint() -> None:
    """A record lists the models of its endpoint."""
    assert ENDPOINTS["multi-image2video"].model_names == ("kling-v1-6",)
    assert ENDPOINTS["omni-video"].model_names == (
        "kling-video-o1",
        "kling-v3-omni",
        "kling-o1",
        "kling-3.0-omni",
    )
    assert "kling-v1-5" not in ENDPOINTS["text2video"].model_names


@pytest.mark.parametrize(("model", "has_simple"), [("kling-v3", True), ("kling-v2-6", False)])
def test_the_simple_camera_is_only_proposed_to_a_model_that_has_one(
    *, model: str, has_simple: bool
) -> None:
    """For other models, the models that move the camera by themselves are named."""
    request = image(model, camera_control=MOVE, check=False)
    expected = [problem.expected for problem in check(request.record, request.parameters())]
    assert ("type simple with a config" in expected) is has_simple


@pytest.mark.parametrize(("videos", "is_wrong"), [([BASE], False), ([FEATURE], True), (None, True)])
def test_beside_a_video_that_is_edited_no_duration_is_wrong(
    *, videos: list[dict[str, str]] | None, is_wrong: bool
) -> None:
    """The video's own length counts."""
    fields: dict[str, Any] = {"model_name": "kling-video-o1", "mode": "pro", "duration": 15}
    if videos is not None:
        fields["video_list"] = OmniVideo(prompt="x", video_list=videos).video_list
    problem_fields = [problem.field for problem in check(OmniVideo.record, fields)]
    assert ("duration" in problem_fields) is is_wrong


def test_a_first_frame_beside_more_pictures_names_the_pictures() -> None:
    """The parameter, in the words of the request."""
    request = OmniVideo(
        prompt="x", model_name="kling-video-o1", image_list=[FIRST, PNG, PNG, PNG], check=False
    )
    (problem,) = check(request.record, {**request.parameters(), "mode": "pro"})
    assert problem.field == "image_list"
    assert "more_than_two_images" in problem.expected


@pytest.mark.parametrize("model", ["kling-3.0-omni", "kling-o1"])
@pytest.mark.parametrize("videos", [None, [FEATURE]])
def test_only_a_base_video_keeps_its_sound(model: str, videos: Any) -> None:
    """This holds with the model in the path; the error names what was given, and what it needs."""
    request = omni(model, audio="original", video_list=videos)

    (problem,) = check(request.record, request.parameters())

    assert (problem.field, problem.certain) == ("audio", True)
    assert problem.limit == f"{model} needs a base video for it"
    assert problem.expected == "audio original with a base video"
    edited = omni(model, audio="original", video_list=[BASE])
    assert check(edited.record, edited.parameters()) == ()


def test_certain_problems_come_first() -> None:
    """A refusal is not hidden behind a warning."""
    request = text("kling-v2-master", mode="pro", sound=True)
    problems = check(request.record, request.parameters())
    assert [problem.certain for problem in problems] == [True, False]


def test_a_refusal_reads_field_first() -> None:
    """Then what is wrong, and what would work."""
    request = text("kling-v2-6", mode="4k")
    with pytest.raises(RequestValidationError) as refused:
        require(request.record, request.parameters())
    assert str(refused.value) == "mode: kling-v2-6 has no mode 4k; expected std, pro"
    parts = (refused.value.field, refused.value.limit, refused.value.expected)
    assert parts == ("mode", "kling-v2-6 has no mode 4k", "std, pro")


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (
            text("kling-v3", cfg_scale=0.5),
            (
                "cfg_scale: kling-v3 in mode std does not support cfg_scale on text2video; it must "
                "be models kling-v1, kling-v1-6 (confidence low)"
            ),
        ),
        (
            text("kling-v1"),
            (
                "kling-v1 is retired: the server was seen refusing it on 2026-09-20; "
                "the request is sent anyway"
            ),
        ),
    ],
)
def test_a_warning_says_how_sure_it_is_and_shows_who_asked(
    request_: VideoRequest, words: str
) -> None:
    """The line that it shows is the one that calls the check, not one of the package."""
    with pytest.warns(CapabilityWarning) as warned:
        require(request_.record, request_.parameters())
    assert [str(warning.message) for warning in warned] == [words]
    assert {warning.filename for warning in warned} == {__file__}
