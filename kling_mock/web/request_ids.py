"""The id of an HTTP request: `X-Request-Id` of request, reply and log lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

__all__ = ["REQUEST_ID", "REQUEST_ID_HEADER", "chosen_id"]

REQUEST_ID_HEADER: Final = "X-Request-Id"
#: The id of the request that is being answered; "" outside of one.
REQUEST_ID: Final = ContextVar("kling_request_id", default="")

# Visible ASCII: no such value can end a header or a log line.
_VALID: Final = re.compile(r"[!-~]{1,128}").fullmatch


def chosen_id(header: str | None, make: Callable[[], str]) -> str:
    """Return the client's own id if it is 1 to 128 visible ASCII characters, else a new one.

    Args:
        header: The request's `X-Request-Id`; `None` if it has none.
        make: Makes a new id.
    """
    if header is not None and _VALID(header) is not None:
        return header
    return make()
