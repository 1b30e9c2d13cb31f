"""`POST /v1/general/custom-voices`: a voice of your own, for videos that speak."""

from __future__ import annotations

from typing import ClassVar, Final

import attrs

from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.common_rules import exactly_one
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.models import LIBRARY_TIMEOUT
from kling_sdk.endpoints.record import EndpointRecord, Library
from kling_sdk.facts.products.custom_voice import REQUEST

__all__ = ["CustomVoice"]

_RECORD: Final = EndpointRecord(
    name="voices",
    path=REQUEST.path,
    fields=REQUEST.fields,
    result="voices",
    wait_timeout=LIBRARY_TIMEOUT,
    library=Library(
        "voice",
        presets="/v1/general/presets-voices",
        delete="/v1/general/delete-voices",
        max_page_size=1000,
    ),
)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class CustomVoice(Request):
    """A voice of your own: `POST /v1/general/custom-voices`.

    The finished task has it in `voices`, and it stays in the account's library until it is
    deleted. Source: the vendor's page of 2026-09 (two copies agree).

    Attributes:
        voice_name: Its name, 1 to 20 characters.
        voice_url: Public URL of an mp3, wav, mp4 or mov in which one person alone speaks clearly,
            5 to 30 s. Either this or `video_id`.
        video_id: Id of a video of this account (`Video.id`) in which somebody speaks: made by
            `kling-v2-6` with sound, by avatar or by lip-sync.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: Only `v1` has this endpoint.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (exactly_one("voice_url", "video_id"),)

    voice_name: str
    voice_url: str | None = None
    video_id: str | None = None
