"""Requests: frozen values, one class per endpoint, the one place a parameter is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_sdk._lazy import lazily

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import VideoRequest
    from kling_sdk.endpoints.raw import RawRequest
    from kling_sdk.endpoints.values import (
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
    from kling_sdk.endpoints.video import ImageToVideo, MultiImageToVideo, OmniVideo, TextToVideo

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
    "RawRequest",
    "Shot",
    "SubjectImage",
    "TextToVideo",
    "VideoRequest",
    "Voice",
]

_HOMES = {
    "base": "VideoRequest",
    "raw": "RawRequest",
    "values": (
        "CameraConfig CameraControl DynamicMask Element OmniImage OmniVideoReference Point "
        "Shot SubjectImage Voice"
    ),
    "video": "ImageToVideo MultiImageToVideo OmniVideo TextToVideo",
}
__getattr__, __dir__ = lazily(__name__, globals(), _HOMES)
