"""`POST /v1/videos/advanced-lip-sync`: a face of a session speaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

import attrs

from kling_sdk.endpoints import checks
from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.converters import to_watermark
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.record import EndpointRecord, InputLength
from kling_sdk.endpoints.values import media, needed, objects, typed
from kling_sdk.facts.products.advanced_lip_sync import REQUEST
from kling_sdk.files import SoundSource, sound_problem, to_sound

__all__ = ["AdvancedLipSync", "FaceChoice"]

_MIN_MS: Final = 2000  # of a sound that is played
_LOUDEST: Final = 2

_RECORD: Final = EndpointRecord(
    name="advanced-lip-sync",
    path=REQUEST.path,
    fields=REQUEST.fields,
    input_length=InputLength("video", 60),
)

_FIELD: Final = "face_choose"
_MILLISECONDS: Final = needed(int, _FIELD, "a whole number of milliseconds")
_VOLUME: Final = typed((int, float), _FIELD, "a number from 0 to 2")


def _to_sound_file(value: SoundSource | None) -> str | None:
    return None if value is None else to_sound(value, field=f"{_FIELD}.sound_file")


@attrs.frozen
class FaceChoice:
    """A face, and what it says when.

    Attributes:
        face_id: The face: `Face.face_id`.
        sound_start_time: Where the part of the sound that is played begins, in milliseconds.
        sound_end_time: Where it ends: at least 2000 later, and not behind the end of the sound.
        sound_insert_time: When it begins to be played, in milliseconds of the video. It must
            coincide with the face for at least 2000.
        audio_id: Id of a sound of the vendor's text-to-speech, less than 30 days old and 2 to
            60 s long. Either this or `sound_file`.
        sound_file: An mp3, wav, m4a or aac of at most 5 MB, 2 to 60 s: a path object, bytes,
            binary file, URL, data-URI or base64.
        sound_volume: 0 to 2. None: 1.
        original_audio_volume: How loud the video's own sound is, 0 to 2. None: 1.
    """

    face_id: str = attrs.field(validator=needed(str, _FIELD, "text"))
    sound_start_time: int = attrs.field(validator=_MILLISECONDS)
    sound_end_time: int = attrs.field(validator=_MILLISECONDS)
    sound_insert_time: int = attrs.field(validator=_MILLISECONDS)
    audio_id: str | None = attrs.field(default=None, validator=typed(str, _FIELD, "text"))
    sound_file: str | None = attrs.field(default=None, converter=_to_sound_file, repr=media)
    sound_volume: float | None = attrs.field(default=None, validator=_VOLUME)
    original_audio_volume: float | None = attrs.field(default=None, validator=_VOLUME)


def to_faces(value: Iterable[FaceChoice | Mapping[str, Any]]) -> tuple[FaceChoice, ...]:
    """Return the chosen faces given as objects or mappings."""
    return objects(FaceChoice, _FIELD, value)


def _check_faces(request: Any) -> checks.Problems:
    """One sound for each face, of which a part of at least two seconds is played."""
    for face in request.face_choose:
        if bool(face.audio_id) == bool(face.sound_file):
            limit = "given with" if face.audio_id else "missing, and so is"
            yield f"{_FIELD}.audio_id", f"is {limit} sound_file", "either audio_id or sound_file"
        if face.sound_file and (problem := sound_problem(face.sound_file)):
            yield f"{_FIELD}.sound_file", *problem
        for name in ("sound_start_time", "sound_insert_time"):
            if getattr(face, name) < 0:
                yield f"{_FIELD}.{name}", f"is {getattr(face, name)} ms", "0 or more"
        played = face.sound_end_time - face.sound_start_time
        if played < _MIN_MS:
            yield (
                f"{_FIELD}.sound_end_time",
                f"is {played} ms after sound_start_time",
                f"at least {_MIN_MS} ms after it",
            )
        for name in ("sound_volume", "original_audio_volume"):
            volume = getattr(face, name)
            if volume is not None and not 0 <= volume <= _LOUDEST:
                yield f"{_FIELD}.{name}", f"is {volume}", f"a number from 0 to {_LOUDEST}"


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class AdvancedLipSync(Request):
    """A face of a session that speaks: `POST /v1/videos/advanced-lip-sync`.

    The session is that of `IdentifyFace`. The result is as long as the video. Source: the vendor's
    page (two copies agree); whether a task can be asked for by your own id is not stated there.

    Attributes:
        session_id: The session: `FaceSession.session_id`.
        face_choose: Exactly one face with what it says, as object or mapping: at most one person
            can speak.
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
    rules: ClassVar[Rules] = (_check_faces,)

    session_id: str
    face_choose: tuple[FaceChoice, ...] = attrs.field(converter=to_faces)
    watermark_info: bool | None = attrs.field(
        default=None, converter=to_watermark, validator=checks.flag
    )
