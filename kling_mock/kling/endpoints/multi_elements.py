"""`multi-elements`: something added to a video, exchanged in it, or removed."""

from __future__ import annotations

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE, SELECTION_ID, SITE
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.images import inspect
from kling_mock.kling.endpoints.models import FHD30, HD30, rows
from kling_mock.kling.endpoints.multi_elements_selection import PAGE, find_selection
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint
from kling_mock.kling.model.plan import Resulting, ResultList
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed, documented
from kling_sdk.facts.limits import CLIPS
from kling_sdk.facts.products.multi_elements import PICTURES_OF_EDITING, REQUEST

_OLDER = documented(
    "pages-2026-04", as_of="2026-04-01", note="the page of 2026-09 does not have it any more"
)
_LIKE_SHORT, _LIKE_LONG = CLIPS
# edit_mode -> how many pictures it takes, at least and at most
_CAPABILITIES = rows(
    (
        ("", "std", "", HD30, PAGE, CLIPS, ""),
        ("", "pro", "", FHD30, PAGE, CLIPS, ""),
    )
)


def _check_pictures(request: CreateRequest) -> None:
    way, images = request.fields["edit_mode"], request.fields.get("image_list", [])
    low, high = PICTURES_OF_EDITING[way]
    if not low <= len(images) <= high:
        expected = f"{low} to {high}" if low != high else f"{high or 'no'}"
        raise invalid("image_list", f"must have {expected} images with edit_mode {way}")
    for number, row in enumerate(images):
        inspect(row["image"], f"image_list[{number}].image", request.context.reader.noticed)


def _check_length(request: CreateRequest) -> None:
    source = find_selection(request.fields, request.context).source
    length = _LIKE_SHORT if source.seconds <= _LIKE_SHORT else _LIKE_LONG
    if request.seconds != length:
        text = f"must be {length} with a video of {source.seconds} s"
        raise invalid("duration", text, str(request.seconds))


def _shape(request: CreateRequest) -> str:
    return find_selection(request.fields, request.context).source.aspect_ratio


def _result(request: CreateRequest) -> Resulting:
    own = (("session_id", request.fields["session_id"]),)
    return Resulting((ResultList("videos", members=own),))


RECORD = EmulatedEndpoint(
    name="multi-elements",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Add, exchange or remove something in a video",
    fields=fields_of(REQUEST),
    examples={
        "removal": {
            "session_id": SELECTION_ID,
            "edit_mode": "removal",
            "prompt": "Remove the boat from <<<video_1>>>.",
        },
        "everything": {
            "session_id": SELECTION_ID,
            "edit_mode": "addition",
            "image_list": [{"image": IMAGE}, {"image": f"{SITE}/duck.png"}],
            "prompt": "Put <<<image_1>>> and <<<image_2>>> into <<<video_1>>>.",
            "negative_prompt": "rain",
            "mode": "pro",
            "duration": "5",
            "watermark_info": {"enabled": True},
            "callback_url": CALLBACK,
            "external_task_id": "multi-elements-1",
        },
    },
    rules=(_check_length, _check_pictures),
    capabilities=_CAPABILITIES,
    default_mode="std",
    aspect_ratio=_shape,
    result=_result,
    prices=listed_prices("multi-elements", _CAPABILITIES),
    typical_seconds={"": 180.0},
    behaviours=(
        ("`addition` takes 1 or 2 images, `swap` 1, `removal` none.", PAGE),
        ("`duration` is 5 for a video of 2 to 5 s, and 10 for one of 7 to 10 s.", PAGE),
        ("`model_name` is ignored.", _OLDER),
        (
            "A session without points is accepted, by each way of editing.",
            assumed("whether it is refused"),
        ),
        ("A session may be used any number of times.", assumed("whether it ends with a task")),
    ),
)
