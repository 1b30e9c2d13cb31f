"""Parts shared by endpoints with a library: items of every account, and the body of a delete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from kling_mock.kling.endpoints.fields import Field, FieldShape, field_shape
from kling_mock.kling.endpoints.record import (
    CallContext,
    Capability,
    CreateRequest,
    EmulatedEndpoint,
    EmulatedLibrary,
)
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.library import VENDOR, ItemKind, LibraryEntry
from kling_mock.kling.model.plan import Plan, Resulting, ResultList
from kling_mock.kling.model.tasks import EmulatedTask
from kling_mock.web.facts import Fact, assumed, documented

PAGE = documented("pages-2026-09", as_of="2026-09-20", note="two copies agree")
NO_SLOT_FACT = assumed("whether a task of a library holds a slot, and of which pack")
#: Ids of tasks with what every account has: below those of all others, which begin with 8.
_FIRST_IDS: Mapping[str, int] = {
    "voices": 700_000_000_000_000_000,
    "elements": 710_000_000_000_000_000,
    "legacy-elements": 720_000_000_000_000_000,
}
_SINCE = 1_767_225_600_000  # 2026-01-01, in milliseconds: the same for every seed and clock

BEHAVIOURS: tuple[tuple[str, Fact], ...] = (
    (
        "The presets are the emulator's own few; their names say so, and their ids never change.",
        assumed("no copy of the vendor's lists was seen"),
    ),
    (
        "An account's own items are owned by a number, the presets by `kling`.",
        assumed("the page has `kling` for the presets only", "pages-2026-09"),
    ),
    ("A task of a library holds one slot of the video pack.", NO_SLOT_FACT),
    (
        "A delete responds with the id and the status of the task that made the item.",
        assumed("the page has the two keys, and does not say of which task", "pages-2026-09"),
    ),
    (
        "A preset or an item of another account cannot be deleted: it is not found.",
        assumed("what a delete of a preset gets"),
    ),
    (
        "Tasks that were queried by their id still show what was deleted.",
        assumed("no page says so"),
    ),
)
ELEMENT_BEHAVIOURS: tuple[tuple[str, Fact], ...] = (
    ("A tag has its name, in Chinese, and no description.", assumed("what a reply shows of a tag")),
    (
        "The URL of a picture that was sent as base64, or of a preset, leads nowhere.",
        assumed("the pictures are not kept"),
    ),
)


def url_or_blank(image: str) -> str:
    """Return the URL of an image; "" for base64, which replies do not repeat."""
    return image if image.startswith(("http://", "https://")) else ""


def delete_fields(library: EmulatedLibrary) -> FieldShape:
    """Return the fields of a delete."""
    return field_shape(Field(library.id_field, "string", required=True, fact=PAGE))


def no_model() -> tuple[Capability, ...]:
    """Return the capabilities of an endpoint without models that does not make files."""
    return (Capability("", "none", (), frozenset(), "none", 0, PAGE),)


def nothing_long(_fields: Mapping[str, Any], _context: CallContext) -> int:
    """Return the length of a result that is not a file."""
    return 0


def _result(kind: ItemKind) -> Resulting:
    return Resulting((ResultList("voices" if kind == "voice" else "elements"),))


def result_of(request: CreateRequest) -> Resulting:
    """Return the result of a task: one item."""
    library = request.record.library
    assert library is not None  # noqa: S101 - only records with a library use it
    return _result(library.kind)


def preset_tasks(records: Iterable[EmulatedEndpoint]) -> Iterator[EmulatedTask]:
    """Yield finished tasks with what every account has, as lists show them."""
    vendor = Account(VENDOR, [], [])
    for record in records:
        for number, entry in enumerate(record.presets):
            # The next number is that of its result.
            task_id = str(_FIRST_IDS[record.name] + 2 * number)
            yield finished_task(record, entry, vendor, task_id, _SINCE)


def finished_task(
    record: EmulatedEndpoint, entry: LibraryEntry, account: Account, task_id: str, stamp: int
) -> EmulatedTask:
    """Return the finished task of an item that no request for a task has made.

    Args:
        stamp: Unix milliseconds of its creation.
    """
    plan = Plan(
        endpoint=record.name,
        path=record.path,
        model="",
        mode="none",
        seconds=0,
        resolution="none",
        aspect_ratio="16:9",
        fps=0,
        sound=False,
        units=Decimal(0),
        prompt="",
        external_task_id="",
        callback_url="",
        watermark=None,
        typical_seconds=0,
        result=_result(entry.kind),
        entry=entry,
    )
    return EmulatedTask(task_id, account, plan, stamp, stamp, status="succeed")
