"""Requests as the vendor's pages show them: accepted whole, refused with any one field broken."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.kling.endpoints.fields import Field, FieldShape
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.journal.notes import NOTE_HEADER
from kling_mock.kling.wire.solutions import SOLUTIONS
from tests.endpoints import with_sources
from tests.mock.kling.endpoints.requests import V1_ENDPOINTS

Path = tuple[str | int, ...]

SOLUTION_ENDPOINTS = {
    name: record
    for name, record in ENDPOINTS.items()
    if record.interface is SOLUTIONS and record.makes_tasks
}
BODIES = [
    pytest.param(endpoint, (endpoint, body), id=f"{endpoint}-{name}")
    for endpoint, record in (V1_ENDPOINTS | SOLUTION_ENDPOINTS).items()
    for name, body in record.examples.items()
]


def written(path: Path) -> str:
    """Return the path as a refusal writes it."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def walk(shape: FieldShape, body: dict[str, Any], at: Path = ()) -> Iterator[tuple[Path, Field]]:
    """Yield the path and row of every field that *body* gives, lists' items included."""
    for name, value in body.items():
        field = shape.fields[name]
        yield (*at, name), field
        if field.members is None:
            continue
        if isinstance(value, dict):
            yield from walk(field.members, value, (*at, name))
        else:
            for number, item in enumerate(value):
                yield from walk(field.members, item, (*at, name, number))


def wrong(field: Field) -> Iterator[Any]:
    """Yield values that *field* does not accept: of another type, or beyond its limits."""
    yield {"string": True, "image": 5, "url": 5}.get(field.type, "neither")
    yield {"array": 5, "object": 5}.get(field.type, [5])
    if field.enum or field.name == "model_name":
        yield "no-such-value"
    if field.type == "string" and field.high is not None:
        yield "x" * (int(field.high) + 1)
    if field.type in {"number", "integer"} and field.high is not None:
        yield field.high + 1
    if field.type in {"number", "integer"} and field.low is not None:
        yield field.low - 1
    if field.type == "url":
        yield "ftp://example.com/a"
    if field.type == "image":
        yield "data:image/png;base64,AAAA"
        yield "R0lGODlhAQABAAAAACw="  # a gif
    if field.required:
        yield None
    if field.type == "array" and field.low is not None:
        yield []


def changed(body: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """Return *body* with another value at *path*."""
    edited = copy.deepcopy(body)
    inner: Any = edited
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return edited


def unnamed(body: dict[str, Any]) -> dict[str, Any]:
    """Return *body* without an external id, wherever its interface has it."""
    return {
        name: unnamed(value) if name == "options" else value
        for name, value in body.items()
        if name != "external_task_id"
    }


@pytest.fixture
def body(request: pytest.FixtureRequest, mock: KlingMock) -> dict[str, Any]:
    """An example; the ids of what it works on are those of what is there."""
    _, example = request.param
    return with_sources(mock, example)


@pytest.fixture
def endpoint(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def send(api: Any, endpoint: str, body: dict[str, Any]) -> tuple[int, int, str]:
    """Return the HTTP status, the code, and the message with the note beside it.

    That a model is retired is left out: some of the vendor's own examples name one.
    """
    status, headers, envelope = api.post(ENDPOINTS[endpoint].path, body)
    notes = headers.get(NOTE_HEADER, "").split("; ")
    other_notes = "; ".join(note for note in notes if not note.startswith("retired="))
    message = f"{envelope['message']} {other_notes}"
    return status, envelope["code"], message.rstrip()


@pytest.mark.parametrize(("endpoint", "body"), BODIES, indirect=True)
def test_accepted_whole(api: Any, endpoint: str, body: dict[str, Any]) -> None:
    """A request copied from the vendor's pages becomes a task, or is answered."""
    assert send(api, endpoint, body) == (200, 0, "SUCCEED")


@pytest.mark.parametrize(("endpoint", "body"), BODIES, indirect=True)
def test_refused_with_one_field_broken(api: Any, endpoint: str, body: dict[str, Any]) -> None:
    """Each field, wherever it is nested, is refused by its name if its value is not accepted."""
    for path, field in walk(ENDPOINTS[endpoint].fields, body):
        for value in wrong(field):
            http, code, message = send(api, endpoint, changed(body, path, value))
            named = message.startswith(written(path)) or f"refused={written(path)}" in message
            assert named or written(path) == "image", (path, value, message)
            assert (http, code) == (400, 1201), (path, value, message)
    if endpoint in SOLUTION_ENDPOINTS:
        assert api.mock.account.open_tasks == 0
    elif ENDPOINTS[endpoint].makes_tasks:
        assert api.get(ENDPOINTS[endpoint].path).json()["data"] == []


@pytest.mark.parametrize(("endpoint", "body"), BODIES, indirect=True)
def test_accepted_with_one_key_too_many(api: Any, endpoint: str, body: dict[str, Any]) -> None:
    """An unknown key is ignored, wherever it is nested, and reported in a header."""
    plain = unnamed(body)
    for path, _ in walk(ENDPOINTS[endpoint].fields, plain):
        misspelt = (*path[:-1], f"{path[-1]}s_")
        reply = send(api, endpoint, changed(plain, misspelt, "x"))
        assert reply == (200, 0, f"SUCCEED unknown={written(misspelt)}")


@pytest.mark.parametrize(("endpoint", "body"), BODIES, indirect=True)
def test_what_an_example_needs(api: Any, endpoint: str, body: dict[str, Any]) -> None:
    """Without a field an example is another accepted request, or is refused naming a field."""
    names = "|".join(map(re.escape, ENDPOINTS[endpoint].fields.fields))
    for name in body:
        # Each of these requests may become a task, and an external id is taken once.
        rest = {key: value for key, value in unnamed(body).items() if key != name}
        http, code, message = send(api, endpoint, rest)
        assert (http, code) in {(200, 0), (400, 1201)}
        assert http == 200 or re.search(names, message), message


def test_the_examples_use_every_field() -> None:
    """Each field of each endpoint is in an example, except the one that has no effect."""
    for record in ENDPOINTS.values():
        used = {
            tuple(step for step in path if isinstance(step, str))
            for body in record.examples.values()
            for path, _ in walk(record.fields, body)
        }
        assert every(record.fields) - used == set()


def every(shape: FieldShape, at: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    paths: set[tuple[str, ...]] = set()
    for name, field in shape.fields.items():
        if not field.ignored:
            paths.add((*at, name))
        if field.members is not None:
            paths |= every(field.members, (*at, name))
    return paths
