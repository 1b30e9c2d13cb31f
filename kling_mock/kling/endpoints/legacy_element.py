"""`legacy-elements`: the older library of elements, whose calls answer without a task."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from kling_mock.kling.endpoints.call_files import refuse_what_would_fail
from kling_mock.kling.endpoints.example_parts import IMAGE
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.images import inspect
from kling_mock.kling.endpoints.library_parts import (
    ELEMENT_BEHAVIOURS,
    finished_task,
    url_or_blank,
)
from kling_mock.kling.endpoints.record import DirectCall, EmulatedEndpoint, UnitPrice
from kling_mock.kling.model.library import VENDOR, LibraryEntry, owner_of
from kling_mock.kling.model.tasks import EmulatedTask
from kling_mock.kling.wire.v1 import V1, element_images, element_tags, page_of
from kling_mock.kling.wire.v1_schemas import ELEMENT, PAGING, closed, paging
from kling_mock.web.facts import assumed, documented
from kling_mock.web.openapi import Schema
from kling_sdk.facts.products.legacy_element import OLDER, REQUEST

_MAX_PAGE: Final = PAGING["pageSize"][1]
_NAMES: Final = ("element_id", "element_name", "element_description", "tag_list", "owned_by")
_IMAGE_SCHEMAS: Final[dict[str, Schema]] = {
    "element_frontal_image": {"type": "string"},
    "element_refer_list": {"type": "array", "items": closed(image_url={"type": "string"})},
}
_ELEMENT: Final[dict[str, Schema]] = _IMAGE_SCHEMAS | {name: ELEMENT[name] for name in _NAMES}


def _create(call: DirectCall) -> str:
    """Return the reply's `data` as JSON: the element.

    Raises:
        Refusal: 400/1201, an image cannot be used; the account may not call (1101 to 1103).
    """
    fields, noticed = call.fields, call.context.reader.noticed
    images = [fields["element_frontal_image"]]
    inspect(images[0], "element_frontal_image", noticed)
    for place, row in enumerate(fields["element_refer_list"]):
        images.append(row["image_url"])
        inspect(row["image_url"], f"element_refer_list[{place}].image_url", noticed)
    refuse_what_would_fail(call)
    call.charge()
    entry = LibraryEntry(
        "element",
        fields["element_name"],
        description=fields["element_description"],
        images=tuple(map(url_or_blank, images)),
        tags=tuple(row["tag_id"] for row in fields.get("tag_list", ())),
    )
    stamp = int(call.now * 1000)
    task = finished_task(RECORD, entry, call.account, call.library.new_id(), stamp)
    call.library.keep(task)
    return _json(_element(task, call.origin()))


def _list(call: DirectCall) -> str:
    """Return the reply's `data` as JSON: a page of the account's own elements.

    Raises:
        Refusal: 400/1201, a number out of range.
    """
    return _json(_elements(call, call.library.own_page(call.account, *_page(call))))


def _presets(call: DirectCall) -> str:
    """Return the reply's `data` as JSON: a page of the elements that every account has.

    Raises:
        Refusal: 400/1201, a number out of range.
    """
    elements = _elements(call, call.library.page(RECORD.name, *_page(call)))
    return _json([element | {"final_unit_deduction": "0"} for element in elements])


def _page(call: DirectCall) -> tuple[int, int]:
    return page_of(call.query, _MAX_PAGE)


def _elements(call: DirectCall, tasks: Iterable[EmulatedTask]) -> list[dict[str, Any]]:
    return [_element(task, call.origin()) for task in tasks]


def _element(task: EmulatedTask, origin: str) -> dict[str, Any]:
    entry = task.plan.entry
    assert entry is not None  # noqa: S101 - each is one of an element
    frontal, *others = element_images(task, origin)
    return {
        "element_id": int(task.video_id),
        "element_name": entry.name,
        "element_description": entry.description,
        "element_frontal_image": frontal,
        "element_refer_list": [{"image_url": url} for url in others],
        "tag_list": element_tags(entry),
        "owned_by": owner_of(task),
    }


def _json(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))


RECORD = EmulatedEndpoint(
    name="legacy-elements",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Make an element of the older library",
    fields=fields_of(REQUEST),
    examples={
        "plain": {
            "element_name": "Mara",
            "element_description": "a woman in a red coat",
            "element_frontal_image": IMAGE,
            "element_refer_list": [{"image_url": IMAGE}],
        },
        "all-fields": {
            "element_name": "Mara",
            "element_description": "a woman in a red coat",
            "element_frontal_image": IMAGE,
            "element_refer_list": [{"image_url": IMAGE}, {"image_url": IMAGE}],
            "tag_list": [{"tag_id": "o_102"}],
        },
    },
    prices={
        ("", "none", "silent"): UnitPrice(
            Decimal(0), assumed("no list has a price; the newer elements cost nothing"), "call"
        )
    },
    presets=(
        LibraryEntry(
            "element",
            "Emulated animal",
            VENDOR,
            description="An animal that the emulator has made up.",
            images=("", ""),
        ),
    ),
    reply=_create,
    reply_schema=closed(**_ELEMENT),
    behaviours=(
        (
            "The lists of the newer library do not have its elements.",
            OLDER,
        ),
        (
            "Requests name its elements as they name those of the newer library.",
            documented(
                "pages-2026-04", as_of="2026-04-01", note="its elements were for omni-video"
            ),
        ),
        ("Nothing is shown of a single element; there is no `GET /{id}`.", OLDER),
        (
            "Both delete paths delete its elements too, and a second delete is refused.",
            assumed("its page has `delete-elements`, which was seen to delete newer elements"),
        ),
        (
            "A deleted element is no longer listed.",
            assumed("an element of this library has no status that could say so", "pages-2026-04"),
        ),
        (
            "An image that would make a task fail later is refused at once.",
            assumed("there is no task; no refusal was seen"),
        ),
        (
            "An account's own elements are owned by a number, the presets by `kling`.",
            assumed("the page has the creator's id, and not its form", "pages-2026-04"),
        ),
        ("The preset is the emulator's own.", assumed("no copy of the vendor's list was seen")),
        *ELEMENT_BEHAVIOURS,
    ),
)
RECORDS = (
    EmulatedEndpoint(
        name="legacy-elements-list",
        interface=V1,
        path=REQUEST.path,
        method="GET",
        fact=OLDER,
        summary="List the account's own elements of the older library",
        parameters=paging(_MAX_PAGE),
        reply=_list,
        reply_schema={"type": "array", "items": closed(**_ELEMENT)},
    ),
    EmulatedEndpoint(
        name="legacy-elements-presets",
        interface=V1,
        path="/v1/general/presets-elements",
        method="GET",
        fact=OLDER,
        summary="List the elements of the older library that every account has",
        parameters=paging(_MAX_PAGE),
        reply=_presets,
        reply_schema={
            "type": "array",
            "items": closed(**_ELEMENT, final_unit_deduction={"const": "0"}),
        },
    ),
)
