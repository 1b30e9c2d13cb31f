"""The OpenAPI document of a server, from the rows of all folders."""

from __future__ import annotations

from functools import cache
from typing import Any

from kling_mock.admin import openapi as admin
from kling_mock.kling.http import openapi as operations
from kling_mock.web.openapi import document, encode

OPERATIONS = (*operations.OPERATIONS, *admin.OPERATIONS)
SCHEMAS = {**operations.SCHEMAS, **admin.SCHEMAS}

_INFO = {
    "title": "Kling AI, emulated",
    "version": "1",
    "summary": "The API of a server of kling_mock.",
    "description": "The /v1 interface of the Kling AI video API as kling_mock serves it on "
    "localhost, made from the records that its validation runs on. How far each row is known of "
    "the real service is stated in docs/fidelity.md.",
}


def openapi(*, with_admin: bool = True) -> dict[str, Any]:
    """Return the OpenAPI document of everything served.

    Args:
        with_admin: Whether the admin API is served.
    """
    if with_admin:
        return document(OPERATIONS, SCHEMAS, _INFO)
    return document(operations.OPERATIONS, operations.SCHEMAS, _INFO)


@cache
def openapi_bytes(*, with_admin: bool = True) -> bytes:
    """Return the OpenAPI document as it is served and committed.

    Args:
        with_admin: Whether the admin API is served.
    """
    return encode(openapi(with_admin=with_admin))
