"""The capabilities of each video model on each endpoint, on /v1 and on the model-path interface."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.limits import (
    CLIPS,
    LONG_PROMPT,
    SECONDS_3_TO_10,
    SECONDS_3_TO_15,
    ModelFacts,
)
from kling_sdk.facts.sources import NEWER, ONE_COPY, PAGES, Fact

_PAGES: Final = Fact(
    "documented", ("pages-2026-04", "digest-2026-01", "pages-2026-09"), "2026-09-20", "high"
)
_OMNI: Final = Fact(
    "documented", ("pages-2026-04", "pages-2026-06", "pages-2026-09"), "2026-09-20", "high"
)
_MOTION: Final = Fact(
    "documented",
    ("pages-2026-04",),
    "2026-04-01",
    "medium",
    "gone from the index of 2026-09, which has the page with the model in the path",
)

_BOTH: Final = ("std", "pro")
_ALL: Final = ("std", "pro", "4k")
_ONE: Final = ("",)
_HD30: Final = ("720p", 30)
_HD: Final = ("720p", 24)
_FHD30: Final = ("1080p", 30)
_FHD: Final = ("1080p", 24)
_SIZES: Final = (_HD, _FHD, ("4k", 24))

_FREE: Final = ("negative_prompt", "aspect_ratio")
_OLD_FREE: Final = (*_FREE, "cfg_scale")
_CLIPS_ONLY_5: Final = (5,)
_FRAMES: Final = ("negative_prompt", "sound", "multi_shot", "first_last_frame", "element_list")
_TWO_FRAMES: Final = ("negative_prompt", "first_last_frame")
_V2_6_EXCLUDES: Final = (("first_last_frame", "sound"),)
_V2_6_REQUIRES: Final = (("voice_list", "sound"),)
_OWN_SHOTS: Final = (("multi_shot", "own_shots"),)

_REFERENCES: Final = (
    "aspect_ratio",
    "image_list",
    "first_frame",
    "first_last_frame",
    "element_list",
    "video_feature",
    "video_base",
    "keep_original_sound",
)
_O1_EXCLUDES: Final = (
    ("first_last_frame", "element_list"),
    ("first_last_frame", "more_than_two_images"),
    ("first_frame", "more_than_two_images"),
)
# Shots beside a video: the release note of 2026-06-17, and for a base video the page of the newer
# interface (confidence medium: one official copy each).
_V3_EXCLUDES: Final = (
    ("sound", "video_feature"),
    ("sound", "video_base"),
    ("multi_shot", "video_base"),
    ("own_shots", "video_feature"),
)
# That only a video can keep its sound was observed; that a feature video has none, and allows
# kling-o1 a first frame only, is on the page.
_KEEPS_SOUND: Final = (("keep_original_sound", "video_base"),)
_FIRST_FRAME_ONLY: Final = (("first_frame_only", CLIPS),)
# The maps of /v1 say it of kling-video-o1, against one FAQ; the page of kling-o1 has 3 to 10 s. The
# refusal that was seen of kling-o1 ("when no refer_image is provided") was of frames alone.
_TEXT_ONLY: Final = (("text_only", CLIPS),)

#: By endpoint; on /v1.
MODELS: Final[dict[str, tuple[ModelFacts, ...]]] = {
    "text2video": (
        ModelFacts(
            "kling-v1",
            ("std",),
            CLIPS,
            (*_OLD_FREE, "camera_control", "camera_move"),
            PAGES,
            (_HD30,),
            (("camera_control", _CLIPS_ONLY_5),),
        ),
        ModelFacts(
            "kling-v1",
            ("pro",),
            CLIPS,
            _OLD_FREE,
            PAGES,
            (_HD30,),
            doubtful=("camera_control", "camera_move"),
        ),
        ModelFacts("kling-v1-6", _BOTH, CLIPS, _OLD_FREE, _PAGES, _SIZES),
        ModelFacts("kling-v2-master", _ONE, CLIPS, _FREE, PAGES, (_HD,)),
        ModelFacts("kling-v2-1-master", _ONE, CLIPS, _FREE, PAGES, (_FHD,)),
        ModelFacts("kling-v2-5-turbo", _BOTH, CLIPS, _FREE, _PAGES, _SIZES),
        ModelFacts("kling-v2-6", ("std",), CLIPS, _FREE, _PAGES, (_HD,)),
        ModelFacts("kling-v2-6", ("pro",), CLIPS, (*_FREE, "sound"), _PAGES, (_FHD,)),
        # cfg_scale on kling-v3 is stated nowhere; an older digest restricts it to v1.x.
        ModelFacts(
            "kling-v3",
            _ALL,
            SECONDS_3_TO_15,
            (*_FREE, "sound", "multi_shot"),
            NEWER,
            _SIZES,
            doubtful=("cfg_scale",),
        ),
    ),
    "image2video": (
        ModelFacts(
            "kling-v1",
            _BOTH,
            CLIPS,
            (*_TWO_FRAMES, "cfg_scale", "motion_brush"),
            PAGES,
            (_HD30, _HD30),
            (("first_last_frame", _CLIPS_ONLY_5), ("motion_brush", _CLIPS_ONLY_5)),
        ),
        # kling-v1-5 moves the camera only by `simple` (endpoint page, several copies agree).
        ModelFacts(
            "kling-v1-5", ("std",), CLIPS, ("negative_prompt", "cfg_scale"), PAGES, (_HD30,)
        ),
        ModelFacts(
            "kling-v1-5",
            ("pro",),
            CLIPS,
            (*_TWO_FRAMES, "cfg_scale", "last_frame_only", "motion_brush", "camera_control"),
            PAGES,
            (_FHD30,),
            (("motion_brush", _CLIPS_ONLY_5), ("camera_control", _CLIPS_ONLY_5)),
        ),
        ModelFacts(
            "kling-v1-6", ("std",), CLIPS, ("negative_prompt", "cfg_scale"), PAGES, (_HD30,)
        ),
        ModelFacts(
            "kling-v1-6",
            ("pro",),
            CLIPS,
            (*_TWO_FRAMES, "cfg_scale", "last_frame_only"),
            PAGES,
            (_FHD30,),
        ),
        ModelFacts("kling-v2-master", _ONE, CLIPS, ("negative_prompt",), PAGES, (_HD,)),
        ModelFacts("kling-v2-1-master", _ONE, CLIPS, ("negative_prompt",), PAGES, (_FHD,)),
        ModelFacts("kling-v2-1", ("std",), CLIPS, ("negative_prompt",), PAGES, (_HD,)),
        ModelFacts("kling-v2-1", ("pro",), CLIPS, _TWO_FRAMES, PAGES, (_FHD,)),
        ModelFacts("kling-v2-5-turbo", ("std",), CLIPS, ("negative_prompt",), _PAGES, (_HD,)),
        ModelFacts("kling-v2-5-turbo", ("pro",), CLIPS, _TWO_FRAMES, _PAGES, (_FHD,)),
        ModelFacts("kling-v2-6", ("std",), CLIPS, ("negative_prompt",), PAGES, (_HD,)),
        ModelFacts(
            "kling-v2-6",
            ("pro",),
            CLIPS,
            (*_TWO_FRAMES, "sound", "voice_list"),
            PAGES,
            (_FHD,),
            excludes=_V2_6_EXCLUDES,
            requires=_V2_6_REQUIRES,
        ),
        ModelFacts(
            "kling-v3",
            _BOTH,
            SECONDS_3_TO_15,
            _FRAMES,
            NEWER,
            _SIZES,
            doubtful=("camera_control", "camera_move", "motion_brush", "cfg_scale"),
        ),
        ModelFacts(
            "kling-v3",
            ("4k",),
            SECONDS_3_TO_15,
            _FRAMES,
            NEWER,
            _SIZES[2:],
            doubtful=("cfg_scale",),
        ),
    ),
    "omni-video": (
        ModelFacts(
            "kling-video-o1",
            _BOTH,
            SECONDS_3_TO_10,
            _REFERENCES,
            _OMNI,
            _SIZES,
            (*_FIRST_FRAME_ONLY, *_TEXT_ONLY),
            excludes=_O1_EXCLUDES,
        ),
        ModelFacts(
            "kling-v3-omni",
            _ALL,
            SECONDS_3_TO_15,
            (*_REFERENCES, "sound", "multi_shot"),
            _OMNI,
            _SIZES,
            excludes=_V3_EXCLUDES,
        ),
    ),
    "multi-image2video": (
        ModelFacts("kling-v1-6", _BOTH, CLIPS, (*_FREE, "image_list"), PAGES, _SIZES),
    ),
    # The video decides the length.
    "motion-control": (
        ModelFacts("kling-v2-6", _BOTH, (), (), _MOTION, _SIZES),
        ModelFacts("kling-v3", _BOTH, (), ("element_list",), _MOTION, _SIZES),
    ),
}

#: By the endpoint of /v1 that is the same product; with the model in the path.
PATH_MODELS: Final[dict[str, tuple[ModelFacts, ...]]] = {
    "text2video": (
        ModelFacts(
            "kling-2.5-turbo", _BOTH, CLIPS, ("aspect_ratio",), ONE_COPY, _SIZES, sound="never"
        ),
        ModelFacts("kling-2.6", ("std",), CLIPS, ("aspect_ratio",), ONE_COPY, (_HD,)),
        ModelFacts("kling-2.6", ("pro",), CLIPS, ("aspect_ratio", "sound"), ONE_COPY, (_FHD,)),
        ModelFacts(
            "kling-3.0",
            _ALL,
            SECONDS_3_TO_15,
            ("aspect_ratio", "sound", "multi_shot"),
            ONE_COPY,
            _SIZES,
            multi_shot_setting=True,
            prompt_max=LONG_PROMPT,
        ),
        # It has no setting for shots, and takes them in the prompt. That its videos always have
        # sound was observed once, and the price list agrees.
        ModelFacts(
            "kling-3.0-turbo",
            _BOTH,
            SECONDS_3_TO_15,
            ("aspect_ratio", "multi_shot"),
            ONE_COPY,
            _SIZES,
            requires=_OWN_SHOTS,
            sound="always",
            prompt_max=LONG_PROMPT,
        ),
    ),
    "image2video": (
        ModelFacts("kling-2.5-turbo", ("std",), CLIPS, (), ONE_COPY, (_HD,), sound="never"),
        ModelFacts(
            "kling-2.5-turbo",
            ("pro",),
            CLIPS,
            ("first_last_frame",),
            ONE_COPY,
            (_FHD,),
            sound="never",
        ),
        ModelFacts("kling-2.6", ("std",), CLIPS, (), ONE_COPY, (_HD,)),
        ModelFacts(
            "kling-2.6",
            ("pro",),
            CLIPS,
            ("sound", "first_last_frame", "voice_list"),
            ONE_COPY,
            (_FHD,),
            excludes=_V2_6_EXCLUDES,
            requires=_V2_6_REQUIRES,
        ),
        ModelFacts(
            "kling-3.0",
            _ALL,
            SECONDS_3_TO_15,
            ("sound", "multi_shot", "first_last_frame", "element_list"),
            ONE_COPY,
            _SIZES,
            multi_shot_setting=True,
            prompt_max=LONG_PROMPT,
        ),
        # As for text2video; the page of this product has the shorter prompt.
        ModelFacts(
            "kling-3.0-turbo",
            _BOTH,
            SECONDS_3_TO_15,
            ("multi_shot",),
            ONE_COPY,
            _SIZES,
            requires=_OWN_SHOTS,
            sound="always",
        ),
    ),
    "omni-video": (
        ModelFacts(
            "kling-o1",
            _BOTH,
            SECONDS_3_TO_10,
            _REFERENCES,
            ONE_COPY,
            _SIZES,
            _FIRST_FRAME_ONLY,
            doubtful_seconds=_TEXT_ONLY,
            excludes=(*_O1_EXCLUDES, ("first_last_frame", "video_feature")),
            requires=_KEEPS_SOUND,
            sound="never",
        ),
        ModelFacts(
            "kling-3.0-omni",
            _ALL,
            SECONDS_3_TO_15,
            (*_REFERENCES, "sound", "multi_shot"),
            ONE_COPY,
            _SIZES,
            excludes=_V3_EXCLUDES,
            requires=_KEEPS_SOUND,
            multi_shot_setting=True,
            prompt_max=LONG_PROMPT,
        ),
    ),
    "motion-control": (
        ModelFacts("kling-2.6", _BOTH, (), (), ONE_COPY, _SIZES),
        ModelFacts("kling-3.0", _BOTH, (), ("element_list",), ONE_COPY, _SIZES),
    ),
}
