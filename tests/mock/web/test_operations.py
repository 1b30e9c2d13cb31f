"""A table of calls: routing, checks of parameters, and running a row."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock.web.errors import ApiError
from kling_mock.web.json_schema import closed, integer, text
from kling_mock.web.operations import ApiCall, ApiTable, Parameters


class Shelf:
    """The context of the calls below."""

    def __init__(self) -> None:
        self.books = {"1": "Emma"}

    def list_books(self, parameters: Parameters) -> dict[str, Any]:
        return {"data": [*self.books], "limit": parameters.get("limit")}

    def list_pages(self, parameters: Parameters) -> dict[str, Any]:
        return {"data": [parameters["id"]]}

    async def rename_book(self, parameters: Parameters) -> dict[str, Any]:
        self.books[parameters["id"]] = parameters["title"]
        return dict(parameters)


TABLE: ApiTable[Shelf] = ApiTable(
    (
        ApiCall(
            "GET", "/books", Shelf.list_books, "List books", {}, query={"limit": integer(1, 9)}
        ),
        ApiCall(
            "PUT",
            "/books/{id}",
            Shelf.rename_book,
            "Rename",
            {},
            body=closed(title=text(min_length=1)),
        ),
        ApiCall("GET", "/books/{id}/pages", Shelf.list_pages, "List pages", {}, body=closed()),
    )
)


async def run(name: str, query: Any = (), body: Any = None, **path: str) -> Any:
    return await TABLE[name].run(Shelf(), path, query, body)


def test_a_request_finds_its_row_and_the_parameters_of_its_path() -> None:
    """Parameters are decoded after the path was split, so they may hold a slash."""
    call, parameters = TABLE.route("PUT", "/books/a%2Fb")
    assert (call.name, parameters) == ("rename_book", {"id": "a/b"})
    assert (call.path_parameters, call.needs_body) == (["id"], True)
    assert TABLE.template("/books/7/pages") == "/books/{id}/pages"
    assert TABLE.template("/shelves") is None
    assert not [*TABLE][2].needs_body


def test_two_calls_cannot_have_one_name() -> None:
    """The name identifies a call in a shell and in the OpenAPI document."""
    with pytest.raises(ValueError, match="two have the same name"):
        ApiTable([*TABLE, *TABLE])


@pytest.mark.parametrize("path", ["", "/", "/books/", "/books/1/2", "/books//pages", "books"])
def test_an_unknown_path_is_404(path: str) -> None:
    """An empty segment is not a parameter."""
    with pytest.raises(ApiError) as caught:
        TABLE.route("GET", path)
    assert caught.value.status == 404


def test_another_method_is_405_with_those_allowed() -> None:
    """`Allow` names the methods of the path, as HTTP requires."""
    with pytest.raises(ApiError, match="DELETE is not supported on this path; use PUT") as caught:
        TABLE.route("DELETE", "/books/1")
    assert (caught.value.status, caught.value.headers) == (405, {"Allow": "PUT"})


async def test_a_row_runs_sync_and_async_functions_with_checked_parameters() -> None:
    """Numbers in a query are read from text; a shell gives them as numbers."""
    assert (await run("list_books", [("limit", "3")]))["limit"] == 3
    assert (await run("list_books", [("limit", 3)]))["limit"] == 3
    assert await run("rename_book", body={"title": "Persuasion"}, id="1") == {
        "id": "1",
        "title": "Persuasion",
    }


@pytest.mark.parametrize(
    ("name", "query", "body"),
    [
        ("list_books", [("limit", "10")], None),
        ("list_books", [("page", "1")], None),
        ("rename_book", (), None),
        ("rename_book", (), {"title": ""}),
        ("rename_book", (), [1]),
    ],
)
async def test_a_wrong_parameter_is_400(name: str, query: Any, body: Any) -> None:
    """The function is not called."""
    with pytest.raises(ApiError) as caught:
        await run(name, query, body, id="1")
    assert caught.value.status == 400
