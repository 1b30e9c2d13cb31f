"""An OpenAPI 3.1 document from rows. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from kling_mock.web.facts import Fact
from kling_mock.web.openapi_rows import JSON, Answer, Operation, Parameter, Schema

__all__ = ["document", "encode"]

_SECURITY: Mapping[str, Mapping[str, str]] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A static API key, or a token (JWT, HS256) with `iss` (the access key), "
        "`exp` and `nbf`, signed with the secret key.",
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A user's token of the relay, `sk-...`.",
    },
    "admin": {
        "type": "http",
        "scheme": "bearer",
        "description": "The admin token that the server prints when it starts.",
    },
}


def document(
    operations: Iterable[Operation], schemas: Mapping[str, Schema], info: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the document.

    Args:
        operations: What is served, in the order of the document.
        schemas: What the operations refer to as `#/components/schemas/...`.
        info: The member `info`.
    """
    rows = tuple(operations)
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
    asked = dict.fromkeys(row.security for row in rows if row.security)
    return {
        "openapi": "3.1.0",
        "info": dict(info),
        "servers": [{"url": "/"}],
        "tags": [{"name": group} for group in dict.fromkeys(row.group for row in rows)],
        "paths": paths,
        "components": {
            "schemas": dict(schemas),
            "securitySchemes": {name: _SECURITY[name] for name in asked},
        },
    }


def encode(made: Mapping[str, Any]) -> bytes:
    """Return a document as it is served and committed: indented, so that a change can be read."""
    return json.dumps(made, ensure_ascii=False, indent=1).encode() + b"\n"


def _operation(row: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": row.name,
        "tags": [row.group],
        "summary": row.summary,
        **_fidelity(row.fact),
        **row.extra,
        "security": [{row.security: []}] if row.security else [],
    }
    if row.parameters:
        made["parameters"] = [_parameter(parameter) for parameter in row.parameters]
    if row.body is not None:
        made["requestBody"] = {
            "required": not row.optional_body,
            "content": {JSON: _content(row)},
        }
    made["responses"] = {
        str(status): _answer(answer) for status, answer in sorted(row.answers.items())
    }
    return made


def _fidelity(fact: Fact | None) -> dict[str, Any]:
    return {} if fact is None else {"x-fidelity": {"kind": fact.kind, "as_of": fact.as_of}}


def _content(row: Operation) -> dict[str, Any]:
    if not row.examples:
        return {"schema": row.body}
    examples = {name: {"value": value} for name, value in row.examples.items()}
    return {"schema": row.body, "examples": examples}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required or parameter.where == "path",
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _answer(answer: Answer) -> dict[str, Any]:
    made: dict[str, Any] = {"description": answer.description}
    if answer.headers:
        made["headers"] = {name: {"schema": schema} for name, schema in answer.headers.items()}
    if answer.schema is not None:
        made["content"] = {answer.media_type: {"schema": answer.schema}}
    return made
