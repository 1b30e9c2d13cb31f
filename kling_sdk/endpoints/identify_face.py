"""`POST /v1/videos/identify-face`: the faces of a video, and a session to let one speak."""

from __future__ import annotations

from typing import ClassVar, Final

import attrs

from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.common_rules import exactly_one
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.facts.products.identify_face import REQUEST
from kling_sdk.results.answers import FaceSession

__all__ = ["IdentifyFace"]

_RECORD: Final = EndpointRecord(
    name="identify-face",
    path=REQUEST.path,
    fields=REQUEST.fields,
    returns=FaceSession.from_data,
    takes_external_id=False,
)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class IdentifyFace(Request):
    """The faces of a video, found at once: `POST /v1/videos/identify-face`.

    Each call is charged, and makes a session for `AdvancedLipSync`. Source: the vendor's page
    (two copies agree).

    Attributes:
        video_id: Id of a video of this account (`Video.id`), 2 to 60 s long and less than 30
            days old. Either this or `video_url`.
        video_url: Public URL of an mp4 or mov: at most 100 MB, 2 to 60 s, 720p or 1080p, sides
            of 512 to 2160 px.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (exactly_one("video_id", "video_url"),)

    video_id: str | None = None
    video_url: str | None = None
