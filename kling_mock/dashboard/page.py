"""The page as it is sent, and the headers that hold it to what it is."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

__all__ = ["headers", "page"]


@cache
def page() -> str:
    """Return the page: HTML with its style and script inside."""
    return files("kling_mock.dashboard").joinpath("page.html").read_text("utf-8")


@cache
def headers() -> Mapping[str, str]:
    """Return the headers of the page: nothing but its own style and script may run in it."""
    style, script = (_hash(name) for name in ("style", "script"))
    policy = (
        f"default-src 'none'; style-src {style}; script-src {script}; connect-src 'self'; "
        "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    )
    return {
        "Content-Type": "text/html;charset=UTF-8",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }


def _hash(element: str) -> str:
    (inside,) = re.findall(f"<{element}>(.*?)</{element}>", page(), re.DOTALL)
    digest = hashlib.sha256(inside.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
