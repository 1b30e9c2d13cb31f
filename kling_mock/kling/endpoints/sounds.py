"""Checks of sounds, and their lengths."""

from __future__ import annotations

import base64

from kling_mock.kling.endpoints.images import check_reachable
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.media.sound_length import GUESSED_RATE, seconds_of
from kling_mock.kling.service_codes import invalid
from kling_mock.web.facts import assumed, documented
from kling_sdk.facts.media import SOUND_MB

SOUND = documented("pages-2026-09", as_of="2026-09-20", note="two copies agree")
#: The assumed length of a sound that is given by its URL, in seconds.
ASSUMED_SECONDS = 5.0
_MAX_BYTES = SOUND_MB * 1024 * 1024

LENGTHS = (
    (
        f"WAV and MP3 in base64 are measured; any other has {GUESSED_RATE // 1000} kbit/s.",
        assumed("m4a and aac are not read"),
    ),
    (
        f"A sound that is given by its URL is {ASSUMED_SECONDS:g} s long.",
        assumed("files are never fetched, so their length is not known"),
    ),
)


def check_size(value: str, path: str) -> None:
    """Check that base64 is not larger than a sound may be, without decoding it.

    Raises:
        Refusal: 400/1201, it is too large.
    """
    size = len(value) * 3 // 4 - value[-2:].count("=")
    if size > _MAX_BYTES:
        raise invalid(path, f"must be a sound of at most {_MAX_BYTES >> 20} MB, got {size} bytes")


def read_seconds(
    value: str, path: str, noticed: Noticed, limits: tuple[float, float]
) -> float | None:
    """Return the length of a sound in base64, or `None` for a URL, which is never fetched.

    Args:
        value: A URL, or valid base64.
        path: The field, for the message.
        noticed: Notes a URL that cannot be fetched.
        limits: The minimum and maximum length of the sound in seconds.

    Raises:
        Refusal: 400/1201, it is too short or too long.
    """
    if value.startswith(("http://", "https://")):
        check_reachable(value, noticed)
        return None
    seconds = seconds_of(base64.b64decode(value))
    check_seconds(seconds, path, limits)
    return seconds


def check_seconds(seconds: float, path: str, limits: tuple[float, float]) -> None:
    """Check the length of a sound.

    Raises:
        Refusal: 400/1201, it is too short or too long.
    """
    minimum, maximum = limits
    if not minimum <= seconds <= maximum:
        text = f"must be a sound of {minimum:g} to {maximum:g} s, got one of {seconds:.1f} s"
        raise invalid(path, text)
