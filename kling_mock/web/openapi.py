"""OpenAPI 3.1 documents, made from rows: an operation, its parameters and its replies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from kling_mock.web.facts import Fact

Schema = Mapping[str, Any]  # JSON Schema, dialect 2020-12
Security = Literal["", "key", "api-key", "token", "admin"]

JSON = "application/json"

_SECURITY: Mapping[str, Mapping[str, str]] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A static API key, or a token (JWT, HS256) with `iss` (the access key), "
        "`exp` and `nbf`, signed with the secret key.",
    },
    "api-key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A static API key; a token of a key pair is refused.",
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


class Parameter(NamedTuple):
    """One parameter of the path, the query or the headers.

    Attributes:
        name: Its name; a path parameter is also in braces in `ApiOperation.path`.
        where: The place of the parameter.
        schema: The schema of accepted values.
        description: One sentence.
        required: Whether it is required; path parameters always are.
    """

    name: str
    where: Literal["path", "query", "header"]
    schema: Schema
    description: str
    required: bool = False


class ApiReply(NamedTuple):
    """The reply of an operation with one HTTP status.

    Attributes:
        description: One sentence, or the service codes with their texts.
        schema: The schema of the body; `None` is a reply without a body.
        media_type: The body's type.
        headers: Headers worth documenting, by name.
        name: Its name among the document's responses, where operations refer to it; without one
            it stands in its operation.
    """

    description: str
    schema: Schema | None = None
    media_type: str = JSON
    headers: Mapping[str, Schema] = {}
    name: str = ""


class ApiOperation(NamedTuple):
    """One method of one path.

    Attributes:
        method: `GET`, `POST`, ...
        path: The path, with each parameter in braces, as in `/v1/videos/text2video/{id}`.
        name: The `operationId`.
        group: The tag under which it is listed.
        summary: One line.
        fact: The source of the operation; `None` if it is not part of Kling.
        answers: The replies, by HTTP status.
        parameters: The parameters of path, query and headers.
        body: The request's body, always JSON; `None` if there is none.
        optional_body: Whether the body may be left out.
        examples: Bodies, by name.
        security: The required credential: an account's key or token, a static key, a token of the
            relay's, the admin token, or nothing.
        extra: Further members of the operation: `servers`, and those that begin with `x-`.
    """

    method: str
    path: str
    name: str
    group: str
    summary: str
    fact: Fact | None
    answers: Mapping[int, ApiReply]
    parameters: tuple[Parameter, ...] = ()
    body: Schema | None = None
    optional_body: bool = False
    examples: Mapping[str, Any] = {}
    security: Security = ""
    extra: Mapping[str, Any] = {}


def document(
    operations: Iterable[ApiOperation], schemas: Mapping[str, Schema], info: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the document.

    Args:
        operations: The operations served, in the order of the document.
        schemas: The schemas that the operations refer to as `#/components/schemas/...`.
        info: The member `info`.

    Raises:
        ValueError: Two replies of one name differ.
    """
    rows = tuple(operations)
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
    schemes = dict.fromkeys(row.security for row in rows if row.security)
    responses = _responses(answer for row in rows for answer in row.answers.values())
    return {
        "openapi": "3.1.0",
        "info": dict(info),
        "servers": [{"url": "/"}],
        "tags": [{"name": group} for group in dict.fromkeys(row.group for row in rows)],
        "paths": paths,
        "components": {
            "schemas": dict(schemas),
            **({"responses": responses} if responses else {}),
            "securitySchemes": {name: _SECURITY[name] for name in schemes},
        },
    }


def encode(openapi: Mapping[str, Any]) -> bytes:
    """Return a document as it is served and committed: indented, so that a change can be read."""
    return json.dumps(openapi, ensure_ascii=False, indent=1).encode() + b"\n"


def _operation(row: ApiOperation) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": row.name,
        "tags": [row.group],
        "summary": row.summary,
        **_fidelity(row.fact),
        **row.extra,
        "security": [{row.security: []}] if row.security else [],
    }
    if row.parameters:
        operation["parameters"] = [_parameter(parameter) for parameter in row.parameters]
    if row.body is not None:
        operation["requestBody"] = {
            "required": not row.optional_body,
            "content": {JSON: _content(row)},
        }
    operation["responses"] = {
        str(status): {"$ref": f"#/components/responses/{answer.name}"}
        if answer.name
        else _answer(answer)
        for status, answer in sorted(row.answers.items())
    }
    return operation


def _responses(answers: Iterable[ApiReply]) -> dict[str, dict[str, Any]]:
    """Return the replies that operations refer to, by name."""
    named: dict[str, ApiReply] = {}
    for answer in answers:
        if answer.name and named.setdefault(answer.name, answer) != answer:
            raise ValueError(f"two replies that differ are named {answer.name!r}: rename one")
    return {name: _answer(answer) for name, answer in named.items()}


def _fidelity(fact: Fact | None) -> dict[str, Any]:
    return {} if fact is None else {"x-fidelity": {"kind": fact.kind, "as_of": fact.as_of}}


def _content(row: ApiOperation) -> dict[str, Any]:
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


def _answer(answer: ApiReply) -> dict[str, Any]:
    response: dict[str, Any] = {"description": answer.description}
    if answer.headers:
        response["headers"] = {name: {"schema": schema} for name, schema in answer.headers.items()}
    if answer.schema is not None:
        response["content"] = {answer.media_type: {"schema": answer.schema}}
    return response
