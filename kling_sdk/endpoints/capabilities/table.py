"""Which model does what: endpoint x mode x seconds x feature, as data.

Source of every row: the vendor's capability maps and endpoint pages as published between
2026-01 and 2026-09. Confidence is "high" when two or more independent copies agree,
"medium" for one official copy, "low" for one unofficial source, one observed reply, or
an inference. A low-confidence fact warns; it never refuses.

To add a model, add its rows here. Nothing else in the package names a model, except the
default of each request class.
"""

from __future__ import annotations

from typing import Final, Literal

import attrs

__all__ = ["ABSENT", "AVAILABILITY", "ROWS", "Availability", "Confidence", "Mode", "Row"]

Confidence = Literal["high", "medium", "low"]

ABSENT: Final = ""  # name of the only "mode" of a model that takes no `mode`

_CLIPS: Final = (5, 10)
_O1: Final = tuple(range(3, 11))
_V3: Final = tuple(range(3, 16))


@attrs.frozen(eq=False)
class Mode:
    """What one mode of one model can do on one endpoint.

    Attributes:
        seconds: Accepted values of `duration`.
        features: What may be used, by the names that `features_of` gives.
        only_seconds: Features that work with some durations only.
        doubtful: Features that one unofficial source grants and the others do not.
        doubtful_seconds: Situations for which sources disagree on the duration.
        excludes: Pairs of features that cannot be used together.
        requires: Pairs of features of which the first needs the second.
    """

    seconds: tuple[int, ...]
    features: frozenset[str]
    only_seconds: dict[str, tuple[int, ...]] = attrs.field(factory=dict[str, tuple[int, ...]])
    doubtful: frozenset[str] = frozenset()
    doubtful_seconds: dict[str, tuple[int, ...]] = attrs.field(factory=dict[str, tuple[int, ...]])
    excludes: tuple[tuple[str, str], ...] = ()
    requires: tuple[tuple[str, str], ...] = ()


@attrs.frozen(eq=False)
class Row:
    """One model on one endpoint."""

    model: str
    endpoint: str
    modes: dict[str, Mode]
    confidence: Confidence = "high"


@attrs.frozen(eq=False)
class Availability:
    """Whether a model can still be used, where there is doubt."""

    state: str
    as_of: str
    confidence: Confidence


def _mode(
    seconds: tuple[int, ...],
    features: str,
    *,
    doubtful: str = "",
    doubtful_seconds: dict[str, tuple[int, ...]] | None = None,
    excludes: tuple[tuple[str, str], ...] = (),
    requires: tuple[tuple[str, str], ...] = (),
    **only_seconds: tuple[int, ...],
) -> Mode:
    return Mode(
        seconds,
        frozenset(features.split()),
        only_seconds,
        frozenset(doubtful.split()),
        doubtful_seconds or {},
        excludes,
        requires,
    )


_FREE = "negative_prompt aspect_ratio"
_V3_IMAGE = _mode(
    _V3,
    "negative_prompt sound multi_shot first_last_frame element_list",
    doubtful="camera_control camera_move motion_brush",
)
_V3_IMAGE_4K = _mode(_V3, "negative_prompt sound multi_shot first_last_frame element_list")
_V3_TEXT = _mode(_V3, f"{_FREE} sound multi_shot")
_O1_FEATURES = (
    "aspect_ratio image_list first_frame first_last_frame element_list"
    " video_feature video_base keep_original_sound"
)
_O1_MODE = _mode(
    _O1,
    _O1_FEATURES,
    excludes=(
        ("first_last_frame", "element_list"),
        ("first_last_frame", "more_than_two_images"),
        ("first_frame", "more_than_two_images"),
    ),
    doubtful_seconds={"text_only": _CLIPS},
    first_frame_only=_CLIPS,
)
_V3_OMNI = _mode(
    _V3,
    f"{_O1_FEATURES} sound multi_shot",
    # Shots beside a video: the release note of 2026-06-17, and for a base video the page of
    # the newer interface (confidence medium: one official copy each).
    excludes=(
        ("sound", "video_feature"),
        ("sound", "video_base"),
        ("multi_shot", "video_base"),
        ("own_shots", "video_feature"),
    ),
)
_MASTER_IMAGE = {ABSENT: _mode(_CLIPS, "negative_prompt")}

ROWS: Final = (
    Row(
        "kling-v1",
        "text2video",
        {
            "std": _mode(
                _CLIPS, f"{_FREE} cfg_scale camera_control camera_move", camera_control=(5,)
            ),
            "pro": _mode(_CLIPS, f"{_FREE} cfg_scale", doubtful="camera_control camera_move"),
        },
    ),
    Row(
        "kling-v1",
        "image2video",
        {
            mode: _mode(
                _CLIPS,
                "negative_prompt cfg_scale first_last_frame motion_brush",
                first_last_frame=(5,),
                motion_brush=(5,),
            )
            for mode in ("std", "pro")
        },
    ),
    # kling-v1-5 moves the camera only by `simple` (endpoint page, several copies agree).
    Row(
        "kling-v1-5",
        "image2video",
        {
            "std": _mode(_CLIPS, "negative_prompt cfg_scale"),
            "pro": _mode(
                _CLIPS,
                "negative_prompt cfg_scale first_last_frame last_frame_only"
                " motion_brush camera_control",
                motion_brush=(5,),
                camera_control=(5,),
            ),
        },
    ),
    Row(
        "kling-v1-6",
        "text2video",
        {mode: _mode(_CLIPS, f"{_FREE} cfg_scale") for mode in ("std", "pro")},
    ),
    Row(
        "kling-v1-6",
        "image2video",
        {
            "std": _mode(_CLIPS, "negative_prompt cfg_scale"),
            "pro": _mode(_CLIPS, "negative_prompt cfg_scale first_last_frame last_frame_only"),
        },
    ),
    Row(
        "kling-v1-6",
        "multi-image2video",
        {mode: _mode(_CLIPS, f"{_FREE} image_list") for mode in ("std", "pro")},
    ),
    Row("kling-v2-master", "text2video", {ABSENT: _mode(_CLIPS, _FREE)}),
    Row("kling-v2-master", "image2video", _MASTER_IMAGE),
    Row("kling-v2-1-master", "text2video", {ABSENT: _mode(_CLIPS, _FREE)}),
    Row("kling-v2-1-master", "image2video", _MASTER_IMAGE),
    Row(
        "kling-v2-1",
        "image2video",
        {
            "std": _mode(_CLIPS, "negative_prompt"),
            "pro": _mode(_CLIPS, "negative_prompt first_last_frame"),
        },
    ),
    Row(
        "kling-v2-5-turbo",
        "text2video",
        {mode: _mode(_CLIPS, _FREE) for mode in ("std", "pro")},
    ),
    Row(
        "kling-v2-5-turbo",
        "image2video",
        {
            "std": _mode(_CLIPS, "negative_prompt"),
            "pro": _mode(_CLIPS, "negative_prompt first_last_frame"),
        },
    ),
    Row(
        "kling-v2-6",
        "text2video",
        {"std": _mode(_CLIPS, _FREE), "pro": _mode(_CLIPS, f"{_FREE} sound")},
    ),
    Row(
        "kling-v2-6",
        "image2video",
        {
            "std": _mode(_CLIPS, "negative_prompt"),
            "pro": _mode(
                _CLIPS,
                "negative_prompt sound first_last_frame voice_list",
                excludes=(("first_last_frame", "sound"),),
                requires=(("voice_list", "sound"),),
            ),
        },
    ),
    # cfg_scale on kling-v3 is stated nowhere; an older digest restricts it to v1.x.
    Row(
        "kling-v3",
        "text2video",
        {
            mode: attrs.evolve(_V3_TEXT, doubtful=frozenset({"cfg_scale"}))
            for mode in ("std", "pro", "4k")
        },
    ),
    Row(
        "kling-v3",
        "image2video",
        {
            mode: attrs.evolve(spec, doubtful=spec.doubtful | {"cfg_scale"})
            for mode, spec in (("std", _V3_IMAGE), ("pro", _V3_IMAGE), ("4k", _V3_IMAGE_4K))
        },
    ),
    Row("kling-video-o1", "omni-video", {"std": _O1_MODE, "pro": _O1_MODE}),
    Row("kling-v3-omni", "omni-video", dict.fromkeys(("std", "pro", "4k"), _V3_OMNI)),
)

#: Models that may have gone. A live refusal of kling-v1 was seen once, on 2026-09-20; the
#: others are only missing from the newest maps, which says nothing about their state.
AVAILABILITY: Final = {
    "kling-v1": Availability("discontinued: the server was seen refusing it", "2026-09-20", "low"),
}
