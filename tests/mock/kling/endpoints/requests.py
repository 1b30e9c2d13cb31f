"""The plainest request that each endpoint takes: what a test of all endpoints sends."""

from __future__ import annotations

from typing import Any

from kling_mock.kling.endpoints.record import CallContext
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.endpoints.validation import make_plan
from kling_mock.kling.model.plan import Plan
from tests.endpoints import SOURCE, SOURCE_VIDEO, URL, body

__all__ = ["NEEDS", "PLAIN", "URL", "plan"]

PLAIN = {name: body(name) for name in ENDPOINTS.with_tasks}
# By endpoint: what a request needs besides its prompt.
NEEDS = {
    name: {field: value for field, value in plain.items() if field != "prompt"}
    for name, plain in PLAIN.items()
}
_SOURCE = make_plan(ENDPOINTS["text2video"], SOURCE, CallContext(models=ENDPOINTS.models))


def _found(video_id: str) -> Plan | None:
    return _SOURCE if video_id == SOURCE_VIDEO else None


def plan(endpoint: str, body: dict[str, Any], **context: Any) -> Plan:
    """Return what the emulator makes of a request to one of Kling's endpoints."""
    return make_plan(
        ENDPOINTS[endpoint],
        body,
        CallContext(models=ENDPOINTS.models, find_video=_found, **context),
    )
