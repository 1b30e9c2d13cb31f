"""Sounds in requests: the values that a field accepts, and the vendor's limits."""

from __future__ import annotations

from kling_sdk.facts.media import SOUND_MB
from kling_sdk.files.encoding import MediaSource, encoded

#: The values of a sound field: see `MediaSource`; the bytes are those of an MP3, WAV, M4A or AAC.
SoundSource = MediaSource


def to_sound(source: SoundSource, *, field: str = "sound_file") -> str:
    """Return a sound as a URL or as raw base64; see `encoded`."""
    return encoded(source, field, "MP3, WAV, M4A or AAC")


def sound_problem(value: str) -> tuple[str, str] | None:
    """Return the vendor's limit that a sound breaks, as (limit, accepted), or None.

    A URL is not fetched, and has no known problem; nothing is decoded.

    Args:
        value: A URL or raw base64, as `to_sound` returns it.
    """
    if value.startswith(("http://", "https://")):
        return None
    length = len(value) * 3 // 4 - value[-2:].count("=")
    if length > (max_bytes := SOUND_MB * 1024 * 1024):
        return f"is {length:,} bytes", f"at most {max_bytes:,} bytes ({SOUND_MB} MB)"
    return None
