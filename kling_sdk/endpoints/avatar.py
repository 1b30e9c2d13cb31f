"""`POST /v1/videos/avatar/image2video`: a person in a picture who speaks."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.common_rules import exactly_one
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.record import EndpointRecord, InputLength
from kling_sdk.facts.products.avatar import REQUEST

__all__ = ["Avatar", "AvatarMode"]

AvatarMode = Literal["std", "pro"]

_RECORD: Final = EndpointRecord(
    name="avatar",
    path=REQUEST.path,
    fields=REQUEST.fields,
    input_length=InputLength("sound", 300),
)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class Avatar(Request):
    """A person in a picture who speaks: `POST /v1/videos/avatar/image2video`.

    The result is about as long as the sound, and takes long: a wait of 16 minutes was seen.
    Source: the vendor's page (two copies agree).

    Attributes:
        image: The picture; sources and limits as `ImageToVideo.image`.
        audio_id: Id of a sound of the vendor's text-to-speech, less than 30 days old and 2 to
            300 s long. Either this or `sound_file`.
        sound_file: What the person says, an mp3, wav, m4a or aac of at most 5 MB, 2 to 300 s: a
            path object, bytes, binary file, URL, data-URI or base64.
        prompt: How the person moves, at most 2500 characters.
        mode: `std` (720p) or `pro` (1080p). None: `std`.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: Only `v1` has this endpoint.
        check: False to check nothing before it is sent; see `Request`.
        watermark_info: True to get a second copy with a watermark.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (exactly_one("audio_id", "sound_file"),)

    image: str = attrs.field(converter=converters.needed_image)
    audio_id: str | None = None
    sound_file: str | None = attrs.field(default=None, converter=converters.optional_sound)
    prompt: str | None = None
    mode: AvatarMode | str | None = None
    watermark_info: bool | None = attrs.field(
        default=None, converter=converters.to_watermark, validator=checks.flag
    )
