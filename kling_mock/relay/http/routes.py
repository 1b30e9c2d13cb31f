"""The relay's paths, and the fixed set of routes by which requests are counted."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from kling_mock.relay.http.kling_paths import VIDEOS, split
from kling_mock.relay.operator.operations import CALLS

CALLBACK: Final = "/kling/callback/"
INTERNAL_CALLBACK: Final = "/kling/internal/callback"
HEALTH: Final = "/health"
METRICS: Final = "/metrics"
OPENAPI: Final = "/openapi.json"
OPERATOR: Final = "/__kling/relay"
DASHBOARD: Final = "/__kling/"
#: The key under which a refused request stores the reason.
REFUSAL: Final = web.RequestKey("refusal", str)
#: The route or method of a request that the relay does not know.
OTHER: Final = "other"

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_FIXED: Final = frozenset({VIDEOS, INTERNAL_CALLBACK, HEALTH, METRICS, OPENAPI})


def template(path: str) -> str:
    """Return the route of *path*, with braces around variable parts; `OTHER` if it has no route."""
    if path in _FIXED:
        return path
    if call := split(path):
        return f"{path.rpartition('/')[0]}/{{task_id}}" if call[1] else path
    if path.startswith(f"{VIDEOS}/"):
        return f"{VIDEOS}/{{task_id}}"
    if path.startswith(CALLBACK):
        return f"{CALLBACK}{{task_id}}"
    if path.startswith(f"{OPERATOR}/"):
        route = CALLS.template(path[len(OPERATOR) :])
        return OTHER if route is None else OPERATOR + route
    return OTHER


def known_method(method: str) -> str:
    """Return *method* if it is one of HTTP's common ones, else `OTHER`."""
    return method if method in _METHODS else OTHER
