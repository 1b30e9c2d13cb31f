"""Files going out (pictures, sounds), and in `kling_sdk.files.target` coming in (videos)."""

from kling_sdk.files.encoding import takes_long
from kling_sdk.files.images import ImageSource, image_problem, to_image
from kling_sdk.files.sounds import SoundSource, sound_problem, to_sound

__all__ = [
    "ImageSource",
    "SoundSource",
    "image_problem",
    "sound_problem",
    "takes_long",
    "to_image",
    "to_sound",
]
