"""Checks that the account has the voices and elements that a request names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kling_mock.kling.endpoints.record import CallContext
from kling_mock.kling.model.library import ItemKind
from kling_mock.kling.service_codes import refusal, shortened

#: The fields that name voices or elements; most requests do not have any of them.
_NAMING = frozenset({"element_list", "voice_list", "element_voice_id", "contents"})


class _Named(NamedTuple):
    """One id in a request.

    Attributes:
        kind: Whether it is the id of a voice or of an element.
        item_id: The id.
        path: The field.
    """

    kind: ItemKind
    item_id: str
    path: str


def check_library_ids(fields: Mapping[str, Any], context: CallContext) -> None:
    """Check the ids of voices and elements in a request of any endpoint.

    An id in none of this server's libraries is accepted, with a note: a test may choose its own.
    It is refused where ignored fields are refused.

    Raises:
        Refusal: 400/1201, an item belongs to another account, or was deleted.
    """
    find_item = context.find_item
    if find_item is None or _NAMING.isdisjoint(fields):
        return
    for kind, item_id, path in _named(fields):
        task = find_item(kind, item_id)
        refused = refusal(f"no_{kind}", shortened(item_id), field=path, note=f"must be of a {kind}")
        if task is None and kind == "element" and item_id in map(str, context.characters):
            continue  # the test has said that the account has it
        if task is None:
            context.reader.noticed.unknown_id(path, refused)
        elif not context.may_use(task):
            raise refused


def _named(fields: Mapping[str, Any]) -> Iterator[_Named]:
    for place, row in enumerate(fields.get("element_list", ())):
        yield _Named("element", str(row["element_id"]), f"element_list[{place}].element_id")
    for place, row in enumerate(fields.get("voice_list", ())):
        yield _Named("voice", row["voice_id"], f"voice_list[{place}].voice_id")
    if "element_voice_id" in fields:
        yield _Named("voice", fields["element_voice_id"], "element_voice_id")
    for place, item in enumerate(fields.get("contents", ())):
        if item["type"] == "element" and item.get("element_id"):
            yield _Named("element", item["element_id"], f"contents[{place}].element_id")
        elif item["type"] == "voice" and item.get("voice_id"):
            yield _Named("voice", item["voice_id"], f"contents[{place}].voice_id")
