"""`POST /v1/videos/relight`, `POST /relight/{model}`: a picture in another light."""

from __future__ import annotations

from typing import ClassVar, Final

import attrs
from kling_sdk.facts.products.relight import MODELS, PATH_MODELS, REQUEST

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import VideoRequest
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.interfaces import Resolution
from kling_sdk.endpoints.models import model_limits
from kling_sdk.endpoints.record import ContentItem, EndpointRecord
from kling_sdk.endpoints.values import QualityMode

__all__ = ["Relight"]

_RECORD: Final = EndpointRecord(
    name="relight",
    path=REQUEST.path,
    fields=REQUEST.fields,
    product="relight",
    contents=(
        ContentItem("lamp_picture", "lamp_picture", "url"),
        ContentItem("backdrop_video", "backdrop", "url"),
    ),
    default_model="kling-v2-6",
    models=model_limits(*MODELS, *PATH_MODELS),
)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class Relight(VideoRequest):
    """A picture in another light: `POST /v1/videos/relight`.

    With the model in the path it is `POST /relight/{model}`.

    Attributes:
        lamp_picture: The picture: a path object, bytes, binary file, URL, data-URI or base64.
        lamp_mood: The light, in at most 200 characters.
        backdrop_video: The URL of a video to put behind it.
        model_name: Always sent. Known: `kling-v2-6`, `kling-2.6`.
        mode: `std` (720p) or `pro` (1080p). None: `std`.
        resolution: `720p` or `1080p`: another name for `mode`.
        duration: Length in whole seconds, 5 or 10, as int or text. None: 5 s.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: `v1` or `model-path`; None takes that of the model's name.
        check: False to check nothing before it is sent; see `Request`.
        watermark_info: True to get a second copy with a watermark.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a
            limit of a known model.
    """

    record: ClassVar[EndpointRecord] = _RECORD

    lamp_picture: str = attrs.field(converter=converters.needed_image)
    lamp_mood: str
    backdrop_video: str | None = None
    model_name: str = attrs.field(default=_RECORD.default_model, validator=checks.required_text())
    mode: QualityMode | str | None = None
    resolution: Resolution | str | None = attrs.field(
        default=None, validator=checks.one_of(Resolution)
    )
    duration: int | None = attrs.field(default=None, converter=converters.to_seconds)
