"""`elements`: a person or a thing that videos and pictures can show again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE, SITE, VOICE_IDS
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.images import check_reachable, inspect
from kling_mock.kling.endpoints.library_parts import (
    BEHAVIOURS,
    ELEMENT_BEHAVIOURS,
    PAGE,
    no_model,
    nothing_long,
    result_of,
    url_or_blank,
)
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import (
    CreateRequest,
    EmulatedEndpoint,
    EmulatedLibrary,
)
from kling_mock.kling.model.library import VENDOR, LibraryEntry, NamedVoice, owner_of
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed, observed
from kling_sdk.facts.products.custom_element import REQUEST

_SEEN = observed("probe-2026-09", as_of="2026-09-22", confidence="low", note="seen once")
_LISTS = {"image_refer": "element_image_list", "video_refer": "element_video_list"}

_PICTURES: Mapping[str, Any] = {
    "frontal_image": IMAGE,
    "refer_images": [{"image_url": IMAGE}, {"image_url": IMAGE}],
}


def _check_reference(request: CreateRequest) -> None:
    """Check the reference pictures or video of the element."""
    fields, noticed = request.fields, request.context.reader.noticed
    list_name = _LISTS[fields["reference_type"]]
    if list_name not in fields:
        raise invalid(list_name, f"required when reference_type is {fields['reference_type']}")
    for other in _LISTS.values():
        if other != list_name and other in fields:
            noticed.inapplicable(other, f"the element is made from {list_name}")
    if list_name == "element_video_list":
        check_reachable(fields[list_name]["refer_videos"][0]["video_url"], noticed)
        return
    pictures = fields[list_name]
    inspect(pictures["frontal_image"], f"{list_name}.frontal_image", noticed)
    for place, row in enumerate(pictures["refer_images"]):
        inspect(row["image_url"], f"{list_name}.refer_images[{place}].image_url", noticed)


def _entry(request: CreateRequest) -> LibraryEntry:
    fields = request.fields
    is_video = fields["reference_type"] == "video_refer"
    entry = LibraryEntry(
        "element",
        fields["element_name"],
        description=fields["element_description"],
        voice=_voice(request),
        tags=tuple(row["tag_id"] for row in fields.get("tag_list", ())),
    )
    if is_video:
        return entry._replace(video=fields["element_video_list"]["refer_videos"][0]["video_url"])
    pictures = fields["element_image_list"]
    values = pictures["frontal_image"], *(row["image_url"] for row in pictures["refer_images"])
    return entry._replace(images=tuple(map(url_or_blank, values)))


def _voice(request: CreateRequest) -> NamedVoice | None:
    voice_id, find_item = request.fields.get("element_voice_id"), request.context.find_item
    if voice_id is None:
        return None
    task = None if find_item is None else find_item("voice", voice_id)
    if task is None or task.plan.entry is None:
        return NamedVoice(voice_id)
    return NamedVoice(voice_id, task.plan.entry.name, owner_of(task))


RECORD = EmulatedEndpoint(
    name="elements",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Make an element of pictures or of a video",
    fields=fields_of(REQUEST),
    examples={
        "pictures": {
            "element_name": "Mara",
            "element_description": "a woman in a red coat",
            "reference_type": "image_refer",
            "element_image_list": _PICTURES,
            "tag_list": [{"tag_id": "o_102"}],
        },
        "video": {
            "element_name": "Tom",
            "element_description": "a man with a beard",
            "reference_type": "video_refer",
            "element_video_list": {"refer_videos": [{"video_url": f"{SITE}/tom.mp4"}]},
            "callback_url": CALLBACK,
            "external_task_id": "elements-1",
        },
        "with-voice": {
            "element_name": "Mara",
            "element_description": "a woman in a red coat",
            "reference_type": "image_refer",
            "element_image_list": _PICTURES,
            "element_voice_id": VOICE_IDS[0],
        },
    },
    rules=(_check_reference,),
    capabilities=no_model(),
    shows_watermark=False,
    fixed_seconds=nothing_long,
    result=result_of,
    prices=listed_prices("elements"),
    typical_seconds={"": 5.0},
    library=EmulatedLibrary(
        kind="element",
        presets_path="/v1/general/advanced-presets-elements",
        delete_paths=(
            "/v1/general/delete-advanced-elements",
            "/v1/general/delete-elements",
        ),
        entry=_entry,
        fact=PAGE,
    ),
    presets=(
        LibraryEntry(
            "element",
            "Emulated person",
            VENDOR,
            description="A person that the emulator has made up.",
            images=("", ""),
        ),
        LibraryEntry(
            "element",
            "Emulated thing",
            VENDOR,
            description="A thing that the emulator has made up.",
            images=("", ""),
        ),
    ),
    behaviours=(
        *BEHAVIOURS,
        ("It takes about 5 s and costs nothing.", _SEEN),
        (
            "Both delete paths delete from one library; the second delete is refused.",
            observed("probe-2026-09", as_of="2026-09-22", note="seen once"),
        ),
        ("A deleted element has the status `deleted`, and is listed.", PAGE),
        (
            "An element of a video counts as a video character.",
            assumed("the pages name both, and do not say that one is the other", "pages-2026-09"),
        ),
        (
            "An element of a video has no voice unless one is named.",
            assumed("speech starts voice cloning; the sound is not analysed", "pages-2026-09"),
        ),
        *ELEMENT_BEHAVIOURS,
    ),
)
