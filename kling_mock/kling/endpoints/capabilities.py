"""What each model can do, on each of the four endpoints and in each mode.

One row per endpoint, model and mode. The SDK keeps a table of its own, on purpose: a mistake
that both shared would pass every test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kling_mock.web.facts import Fact, documented, observed

__all__ = [
    "CAPABILITIES",
    "DEFAULT_MODELS",
    "DEFAULT_MODES",
    "DISCONTINUED",
    "ENDPOINTS",
    "MODELS",
    "Capability",
    "modes_of",
]

# The last part of the path, as in POST /v1/videos/text2video.
ENDPOINTS = ("text2video", "image2video", "omni-video", "multi-image2video")

# What a request without `model_name` or `mode` means.
DEFAULT_MODELS = {
    "text2video": "kling-v1",
    "image2video": "kling-v1",
    "omni-video": "kling-video-o1",
    "multi-image2video": "kling-v1-6",
}
DEFAULT_MODES = {
    "text2video": "std",
    "image2video": "std",
    "omni-video": "pro",
    "multi-image2video": "std",
}

# Models that the real service was seen to refuse. This emulator accepts them unless it is told
# otherwise: kling-v1 is what a request without model_name means, and was accepted in 2026-04.
DISCONTINUED: Mapping[str, Fact] = {
    "kling-v1": observed("probe-2026-09", as_of="2026-09-20", note="accepted on 2026-04-28"),
}

_CLIPS = (5, 10)
_SECONDS = tuple(range(3, 16))

_OLD = documented("pages-2026-04", "digest-2026-01", as_of="2026-04-01")
_PAGES = documented("pages-2026-04", "digest-2026-01", "pages-2026-09", as_of="2026-09-20")
_V3 = documented("pages-2026-04", "pages-2026-09", "pages-2026-05", as_of="2026-09-20")
_OMNI = documented("pages-2026-04", "pages-2026-06", "pages-2026-09", as_of="2026-09-20")


@dataclass(frozen=True, slots=True)
class Capability:
    """What one model can do on one endpoint in one mode.

    Attributes:
        endpoint: One of `ENDPOINTS`.
        model: The value of `model_name`.
        mode: `std`, `pro`, `4k`, or `none` for a model without modes.
        durations: Accepted lengths in seconds.
        features: What may be asked for beyond a plain generation; names of fields, and
            `last_frame_only` (image_tail without image), `motion_brush` (the masks),
            `first_frame`, `end_frame`, `video_base`, `video_feature`, `character_element`.
        resolution: `720p`, `1080p` or `4k`.
        fps: Frames per second of the result: 24 or 30.
        narrowed: Features that only some of the durations have.
        fact: Where the row comes from.
    """

    endpoint: str
    model: str
    mode: str
    durations: tuple[int, ...]
    features: frozenset[str]
    resolution: str
    fps: int
    fact: Fact
    narrowed: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])


def _row(
    endpoint: str,
    model: str,
    mode: str,
    features: str,
    size: tuple[str, int],
    fact: Fact,
    *,
    seconds: tuple[int, ...] = _CLIPS,
    five: str = "",
) -> Capability:
    """Return a row; *five* lists the features that only a clip of 5 seconds has."""
    narrowed = dict.fromkeys(five.split(), (5,))
    every = frozenset(features.split()) | narrowed.keys()
    return Capability(endpoint, model, mode, seconds, every, *size, fact, narrowed)


# Frame rates: 24 where no page gives one (all of kling-v3, omni and multi-image, v2-6 std).
_T2V = "negative_prompt aspect_ratio"
_I2V = "negative_prompt"
_SHOTS = "sound multi_shot"
# Whether kling-v3 takes cfg_scale is stated nowhere (kling-v2.x: it does not); accepted here.
_V3_T2V = f"{_T2V} {_SHOTS} cfg_scale"
_FRAMES = f"negative_prompt {_SHOTS} cfg_scale image_tail element_list"
_O1 = (
    "aspect_ratio image_list first_frame end_frame element_list "
    "video_base video_feature keep_original_sound"
)
_O3 = f"{_O1} {_SHOTS} character_element"
_HD24, _HD30 = ("720p", 24), ("720p", 30)
_FHD24, _FHD30 = ("1080p", 24), ("1080p", 30)
_4K = ("4k", 24)

_TEXT2VIDEO = (
    ("kling-v1", "std", f"{_T2V} cfg_scale", _HD30, _OLD, _CLIPS, "camera_control"),
    ("kling-v1", "pro", f"{_T2V} cfg_scale", _HD30, _OLD, _CLIPS, ""),
    ("kling-v1-6", "std", f"{_T2V} cfg_scale", _HD24, _PAGES, _CLIPS, ""),
    ("kling-v1-6", "pro", f"{_T2V} cfg_scale", _FHD24, _PAGES, _CLIPS, ""),
    ("kling-v2-master", "none", _T2V, _HD24, _OLD, _CLIPS, ""),
    ("kling-v2-1-master", "none", _T2V, _FHD24, _OLD, _CLIPS, ""),
    ("kling-v2-5-turbo", "std", _T2V, _HD24, _PAGES, _CLIPS, ""),
    ("kling-v2-5-turbo", "pro", _T2V, _FHD24, _PAGES, _CLIPS, ""),
    ("kling-v2-6", "std", _T2V, _HD24, _PAGES, _CLIPS, ""),
    ("kling-v2-6", "pro", f"{_T2V} sound", _FHD24, _PAGES, _CLIPS, ""),
    ("kling-v3", "std", _V3_T2V, _HD24, _V3, _SECONDS, ""),
    ("kling-v3", "pro", _V3_T2V, _FHD24, _V3, _SECONDS, ""),
    ("kling-v3", "4k", _V3_T2V, _4K, _V3, _SECONDS, ""),
)
_IMAGE2VIDEO = (
    ("kling-v1", "std", f"{_I2V} cfg_scale", _HD30, _OLD, _CLIPS, "image_tail motion_brush"),
    ("kling-v1", "pro", f"{_I2V} cfg_scale", _HD30, _OLD, _CLIPS, "image_tail motion_brush"),
    ("kling-v1-5", "std", f"{_I2V} cfg_scale", _HD30, _OLD, _CLIPS, ""),
    (
        "kling-v1-5",
        "pro",
        f"{_I2V} cfg_scale image_tail last_frame_only",
        _FHD30,
        _OLD,
        _CLIPS,
        "motion_brush camera_control",
    ),
    ("kling-v1-6", "std", f"{_I2V} cfg_scale", _HD30, _OLD, _CLIPS, ""),
    (
        "kling-v1-6",
        "pro",
        f"{_I2V} cfg_scale image_tail last_frame_only",
        _FHD30,
        _OLD,
        _CLIPS,
        "",
    ),
    ("kling-v2-master", "none", _I2V, _HD24, _OLD, _CLIPS, ""),
    ("kling-v2-1-master", "none", _I2V, _FHD24, _OLD, _CLIPS, ""),
    ("kling-v2-1", "std", _I2V, _HD24, _OLD, _CLIPS, ""),
    ("kling-v2-1", "pro", f"{_I2V} image_tail", _FHD24, _OLD, _CLIPS, ""),
    ("kling-v2-5-turbo", "std", _I2V, _HD24, _PAGES, _CLIPS, ""),
    ("kling-v2-5-turbo", "pro", f"{_I2V} image_tail", _FHD24, _PAGES, _CLIPS, ""),
    ("kling-v2-6", "std", _I2V, _HD24, _OLD, _CLIPS, ""),
    ("kling-v2-6", "pro", f"{_I2V} sound image_tail voice_list", _FHD24, _OLD, _CLIPS, ""),
    ("kling-v3", "std", _FRAMES, _HD24, _V3, _SECONDS, ""),
    ("kling-v3", "pro", _FRAMES, _FHD24, _V3, _SECONDS, ""),
    ("kling-v3", "4k", _FRAMES, _4K, _V3, _SECONDS, ""),
)
_OMNI_VIDEO = (
    ("kling-video-o1", "std", _O1, _HD24, _OMNI, _SECONDS[:8], ""),
    ("kling-video-o1", "pro", _O1, _FHD24, _OMNI, _SECONDS[:8], ""),
    ("kling-v3-omni", "std", _O3, _HD24, _OMNI, _SECONDS, ""),
    ("kling-v3-omni", "pro", _O3, _FHD24, _OMNI, _SECONDS, ""),
    ("kling-v3-omni", "4k", _O3, _4K, _OMNI, _SECONDS, ""),
)
_MULTI_IMAGE = (
    ("kling-v1-6", "std", f"{_T2V} image_list", _HD24, _OLD, _CLIPS, ""),
    ("kling-v1-6", "pro", f"{_T2V} image_list", _FHD24, _OLD, _CLIPS, ""),
)

CAPABILITIES: Mapping[tuple[str, str, str], Capability] = {
    (endpoint, model, mode): _row(
        endpoint, model, mode, features, size, fact, seconds=seconds, five=five
    )
    for endpoint, rows in zip(
        ENDPOINTS, (_TEXT2VIDEO, _IMAGE2VIDEO, _OMNI_VIDEO, _MULTI_IMAGE), strict=True
    )
    for model, mode, features, size, fact, seconds, five in rows
}

# endpoint -> model -> its modes, in the order of the table.
MODELS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    endpoint: {
        model: tuple(mode for e, m, mode in CAPABILITIES if (e, m) == (endpoint, model))
        for e, model, _ in CAPABILITIES
        if e == endpoint
    }
    for endpoint in ENDPOINTS
}


def modes_of(endpoint: str, model: str) -> tuple[str, ...]:
    """Return the modes of *model* on *endpoint*; empty if it is not served there."""
    return MODELS[endpoint].get(model, ())
