"""A reply that sends its client elsewhere: the API itself never does."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from kling_sdk.errors import UnreachableError

__all__ = ["is_redirect", "redirected"]


def is_redirect(status: int) -> bool:
    """Return whether an HTTP status is one of a redirect."""
    return status in {301, 302, 303, 307, 308}


def redirected(status: int, headers: Mapping[str, str]) -> UnreachableError:
    """Return the error for a redirect, which is not followed: the key would go along.

    It is no proof that nothing was created.
    """
    place = _place(headers.get("location", ""))
    if not place:
        return UnreachableError(
            f"HTTP {status} redirects to another path of the same host; check base_url"
        )
    return UnreachableError(
        f"HTTP {status} redirects to {place}; if that is the API, use base_url={place!r}"
    )


def _place(location: str) -> str:
    """Return scheme, host and port of *location*; "" if it is a path, or no URL."""
    try:
        parts = urlsplit(location)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if not host:
        return ""
    # Put together from its parts: a user's name and password stay out.
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme or 'https'}://{shown}" + (f":{port}" if port else "")
