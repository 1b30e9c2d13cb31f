"""The input sound of a request, given as `audio_id` or as `sound_file`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.record import CallContext
from kling_mock.kling.endpoints.sounds import ASSUMED_SECONDS, check_seconds, read_seconds
from kling_mock.kling.model.plan import ResultList
from kling_mock.kling.model.sessions import FILES, CallFile
from kling_mock.kling.service_codes import invalid
from kling_mock.web.facts import assumed

AUDIO_IDS = (
    "An `audio_id` is that of text-to-speech or of a task's sound, for 30 days.",
    assumed("the pages have text-to-speech; whether sounds of tasks are taken is not known"),
)


def sound_seconds(
    fields: Mapping[str, Any],
    context: CallContext,
    limits: tuple[float, float],
    path: str = "",
) -> float:
    """Return the length of the sound of a request that has either `audio_id` or `sound_file`.

    Args:
        fields: The object that has them.
        context: Finds a sound of the account.
        limits: The minimum and maximum length of the sound in seconds.
        path: The prefix of a field's name in a message.

    Raises:
        Refusal: 400/1201, there is not exactly one sound, the account does not have a sound with
            this id, or it is too short or too long.
    """
    sources = [name for name in ("audio_id", "sound_file") if name in fields]
    if not sources:
        raise invalid(f"{path}sound_file", "required without audio_id")
    if len(sources) > 1:
        raise invalid(f"{path}sound_file", "not possible together with audio_id")
    if "sound_file" in fields:
        noticed = context.reader.noticed
        seconds = read_seconds(fields["sound_file"], f"{path}sound_file", noticed, limits)
        return ASSUMED_SECONDS if seconds is None else seconds
    return _seconds_by_id(fields["audio_id"], context, limits, f"{path}audio_id")


def _seconds_by_id(
    audio_id: str, context: CallContext, limits: tuple[float, float], path: str
) -> float:
    session, plan = context.find_session(FILES, audio_id), context.find_audio(audio_id)
    sound: ResultList | CallFile | None = None
    if plan is not None:
        sound = plan.result.of_type("audio")
    elif session is not None and session.data.type == "audio":
        sound = session.data
    if sound is None:
        raise invalid(path, "must be the id of a sound of this account", audio_id)
    check_seconds(sound.seconds, path, limits)
    return sound.seconds
