"""Everything that is told of: the one place where the rows of all rooms come together."""

from __future__ import annotations

from functools import cache
from typing import Any

from kling_mock.admin import operations as admin
from kling_mock.kling.endpoints import schemas
from kling_mock.reference import behaviours, operations
from kling_mock.reference.fidelity import page
from kling_mock.web.facts import SOURCES
from kling_mock.web.openapi import document, encode

__all__ = ["fidelity_page", "openapi", "openapi_bytes"]

OPERATIONS = (*operations.OPERATIONS, *admin.OPERATIONS)
SCHEMAS = {**schemas.SCHEMAS, **admin.SCHEMAS}
BEHAVIOURS = (*behaviours.BEHAVIOURS,)

_INFO = {
    "title": "Kling AI, emulated",
    "version": "1",
    "summary": "What a server of kling_mock answers.",
    "description": "The /v1 interface of the Kling AI video API as kling_mock serves it on "
    "localhost, made from the tables that its validation runs on. How far each row is known "
    "of the real service is in docs/fidelity.md.",
}


def openapi(*, with_admin: bool = True) -> dict[str, Any]:
    """Return the OpenAPI document of everything served.

    Args:
        with_admin: Whether the admin API is served.
    """
    if with_admin:
        return document(OPERATIONS, SCHEMAS, _INFO)
    return document(operations.OPERATIONS, schemas.SCHEMAS, _INFO)


@cache
def openapi_bytes(*, with_admin: bool = True) -> bytes:
    """Return the OpenAPI document as it is served and committed.

    Args:
        with_admin: Whether the admin API is served.
    """
    return encode(openapi(with_admin=with_admin))


def fidelity_page() -> str:
    """Return `docs/fidelity.md`."""
    return page(OPERATIONS, BEHAVIOURS, SOURCES)
