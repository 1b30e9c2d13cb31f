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
from kling_sdk._request_classes import HOMES

if TYPE_CHECKING:
    from kling_sdk.callbacks import CallbackEvent, check_signature, parse_callback
    from kling_sdk.client.account import AccountResource, AsyncAccountResource
    from kling_sdk.client.calls import AsyncCallResource, CallResource
    from kling_sdk.client.clients import AsyncKling, Kling
    from kling_sdk.client.libraries import (
        AsyncElementLibraryResource,
        AsyncLibraryResource,
        ElementLibraryResource,
        LibraryResource,
    )
    from kling_sdk.client.resources import AsyncTaskResource, TaskResource
    from kling_sdk.client.solutions import AsyncSolutions, Solutions
    from kling_sdk.client.tasks import AnyTaskResource, AsyncAnyTaskResource
    from kling_sdk.endpoints import ENDPOINTS
    from kling_sdk.endpoints.base import Request, VideoRequest
    from kling_sdk.endpoints.capabilities import CapabilityWarning
    from kling_sdk.endpoints.interfaces import interface_of
    from kling_sdk.endpoints.record import EndpointRecord
    from kling_sdk.endpoints.values import (
        CameraConfig,
        CameraControl,
        DynamicMask,
        OmniImage,
        OmniVideoReference,
        PictureOfSubject,
        Point,
        ReferenceImage,
        Shot,
        SubjectImage,
    )
    from kling_sdk.errors import (
        AccountError,
        AlreadyDeletedError,
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
        NotCreatedError,
        NotFoundError,
        OutcomeUnknownError,
        PermissionDeniedError,
        RateLimitError,
        RequestInProgressError,
        RequestValidationError,
        ServerError,
        SpendingError,
        TaskFailedError,
        TransportError,
        UnreachableError,
        WaitCancelledError,
        WaitTimeoutError,
    )
    from kling_sdk.flows import Event
    from kling_sdk.flows.external_ids import external_id_for
    from kling_sdk.options import Options
    from kling_sdk.prices import PRICES, Estimate, Price
    from kling_sdk.results.answers import (
        Face,
        FaceSession,
        FrameSelection,
        ImagePart,
        RecognizedImage,
        Selection,
        SelectionMask,
        SelectionPreview,
        Speech,
    )
    from kling_sdk.results.bills import Charge, ChargePage, ResourcePack
    from kling_sdk.results.library_items import Element, ElementPage, Voice
    from kling_sdk.results.task import (
        Audio,
        Download,
        Image,
        Outcome,
        Page,
        Response,
        Subtitles,
        Task,
        Video,
    )
    from kling_sdk.transports import Clock
    from kling_sdk.wire import Reply

    __version__: str

if TYPE_CHECKING:  # generated: the classes of requests
    from kling_sdk.endpoints.advanced_lip_sync import AdvancedLipSync, FaceChoice
    from kling_sdk.endpoints.ai_multi_shot import AiMultiShot
    from kling_sdk.endpoints.avatar import Avatar
    from kling_sdk.endpoints.clothing_dupe import ClothingDupe
    from kling_sdk.endpoints.custom_element import CustomElement, ElementImages, ElementVideos
    from kling_sdk.endpoints.custom_voice import CustomVoice
    from kling_sdk.endpoints.drama_subtitle import DramaSubtitle, GlossaryTerm
    from kling_sdk.endpoints.goods_studio import GoodsStudio
    from kling_sdk.endpoints.identify_face import IdentifyFace
    from kling_sdk.endpoints.image_expand import ImageExpand
    from kling_sdk.endpoints.image_generation import ImageGeneration
    from kling_sdk.endpoints.image_to_video import ImageToVideo
    from kling_sdk.endpoints.legacy_element import LegacyElement
    from kling_sdk.endpoints.lip_sync import LipSync, LipSyncInput
    from kling_sdk.endpoints.motion_control import MotionControl
    from kling_sdk.endpoints.multi_elements import MultiElements, SelectionPoint
    from kling_sdk.endpoints.multi_image_to_image import MultiImageToImage
    from kling_sdk.endpoints.multi_image_to_video import MultiImageToVideo
    from kling_sdk.endpoints.omni_image import OmniImageGeneration
    from kling_sdk.endpoints.omni_video import OmniVideo
    from kling_sdk.endpoints.recognize_image import RecognizeImage
    from kling_sdk.endpoints.solution_virtual_try_on import SolutionVirtualTryOn
    from kling_sdk.endpoints.talking_agent import TalkingAgent
    from kling_sdk.endpoints.text_to_audio import TextToAudio
    from kling_sdk.endpoints.text_to_video import TextToVideo
    from kling_sdk.endpoints.tts import TextToSpeech
    from kling_sdk.endpoints.video_effects import EffectInput, VideoEffects
    from kling_sdk.endpoints.video_extend import VideoExtend
    from kling_sdk.endpoints.video_to_audio import VideoToAudio
    from kling_sdk.endpoints.virtual_try_on import VirtualTryOn

__all__ = [
    "ENDPOINTS",
    "PRICES",
    "AccountError",
    "AccountResource",
    "AlreadyDeletedError",
    "AlreadyExistsError",
    "AnyTaskResource",
    "AsyncAccountResource",
    "AsyncAnyTaskResource",
    "AsyncCallResource",
    "AsyncElementLibraryResource",
    "AsyncKling",
    "AsyncLibraryResource",
    "AsyncSolutions",
    "AsyncTaskResource",
    "Audio",
    "AuthenticationError",
    "CallResource",
    "CallbackEvent",
    "CallbackVerificationError",
    "CameraConfig",
    "CameraControl",
    "CapabilityWarning",
    "Charge",
    "ChargePage",
    "Clock",
    "ConcurrencyLimitError",
    "ConflictError",
    "ContentPolicyError",
    "Download",
    "DownloadError",
    "DynamicMask",
    "Element",
    "ElementLibraryResource",
    "ElementPage",
    "EmptyResultError",
    "EndpointRecord",
    "Estimate",
    "Event",
    "Face",
    "FaceSession",
    "FrameSelection",
    "IPNotAllowedError",
    "Image",
    "ImagePart",
    "InvalidRequestError",
    "Kling",
    "KlingAPIError",
    "KlingError",
    "LibraryResource",
    "NotCreatedError",
    "NotFoundError",
    "OmniImage",
    "OmniVideoReference",
    "Options",
    "Outcome",
    "OutcomeUnknownError",
    "Page",
    "PermissionDeniedError",
    "PictureOfSubject",
    "Point",
    "Price",
    "RateLimitError",
    "RecognizedImage",
    "ReferenceImage",
    "Reply",
    "Request",
    "RequestInProgressError",
    "RequestValidationError",
    "ResourcePack",
    "Response",
    "Selection",
    "SelectionMask",
    "SelectionPreview",
    "ServerError",
    "Shot",
    "Solutions",
    "Speech",
    "SpendingError",
    "SubjectImage",
    "Subtitles",
    "Task",
    "TaskFailedError",
    "TaskResource",
    "TransportError",
    "UnreachableError",
    "Video",
    "VideoRequest",
    "Voice",
    "WaitCancelledError",
    "WaitTimeoutError",
    "check_signature",
    "external_id_for",
    "interface_of",
    "parse_callback",
]
__all__ += [  # generated: the classes of requests
    "AdvancedLipSync",
    "AiMultiShot",
    "Avatar",
    "ClothingDupe",
    "CustomElement",
    "CustomVoice",
    "DramaSubtitle",
    "EffectInput",
    "ElementImages",
    "ElementVideos",
    "FaceChoice",
    "GlossaryTerm",
    "GoodsStudio",
    "IdentifyFace",
    "ImageExpand",
    "ImageGeneration",
    "ImageToVideo",
    "LegacyElement",
    "LipSync",
    "LipSyncInput",
    "MotionControl",
    "MultiElements",
    "MultiImageToImage",
    "MultiImageToVideo",
    "OmniImageGeneration",
    "OmniVideo",
    "RecognizeImage",
    "SelectionPoint",
    "SolutionVirtualTryOn",
    "TalkingAgent",
    "TextToAudio",
    "TextToSpeech",
    "TextToVideo",
    "VideoEffects",
    "VideoExtend",
    "VideoToAudio",
    "VirtualTryOn",
]

_HOMES = {
    **HOMES,
    "client.account": "AccountResource AsyncAccountResource",
    "results.answers": (
        "Face FaceSession FrameSelection ImagePart RecognizedImage Selection SelectionMask "
        "SelectionPreview Speech"
    ),
    "results.bills": "Charge ChargePage ResourcePack",
    "callbacks": "CallbackEvent check_signature parse_callback",
    "client.clients": "AsyncKling Kling",
    "endpoints": "ENDPOINTS",
    "endpoints.base": "Request VideoRequest",
    "endpoints.capabilities": "CapabilityWarning",
    "endpoints.interfaces": "interface_of",
    "endpoints.record": "EndpointRecord",
    "endpoints.values": (
        "CameraConfig CameraControl DynamicMask OmniImage OmniVideoReference "
        "PictureOfSubject Point ReferenceImage Shot SubjectImage"
    ),
    "errors": (
        "AccountError AlreadyDeletedError AlreadyExistsError AuthenticationError "
        "CallbackVerificationError ConcurrencyLimitError ConflictError ContentPolicyError "
        "DownloadError EmptyResultError "
        "IPNotAllowedError InvalidRequestError KlingAPIError KlingError NotCreatedError "
        "NotFoundError OutcomeUnknownError PermissionDeniedError RateLimitError "
        "RequestInProgressError RequestValidationError ServerError SpendingError TaskFailedError "
        "TransportError UnreachableError WaitCancelledError WaitTimeoutError"
    ),
    "flows": "Event",
    "results.library_items": "Element ElementPage Voice",
    "client.libraries": (
        "AsyncElementLibraryResource AsyncLibraryResource ElementLibraryResource LibraryResource"
    ),
    "flows.external_ids": "external_id_for",
    "options": "Options",
    "prices": "PRICES Estimate Price",
    "client.calls": "AsyncCallResource CallResource",
    "client.resources": "AsyncTaskResource TaskResource",
    "results.task": "Audio Download Image Outcome Page Response Subtitles Task Video",
    "client.solutions": "AsyncSolutions Solutions",
    "client.tasks": "AnyTaskResource AsyncAnyTaskResource",
    "transports": "Clock",
    "version": "__version__",
    "wire": "Reply",
}
__getattr__, __dir__ = lazily(__name__, globals(), _HOMES)
