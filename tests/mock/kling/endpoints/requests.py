"""The plainest request that each endpoint takes: what a test of all endpoints sends."""

from __future__ import annotations

from typing import Any

from kling_mock.kling.endpoints.record import CallContext
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.endpoints.validation import make_plan
from kling_mock.kling.model.plan import Plan

URL = "https://example.com/a.png"

# By endpoint: what a request needs besides its prompt.
NEEDS: dict[str, dict[str, Any]] = {
    "image2video": {"image": URL},
    "multi-image2video": {"image_list": [{"image": URL}]},
}
PLAIN: dict[str, dict[str, Any]] = {
    name: {"prompt": "a cat"} | NEEDS.get(name, {}) for name in ENDPOINTS.with_tasks
}


def plan(endpoint: str, body: dict[str, Any], **context: Any) -> Plan:
    """Return what the emulator makes of a request to one of Kling's endpoints."""
    return make_plan(ENDPOINTS[endpoint], body, CallContext(models=ENDPOINTS.models, **context))
