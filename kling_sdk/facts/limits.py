"""The rows of the tables of models."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from kling_sdk.facts.sources import Fact

STD_PRO: Final = ("std", "pro")
STD_PRO_4K: Final = ("std", "pro", "4k")
TO_2K: Final = ("1k", "2k")
NO_MODES: Final = ("",)
HD: Final = ("720p", 24)
HD_30: Final = ("720p", 30)
FHD: Final = ("1080p", 24)
FHD_30: Final = ("1080p", 30)
SIZES: Final = (HD, FHD, ("4k", 24))  # of `std`, `pro` and `4k`
ONLY_5: Final = (5,)  # seconds
CLIPS: Final = (5, 10)
SECONDS_3_TO_10: Final = (3, 4, 5, 6, 7, 8, 9, 10)
SECONDS_3_TO_15: Final = (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
MAX_PROMPT: Final = 2500  # characters
LONG_PROMPT: Final = 3072  # of `kling-3.0` and its kin (one official copy)
OWN_SHOTS: Final = (("multi_shot", "own_shots"),)


class ModelFacts(NamedTuple):
    """The capabilities of one model on one endpoint, in modes that are alike.

    Attributes:
        model: The model.
        modes: `std` (720p), `pro` (1080p), `4k`; of pictures `1k`, `2k`, `4k`; "" for a model
            without modes.
        seconds: Accepted lengths; empty for pictures, and where an input decides the length.
        features: What may be used. Names of fields of /v1, and: `first_last_frame` (two frames),
            `last_frame_only`, `first_frame` (of references), `motion_brush` (masks),
            `camera_move` (a movement without a config), `video_base`, `video_feature`,
            `keep_original_sound`.
        fact: Where the row comes from.
        sizes: Resolution and frames per second of a video, per mode: 24 where no page gives a
            rate. Empty for pictures, whose mode is their size.
        only_seconds: Features that some lengths have; also `first_frame_only`, a situation.
        doubtful: Features that one unofficial source grants and the others do not.
        doubtful_seconds: Situations for which sources disagree on the length.
        excludes: Pairs of features that cannot be used together.
        requires: Pairs of features of which the first needs the second.
        sound: Whether a video has sound.
        multi_shot_setting: Whether it has `settings.multi_shot`, whose own default is true; of
            the model path only.
        prompt_max: The longest prompt, in characters.
    """

    model: str
    modes: tuple[str, ...]
    seconds: tuple[int, ...]
    features: tuple[str, ...]
    fact: Fact
    sizes: tuple[tuple[str, int], ...] = ()
    only_seconds: tuple[tuple[str, tuple[int, ...]], ...] = ()
    doubtful: tuple[str, ...] = ()
    doubtful_seconds: tuple[tuple[str, tuple[int, ...]], ...] = ()
    excludes: tuple[tuple[str, str], ...] = ()
    requires: tuple[tuple[str, str], ...] = ()
    sound: Literal["requested", "never", "always"] = "requested"
    multi_shot_setting: bool = False
    prompt_max: int = MAX_PROMPT
