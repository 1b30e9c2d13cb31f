"""The pictures and sounds of a task, as replies and webhooks show them.

A row has room for the URL of one result only.
"""

from __future__ import annotations

import json
from typing import Any, Final

import kling_sdk
from kling_mock.relay.domain.stored_values import stored_id, stored_url
from kling_mock.web.decimals import bounded_decimal

__all__ = ["PICTURES", "SOUNDS", "other_results"]

#: The endpoints whose results are pictures. Their size is `resolution`, by Kling's own name.
PICTURES: Final = frozenset(
    name for name, record in kling_sdk.ENDPOINTS.items() if record.result == "images"
)
#: The endpoints whose results are sounds, with a video or without.
SOUNDS: Final = frozenset(
    name
    for name, record in kling_sdk.ENDPOINTS.items()
    if record.result == "audios" and record.returns is None
)
_LISTS: Final = {
    **dict.fromkeys(PICTURES, ("images", "series_images")),
    **dict.fromkeys(SOUNDS, ("audios",)),
}
_URLS: Final = ("url", "url_1", "url_2", "url_3", "watermark_url", "url_mp3", "url_wav")
_SECONDS: Final = ("duration_mp3", "duration_wav")


def other_results(endpoint: str, report: str) -> dict[str, list[dict[str, Any]]]:
    """Return the lists of pictures and sounds in Kling's report of a success, by their keys there.

    Args:
        endpoint: What made the task; one that makes only videos has none.
        report: The report as it is stored. One that was too large to be stored has none.
    """
    names = _LISTS.get(endpoint, ())
    if not names:
        return {}
    try:
        found: Any = json.loads(report)
    except (ValueError, RecursionError):
        found = None
    result = found.get("task_result") if isinstance(found, dict) else None
    if not isinstance(result, dict):
        return {}
    lists = {name: result.get(name) for name in names}
    return {
        name: [_shown(item) for item in items if isinstance(item, dict)]
        for name, items in lists.items()
        if isinstance(items, list) and items
    }


def _shown(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item with what is known of it; a value of another type is left out."""
    shown: dict[str, Any] = {}
    if type(index := item.get("index")) is int:
        shown["index"] = index
    if isinstance(name := item.get("id"), str):
        shown["id"] = stored_id(name)
    for name in _URLS:
        if isinstance(url := item.get(name), str):
            shown[name] = stored_url(url)
    for name in _SECONDS:
        if (seconds := bounded_decimal(item.get(name))) is not None:
            shown[name] = f"{seconds:f}"
    return shown
