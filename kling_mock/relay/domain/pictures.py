"""The pictures of a task, as replies and webhooks show them: a row has room for the first only."""

from __future__ import annotations

import json
from typing import Any, Final

import kling_sdk
from kling_mock.relay.domain.stored_values import stored_url

__all__ = ["PICTURES", "pictures_of"]

#: The endpoints whose results are pictures. Their size is `resolution`, by Kling's own name.
PICTURES: Final = frozenset(
    name for name, record in kling_sdk.ENDPOINTS.items() if record.result == "images"
)
_LISTS: Final = ("images", "series_images")


def pictures_of(endpoint: str, report: str) -> dict[str, list[dict[str, Any]]]:
    """Return the lists of pictures in Kling's report of a success, by their keys in `task_result`.

    Args:
        endpoint: What made the task; a video has none.
        report: The report as it is stored. One that was too large to be stored has none.
    """
    if endpoint not in PICTURES:
        return {}
    try:
        found: Any = json.loads(report)
    except (ValueError, RecursionError):
        found = None
    result = found.get("task_result") if isinstance(found, dict) else None
    if not isinstance(result, dict):
        return {}
    lists = {name: result.get(name) for name in _LISTS}
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
    for name in ("url", "watermark_url"):
        if isinstance(url := item.get(name), str):
            shown[name] = stored_url(url)
    return shown
