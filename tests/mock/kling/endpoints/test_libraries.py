"""Voices and elements: the contents of a library, who may use them, and their deletion."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.journal.notes import NOTE_HEADER
from tests.endpoints import BODIES, URL
from tests.mock.conftest import Api

LIBRARIES: Final = {
    name: endpoint.library for name, endpoint in ENDPOINTS.items() if endpoint.library is not None
}
KINDS: Final = {"voices": "voice", "elements": "element"}
DELETES: Final = [
    (name, path) for name, library in LIBRARIES.items() for path in library.delete_paths
]
#: A request that names one.
NAMING: Final[dict[str, dict[str, Any]]] = {
    "voices": {"image": URL, "model_name": "kling-v2-6", "mode": "pro", "sound": "on"},
    "elements": {"image": URL, "model_name": "kling-v3", "prompt": "x"},
}


class OtherApi(Api):
    """Calls of another account of the same server."""

    def __init__(self, mock: KlingMock) -> None:
        super().__init__(mock)
        self._key = mock.accounts.add("other").api_key

    def headers(self, token: str | None = None) -> dict[str, str]:
        return super().headers(token or self._key)


@pytest.fixture
def other(mock: KlingMock) -> Iterator[Api]:
    api = OtherApi(mock)
    yield api
    api.http.close()


def make_item(api: Api, name: str, **more: Any) -> dict[str, Any]:
    """Make an item; return it as a query shows it."""
    task_id = api.new(name, **BODIES[name] | more)
    api.mock.complete(task_id)
    (item,) = api.task(task_id, name)["task_result"][name]
    return dict(item)


def id_of(name: str, item: dict[str, Any]) -> str:
    return str(item[f"{KINDS[name]}_id"])


def delete(api: Api, name: str, item_id: str, path: str = "") -> httpx.Response:
    library = LIBRARIES[name]
    body = {library.id_field: item_id}
    return api.http.post(path or library.delete_paths[0], json=body, headers=api.headers())


def naming(api: Api, name: str, item_id: str) -> httpx.Response:
    """Send a request that names an item."""
    value = int(item_id) if name == "elements" else item_id
    listed = [{f"{KINDS[name]}_id": value}]
    return api.create("image2video", **NAMING[name], **{f"{KINDS[name]}_list": listed})


def refused(reply: httpx.Response) -> tuple[int, int, str]:
    return reply.status_code, reply.json()["code"], reply.json()["message"]


NOT_FOUND: Final = {"voices": "Voice id not found", "elements": "Element id not found: {}"}


# ------------------------------------------------------------ what every account has


@pytest.mark.parametrize("name", LIBRARIES)
def test_presets_are_listed_in_pages(api: Api, other: Api, name: str) -> None:
    """They are the emulator's own and say so; every account and every seed has the same."""
    library = LIBRARIES[name]
    rows = api.get(library.presets_path).json()["data"]
    items = [row["task_result"][name][0] for row in rows]

    assert all(item[f"{KINDS[name]}_name"].startswith("Emulated ") for item in items)
    assert {item["owned_by"] for item in items} == {"kling"}
    assert all(set(row) & {"task_info", "final_unit_deduction"} == set() for row in rows)
    assert other.get(library.presets_path).json()["data"] == rows
    pages = [api.get(library.presets_path, params=page(n, 1)).json()["data"] for n in (1, 2, 99)]
    assert pages == [rows[:1], rows[1:2], []]
    most = library.max_page_size
    assert api.get(library.presets_path, params=page(1, most)).status_code == 200
    assert refused(api.get(library.presets_path, params=page(1, most + 1)))[:2] == (400, 1201)
    assert api.get(ENDPOINTS[name].path, params=page(1, most)).status_code == 200


def page(number: int, size: int) -> dict[str, int]:
    return {"pageNum": number, "pageSize": size}


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_preset_can_be_named_and_not_deleted(api: Api, name: str) -> None:
    """It belongs to all accounts."""
    library = LIBRARIES[name]
    item = api.get(library.presets_path).json()["data"][0]["task_result"][name][0]
    item_id = id_of(name, item)

    assert naming(api, name, item_id).status_code == 200
    assert refused(delete(api, name, item_id)) == (400, 1201, NOT_FOUND[name].format(item_id))


def test_a_voice_can_be_heard(api: Api) -> None:
    """Its trial is a WAV, one for each; it stays when the 30 days of files are over."""
    presets = api.get("/v1/general/presets-voices").json()["data"]
    voices = [row["task_result"]["voices"][0] for row in presets] + [make_item(api, "voices")]
    api.mock.clock.advance(40 * 24 * 3600)
    files = [api.http.get(voice["trial_url"]).content for voice in voices]

    assert len(set(files)) == len(files)
    for file in files:
        with wave.open(io.BytesIO(file)) as sound:
            assert sound.getnframes() == sound.getframerate()
    assert api.http.get(f"{api.mock.kling_url}/media/voices/700000000000000099.wav").is_error


# ------------------------------------------------------------ one's own


@pytest.mark.parametrize(("name", "seconds"), [("voices", 9), ("elements", 5)])
def test_it_takes_as_long_as_was_seen(api: Api, name: str, seconds: int) -> None:
    """Seconds, where a video takes minutes."""
    task_id = api.new(name, **BODIES[name])
    api.mock.clock.advance(seconds - 1)
    assert api.task(task_id, name)["task_status"] == "processing"
    api.mock.clock.advance(seconds)
    task = api.task(task_id, name)
    assert task["task_status"] == "succeed"
    assert task["final_unit_deduction"] == {"voices": "0.05", "elements": "0"}[name]


def test_an_element_is_shown_as_it_was_made(api: Api) -> None:
    """A picture that came as base64 gets a URL."""
    voice = make_item(api, "voices")
    element = make_item(
        api, "elements", element_voice_id=voice["voice_id"], tag_list=[{"tag_id": "o_102"}]
    )

    assert isinstance(element["element_id"], int)
    assert element == {
        **BODIES["elements"],
        "element_id": element["element_id"],
        "element_voice_info": voice,
        "tag_list": [{"id": "o_102", "name": "人物", "description": ""}],
        "owned_by": voice["owned_by"],
        "status": "succeed",
    }
    moving = make_item(
        api,
        "elements",
        reference_type="video_refer",
        element_image_list=None,
        element_video_list={"refer_videos": [{"video_url": "https://example.com/a.mp4"}]},
    )
    assert moving["element_video_list"] == {
        "refer_videos": [{"video_url": "https://example.com/a.mp4"}]
    }
    assert not moving.keys() & {"element_image_list", "element_voice_info"}


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("voices", {"voice_url": None}, "voice_url: required, unless there is video_id"),
        ("voices", {"video_id": "1"}, "video_id: not possible together with voice_url"),
        ("voices", {"voice_url": None, "video_id": "1"}, "must be the id of a video of this"),
        ("voices", {"voice_name": "x" * 21}, "voice_name: must be a string of at most 20"),
        ("elements", {"element_image_list": None}, "element_image_list: required when"),
        ("elements", {"reference_type": "video_refer"}, "element_video_list: required when"),
        ("elements", {"element_description": "x" * 101}, "at most 100 characters"),
        ("elements", {"reference_type": "sound"}, "reference_type value 'sound' is invalid"),
        ("elements", {"tag_list": [{"tag_id": "o_109"}]}, "tag_id value 'o_109' is invalid"),
    ],
)
def test_what_makes_none_is_refused(api: Api, name: str, change: Any, message: str) -> None:
    """The fields of the vendor's pages, with the emulator's words."""
    status, code, text = refused(api.create(name, **BODIES[name] | change))

    assert (status, code) == (400, 1201)
    assert message in text


def test_a_voice_is_no_video(api: Api) -> None:
    """The id of a library item is not that of a result that a request can work on."""
    voice = make_item(api, "voices")
    reply = api.create("voices", voice_name="Mara", video_id=voice["voice_id"])
    assert reply.json()["code"] == 1201


def test_an_element_of_a_video_is_a_character(api: Api) -> None:
    """omni-video takes three of them."""
    videos = {"refer_videos": [{"video_url": "https://example.com/a.mp4"}]}
    people = [
        make_item(
            api,
            "elements",
            reference_type="video_refer",
            element_image_list=None,
            element_video_list=videos,
        )
        for _ in range(4)
    ]
    listed = [{"element_id": element["element_id"]} for element in people]
    fields = {"prompt": "x", "model_name": "kling-v3-omni"}

    assert api.create("omni-video", **fields, element_list=listed[:3]).status_code == 200
    text = refused(api.create("omni-video", **fields, element_list=listed))[2]
    assert "at most 3 video characters" in text


# ------------------------------------------------------------ deleting


@pytest.mark.parametrize(("name", "path"), DELETES)
def test_what_was_deleted_is_gone_once(api: Api, name: str, path: str) -> None:
    """The second delete is refused in the words that were seen, by whichever path."""
    item_id = id_of(name, make_item(api, name))
    assert naming(api, name, item_id).status_code == 200
    reply = delete(api, name, item_id, path).json()

    assert (reply["code"], reply["data"]["task_status"]) == (0, "succeed")
    assert int(reply["data"]["task_id"]) == int(item_id) - 1
    for _, again in (row for row in DELETES if row[0] == name):
        status, code, text = refused(delete(api, name, item_id, again))
        assert (status, code) == (400, 1201)
        assert text.endswith("already be deleted")
    assert refused(naming(api, name, item_id)) == (400, 1201, NOT_FOUND[name].format(item_id))


def test_a_deleted_element_is_listed_as_deleted_and_a_voice_is_not(api: Api) -> None:
    """Only an element has a status to say so."""
    for name in LIBRARIES:
        remaining, gone = (id_of(name, make_item(api, name)) for _ in range(2))
        delete(api, name, gone)
        rows = api.get(ENDPOINTS[name].path).json()["data"]
        statuses = {
            id_of(name, row["task_result"][name][0]): row["task_result"][name][0].get("status")
            for row in rows
        }
        expected = (
            {remaining: "succeed", gone: "deleted"} if name == "elements" else {remaining: None}
        )
        assert statuses == expected


@pytest.mark.parametrize("name", LIBRARIES)
def test_what_is_not_there_cannot_be_deleted(api: Api, name: str) -> None:
    """This holds for an unknown id, a malformed id, that of the task, and an item not made yet."""
    task_id = api.new(name, **BODIES[name])
    for wrong in ("1", "Mara", task_id, str(int(task_id) + 1), "\u0661" * 18):
        assert refused(delete(api, name, wrong)) == (400, 1201, NOT_FOUND[name].format(wrong))
    assert refused(delete(api, name, "9" * 5000))[:2] == (400, 1201)
    library = LIBRARIES[name]
    body = api.http.post(library.delete_paths[0], json={}, headers=api.headers())
    assert refused(body)[:2] == (400, 1201)


# ------------------------------------------------------------ who may name it


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_is_one_account_s(api: Api, other: Api, name: str) -> None:
    """Another account neither sees nor names nor deletes what is in it."""
    item_id = id_of(name, make_item(api, name))

    assert other.get(ENDPOINTS[name].path).json()["data"] == []
    assert refused(naming(other, name, item_id)) == (400, 1201, NOT_FOUND[name].format(item_id))
    assert refused(delete(other, name, item_id)) == (400, 1201, NOT_FOUND[name].format(item_id))
    assert naming(api, name, item_id).status_code == 200


@pytest.mark.parametrize("name", LIBRARIES)
def test_an_id_of_a_test_s_own_is_taken_with_a_note(api: Api, name: str) -> None:
    """The real service would refuse it, as the note says; an existing item's id gets no note."""
    reply = naming(api, name, "829836802793406551")
    assert reply.status_code == 200
    field = f"{KINDS[name]}_list[0].{KINDS[name]}_id"
    assert reply.headers[NOTE_HEADER].endswith(f"assumed={field}")
    assert NOTE_HEADER not in naming(api, name, id_of(name, make_item(api, name))).headers


@pytest.mark.parametrize("name", LIBRARIES)
def test_where_ignored_fields_are_refused_so_are_unknown_ids(name: str) -> None:
    """The real service refuses them as well."""
    with KlingMock(seed=1, ignored_fields="refuse") as mock:
        api = Api(mock)
        assert refused(naming(api, name, "7")) == (400, 1201, NOT_FOUND[name].format("7"))
        assert naming(api, name, id_of(name, make_item(api, name))).status_code == 200
        api.http.close()


def test_a_character_that_the_test_has_named_is_known(api: Api) -> None:
    """`account.characters` says that the account has it."""
    api.mock.account.characters = {7}
    fields = {"prompt": "x", "model_name": "kling-v3-omni", "element_list": [{"element_id": 7}]}
    assert NOTE_HEADER not in api.create("omni-video", **fields).headers


def test_the_other_interface_knows_the_same_libraries(api: Api) -> None:
    """A deleted element is refused in the contents, too, and so is an element's deleted voice."""
    element, voice = make_item(api, "elements"), make_item(api, "voices")
    contents: list[dict[str, Any]] = [
        {"type": "prompt", "text": "@mara walks"},
        {"type": "first_frame", "url": URL},
        {"type": "element", "element_id": str(element["element_id"]), "id": "mara"},
    ]

    def create(path: str = "/image-to-video/kling-3.0") -> httpx.Response:
        return api.http.post(path, json={"contents": contents}, headers=api.headers())

    assert create().status_code == 200
    contents[2]["element_id"] = "9" * 5000  # more digits than Python reads as a number
    for path in ("/image-to-video/kling-3.0", "/omni-video/kling-3.0-omni"):
        assert create(path).headers[NOTE_HEADER] == "assumed=contents[2].element_id"
    contents[2]["element_id"] = str(element["element_id"])
    delete(api, "elements", str(element["element_id"]))
    assert refused(create())[2] == f"Element id not found: {element['element_id']}"
    delete(api, "voices", voice["voice_id"])
    body = BODIES["elements"] | {"element_voice_id": voice["voice_id"]}
    assert refused(api.create("elements", **body))[2] == "Voice id not found"


def test_the_other_interface_shows_them(api: Api) -> None:
    """`/tasks` has the tasks of /v1 as well; how it shows these is assumed."""
    for name in LIBRARIES:
        task_id = api.new(name, **BODIES[name])
        api.mock.complete(task_id)
        (item,) = api.task(task_id, name)["task_result"][name]
        (task,) = api.get("/tasks", params={"task_ids": task_id}).json()["data"]
        assert task["outputs"] == [{"type": KINDS[name], **item}]


# ------------------------------------------------------------ kept


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_snapshot_has_the_libraries(api: Api, name: str) -> None:
    """What was made and deleted since is as it was."""
    first = id_of(name, make_item(api, name))
    snapshot = api.mock.snapshot()
    second = id_of(name, make_item(api, name))
    delete(api, name, first)
    api.mock.restore(snapshot)

    assert naming(api, name, first).status_code == 200
    assert NOTE_HEADER in naming(api, name, second).headers
    assert delete(api, name, first).status_code == 200


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_reset_empties_them(api: Api, name: str) -> None:
    """The presets stay."""
    make_item(api, name)
    api.mock.reset()
    library = LIBRARIES[name]
    assert api.get(ENDPOINTS[name].path).json()["data"] == []
    presets = api.get(library.presets_path).json()["data"]
    assert len(presets) == len(ENDPOINTS[name].presets)
