"""`multi-elements`: something added to a video, exchanged in it, or removed."""

from __future__ import annotations

from decimal import Decimal

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE, SELECTION_ID, SITE
from kling_mock.kling.endpoints.fields import COMMON, NEGATIVE, NUMERIC_TEXT, Field, field_shape
from kling_mock.kling.endpoints.images import inspect
from kling_mock.kling.endpoints.models import CLIPS, FHD30, HD30, rows
from kling_mock.kling.endpoints.multi_elements_selection import PAGE, find_selection
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint, UnitPrice
from kling_mock.kling.model.plan import Resulting, ResultList
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed, documented

__all__ = ["RECORD"]

_OLDER = documented(
    "pages-2026-04", as_of="2026-04-01", note="the page of 2026-09 does not have it any more"
)
_LIST = documented("digest-2026-01", as_of="2026-01-01", confidence="low")
_LIKE_SHORT, _LIKE_LONG = CLIPS
# edit_mode -> how many pictures it takes, at least and at most
_PICTURES = {"addition": (1, 2), "swap": (1, 1), "removal": (0, 0)}
_CAPABILITIES = rows(
    (
        ("", "std", "", HD30, PAGE, CLIPS, ""),
        ("", "pro", "", FHD30, PAGE, CLIPS, ""),
    )
)


def _check_pictures(request: CreateRequest) -> None:
    way, images = request.fields["edit_mode"], request.fields.get("image_list", [])
    low, high = _PICTURES[way]
    if not low <= len(images) <= high:
        expected = f"{low} to {high}" if low != high else f"{high or 'no'}"
        raise invalid("image_list", f"must have {expected} images with edit_mode {way}")
    for number, row in enumerate(images):
        inspect(row["image"], f"image_list[{number}].image", request.context.reader.noticed)


def _check_length(request: CreateRequest) -> None:
    source = find_selection(request.fields, request.context).source
    wanted = _LIKE_SHORT if source.seconds <= _LIKE_SHORT else _LIKE_LONG
    if request.seconds != wanted:
        text = f"must be {wanted} with a video of {source.seconds} s"
        raise invalid("duration", text, str(request.seconds))


def _shape(request: CreateRequest) -> str:
    return find_selection(request.fields, request.context).source.aspect_ratio


def _result(request: CreateRequest) -> Resulting:
    own = (("session_id", request.fields["session_id"]),)
    return Resulting((ResultList("videos", members=own),))


RECORD = EmulatedEndpoint(
    name="multi-elements",
    interface=V1,
    path="/v1/videos/multi-elements",
    fact=PAGE,
    summary="Add, exchange or remove something in a video",
    fields=field_shape(
        Field("session_id", "string", required=True, fact=PAGE),
        Field("edit_mode", "string", required=True, enum=tuple(_PICTURES), fact=PAGE),
        Field(
            "image_list",
            "array",
            high=2,
            members=field_shape(Field("image", "image", required=True, fact=PAGE)),
            fact=PAGE,
        ),
        Field("prompt", "string", required=True, high=2500, fact=PAGE),
        NEGATIVE,
        Field("mode", "string", enum=("std", "pro"), fact=PAGE),
        Field("duration", "string", enum=("5", "10"), fact=NUMERIC_TEXT),
        *COMMON,
    ),
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
    prices={
        ("", "std", "silent"): UnitPrice(Decimal("0.6"), _LIST),
        ("", "pro", "silent"): UnitPrice(Decimal(1), _LIST),
    },
    typical_seconds={"": 180.0},
    behaviours=(
        ("`addition` takes 1 or 2 images, `swap` 1, `removal` none.", PAGE),
        ("`duration` is 5 for a video of 2 to 5 s, and 10 for one of 7 to 10 s.", PAGE),
        ("`model_name` is ignored.", _OLDER),
        (
            "A session without points is taken, by each way of editing.",
            assumed("whether it is refused"),
        ),
        ("A session may be used any number of times.", assumed("whether it ends with a task")),
    ),
)
