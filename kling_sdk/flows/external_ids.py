"""External ids that are the same for the same request."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final

from kling_sdk.endpoints.base import Request, check_external_id
from kling_sdk.errors import RequestValidationError
from kling_sdk.wire.v1 import wire_body

_MAX_NAME: Final = 180  # characters, so that with its digest it is a valid id


def external_id_for(request: Request, name: str) -> str:
    """Return an `external_task_id` that is the same for the same request, and only for it.

    Kling does not compare requests: under an id that was used before it returns the earlier
    task, whatever is requested now. An id made here changes with the request, so a program
    can be restarted with the same names without a second purchase, and an edited request is new.

    Args:
        request: The request; its own `external_task_id` does not count.
        name: Your name for the job, such as "job-7": up to 180 characters without / ? #.

    Raises:
        RequestValidationError: the name cannot be part of an id.
    """
    check_name(name)
    return f"{name}-{digest_of(request)[:16]}"


def check_name(name: object) -> None:
    """Raise `RequestValidationError` if *name* cannot be part of an id."""
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME:
        raise RequestValidationError(
            "name", "is empty, too long or not text", "1 to 180 characters"
        )
    check_external_id(name)


def digest_of(request: Request) -> str:
    """Return the SHA-256 of a request's content without its id."""
    body = wire_body(request, "")
    body.pop("external_task_id", None)
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()
