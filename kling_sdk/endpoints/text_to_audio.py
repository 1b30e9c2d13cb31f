"""`POST /v1/audio/text-to-audio`: sounds from a prompt."""

from __future__ import annotations

from typing import ClassVar, Final

import attrs

from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.facts.products.text_to_audio import REQUEST

__all__ = ["TextToAudio"]

_RECORD: Final = EndpointRecord(
    name="text-to-audio",
    path=REQUEST.path,
    fields=REQUEST.fields,
    result="audios",
    duration_type="number",
)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class TextToAudio(Request):
    """Sounds from a prompt: `POST /v1/audio/text-to-audio`.

    The result is in `Task.audios`, as MP3 and as WAV. Source: the vendor's page (two copies
    agree).

    Attributes:
        prompt: What is heard, 1 to 200 characters.
        duration: Its length in seconds, 3.0 to 10.0.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: Only `v1` has this endpoint.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD

    prompt: str
    duration: float
