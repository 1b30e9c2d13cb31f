"""Files going out (pictures) and coming in (videos)."""

from kling_sdk.files.images import ImageSource, image_problem, to_image
from kling_sdk.files.target import FileTarget, place_for

__all__ = ["FileTarget", "ImageSource", "image_problem", "place_for", "to_image"]
