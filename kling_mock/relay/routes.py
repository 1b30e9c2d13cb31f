"""The relay's paths, and which of them a request means: a fixed set, whatever is asked. Pure."""

from __future__ import annotations

from typing import Final

from kling_mock.relay.wire import ENDPOINTS

__all__ = [
    "ADMIN",
    "CALLBACK",
    "HEALTH",
    "INTERNAL_CALLBACK",
    "METRICS",
    "OPENAPI",
    "OPERATOR_ROUTES",
    "OTHER",
    "VIDEOS",
    "known_method",
    "split_admin",
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

#: What the operator can ask for under `ADMIN`: method and path, with "*" for an id.
OPERATOR_ROUTES: Final = (
    ("GET", "users"),
    ("POST", "users"),
    ("GET", "users/*"),
    ("POST", "users/*/status"),
    ("POST", "users/*/credit"),
    ("GET", "users/*/ledger"),
    ("GET", "users/*/tokens"),
    ("POST", "users/*/tokens"),
    ("POST", "tokens/*/status"),
    ("POST", "tokens/*/quota"),
    ("GET", "channels"),
    ("POST", "channels"),
    ("PUT", "channels/*"),
    ("DELETE", "channels/*"),
    ("GET", "tasks/*"),
    ("GET", "reports"),
    ("GET", "notices"),
    ("POST", "notices/*/replay"),
    ("GET", "reconcile"),
    ("GET", "stats"),
    ("GET", "overview"),
)

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
_OPERATORS: Final = {route: ADMIN + route.replace("*", "{id}") for _, route in OPERATOR_ROUTES}


def template(path: str) -> str:
    """Return the route that *path* belongs to, with braces for what differs; `OTHER` for none."""
    if path in _FIXED:
        return path
    if path.startswith(f"{VIDEOS}/"):
        return f"{VIDEOS}/{{task_id}}"
    if path.startswith(CALLBACK):
        return f"{CALLBACK}{{task_id}}"
    if path.startswith(ADMIN):
        return _OPERATORS.get(split_admin(path[len(ADMIN) :])[0], OTHER)
    return OTHER


def split_admin(path: str) -> tuple[str, str]:
    """Return what follows `ADMIN` with "*" for the id in it, and the id; "" if it has none."""
    parts = path.strip("/").split("/")
    key = parts[1] if len(parts) > 1 else ""
    if key:
        parts[1] = "*"
    return "/".join(parts), key


def known_method(method: str) -> str:
    """Return *method* if it is one of HTTP's common ones, else `OTHER`."""
    return method if method in _METHODS else OTHER
