"""The calls of a JSON API as a table: each row is routed, checked, run and documented from here.

Both of this project's operator APIs are such tables: the emulator's admin API and the relay's.
A row's function gets the object that its API works on and one mapping with every parameter, so
that HTTP and a command line run the same rows.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import unquote

from kling_mock.web.errors import ApiError
from kling_mock.web.json_schema import Schema, check, read_query

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Parameters = Mapping[str, Any]
JsonObject = Mapping[str, Any]
Context = TypeVar("Context")


@dataclass(frozen=True, slots=True)
class ApiCall(Generic[Context]):
    """One method of one path.

    Attributes:
        method: The HTTP method.
        path: The path after the API's prefix, with parameters in braces: `/users/{id}/tokens`.
        function: Runs the call; its name is the call's name. It gets the context of the API and
            all parameters, those of the path as text. Path, query and body share no name.
        summary: One line.
        reply: The schema of the reply, always a JSON object.
        body: The schema of the request's body, a JSON object; `None` if the call does not take a
            body. A body without required members may be left out.
        query: The schemas of the query's parameters, all of them optional.
        status: The HTTP status of a success.
        errors: Why a call that is well-formed and finds its object can still be refused, by HTTP
            status.
        examples: Bodies, by name.
    """

    method: Method
    path: str
    function: Callable[[Context, Parameters], JsonObject | Awaitable[JsonObject]]
    summary: str
    reply: Schema
    body: Schema | None = None
    query: Mapping[str, Schema] = field(default_factory=dict[str, Schema])
    status: int = 200
    errors: Mapping[int, str] = field(default_factory=dict[int, str])
    examples: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        """The call's name."""
        return self.function.__name__

    @property
    def path_parameters(self) -> list[str]:
        """The names of the path's parameters."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def needs_body(self) -> bool:
        """Whether a body must be sent."""
        schema = self.body or {}
        return "required" in schema or "$ref" in schema

    async def run(
        self,
        context: Context,
        path: Mapping[str, str],
        query: Iterable[tuple[str, object]] = (),
        body: object = None,
    ) -> JsonObject:
        """Check the parameters, and run the call.

        Args:
            context: The object that the calls of this API work on.
            path: The parameters of the path, decoded.
            query: The parameters of the query, as text or as JSON values; if one occurs twice, the
                last value counts.
            body: The body as parsed JSON; `None` is an empty object. Ignored if the call does not
                take a body.

        Raises:
            ApiError: 400, naming the parameter and what it must be.
        """
        parameters = read_query(self.query, query)
        if self.body is not None:
            parameters |= check(self.body, {} if body is None else body)
        reply = self.function(context, {**parameters, **path})
        return await reply if inspect.isawaitable(reply) else reply


class ApiTable(Generic[Context]):
    """All calls of one API.

    Args:
        calls: The rows.

    Raises:
        ValueError: Two calls have the same name.
    """

    def __init__(self, calls: Iterable[ApiCall[Context]]) -> None:
        self._calls = tuple(calls)
        self._by_name = {call.name: call for call in self._calls}
        if len(self._by_name) < len(self._calls):
            raise ValueError("calls: two have the same name")

    def __iter__(self) -> Iterator[ApiCall[Context]]:
        return iter(self._calls)

    def __getitem__(self, name: str) -> ApiCall[Context]:
        """Return the call of this name."""
        return self._by_name[name]

    def route(self, method: str, path: str) -> tuple[ApiCall[Context], dict[str, str]]:
        """Return the call that a request names, and the parameters of its path.

        Args:
            method: The HTTP method.
            path: The path after the API's prefix, percent-encoded.

        Raises:
            ApiError: 404 for an unknown path; 405 for another method, with `Allow`.
        """
        matches = list(self._matches(path))
        for call, parameters in matches:
            if call.method == method:
                return call, parameters
        if matches:
            allowed = ", ".join(call.method for call, _ in matches)
            message = f"{method} is not supported on this path; use {allowed}."
            raise ApiError(405, "method_not_allowed", message, {"Allow": allowed})
        raise ApiError(404, "unknown_path", "There is no such path; see /openapi.json.")

    def template(self, path: str) -> str | None:
        """Return the path with parameters in braces that *path* matches, or `None`."""
        return next((call.path for call, _ in self._matches(path)), None)

    def _matches(self, path: str) -> Iterator[tuple[ApiCall[Context], dict[str, str]]]:
        parts = path.split("/")
        for call in self._calls:
            parameters = _match(call.path.split("/"), parts)
            if parameters is not None:
                yield call, parameters


def _match(template: list[str], parts: list[str]) -> dict[str, str] | None:
    if len(template) != len(parts):
        return None
    parameters: dict[str, str] = {}
    for expected, part in zip(template, parts, strict=True):
        if expected.startswith("{") and part:
            parameters[expected[1:-1]] = unquote(part)
        elif expected != part:
            return None
    return parameters
