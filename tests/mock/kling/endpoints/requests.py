"""The plainest request that each endpoint takes: what a test of all endpoints sends."""

from __future__ import annotations

from typing import Any

from kling_mock.kling.endpoints.field_checks import FieldReader
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.endpoints.record import CallContext
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.endpoints.validation import make_plan
from kling_mock.kling.model.plan import Plan
from tests.endpoints import SOURCE, SOURCE_VIDEO, URL, body

__all__ = ["NEEDS", "PLAIN", "URL", "context", "plan"]

PLAIN = {name: body(name) for name in ENDPOINTS.with_tasks}
# By endpoint: what a request needs besides its prompt.
NEEDS = {
    name: {field: value for field, value in plain.items() if field != "prompt"}
    for name, plain in PLAIN.items()
}


def context(noticed: Noticed | None = None, **given: Any) -> CallContext:
    """Return what a request is judged by besides its body."""
    reader = FieldReader(noticed or Noticed(), ENDPOINTS.fields)
    return CallContext(reader, models=ENDPOINTS.models, **given)


_SOURCE = make_plan(ENDPOINTS["text2video"], SOURCE, context())


def _found(video_id: str) -> Plan | None:
    return _SOURCE if video_id == SOURCE_VIDEO else None


def plan(endpoint: str, body: dict[str, Any], noticed: Noticed | None = None, **given: Any) -> Plan:
    """Return what the emulator makes of a request to one of Kling's endpoints."""
    judged = context(noticed, find_video=_found, **given)
    return make_plan(ENDPOINTS[endpoint], body, judged)
