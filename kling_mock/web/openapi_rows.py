"""The rows that the documents are made from: an operation, its parameters and its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kling_mock.web.facts import Fact

__all__ = ["Answer", "Behaviour", "Operation", "Parameter", "Schema", "Security"]

Schema = Mapping[str, Any]  # JSON Schema, dialect 2020-12
Security = Literal["", "key", "token", "admin"]

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the path, the query or the headers.

    Attributes:
        name: Its name; one of the path is also in braces in `Operation.path`.
        where: Where it goes.
        schema: What it accepts.
        description: One sentence.
        required: Whether it must be there; one of the path always must.
    """

    name: str
    where: Literal["path", "query", "header"]
    schema: Schema
    description: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation may answer with one HTTP status.

    Attributes:
        description: One sentence, or the service codes with their texts.
        schema: What the body looks like; `None` is an answer without a body.
        media_type: The body's type.
        headers: Headers worth telling of, by name.
    """

    description: str
    schema: Schema | None = None
    media_type: str = JSON
    headers: Mapping[str, Schema] = field(default_factory=dict[str, Schema])


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes:
        method: `GET`, `POST`, ...
        path: With each parameter in braces, as in `/v1/videos/text2video/{id}`.
        name: The `operationId`.
        group: The tag under which it is listed.
        summary: One line.
        fact: Where the operation comes from; `None` if it is no part of Kling.
        answers: By HTTP status.
        parameters: Of path, query and headers.
        body: The request's body, always JSON; `None` is none.
        optional_body: Whether the body may be left out.
        examples: Bodies, by name.
        security: What it asks for: an account's key or token, a token of the relay's, the admin
            token, or nothing.
        extra: Members of the operation whose names begin with `x-`.
    """

    method: str
    path: str
    name: str
    group: str
    summary: str
    fact: Fact | None
    answers: Mapping[int, Answer]
    parameters: tuple[Parameter, ...] = ()
    body: Schema | None = None
    optional_body: bool = False
    examples: Mapping[str, Any] = field(default_factory=dict[str, Any])
    security: Security = ""
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One thing that this server does, and how far it is known that Kling does it.

    Attributes:
        area: The heading under which it is listed.
        what: One sentence.
        fact: Where it comes from.
    """

    area: str
    what: str
    fact: Fact
