"""The results of a task, as replies and webhooks show them.

A row can store the URL of one result only; Kling's report has the other images and sounds.
"""

from __future__ import annotations

import json
from typing import Any, Final

import kling_sdk
from kling_mock.relay.domain.stored_values import stored_id, stored_url
from kling_mock.web.values import bounded_decimal

#: The endpoints whose results are images. Kling's own name for their size is `resolution`.
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
    """Return the lists of images and sounds in Kling's report of a success, by their keys there.

    Args:
        endpoint: The endpoint of the task; the result is empty if it makes only videos.
        report: The report as it is stored; the result is empty if it was too large to be stored.
    """
    names = _LISTS.get(endpoint, ())
    if not names:
        return {}
    try:
        task: Any = json.loads(report)
    except (ValueError, RecursionError):
        task = None
    result = task.get("task_result") if isinstance(task, dict) else None
    if not isinstance(result, dict):
        return {}
    lists = {name: result.get(name) for name in names}
    return {
        name: [_known_fields(item) for item in items if isinstance(item, dict)]
        for name, items in lists.items()
        if isinstance(items, list) and items
    }


def task_result(
    endpoint: str, report: str, result_id: str, url: str, duration: str
) -> dict[str, list[dict[str, Any]]]:
    """Return the results of a success in Kling's form, which has a list for each kind.

    Args:
        endpoint: The endpoint of the task.
        report: Kling's report as it is stored.
        result_id: Kling's id of the first video, "" if there is none.
        url: The URL of the first result.
        duration: Its seconds, "" for an image or if Kling stated none.
    """
    results = other_results(endpoint, report)
    if endpoint in PICTURES and not results:
        results["images"] = [{"index": 0, "url": url}]
    elif endpoint in SOUNDS and not result_id and not results:
        results["audios"] = [{"id": "", "url_mp3": url, "duration_mp3": duration}]
    elif result_id or not results:
        results["videos"] = [{"id": result_id, "url": url, "duration": duration}]
    return results


def _known_fields(item: dict[str, Any]) -> dict[str, Any]:
    """Return the known fields of an item, without values of an unexpected type."""
    fields: dict[str, Any] = {}
    if type(index := item.get("index")) is int:
        fields["index"] = index
    if isinstance(name := item.get("id"), str):
        fields["id"] = stored_id(name)
    for name in _URLS:
        if isinstance(url := item.get(name), str):
            fields[name] = stored_url(url)
    for name in _SECONDS:
        if (seconds := bounded_decimal(item.get(name))) is not None:
            fields[name] = f"{seconds:f}"
    return fields
