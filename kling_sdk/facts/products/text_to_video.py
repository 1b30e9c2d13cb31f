"""Facts of `text2video`: a video from a prompt."""

from typing import Final

from kling_sdk.facts.fields import (
    ASPECT_RATIO,
    CAMERA,
    CFG_SCALE,
    COMMON,
    DURATION,
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
    PATH_ASPECT_RATIO,
    PATH_AUDIO,
    PATH_DURATION,
    PATH_MULTI_SHOT,
    PATH_OPTIONS,
    PATH_RESOLUTION,
    PATH_SEED,
    SERVED,
)
from kling_sdk.facts.prices import BY_SOUND
from kling_sdk.facts.sources import NEWER, OLD_AND_NEW, ONE_COPY, PAGES

REQUEST: Final = RequestFacts(
    "/v1/videos/text2video",
    PAGES,
    (
        MODEL_NAME,
        PROMPT,
        NEGATIVE,
        *SHOTS,
        SOUND,
        CFG_SCALE,
        MODE,
        CAMERA,
        ASPECT_RATIO,
        DURATION,
        *COMMON,
    ),
)

PATH_REQUEST: Final = RequestFacts(
    "/text-to-video/{model}",
    SERVED,
    (
        FieldFacts("prompt", "string", high=3072, fact=ONE_COPY, private=True),
        FieldFacts(
            "settings",
            "object",
            members=(
                PATH_RESOLUTION,
                PATH_ASPECT_RATIO,
                PATH_DURATION,
                PATH_AUDIO,
                PATH_MULTI_SHOT,
                PATH_SEED,
            ),
            fact=ONE_COPY,
        ),
        PATH_OPTIONS,
    ),
)

_FREE: Final = ("negative_prompt", "aspect_ratio")
_OLD_FREE: Final = (*_FREE, "cfg_scale")

MODELS: Final = (
    ModelFacts(
        "kling-v1",
        ("std",),
        CLIPS,
        (*_OLD_FREE, "camera_control", "camera_move"),
        PAGES,
        (HD_30,),
        (("camera_control", ONLY_5),),
    ),
    ModelFacts(
        "kling-v1",
        ("pro",),
        CLIPS,
        _OLD_FREE,
        PAGES,
        (HD_30,),
        doubtful=("camera_control", "camera_move"),
    ),
    ModelFacts("kling-v1-6", STD_PRO, CLIPS, _OLD_FREE, OLD_AND_NEW, SIZES),
    ModelFacts("kling-v2-master", NO_MODES, CLIPS, _FREE, PAGES, (HD,)),
    ModelFacts("kling-v2-1-master", NO_MODES, CLIPS, _FREE, PAGES, (FHD,)),
    ModelFacts("kling-v2-5-turbo", STD_PRO, CLIPS, _FREE, OLD_AND_NEW, SIZES),
    ModelFacts("kling-v2-6", ("std",), CLIPS, _FREE, OLD_AND_NEW, (HD,)),
    ModelFacts("kling-v2-6", ("pro",), CLIPS, (*_FREE, "sound"), OLD_AND_NEW, (FHD,)),
    # cfg_scale on kling-v3 is stated nowhere; an older digest restricts it to v1.x.
    ModelFacts(
        "kling-v3",
        STD_PRO_4K,
        SECONDS_3_TO_15,
        (*_FREE, "sound", "multi_shot"),
        NEWER,
        SIZES,
        doubtful=("cfg_scale",),
    ),
)

PATH_MODELS: Final = (
    ModelFacts(
        "kling-2.5-turbo", STD_PRO, CLIPS, ("aspect_ratio",), ONE_COPY, SIZES, sound="never"
    ),
    ModelFacts("kling-2.6", ("std",), CLIPS, ("aspect_ratio",), ONE_COPY, (HD,)),
    ModelFacts("kling-2.6", ("pro",), CLIPS, ("aspect_ratio", "sound"), ONE_COPY, (FHD,)),
    ModelFacts(
        "kling-3.0",
        STD_PRO_4K,
        SECONDS_3_TO_15,
        ("aspect_ratio", "sound", "multi_shot"),
        ONE_COPY,
        SIZES,
        multi_shot_setting=True,
        prompt_max=LONG_PROMPT,
    ),
    # It has no setting for shots, and takes them in the prompt. That its videos always have
    # sound was observed once, and the price list agrees.
    ModelFacts(
        "kling-3.0-turbo",
        STD_PRO,
        SECONDS_3_TO_15,
        ("aspect_ratio", "multi_shot"),
        ONE_COPY,
        SIZES,
        requires=OWN_SHOTS,
        sound="always",
        prompt_max=LONG_PROMPT,
    ),
)

USES: Final = {"text2video": (BY_SOUND,)}
