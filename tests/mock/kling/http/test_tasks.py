"""`GET /tasks` by ids, and `POST /tasks` in pages."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock import KlingMock
from tests.mock.kling.http.path_client import PathClient

# ---------------------------------------------------------------- GET /tasks


def test_tasks_by_their_ids(mock: KlingMock, client: PathClient) -> None:
    """Tasks are in the query's order, each once; unknown ids and other accounts' are left out."""
    ids = [client.new(external_task_id=f"job-{n}") for n in range(3)]
    query = f"task_ids={ids[2]},{ids[0]},,%20{ids[2]},5,job-1"
    assert [task["id"] for task in client.get(query).json()["data"]] == [ids[2], ids[0]]
    tasks = client.get("external_task_ids=job-1,job-0").json()["data"]
    assert [task["id"] for task in tasks] == [ids[1], ids[0]]
    assert client.get("task_ids=5").json() | {"request_id": ""} == {
        "code": 0,
        "message": "SUCCEED",
        "request_id": "",
        "data": [],
    }
    other = mock.accounts.add("other")
    client.key = {"Authorization": f"Bearer {other.api_key}"}
    assert client.get(f"task_ids={ids[0]}").json()["data"] == []


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", "task_ids or external_task_ids is required"),
        ("task_ids=", "task_ids or external_task_ids is required"),
        ("ids=5", "task_ids or external_task_ids is required"),
        (
            "task_ids=" + ",".join(map(str, range(21))),
            "task_ids and external_task_ids cannot exceed 20 in total",
        ),
        (
            "task_ids=1&external_task_ids=a",
            "only one of task_ids and external_task_ids can be given",
        ),
    ],
)
def test_a_wrong_query_of_ids(client: PathClient, query: str, text: str) -> None:
    """No id, more than 20 ids, or both kinds of ids: 400/1201."""
    reply = client.get(query)
    assert (reply.status_code, reply.json()["code"], reply.json()["message"]) == (400, 1201, text)


def test_20_ids_are_taken(client: PathClient) -> None:
    """The maximum in a query."""
    assert client.get("task_ids=" + ",".join(map(str, range(20)))).status_code == 200


def test_a_query_counts_as_a_look(mock: KlingMock, client: PathClient) -> None:
    """A task that ends after a number of polls ends here as well."""
    mock.progress.add("polls", polls=2)
    task_id = client.new()
    assert client.task(task_id)["status"] == "processing"
    assert client.search()["result"][0]["status"] == "succeeded"


# ---------------------------------------------------------------- POST /tasks


def test_pages_of_tasks(client: PathClient) -> None:
    """Newest first; the cursor leads through all, whatever is added meanwhile."""
    ids = [client.new() for _ in range(5)]
    page = client.search(limit=2)
    listed = [task["id"] for task in page["result"]]
    client.new()
    while page["has_more"]:
        assert page["count"] == 2
        page = client.search(limit="2", cursor=page["next_cursor"], start_time=0, end_time=0)
        listed += [task["id"] for task in page["result"]]
    assert listed == ids[::-1]
    rest = client.search(cursor=page["next_cursor"])
    assert rest == {"count": 0, "has_more": False}


def test_the_times_of_tasks(mock: KlingMock, client: PathClient) -> None:
    """The last 30 days, or from one time to another, as numbers or text."""
    first = client.new()
    at = client.task(first)["create_time"]
    mock.clock.advance(31 * 24 * 3600)
    second = client.new()
    assert [task["id"] for task in client.search()["result"]] == [second]
    assert [task["id"] for task in client.search(end_time=at)["result"]] == [first]
    tasks = client.search(start_time=str(at), end_time=str(at + 1))["result"]
    assert [task["id"] for task in tasks] == [first]
    assert client.search(start_time=at + 1, end_time=at + 2) == {"count": 0, "has_more": False}
    assert len(client.search(start_time=at)["result"]) == 2


def test_filters_of_tasks(mock: KlingMock, client: PathClient) -> None:
    """Filters are by status, in the interface's own words, and by product type."""
    ids = [client.new() for _ in range(3)]
    mock.complete(ids[0])
    mock.fail(ids[1])

    def matching(*filters: tuple[str, list[str]]) -> list[str]:
        listed = [{"key": key, "values": values} for key, values in filters]
        return [task["id"] for task in client.search(filters=listed).get("result", [])]

    assert matching(("status", ["succeeded"])) == [ids[0]]
    assert matching(("status", ["succeeded", "failed"])) == [ids[1], ids[0]]
    assert matching(("status", ["submitted"]), ("product_type", ["video"])) == [ids[2]]
    assert matching(("product_type", ["image", "try_on"])) == []


@pytest.mark.parametrize(
    "sent",
    [
        {"limit": 0},
        {"limit": 501},
        {"cursor": "x"},
        {"cursor": "MTIz"},
        {"start_time": "yesterday"},
        {"filters": [{"key": "model", "values": []}]},
        {"filters": [{"key": "status", "values": [5]}]},
        {"filters": [{"key": "status"}]},
        {"filters": {}},
    ],
)
def test_a_wrong_search(client: PathClient, sent: dict[str, Any]) -> None:
    """What is out of range or of a wrong type is 400/1201."""
    reply = client.post("/tasks", **sent)
    assert (reply.status_code, reply.json()["code"]) == (400, 1201)


def test_the_usual_number_of_tasks(client: PathClient) -> None:
    """100, unless a limit is given: up to 500."""
    ids = [client.new() for _ in range(101)]
    page = client.search()
    assert (page["count"], page["has_more"]) == (100, True)
    assert client.search(limit=500)["count"] == len(ids)
