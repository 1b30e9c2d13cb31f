"""`POST /v1/audio/text-to-audio`: sounds from a prompt."""

from __future__ import annotations

from typing import ClassVar, Final

import attrs

from kling_sdk.endpoints import checks
from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.endpoints.values import hidden

__all__ = ["TextToAudio"]

_MAX_PROMPT: Final = 200  # characters

_RECORD: Final = EndpointRecord(
    name="text-to-audio",
    path="/v1/audio/text-to-audio",
    result="audios",
    duration_type="number",
)


@attrs.frozen(kw_only=True)
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

    prompt: str = attrs.field(validator=checks.required_text(_MAX_PROMPT), repr=hidden)
    duration: float = attrs.field(validator=checks.needed_number(3, 10))
