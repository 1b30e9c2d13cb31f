"""`/solutions` over HTTP: creates, the query by ids, the list and reports, as on the pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock
from tests.endpoints import BODIES, vendor_body
from tests.mock.receiver import Receiver, receiver
from tests.plain_http import NO_TLS

__all__ = ["receiver"]

NAMES = [name for name in BODIES if name.startswith("solutions-")]
PATHS = {
    "solutions-virtual-try-on": "/solutions/virtual_try_on",
    "solutions-clothing-dupe": "/solutions/e-commerce/clothing_dupe",
    "solutions-goods-studio": "/solutions/e-commerce/goods_studio",
    "solutions-talking-agent": "/solutions/talking_agent",
    "solutions-drama-subtitle": "/solutions/drama_subtitle",
}


class Client:
    """Plain calls with the account's API key."""

    def __init__(self, mock: KlingMock) -> None:
        self.mock = mock
        self.key = mock.api_key

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        url = f"{self.mock.kling_url}{path}"
        return httpx.request(method, url, headers=headers, verify=NO_TLS, **options)

    def create(self, name: str, **options: Any) -> dict[str, Any]:
        body = vendor_body(name) | ({"options": options} if options else {})
        reply = self.call("POST", PATHS[name], json=body)
        assert reply.status_code == 200, reply.text
        data: dict[str, Any] = reply.json()["data"]
        return data

    def created(self, name: str, **options: Any) -> str:
        data = self.create(name, **options)
        return str(data.get("id") or data["task_id"])

    def query(self, **params: str) -> list[dict[str, Any]]:
        data: list[dict[str, Any]] = self.call("GET", "/solutions", params=params).json()["data"]
        return data

    def page(self, **body: Any) -> dict[str, Any]:
        reply = self.call("POST", "/solutions", json=body)
        assert reply.status_code == 200, reply.text
        data: dict[str, Any] = reply.json()["data"]
        return data


@pytest.fixture
def client() -> Iterator[Client]:
    with KlingMock(seed=3) as mock:
        yield Client(mock)


def test_there_are_five() -> None:
    """Each has its own path."""
    assert PATHS.keys() == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_create_is_answered_as_its_page_shows(client: Client, name: str) -> None:
    """One page has `task_id` where the others have `id`."""
    data = client.create(name, external_task_id="mine")
    id_key = "task_id" if name == "solutions-virtual-try-on" else "id"
    assert data.keys() == {
        *(id_key, "status", "message", "create_time", "update_time", "external_id"),
    }
    assert (data["status"], data["external_id"]) == ("submitted", "mine")
    again = client.call(
        "POST", PATHS[name], json=vendor_body(name) | {"options": {"external_task_id": "mine"}}
    )
    assert (again.status_code, again.json()["code"]) == (400, 1201)
    assert again.json()["message"] == "External_task_id mine already exists"


def test_several_are_queried_by_either_kind_of_ids(client: Client) -> None:
    """The query finds tasks of all products, in the query's order; unknown ids are left out."""
    ids = [client.created(name, external_task_id=f"job-{name}") for name in NAMES]
    tasks = client.query(task_ids=",".join([*reversed(ids), "850000000000000009"]))
    assert [task["id"] for task in tasks] == [*reversed(ids)]
    named = client.query(external_task_ids=",".join(f"job-{name}" for name in NAMES))
    assert [task["id"] for task in named] == ids


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "task_ids or external_task_ids is required"),
        ({"task_ids": "1", "external_task_ids": "a"}, "only one of"),
        ({"task_ids": ",".join(map(str, range(21)))}, "cannot exceed 20"),
    ],
)
def test_a_query_names_1_to_20_ids_of_one_kind(
    client: Client, params: dict[str, str], message: str
) -> None:
    """The rule is that of `/tasks`."""
    reply = client.call("GET", "/solutions", params=params)
    assert (reply.status_code, reply.json()["code"]) == (400, 1201)
    assert message in reply.json()["message"]


def test_each_result_is_called_as_on_its_page(client: Client) -> None:
    """Results have no ids, and a success is `succeed` only on the page of virtual_try_on."""
    summaries: dict[str, Any] = {}
    for name in NAMES:
        client.mock.complete(client.created(name))
    for name, task in zip(NAMES, client.page()["result"][::-1], strict=True):
        summaries[name] = (
            task["status"],
            [(output["type"], *(output.keys() - {"type", "url"})) for output in task["outputs"]],
            task["billing"][0]["package_type"],
        )
    mark, length = "watermark_url", "duration"
    assert summaries["solutions-virtual-try-on"] == ("succeed", [("image", mark)], "image")
    assert summaries["solutions-clothing-dupe"] == (
        "succeeded",
        [("product_image", mark), ("model_images", mark), ("product_video", mark)],
        "video",
    )
    for name in ("solutions-goods-studio", "solutions-talking-agent"):
        status, [(kind, *members)], pack = summaries[name]
        assert (status, kind, {*members}, pack) == ("succeeded", "video", {mark, length}, "video")
    assert summaries["solutions-drama-subtitle"] == (
        "succeeded",
        [("subbed_video", length), ("srt",), ("ass",)],
        "video",
    )


def test_a_list_has_a_limit_filters_and_a_cursor(client: Client) -> None:
    """500 on a page unless a limit says otherwise; 0 and less count as 1."""
    ids = [client.created(name) for name in NAMES]
    client.mock.complete(ids[0])
    client.mock.complete(ids[1])
    client.mock.fail(ids[2], 1301)
    assert [task["id"] for task in client.page()["result"]] == ids[::-1]

    for limit in (0, -5, 1):
        first = client.page(limit=limit)
        assert ([task["id"] for task in first["result"]], first["has_more"]) == ([ids[-1]], True)
    second = client.page(limit=3, cursor=client.page(limit=1)["next_cursor"])
    assert [task["id"] for task in second["result"]] == ids[-2:0:-1]
    last = client.page(limit=3, cursor=second["next_cursor"])
    assert ([task["id"] for task in last["result"]], last["has_more"]) == (ids[:1], False)

    def of(*values: str) -> set[str]:
        filters = [{"key": "status", "values": [*values]}]
        return {task["id"] for task in client.page(filters=filters).get("result", ())}

    assert of("succeed") == of("succeeded") == {ids[0], ids[1]}
    assert of("failed") == {ids[2]}
    assert of("submitted", "processing") == {*ids[3:]}
    assert client.page(start_time=1, end_time=2) == {"count": 0, "has_more": False}
    refused = client.call("POST", "/solutions", json={"filters": [{"key": "x", "values": []}]})
    assert (refused.status_code, refused.json()["code"]) == (400, 1201)


def test_the_rest_of_the_api_does_not_show_them(client: Client) -> None:
    """They do not show the tasks of other interfaces either."""
    solution = client.created(NAMES[0])
    video = client.call("POST", "/text-to-video/kling-3.0", json={"prompt": "a cat"}).json()[
        "data"
    ]["id"]
    assert (
        client.call("GET", "/tasks", params={"task_ids": f"{solution},{video}"}).json()["data"][0][
            "id"
        ]
        == video
    )
    assert [
        task["id"] for task in client.call("POST", "/tasks", json={}).json()["data"]["result"]
    ] == [video]
    assert client.query(task_ids=f"{solution},{video}")[0]["id"] == solution
    assert len(client.page()["result"]) == 1


def test_a_key_pair_is_refused(client: Client) -> None:
    """The interface with the model in the path does the same."""
    client.key = "a.b.c"
    for method, path in (("GET", "/solutions"), ("POST", PATHS[NAMES[0]])):
        reply = client.call(method, path, json={} if method == "POST" else None)
        assert (reply.status_code, reply.json()["code"]) == (401, 1002)


@pytest.mark.parametrize("name", NAMES)
def test_a_report_is_a_task_as_queries_show_it(
    client: Client, receiver: Receiver, name: str
) -> None:
    """It comes at each change of status; for drama_subtitle, at the end only."""
    task = client.created(name, callback_url=receiver.url)
    client.mock.complete(task)
    (view,) = client.query(task_ids=task)
    bodies = [json.loads(callback.body) for callback in receiver.received]
    assert bodies[-1] == view
    words = [body["status"] for body in bodies]
    assert words[:-1] == ([] if name == "solutions-drama-subtitle" else ["submitted", "processing"])
