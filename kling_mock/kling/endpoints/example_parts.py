"""Parts of the examples: requests like those that the vendor's pages show.

The examples of a record are those of the OpenAPI document, and a test sends each of them, whole
and with every field broken in turn. Fields, nesting and combinations are those of the pages;
texts and URLs are not.
"""

from __future__ import annotations

from typing import Any

SITE = "https://example.com"
IMAGE = f"{SITE}/cat.png"
MASK = f"{SITE}/mask.png"
CALLBACK = f"{SITE}/callback"
#: Placeholders for the id of a finished video, of a session, and of a sound: a test replaces them
#: with its own.
VIDEO_ID = "100000000000000001"
SESSION_ID = "100000000000000002"
AUDIO_ID = "100000000000000003"
#: Ids of elements and voices that every account has.
ELEMENT_IDS = (710_000_000_000_000_001, 710_000_000_000_000_003)
VOICE_IDS = ("700000000000000001", "700000000000000003")
#: Placeholder for the session of a selection, with a point in the middle of its first frame.
SELECTION_ID = "100000000000000004"


def shots(*rows: tuple[str, str]) -> dict[str, Any]:
    """Return the fields of a video in shots, each given by its text and its seconds."""
    prompts = [
        {"index": number, "prompt": prompt, "duration": seconds}
        for number, (prompt, seconds) in enumerate(rows, 1)
    ]
    return {"multi_shot": True, "shot_type": "customize", "prompt": "", "multi_prompt": prompts}


def zoom(value: float) -> dict[str, Any]:
    """Return a camera that zooms."""
    config = {"horizontal": 0, "vertical": 0, "pan": 0, "tilt": 0, "roll": 0, "zoom": value}
    return {"type": "simple", "config": config}


def trajectory(*points: tuple[int, int]) -> list[dict[str, int]]:
    """Return the path of a mask."""
    return [{"x": x, "y": y} for x, y in points]
