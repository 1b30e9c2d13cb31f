"""Requests: frozen values, one class per endpoint, the one place a parameter is declared."""

from kling_sdk.requests.base import VideoRequest
from kling_sdk.requests.values import (
    CameraConfig,
    CameraControl,
    DynamicMask,
    Element,
    OmniImage,
    OmniVideoReference,
    Point,
    Shot,
    SubjectImage,
    Voice,
)
from kling_sdk.requests.video import ImageToVideo, MultiImageToVideo, OmniVideo, TextToVideo

__all__ = [
    "CameraConfig",
    "CameraControl",
    "DynamicMask",
    "Element",
    "ImageToVideo",
    "MultiImageToVideo",
    "OmniImage",
    "OmniVideo",
    "OmniVideoReference",
    "Point",
    "Shot",
    "SubjectImage",
    "TextToVideo",
    "VideoRequest",
    "Voice",
]
