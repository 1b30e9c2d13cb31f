"""The endpoints that make pictures: how many, how large, what they cost, what is refused."""

from __future__ import annotations

import base64
import io
from decimal import Decimal
from typing import Any, get_args

import httpx
import pytest
from PIL import Image

from kling_mock import KlingMock
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.endpoints.pictures import pixels
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.media.picture import render
from kling_mock.kling.model.plan import OUTPUT_TYPES, Plan
from kling_mock.kling.service_codes import Refusal
from kling_sdk.endpoints.values import ImageAspectRatio
from tests.endpoints import URL
from tests.mock.kling.endpoints.requests import NEEDS, PLAIN, plan
from tests.plain_http import NO_TLS

PICTURES = [
    name
    for name, body in PLAIN.items()
    if "images" in {result_list.key for result_list in plan(name, body).result.lists}
]
SIZES = {"1k": 1024, "2k": 2048, "4k": 4096}
EXPAND = NEEDS["image-expand"]
FIGURE = {"human_image": URL, "cloth_image": URL}


def picture(width: int, height: int) -> str:
    return base64.b64encode(render(width, height).read()).decode()


def plan_for(endpoint: str, **fields: Any) -> Plan:
    return plan(endpoint, {**PLAIN[endpoint], **fields})


def shape(plan: Plan) -> tuple[str, int, tuple[int, int]]:
    """Return the list, how many pictures are in it, and their size."""
    (result_list,) = plan.result.lists
    return result_list.key, result_list.length, result_list.size


def test_a_model_of_older_pages_restyles_a_picture() -> None:
    """The real service takes kling-v2-new, which the page of 2026-09 no longer names."""
    fields = {"model_name": "kling-v2-new", "image": URL, "prompt": "as a print", "n": 1}
    picture = plan_for("image-generation", **fields)
    assert (picture.model, shape(picture)[:2], picture.units) == (
        "kling-v2-new",
        ("images", 1),
        Decimal(8),
    )


# ------------------------------------------------------------ sizes


@pytest.mark.parametrize("resolution", SIZES)
@pytest.mark.parametrize("name", get_args(ImageAspectRatio))
def test_a_size_has_the_ratio_and_the_area(resolution: str, name: str) -> None:
    """Within a step of 16 pixels: as many pixels as a square of the resolution."""
    across, down = map(int, name.split(":"))
    width, height = pixels(resolution, across / down)
    assert width % 16 == height % 16 == 0
    assert width / height == pytest.approx(across / down, rel=0.03)
    assert width * height == pytest.approx(SIZES[resolution] ** 2, rel=0.03)


def test_the_usual_sizes() -> None:
    """Assumed: no page of the vendor's has them."""
    assert pixels("1k", 16 / 9) == (1360, 768)
    assert pixels("1k", 1) == pixels("none", 1) == (1024, 1024)
    assert pixels("4k", 9 / 16) == (3072, 5456)


@pytest.mark.parametrize(
    ("endpoint", "fields", "size"),
    [
        ("image-generation", {}, (1360, 768)),
        ("image-generation", {"resolution": "2k", "aspect_ratio": "1:1"}, (2048, 2048)),
        ("omni-image", {}, (1024, 1024)),
        ("omni-image", {"image_list": [{"image": URL}], "aspect_ratio": "auto"}, (1024, 1024)),
        ("omni-image", {"image_list": [{"image": picture(400, 800)}]}, (720, 1456)),
        ("multi-image2image", {"aspect_ratio": "3:4"}, (880, 1184)),
        ("image-expand", {}, (1456, 720)),  # twice as wide as a square
        ("image-expand", {"image": picture(400, 800)}, (1024, 1024)),
        ("virtual-try-on", {}, (880, 1184)),
        ("virtual-try-on", {"human_image": picture(400, 800)}, (720, 1456)),
    ],
)
def test_a_picture_has_the_shape_that_is_asked_for(
    endpoint: str, fields: dict[str, Any], size: tuple[int, int]
) -> None:
    """The shape is that of the given ratio, of the source picture, or the endpoint's own."""
    assert shape(plan_for(endpoint, **fields))[2] == size


# ------------------------------------------------------------ how many, and what they cost


@pytest.mark.parametrize(
    ("endpoint", "fields", "key", "count", "units", "slots"),
    [
        ("image-generation", {"n": 1}, "images", 1, 8, 1),
        ("image-generation", {"n": "9"}, "images", 9, 72, 9),
        ("image-generation", {"n": 2, "model_name": "kling-v2-1"}, "images", 2, 8, 2),
        (
            *("image-generation", {"n": 2, "model_name": "kling-v2-1", "image": URL}),
            *("images", 2, 16, 2),
        ),
        ("omni-image", {"n": 3}, "images", 3, 24, 3),
        ("omni-image", {"n": 3, "series_amount": 9}, "images", 3, 24, 3),
        ("multi-image2image", {"n": 2}, "images", 2, 32, 2),
        ("image-expand", {"n": 2}, "images", 2, 16, 2),
        ("virtual-try-on", {}, "images", 1, 1, 1),
    ],
)
def test_a_task_makes_costs_and_holds_as_many_as_it_says(
    endpoint: str, fields: dict[str, Any], key: str, count: int, units: int, slots: int
) -> None:
    """Units are per picture, and each picture holds a slot."""
    plan = plan_for(endpoint, **fields)
    assert shape(plan)[:2] == (key, count)
    assert (int(plan.units), plan.slots) == (units, slots)


@pytest.mark.parametrize(("amount", "count"), [(None, 4), (2, 2), ("9", 9), ("auto", 4)])
def test_a_series_has_a_list_of_its_own(amount: object, count: int) -> None:
    """`n` has no effect on a series, nor its number on other requests; both are documented."""
    series = {"model_name": "kling-v3-omni", "result_type": "series", "series_amount": amount}
    plan = plan_for("omni-image", n=7, resolution="4k", **series)
    assert shape(plan)[:2] == ("series_images", count)
    assert (int(plan.units), plan.slots) == (16 * count, count)
    assert plan.result.members == (("result_type", "series"),)


# ------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("endpoint", "fields", "text"),
    [
        ("image-generation", {"image": URL, "negative_prompt": "x"}, "negative_prompt: not poss"),
        (
            "image-generation",
            {"model_name": "kling-v2-1", "image_reference": "face"},
            "image: required with image_reference",
        ),
        (
            "image-generation",
            {"model_name": "kling-v2-1", "image_fidelity": 0.5},
            "image: required with image_fidelity",
        ),
        (
            "image-generation",
            {
                "model_name": "kling-v2-1",
                "image": URL,
                "image_reference": "face",
                "human_fidelity": 0.5,
            },
            "human_fidelity: only possible when image_reference is subject",
        ),
        (
            "image-generation",
            {"image": URL, "element_list": [{"element_id": n} for n in range(10)]},
            "at most 10 elements and images are possible",
        ),
        ("image-generation", {"resolution": "2k", "model_name": "kling-v1"}, "resolution value"),
        ("image-generation", {"resolution": "4k"}, "resolution value '4k' is invalid"),
        ("omni-image", {"resolution": "4k"}, "resolution value '4k' is invalid"),
        ("omni-image", {"aspect_ratio": "auto"}, "aspect_ratio: auto is only possible with"),
        ("omni-image", {"image_list": [{"image": URL}] * 11}, "at most 10 images and elements"),
        (
            "omni-image",
            {"model_name": "kling-v3-omni", "result_type": "series", "series_amount": 1},
            "series_amount: must be a whole number from 2 to 9, or auto",
        ),
        ("image-expand", {"up_expansion_ratio": 1, "down_expansion_ratio": 1}, "at most 3 times"),
    ],
)
def test_what_does_not_go_together_is_refused(
    endpoint: str, fields: dict[str, Any], text: str
) -> None:
    """It is refused with 1201, by the field that is wrong."""
    with pytest.raises(Refusal, match=text) as refused:
        plan_for(endpoint, **fields)
    assert refused.value.code == 1201


@pytest.mark.parametrize(
    "fields",
    [
        {"scene_image": picture(1000, 300)},
        {"subject_image_list": [{"subject_image": picture(1000, 300)}]},
    ],
)
def test_a_picture_that_is_too_long_fails_later(fields: dict[str, Any]) -> None:
    """As one that is too small does."""
    failure = plan_for("multi-image2image", **fields).failure
    assert failure
    assert failure.message.startswith("The resolution or aspect ratio of the input image")


@pytest.mark.parametrize("amount", ["1", "10", "00029", "2.0", "2 ", "two", 2.5])
def test_a_series_has_2_to_9_pictures(amount: object) -> None:
    """However the number is written."""
    series = {"model_name": "kling-v3-omni", "result_type": "series", "series_amount": amount}
    with pytest.raises(Refusal, match="must be a whole number from 2 to 9, or auto"):
        plan_for("omni-image", **series)


def test_an_image_that_states_no_size_is_no_shape() -> None:
    """Its task fails later, as that of any image that is too small."""
    nothing = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(8) + b"\x08\2\0\0\0"
    plan = plan_for("image-expand", image=base64.b64encode(nothing).decode())
    assert shape(plan)[2] == (1456, 720)
    assert plan.failure is not None


def test_three_times_the_area_is_possible() -> None:
    """This holds also where the sums of the ratios are not exact."""
    tenth = {"up_expansion_ratio": 0.1, "down_expansion_ratio": 0.1}
    sides = {"left_expansion_ratio": 0.75, "right_expansion_ratio": 0.75}
    assert plan_for("image-expand", **tenth, **sides).units == 8


def test_a_model_that_makes_pictures_is_not_retired_with_its_videos() -> None:
    """kling-v2-1 was seen refused for videos only; what a test retires in addition is refused."""
    noticed = Noticed()
    body = {"prompt": "x", "model_name": "kling-v2-1"}
    assert plan("image-generation", body, noticed, retired={"kling-v2-1"}).model == "kling-v2-1"
    assert noticed.notes == []
    with pytest.raises(Refusal, match="discontinued"):
        plan("image-generation", {"prompt": "x"}, retired={"kling-v3"})


# ------------------------------------------------------------ over HTTP


@pytest.mark.parametrize("endpoint", PICTURES)
def test_every_picture_is_a_file_that_pillow_decodes(
    api: Any, mock: KlingMock, endpoint: str
) -> None:
    """The number and sizes are those requested, and no two pictures are alike."""
    path = ENDPOINTS[endpoint].path
    takes_n = "n" in ENDPOINTS[endpoint].fields.fields
    marked = {"watermark_info": {"enabled": True}} if ENDPOINTS[endpoint].shows_watermark else {}
    body = PLAIN[endpoint] | ({"n": 3} if takes_n else {}) | marked
    task_id = api.http.post(path, json=body, headers=api.headers()).json()["data"]["task_id"]
    mock.complete(task_id)
    task = api.get(f"{path}/{task_id}").json()["data"]
    images = task["task_result"]["images"]

    count = 3 if takes_n else plan(endpoint, body).result.total
    assert [image["index"] for image in images] == list(range(count))
    urls = [url for image in images for name, url in image.items() if name != "index"]
    contents = set[tuple[bytes, ...]]()
    for url in urls:
        reply = httpx.get(url, verify=NO_TLS)
        decoded = Image.open(io.BytesIO(reply.content))
        assert (reply.headers["content-type"], decoded.format) == ("image/png", "PNG")
        assert decoded.size == shape(plan(endpoint, body))[2]
        assert decoded.palette is not None
        contents.add((decoded.tobytes(), decoded.palette.tobytes()))
    files = sum(result_list.files for result_list in plan(endpoint, body).result.lists)
    assert len(contents) == len(urls) == files * (2 if marked else 1)
    assert ("watermark_info" in task) is bool(marked)


@pytest.mark.parametrize("wrong", ["-3.png", "-00.png", ".png", "-0.jpg", "-0-watermark.png"])
def test_a_picture_that_is_none(api: Any, mock: KlingMock, wrong: str) -> None:
    """A number beyond the last, another suffix, or a watermark that was not requested is a 404."""
    path = ENDPOINTS["image-generation"].path
    body = PLAIN["image-generation"] | {"n": 3}
    task_id = api.http.post(path, json=body, headers=api.headers()).json()["data"]["task_id"]
    mock.complete(task_id)
    url = api.get(f"{path}/{task_id}").json()["data"]["task_result"]["images"][0]["url"]
    assert httpx.get(url, headers={"Range": "bytes=0-3"}).content == b"\x89PNG"
    assert httpx.get(url.replace("-0.png", wrong)).status_code == 404


def test_pictures_are_paid_by_a_pack_of_their_own(api: Any, mock: KlingMock) -> None:
    """A video pack does not pay for pictures (1102); each of two packs pays for its own tasks."""
    mock.account.units = 100
    path = ENDPOINTS["image-generation"].path

    def create(path: str = path, **body: Any) -> tuple[int, int]:
        reply = api.http.post(path, json={"prompt": "x", **body}, headers=api.headers())
        return reply.status_code, reply.json()["code"]

    assert create() == (429, 1102)
    mock.account.add_pack(16, type="image")
    assert create(n=2) == (200, 0)
    assert create() == (429, 1102)
    assert create(ENDPOINTS["virtual-try-on"].path, **FIGURE) == (429, 1102)
    mock.account.add_pack(1, type="try_on")
    assert create(ENDPOINTS["virtual-try-on"].path, **FIGURE) == (200, 0)
    for endpoint in ("image-generation", "virtual-try-on"):
        for task in api.get(ENDPOINTS[endpoint].path).json()["data"]:
            mock.complete(task["task_id"])
    remaining = {pack.type: pack.remaining for pack in mock.account.packs}
    assert remaining == {"video": 100, "image": Decimal(0), "try_on": Decimal(0)}
    assert mock.account.units == 100


def test_each_picture_holds_a_slot_of_its_type(api: Any, mock: KlingMock) -> None:
    """Nine pictures fill nine slots for pictures, and none for videos."""
    mock.account.slots = 9
    path = ENDPOINTS["image-generation"].path
    body = {"prompt": "x", "n": 8}
    task_id = api.http.post(path, json=body, headers=api.headers()).json()["data"]["task_id"]
    for count, code in ((2, 1303), (1, 0), (1, 1303)):
        reply = api.http.post(path, json=body | {"n": count}, headers=api.headers())
        assert reply.json()["code"] == code
    assert api.create().status_code == 200
    mock.complete(task_id)
    assert api.http.post(path, json=body, headers=api.headers()).json()["code"] == 0


def test_a_pack_of_no_type_is_a_mistake(mock: KlingMock) -> None:
    """The text names the types."""
    with pytest.raises(ValueError, match=r"type: must be one of video, image, audio, try_on; got"):
        mock.account.add_pack(1, type="images")  # type: ignore[arg-type]  # the mistake


def test_every_list_of_results_has_a_type() -> None:
    """What writes and serves an item is found by it."""
    for record in ENDPOINTS.values():
        if record.makes_tasks and record.name in PLAIN:
            lists = plan(record.name, PLAIN[record.name]).result.lists
            assert {result_list.key for result_list in lists} <= OUTPUT_TYPES.keys()
