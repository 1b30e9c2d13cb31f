"""Parts shared by the endpoints that make sounds: sources, fields, files, prices."""

from __future__ import annotations

from kling_mock.web.facts import Fact, assumed, documented

PAGE = documented("pages-2026-09", as_of="2026-09-20", note="two copies agree")

TYPICAL_SECONDS = {"": 25.0}
PAID: tuple[str, Fact] = (
    "A video pack pays for it.",
    assumed("the price list names no pack; the units are listed beside those of videos"),
)
BEHAVIOURS: tuple[tuple[str, Fact], ...] = (
    (
        "A sound is a tone: a WAV of 24 kHz, 16 bits, mono; an MP3 of 48 kHz, 32 kbit/s, mono.",
        assumed("the pages have both files and say nothing of their form"),
    ),
    (
        "An MP3 has the requested length to the nearest 24 ms; responses state the requested one.",
        assumed("the pages do not say how exact a length is"),
    ),
    (
        "It takes 25 s.",
        assumed("as a picture: no page and no observation has a time"),
    ),
    PAID,
)
