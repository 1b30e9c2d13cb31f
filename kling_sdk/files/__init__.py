"""Files going out (pictures), and in `kling_sdk.files.target` coming in (videos)."""

from kling_sdk.files.images import ImageSource, image_problem, takes_long, to_image

__all__ = ["ImageSource", "image_problem", "takes_long", "to_image"]
