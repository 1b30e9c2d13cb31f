"""Facts of `omni-video`: a video from words and references."""

from typing import Final

from kling_sdk.facts.fields import (
    ASPECT_RATIO,
    COMMON,
    DURATION,
    ELEMENTS,
    MODE,
    MODEL_NAME,
    PROMPT,
    SHOTS,
    SOUND,
    FieldFacts,
    RequestFacts,
)
from kling_sdk.facts.limits import (
    CLIPS,
    LONG_PROMPT,
    SECONDS_3_TO_10,
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
    PATH_ITEM,
    PATH_MULTI_SHOT,
    PATH_OPTIONS,
    PATH_RESOLUTION,
    PATH_SEED,
    SEEN,
    SERVED,
)
from kling_sdk.facts.prices import BY_SOUND, LISTED, LISTED_ONCE, PriceTable, UseRule
from kling_sdk.facts.sources import ONE_COPY, PAGES, Fact

REQUEST: Final = RequestFacts(
    "/v1/videos/omni-video",
    PAGES,
    (
        MODEL_NAME,
        PROMPT,
        *SHOTS,
        FieldFacts(
            "image_list",
            "array",
            low=1,
            members=(
                FieldFacts("image_url", "image", required=True),
                FieldFacts("type", "string", enum=("first_frame", "end_frame")),
            ),
        ),
        ELEMENTS,
        FieldFacts(
            "video_list",
            "array",
            low=1,
            high=1,
            members=(
                FieldFacts("video_url", "url", required=True),
                FieldFacts("refer_type", "string", enum=("feature", "base")),
                FieldFacts("keep_original_sound", "string", enum=("yes", "no")),
            ),
        ),
        SOUND,
        MODE,
        ASPECT_RATIO,
        DURATION,
        *COMMON,
    ),
)

PATH_REQUEST: Final = RequestFacts(
    "/omni-video/{model}",
    SERVED,
    (
        FieldFacts("contents", "array", members=(*PATH_ITEM,), fact=SEEN),
        FieldFacts(
            "settings",
            "object",
            members=(
                PATH_RESOLUTION,
                PATH_DURATION,
                PATH_AUDIO,
                PATH_MULTI_SHOT,
                PATH_ASPECT_RATIO,
                PATH_SEED,
            ),
            fact=ONE_COPY,
        ),
        PATH_OPTIONS,
    ),
)

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

_OMNI: Final = Fact(
    "documented", ("pages-2026-04", "pages-2026-06", "pages-2026-09"), "2026-09-20", "high"
)
_FIRST_FRAME_ONLY: Final = (("first_frame_only", CLIPS),)

# The maps of /v1 say it of kling-video-o1, against one FAQ; the page of kling-o1 has 3 to 10 s. The
# refusal that was seen of kling-o1 ("when no refer_image is provided") was of frames alone.
_TEXT_ONLY: Final = (("text_only", CLIPS),)

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

MODELS: Final = (
    ModelFacts(
        "kling-video-o1",
        STD_PRO,
        SECONDS_3_TO_10,
        _REFERENCES,
        _OMNI,
        SIZES,
        (*_FIRST_FRAME_ONLY, *_TEXT_ONLY),
        excludes=_O1_EXCLUDES,
    ),
    ModelFacts(
        "kling-v3-omni",
        STD_PRO_4K,
        SECONDS_3_TO_15,
        (*_REFERENCES, "sound", "multi_shot"),
        _OMNI,
        SIZES,
        excludes=_V3_EXCLUDES,
    ),
)

# That only a video can keep its sound was observed; that a feature video has none, and allows
# kling-o1 a first frame only, is on the page.
_KEEPS_SOUND: Final = (("keep_original_sound", "video_base"),)

PATH_MODELS: Final = (
    ModelFacts(
        "kling-o1",
        STD_PRO,
        SECONDS_3_TO_10,
        _REFERENCES,
        ONE_COPY,
        SIZES,
        _FIRST_FRAME_ONLY,
        doubtful_seconds=_TEXT_ONLY,
        excludes=(*_O1_EXCLUDES, ("first_last_frame", "video_feature")),
        requires=_KEEPS_SOUND,
        sound="never",
    ),
    ModelFacts(
        "kling-3.0-omni",
        STD_PRO_4K,
        SECONDS_3_TO_15,
        (*_REFERENCES, "sound", "multi_shot"),
        ONE_COPY,
        SIZES,
        excludes=_V3_EXCLUDES,
        requires=_KEEPS_SOUND,
        multi_shot_setting=True,
        prompt_max=LONG_PROMPT,
    ),
)

# On both interfaces (the page of 2026-06-11, and that of the newer interface).
OMNI_REFERENCES: Final = 7  # images and elements of pictures
OMNI_REFERENCES_WITH_VIDEO: Final = 4  # the same, beside a video or an element that is a character
OMNI_CHARACTERS: Final = 3  # elements that are characters of videos
OMNI_ELEMENTS_WITH_FRAMES: Final = 3

#: Names of /v1 that were seen to be taken with the model in the path (2026-10-07, low).
TAKEN_FOR: Final = {"kling-v3-omni": "kling-3.0-omni"}

PRICES: Final = (
    PriceTable(
        ("omni-video",),
        "second",
        LISTED,
        {
            ("kling-video-o1", "std"): {"silent": "0.6", "video": "0.9"},
            ("kling-video-o1", "pro"): {"silent": "0.8", "video": "1.2"},
            ("kling-v3-omni", "std"): {"silent": "0.6", "sound": "0.8", "video": "0.9"},
            ("kling-v3-omni", "pro"): {"silent": "0.8", "sound": "1", "video": "1.2"},
            ("kling-v3-omni", "4k"): {"silent": "3", "sound": "3"},
        },
    ),
    PriceTable(("omni-video",), "second", LISTED_ONCE, {("kling-v3-omni", "4k"): {"video": "3"}}),
)

USES: Final = {"omni-video": (UseRule("video", "video_list"), BY_SOUND)}
