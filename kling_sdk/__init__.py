"""A typed client for the Kling AI video API that never pays twice and never loses a task.

```python
from kling_sdk import Kling

with Kling("AK|SK") as kling:
    task = kling.text2video.run(prompt="a kitten on the grass", duration=5)
    kling.download(task.videos[0], "kitten.mp4")
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_sdk._lazy import lazily

if TYPE_CHECKING:
    from kling_sdk.callbacks import CallbackEvent, parse_callback
    from kling_sdk.client import AsyncKling, Kling
    from kling_sdk.endpoints import (
        CameraConfig,
        CameraControl,
        DynamicMask,
        Element,
        ImageToVideo,
        MultiImageToVideo,
        OmniImage,
        OmniVideo,
        OmniVideoReference,
        Point,
        Shot,
        SubjectImage,
        TextToVideo,
        VideoRequest,
        Voice,
    )
    from kling_sdk.endpoints.capabilities import CapabilityWarning
    from kling_sdk.errors import (
        AccountError,
        AlreadyExistsError,
        AuthenticationError,
        CallbackVerificationError,
        ConcurrencyLimitError,
        ConflictError,
        ContentPolicyError,
        DownloadError,
        EmptyResultError,
        InvalidRequestError,
        IPNotAllowedError,
        KlingAPIError,
        KlingError,
        NotFoundError,
        OutcomeUnknownError,
        PermissionDeniedError,
        RateLimitError,
        RequestValidationError,
        ServerError,
        TaskFailedError,
        TransportError,
        UnreachableError,
        WaitCancelledError,
        WaitTimeoutError,
    )
    from kling_sdk.flows import Event, Options
    from kling_sdk.flows.create import external_id_for
    from kling_sdk.results import Download, Outcome, Page, ResourcePack, Task, Video

__all__ = [
    "AccountError",
    "AlreadyExistsError",
    "AsyncKling",
    "AuthenticationError",
    "CallbackEvent",
    "CallbackVerificationError",
    "CameraConfig",
    "CameraControl",
    "CapabilityWarning",
    "ConcurrencyLimitError",
    "ConflictError",
    "ContentPolicyError",
    "Download",
    "DownloadError",
    "DynamicMask",
    "Element",
    "EmptyResultError",
    "Event",
    "IPNotAllowedError",
    "ImageToVideo",
    "InvalidRequestError",
    "Kling",
    "KlingAPIError",
    "KlingError",
    "MultiImageToVideo",
    "NotFoundError",
    "OmniImage",
    "OmniVideo",
    "OmniVideoReference",
    "Options",
    "Outcome",
    "OutcomeUnknownError",
    "Page",
    "PermissionDeniedError",
    "Point",
    "RateLimitError",
    "RequestValidationError",
    "ResourcePack",
    "ServerError",
    "Shot",
    "SubjectImage",
    "Task",
    "TaskFailedError",
    "TextToVideo",
    "TransportError",
    "UnreachableError",
    "Video",
    "VideoRequest",
    "Voice",
    "WaitCancelledError",
    "WaitTimeoutError",
    "external_id_for",
    "parse_callback",
]

_HOMES = {
    "callbacks": "CallbackEvent parse_callback",
    "endpoints.capabilities": "CapabilityWarning",
    "client": "AsyncKling Kling",
    "errors": (
        "AccountError AlreadyExistsError AuthenticationError CallbackVerificationError "
        "ConcurrencyLimitError ConflictError ContentPolicyError DownloadError EmptyResultError "
        "IPNotAllowedError InvalidRequestError KlingAPIError KlingError NotFoundError "
        "OutcomeUnknownError PermissionDeniedError RateLimitError RequestValidationError "
        "ServerError TaskFailedError TransportError UnreachableError WaitCancelledError "
        "WaitTimeoutError"
    ),
    "flows": "Event Options",
    "flows.create": "external_id_for",
    "endpoints": (
        "CameraConfig CameraControl DynamicMask Element ImageToVideo MultiImageToVideo "
        "OmniImage OmniVideo OmniVideoReference Point Shot SubjectImage TextToVideo "
        "VideoRequest Voice"
    ),
    "results": "Download Outcome Page ResourcePack Task Video",
}
__getattr__, __dir__ = lazily(__name__, globals(), _HOMES)
