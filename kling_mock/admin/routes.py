"""A call of the admin API as a row, and finding the row of a request. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote

from kling_mock.admin.context import AdminContext
from kling_mock.kling.http.handler import ADMIN
from kling_mock.web.errors import ApiError
from kling_mock.web.json_schema import Schema

__all__ = ["PREFIX", "Arguments", "Handler", "Method", "Route", "find"]

PREFIX = ADMIN.rstrip("/")

Method = Literal["GET", "POST", "PATCH", "DELETE"]
#: The parameters of path and query, and the members of the body.
Arguments = Mapping[str, Any]


Answer = Mapping[str, Any]
Handler = Callable[[AdminContext, Arguments], Answer | Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path.

    Attributes:
        method: The HTTP method.
        path: What follows `PREFIX`, with parameters in braces.
        run: What is done; its name is the call's.
        summary: One line.
        answer: The schema of the answer, always a JSON object.
        body: The schema of the request's body; `None` is none. Without required members it
            may be left out.
        query: The schemas of the query's parameters.
        status: The HTTP status of a success.
        conflict: When it is refused with 409; "" is never.
        settles: Whether it is answered only when the callbacks that it caused were delivered.
        examples: Bodies, by name.
    """

    method: Method
    path: str
    run: Handler
    summary: str
    answer: Schema
    body: Schema | None = None
    query: Mapping[str, Schema] = field(default_factory=dict[str, Schema])
    status: int = 200
    conflict: str = ""
    settles: bool = False
    examples: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        """What the call is called in the OpenAPI document."""
        return f"admin-{self.run.__name__.replace('_', '-')}"

    @property
    def needs_body(self) -> bool:
        """Whether the call makes no sense without a body."""
        schema = self.body or {}
        return "required" in schema or "$ref" in schema

    @property
    def parameters(self) -> list[str]:
        """The names of the path's parameters."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]


def find(routes: Iterable[Route], method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the row of a request, and the parameters in its path.

    Args:
        routes: All rows.
        method: The HTTP method.
        path: The path after `PREFIX`, percent-encoded.

    Raises:
        ApiError: 404 or 405, naming what is accepted.
    """
    parts = path.split("/")
    known = [
        (row, arguments) for row in routes if (arguments := _match(row.path, parts)) is not None
    ]
    for row, arguments in known:
        if row.method == method:
            return row, arguments
    if known:
        allowed = ", ".join(row.method for row, _ in known)
        message = f"{method}: accepted are {allowed}"
        raise ApiError(405, "method_not_allowed", message, {"Allow": allowed})
    raise ApiError(404, "unknown_path", "There is no such path; all are in /openapi.json.")


def _match(path: str, parts: list[str]) -> dict[str, str] | None:
    wanted = path.split("/")
    if len(wanted) != len(parts):
        return None
    arguments: dict[str, str] = {}
    for form, part in zip(wanted, parts, strict=True):
        if form.startswith("{") and part:
            arguments[form[1:-1]] = unquote(part)
        elif form != part:
            return None
    return arguments
