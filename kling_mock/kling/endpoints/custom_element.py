"""`elements`: a person or a thing that videos and pictures can show again."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE, SITE, VOICE_IDS
from kling_mock.kling.endpoints.fields import Field, field_shape
from kling_mock.kling.endpoints.images import check_reachable, inspect
from kling_mock.kling.endpoints.library_parts import (
    BEHAVIOURS,
    PAGE,
    no_model,
    nothing_long,
    result_of,
)
from kling_mock.kling.endpoints.record import (
    CreateRequest,
    EmulatedEndpoint,
    EmulatedLibrary,
    UnitPrice,
)
from kling_mock.kling.model.library import VENDOR, LibraryEntry, NamedVoice, owner_of
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed, documented, observed

__all__ = ["RECORD"]

_SEEN = observed("probe-2026-09", as_of="2026-09-22", confidence="low", note="seen once")
_VOICE = documented(
    "pages-2026-09", as_of="2026-09-20", note="of elements from pictures since 2026-03-23"
)
_TAGS = tuple(f"o_{number}" for number in range(101, 109))
_LISTS = {"image_refer": "element_image_list", "video_refer": "element_video_list"}

_PICTURES: Mapping[str, Any] = {
    "frontal_image": IMAGE,
    "refer_images": [{"image_url": IMAGE}, {"image_url": IMAGE}],
}


def _check_reference(request: CreateRequest) -> None:
    """Check what the element is to look like."""
    fields, noticed = request.fields, request.context.reader.noticed
    wanted = _LISTS[fields["reference_type"]]
    if wanted not in fields:
        raise invalid(wanted, f"required when reference_type is {fields['reference_type']}")
    for other in _LISTS.values():
        if other != wanted and other in fields:
            noticed.inapplicable(other, f"the element is made from {wanted}")
    if wanted == "element_video_list":
        check_reachable(fields[wanted]["refer_videos"][0]["video_url"], noticed)
        return
    pictures = fields[wanted]
    inspect(pictures["frontal_image"], f"{wanted}.frontal_image", noticed)
    for place, row in enumerate(pictures["refer_images"]):
        inspect(row["image_url"], f"{wanted}.refer_images[{place}].image_url", noticed)


def _entry(request: CreateRequest) -> LibraryEntry:
    fields = request.fields
    is_video = fields["reference_type"] == "video_refer"
    made = LibraryEntry(
        "element",
        fields["element_name"],
        description=fields["element_description"],
        voice=_voice(request),
        tags=tuple(row["tag_id"] for row in fields.get("tag_list", ())),
    )
    if is_video:
        return made._replace(video=fields["element_video_list"]["refer_videos"][0]["video_url"])
    pictures = fields["element_image_list"]
    values = pictures["frontal_image"], *(row["image_url"] for row in pictures["refer_images"])
    return made._replace(images=tuple(map(_shown, values)))


def _shown(image: str) -> str:
    """Return the URL of a picture; "" for base64, which no reply repeats."""
    return image if image.startswith(("http://", "https://")) else ""


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
    path="/v1/general/advanced-custom-elements",
    fact=PAGE,
    summary="Make an element of pictures or of a video",
    fields=field_shape(
        Field("element_name", "string", required=True, high=20, fact=PAGE),
        Field("element_description", "string", required=True, high=100, fact=PAGE),
        Field("reference_type", "string", required=True, enum=tuple(_LISTS), fact=PAGE),
        Field(
            "element_image_list",
            "object",
            fact=PAGE,
            members=field_shape(
                Field("frontal_image", "image", required=True, fact=PAGE),
                Field(
                    "refer_images",
                    "array",
                    required=True,
                    low=1,
                    high=3,
                    fact=PAGE,
                    members=field_shape(Field("image_url", "image", required=True, fact=PAGE)),
                ),
            ),
        ),
        Field(
            "element_video_list",
            "object",
            fact=PAGE,
            members=field_shape(
                Field(
                    "refer_videos",
                    "array",
                    required=True,
                    low=1,
                    high=1,
                    fact=PAGE,
                    members=field_shape(Field("video_url", "url", required=True, fact=PAGE)),
                ),
            ),
        ),
        Field("element_voice_id", "string", fact=_VOICE),
        Field(
            "tag_list",
            "array",
            fact=PAGE,
            members=field_shape(Field("tag_id", "string", required=True, enum=_TAGS, fact=PAGE)),
        ),
        Field("callback_url", "url", fact=PAGE),
        Field("external_task_id", "string", fact=PAGE),
    ),
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
    prices={("", "none", "silent"): UnitPrice(Decimal(0), _SEEN, "call")},
    typical_seconds={"": 5.0},
    library=EmulatedLibrary(
        kind="element",
        presets_path="/v1/general/advanced-presets-elements",
        delete_paths=(
            "/v1/general/delete-advanced-elements",
            "/v1/general/delete-elements",
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
        entry=_entry,
        fact=PAGE,
    ),
    behaviours=(
        *BEHAVIOURS,
        ("It takes about 5 s and costs nothing.", _SEEN),
        (
            "Both paths of a delete delete of one library; the second delete is refused.",
            observed("probe-2026-09", as_of="2026-09-22", note="seen once"),
        ),
        ("A deleted element has the status `deleted`, and is listed.", PAGE),
        (
            "An element of a video counts as a video character.",
            assumed("the pages name both, and do not say that one is the other", "pages-2026-09"),
        ),
        (
            "An element of a video has no voice unless one is named.",
            assumed("speech starts voice cloning; nobody listens to it", "pages-2026-09"),
        ),
        ("Tags are shown without names.", assumed("the names of the tags are not known")),
        (
            "The URL of a picture that was sent as base64, or of a preset, leads nowhere.",
            assumed("the pictures are not kept"),
        ),
        (
            "The older library (`custom-elements`, `presets-elements`) is not served.",
            assumed("it answers at once, takes no external id, and is a library of its own"),
        ),
    ),
)
