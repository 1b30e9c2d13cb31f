"""The relay's paths, and which of them a request means: a fixed set, whatever is asked. Pure."""

from __future__ import annotations

from typing import Final

from kling_mock.relay.domain.wire import ENDPOINTS
from kling_mock.relay.operator.operations import CALLS, split

__all__ = [
    "ADMIN",
    "CALLBACK",
    "HEALTH",
    "INTERNAL_CALLBACK",
    "METRICS",
    "OPENAPI",
    "OTHER",
    "VIDEOS",
    "known_method",
    "template",
]

VIDEOS: Final = "/kling/v1/videos"
CALLBACK: Final = "/kling/callback/"
INTERNAL_CALLBACK: Final = "/kling/internal/callback"
HEALTH: Final = "/health"
METRICS: Final = "/metrics"
OPENAPI: Final = "/openapi.json"
ADMIN: Final = "/__kling/relay/"
#: What is none of the relay's paths or methods.
OTHER: Final = "other"

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_FIXED: Final = frozenset(
    {
        VIDEOS,
        *(f"{VIDEOS}/{endpoint}" for endpoint in ENDPOINTS),
        INTERNAL_CALLBACK,
        HEALTH,
        METRICS,
        OPENAPI,
    }
)
_OPERATORS: Final = frozenset(call.path for call in CALLS)


def template(path: str) -> str:
    """Return the route that *path* belongs to, with braces for what differs; `OTHER` for none."""
    if path in _FIXED:
        return path
    if path.startswith(f"{VIDEOS}/"):
        return f"{VIDEOS}/{{task_id}}"
    if path.startswith(CALLBACK):
        return f"{CALLBACK}{{task_id}}"
    if path.startswith(ADMIN):
        route, _ = split(path[len(ADMIN) :])
        return ADMIN + route if route in _OPERATORS else OTHER
    return OTHER


def known_method(method: str) -> str:
    """Return *method* if it is one of HTTP's common ones, else `OTHER`."""
    return method if method in _METHODS else OTHER
