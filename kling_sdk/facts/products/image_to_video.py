"""Facts of `image2video`: a video from a picture."""

from typing import Final

from kling_sdk.facts.fields import (
    CAMERA,
    CFG_SCALE,
    COMMON,
    DURATION,
    ELEMENTS,
    MODE,
    MODEL_NAME,
    NEGATIVE,
    PROMPT,
    SHOTS,
    SOUND,
    FieldFacts,
    RequestFacts,
)
from kling_sdk.facts.limits import (
    CLIPS,
    FHD,
    FHD_30,
    HD,
    HD_30,
    LONG_PROMPT,
    NO_MODES,
    ONLY_5,
    OWN_SHOTS,
    SECONDS_3_TO_15,
    SIZES,
    STD_PRO,
    STD_PRO_4K,
    ModelFacts,
)
from kling_sdk.facts.model_path_fields import (
    PATH_AUDIO,
    PATH_DURATION,
    PATH_ITEM,
    PATH_MULTI_SHOT,
    PATH_OPTIONS,
    PATH_RESOLUTION,
    PATH_SEED,
    SEEN,
    SERVED,
)
from kling_sdk.facts.prices import BY_SOUND, CONDENSED, LISTED, PriceTable, UseRule
from kling_sdk.facts.sources import NEWER, OLD_AND_NEW, ONE_COPY, PAGES

REQUEST: Final = RequestFacts(
    "/v1/videos/image2video",
    PAGES,
    (
        MODEL_NAME,
        FieldFacts("image", "image"),
        FieldFacts("image_tail", "image"),
        PROMPT,
        NEGATIVE,
        *SHOTS,
        ELEMENTS,
        FieldFacts(
            "voice_list",
            "array",
            low=1,
            high=2,
            members=(FieldFacts("voice_id", "string", required=True),),
        ),
        SOUND,
        CFG_SCALE,
        MODE,
        FieldFacts("static_mask", "image"),
        FieldFacts(
            "dynamic_masks",
            "array",
            low=1,
            high=6,
            members=(
                FieldFacts("mask", "image", required=True),
                FieldFacts(
                    "trajectories",
                    "array",
                    required=True,
                    low=2,
                    high=77,
                    members=(
                        FieldFacts("x", "integer", required=True),
                        FieldFacts("y", "integer", required=True),
                    ),
                ),
            ),
        ),
        CAMERA,
        DURATION,
        *COMMON,
    ),
)

_VOICE_ID: Final = FieldFacts("voice_id", "string", fact=ONE_COPY)

PATH_REQUEST: Final = RequestFacts(
    "/image-to-video/{model}",
    SERVED,
    (
        FieldFacts("contents", "array", members=(*PATH_ITEM, _VOICE_ID), fact=SEEN),
        FieldFacts(
            "settings",
            "object",
            members=(PATH_RESOLUTION, PATH_DURATION, PATH_AUDIO, PATH_MULTI_SHOT, PATH_SEED),
            fact=ONE_COPY,
        ),
        PATH_OPTIONS,
    ),
)

_TWO_FRAMES: Final = ("negative_prompt", "first_last_frame")
_V2_6_EXCLUDES: Final = (("first_last_frame", "sound"),)
_V2_6_REQUIRES: Final = (("voice_list", "sound"),)
_FRAMES: Final = ("negative_prompt", "sound", "multi_shot", "first_last_frame", "element_list")

MODELS: Final = (
    ModelFacts(
        "kling-v1",
        STD_PRO,
        CLIPS,
        (*_TWO_FRAMES, "cfg_scale", "motion_brush"),
        PAGES,
        (HD_30, HD_30),
        (("first_last_frame", ONLY_5), ("motion_brush", ONLY_5)),
    ),
    # kling-v1-5 moves the camera only by `simple` (endpoint page, several copies agree).
    ModelFacts("kling-v1-5", ("std",), CLIPS, ("negative_prompt", "cfg_scale"), PAGES, (HD_30,)),
    ModelFacts(
        "kling-v1-5",
        ("pro",),
        CLIPS,
        (*_TWO_FRAMES, "cfg_scale", "last_frame_only", "motion_brush", "camera_control"),
        PAGES,
        (FHD_30,),
        (("motion_brush", ONLY_5), ("camera_control", ONLY_5)),
    ),
    ModelFacts("kling-v1-6", ("std",), CLIPS, ("negative_prompt", "cfg_scale"), PAGES, (HD_30,)),
    ModelFacts(
        "kling-v1-6",
        ("pro",),
        CLIPS,
        (*_TWO_FRAMES, "cfg_scale", "last_frame_only"),
        PAGES,
        (FHD_30,),
    ),
    ModelFacts("kling-v2-master", NO_MODES, CLIPS, ("negative_prompt",), PAGES, (HD,)),
    ModelFacts("kling-v2-1-master", NO_MODES, CLIPS, ("negative_prompt",), PAGES, (FHD,)),
    ModelFacts("kling-v2-1", ("std",), CLIPS, ("negative_prompt",), PAGES, (HD,)),
    ModelFacts("kling-v2-1", ("pro",), CLIPS, _TWO_FRAMES, PAGES, (FHD,)),
    ModelFacts("kling-v2-5-turbo", ("std",), CLIPS, ("negative_prompt",), OLD_AND_NEW, (HD,)),
    ModelFacts("kling-v2-5-turbo", ("pro",), CLIPS, _TWO_FRAMES, OLD_AND_NEW, (FHD,)),
    ModelFacts("kling-v2-6", ("std",), CLIPS, ("negative_prompt",), PAGES, (HD,)),
    ModelFacts(
        "kling-v2-6",
        ("pro",),
        CLIPS,
        (*_TWO_FRAMES, "sound", "voice_list"),
        PAGES,
        (FHD,),
        excludes=_V2_6_EXCLUDES,
        requires=_V2_6_REQUIRES,
    ),
    ModelFacts(
        "kling-v3",
        STD_PRO,
        SECONDS_3_TO_15,
        _FRAMES,
        NEWER,
        SIZES,
        doubtful=("camera_control", "camera_move", "motion_brush", "cfg_scale"),
    ),
    ModelFacts(
        "kling-v3", ("4k",), SECONDS_3_TO_15, _FRAMES, NEWER, SIZES[2:], doubtful=("cfg_scale",)
    ),
)

PATH_MODELS: Final = (
    ModelFacts("kling-2.5-turbo", ("std",), CLIPS, (), ONE_COPY, (HD,), sound="never"),
    ModelFacts(
        "kling-2.5-turbo", ("pro",), CLIPS, ("first_last_frame",), ONE_COPY, (FHD,), sound="never"
    ),
    ModelFacts("kling-2.6", ("std",), CLIPS, (), ONE_COPY, (HD,)),
    ModelFacts(
        "kling-2.6",
        ("pro",),
        CLIPS,
        ("sound", "first_last_frame", "voice_list"),
        ONE_COPY,
        (FHD,),
        excludes=_V2_6_EXCLUDES,
        requires=_V2_6_REQUIRES,
    ),
    ModelFacts(
        "kling-3.0",
        STD_PRO_4K,
        SECONDS_3_TO_15,
        ("sound", "multi_shot", "first_last_frame", "element_list"),
        ONE_COPY,
        SIZES,
        multi_shot_setting=True,
        prompt_max=LONG_PROMPT,
    ),
    # As for text2video; the page of this product has the shorter prompt.
    ModelFacts(
        "kling-3.0-turbo",
        STD_PRO,
        SECONDS_3_TO_15,
        ("multi_shot",),
        ONE_COPY,
        SIZES,
        requires=OWN_SHOTS,
        sound="always",
    ),
)

PRICES: Final = (
    PriceTable(
        ("image2video",),
        "second",
        CONDENSED,
        {
            ("kling-v1-5", "std"): {"silent": "0.4"},
            ("kling-v1-5", "pro"): {"silent": "0.7"},
            ("kling-v2-1", "std"): {"silent": "0.4"},
            ("kling-v2-1", "pro"): {"silent": "0.7"},
        },
        CLIPS,
    ),
    PriceTable(
        ("image2video",), "second", LISTED, {("kling-v2-6", "pro"): {"voice": "1.2"}}, CLIPS
    ),
)

USES: Final = {"image2video": (UseRule("voice", "voice_list"), BY_SOUND)}
