"""The older library of elements: made without a task, listed, named in requests, and deleted."""

from __future__ import annotations

from random import Random
from typing import Any

import httpx
import pytest

from kling_mock.kling.endpoints.legacy_element import RECORD
from kling_mock.kling.endpoints.library_parts import finished_task
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.journal.notes import NOTE_HEADER
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.library import KEPT, LibraryEntry, LibraryItems
from kling_mock.kling.model.tasks import TaskIds, Tasks
from tests.endpoints import BODIES, CALLS, URL
from tests.mock.conftest import Api

PATH = "/v1/general/custom-elements"
PRESETS = "/v1/general/presets-elements"
DELETES = ("/v1/general/delete-elements", "/v1/general/delete-advanced-elements")
BODY = CALLS["legacy-elements"]


def post(api: Api, path: str = PATH, **body: Any) -> httpx.Response:
    return api.http.post(path, json=body, headers=api.headers())


def make_element(api: Api, **more: Any) -> dict[str, Any]:
    element: dict[str, Any] = post(api, **BODY | more).json()["data"]
    return element


def naming(api: Api, element_id: int) -> httpx.Response:
    element_list = [{"element_id": element_id}]
    return api.create("omni-video", prompt="<<<element_1>>> waves", element_list=element_list)


def refused(reply: httpx.Response) -> tuple[int, int, str]:
    envelope = reply.json()
    return reply.status_code, envelope["code"], envelope["message"]


def test_the_reply_has_the_element_itself(api: Api) -> None:
    """Its members are those of the vendor's page; nothing has to be waited for."""
    element = make_element(api, tag_list=[{"tag_id": "o_102"}])

    assert element == {
        "element_id": element["element_id"],
        "element_name": "Mara",
        "element_description": "a woman in a red coat",
        "element_frontal_image": BODY["element_frontal_image"],
        "element_refer_list": BODY["element_refer_list"],
        "tag_list": [{"id": "o_102", "name": "人物", "description": ""}],
        "owned_by": element["owned_by"],
    }
    assert element["owned_by"].isdigit()
    assert isinstance(element["element_id"], int)


def test_requests_name_it_on_both_interfaces(api: Api) -> None:
    """It is known, so there is no note; another account may not name it."""
    element_id = make_element(api)["element_id"]
    contents = [
        {"type": "prompt", "text": "@mara walks"},
        {"type": "first_frame", "url": URL},
        {"type": "element", "element_id": str(element_id), "id": "mara"},
    ]
    replies = naming(api, element_id), post(api, "/image-to-video/kling-3.0", contents=contents)

    assert [reply.status_code for reply in replies] == [200, 200]
    assert not any(NOTE_HEADER in reply.headers for reply in replies)
    stranger = api.mock.accounts.add("other")
    headers = {"Authorization": f"Bearer {stranger.api_key}"}
    path = ENDPOINTS["omni-video"].path
    body = {"prompt": "<<<element_1>>>", "element_list": [{"element_id": element_id}]}
    assert refused(api.http.post(path, json=body, headers=headers))[:2] == (400, 1201)
    assert api.http.get(PATH, headers=headers).json()["data"] == []


def test_the_list_has_the_newest_first_in_pages(api: Api) -> None:
    """Bare elements, those of the account alone; the newer library is not in it."""
    elements = [make_element(api, element_name=name) for name in ("Ann", "Ben", "Cid")]
    api.mock.complete(api.new("elements", **BODIES["elements"]))

    assert api.get(PATH).json()["data"] == elements[::-1]
    assert api.get(PATH, params={"pageNum": 2, "pageSize": 2}).json()["data"] == elements[:1]
    assert len(api.get(ENDPOINTS["elements"].path).json()["data"]) == 1
    assert refused(api.get(PATH, params={"pageSize": 501}))[:2] == (400, 1201)
    assert refused(api.get(PATH, params={"pageNum": 0}))[:2] == (400, 1201)


def test_there_is_no_query_of_a_single_element(api: Api) -> None:
    """No page has one: the path does not exist."""
    assert api.get(f"{PATH}/{make_element(api)['element_id']}").status_code == 404


def test_every_account_has_the_presets(api: Api) -> None:
    """They are the vendor's, have a deduction of nothing, and can be named, not deleted."""
    (preset,) = api.get(PRESETS).json()["data"]

    assert (preset["owned_by"], preset["final_unit_deduction"]) == ("kling", "0")
    assert NOTE_HEADER not in naming(api, preset["element_id"]).headers
    element_id = str(preset["element_id"])
    assert refused(post(api, DELETES[0], element_id=element_id))[:2] == (400, 1201)
    newer = api.get("/v1/general/advanced-presets-elements").json()["data"]
    ids = {row["task_result"]["elements"][0]["element_id"] for row in newer}
    assert preset["element_id"] not in ids


@pytest.mark.parametrize("path", DELETES)
def test_a_deleted_element_is_gone(api: Api, path: str) -> None:
    """It is not listed, cannot be named, and is deleted once."""
    element_id = make_element(api)["element_id"]
    deleted = post(api, path, element_id=str(element_id)).json()

    assert (deleted["code"], deleted["data"]["task_status"]) == (0, "succeed")
    assert api.get(PATH).json()["data"] == []
    assert refused(naming(api, element_id)) == (400, 1201, f"Element id not found: {element_id}")
    assert refused(post(api, path, element_id=str(element_id)))[:2] == (400, 1201)


@pytest.mark.parametrize(
    "wrong",
    [
        {"element_name": "x" * 21},
        {"element_description": ""},
        {"element_frontal_image": None},
        {"element_refer_list": []},
        {"element_refer_list": [{"image_url": URL}] * 4},
        {"tag_list": [{"tag_id": "o_109"}]},
        {"element_frontal_image": "https://pictures.invalid/a.png"},
    ],
)
def test_a_body_beyond_the_page_makes_nothing(api: Api, wrong: dict[str, Any]) -> None:
    """Also an image that cannot be fetched, which would make a task fail later."""
    assert post(api, **BODY | wrong).json()["code"] != 0
    assert api.get(PATH).json()["data"] == []


def test_a_snapshot_has_the_elements(api: Api) -> None:
    """What was deleted since is back, and what was made since is not."""
    element = make_element(api)
    snapshot = api.mock.snapshot()
    make_element(api)
    post(api, DELETES[0], element_id=str(element["element_id"]))
    api.mock.restore(snapshot)

    assert api.get(PATH).json()["data"] == [element]


def test_the_oldest_elements_are_dropped() -> None:
    """A server that runs for weeks does not grow with what its clients never delete."""
    account, ids = Account("a", [], []), TaskIds(Random(1))  # noqa: S311 - repeatable on purpose, and guards nothing
    library = LibraryItems(Tasks(), (), ids.new)
    entry = LibraryEntry("element", "Mara")
    elements = [
        finished_task(RECORD, entry, account, library.new_id(), number)
        for number in range(KEPT + 1)
    ]
    for element in elements:
        library.keep(element)

    assert library.own_page(account, 1, KEPT + 1) == elements[:0:-1]
    assert library.item("element", elements[0].video_id) is None
