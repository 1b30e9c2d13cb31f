"""Everything that is told of: the one place where the rows of all rooms come together."""

from __future__ import annotations

from functools import cache
from typing import Any

from kling_mock.kling import behaviours, operations, schemas
from kling_mock.kling.facts import SOURCES
from kling_mock.reference.fidelity import page
from kling_mock.reference.openapi import document, encode

__all__ = ["fidelity_page", "openapi", "openapi_bytes"]

OPERATIONS = (*operations.OPERATIONS,)
SCHEMAS = {**schemas.SCHEMAS}
BEHAVIOURS = (*behaviours.BEHAVIOURS,)

_INFO = {
    "title": "Kling AI, emulated",
    "version": "1",
    "summary": "What a server of kling_mock answers.",
    "description": "The /v1 interface of the Kling AI video API as kling_mock serves it on "
    "localhost, made from the tables that its validation runs on. How far each row is known "
    "of the real service is in docs/fidelity.md.",
}


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document of everything served."""
    return document(OPERATIONS, SCHEMAS, _INFO)


@cache
def openapi_bytes() -> bytes:
    """Return the OpenAPI document as it is served and committed."""
    return encode(openapi())


def fidelity_page() -> str:
    """Return `docs/fidelity.md`."""
    return page(OPERATIONS, BEHAVIOURS, SOURCES)
