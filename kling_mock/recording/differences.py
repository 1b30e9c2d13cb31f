"""What differs between a recorded reply and another one: status, code, message and shape.

Values are compared where everybody has the same: enums, booleans, codes, units, messages. Ids are
compared by which one stands where: one recorded id is always the same other one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, NamedTuple

from kling_mock.recording.session import RecordedReply
from kling_mock.recording.tasks import tasks_in
from kling_mock.recording.vocabulary import kind_of, vocabulary

__all__ = ["DifferenceKind", "Ids", "ReplyDifference", "differences"]

DifferenceKind = Literal[
    "status", "code", "message", "missing key", "new key", "type", "value", "id", "length"
]

_UNITS: Final = frozenset({"final_unit_deduction", "amount"})
_SHOWN: Final = 80  # characters


class ReplyDifference(NamedTuple):
    """One difference.

    Attributes:
        kind: What kind.
        at: Where in the body, as `data.task_status`; `http` is the HTTP status.
        recorded: What was recorded, as JSON.
        emulated: What the emulator answered, as JSON.
    """

    kind: DifferenceKind
    at: str
    recorded: str
    emulated: str


class Ids:
    """Which id of the emulator stands for which recorded one."""

    def __init__(self) -> None:
        self._emulated: dict[str, str] = {}
        self._recorded: dict[str, str] = {}

    def learn(self, recorded: str, emulated: str) -> bool:
        """Take note of a pair; return whether it agrees with what is known."""
        known, other = self._emulated.get(recorded), self._recorded.get(emulated)
        if known is None and other is None:
            self._emulated[recorded] = emulated
            self._recorded[emulated] = recorded
            return True
        return known == emulated

    def emulated(self, recorded: str) -> str:
        """Return the emulator's id; *recorded* itself if there is none."""
        return self._emulated.get(recorded, recorded)

    def knows(self, recorded: str) -> bool:
        """Return whether there is an emulator's id for *recorded*."""
        return recorded in self._emulated

    def stands_for_one(self, emulated: str) -> bool:
        """Return whether the emulator's id stands for a recorded one."""
        return emulated in self._recorded

    def in_recorded(self, text: str) -> str:
        """Return *text* with the recorded ids instead of the emulator's."""
        for emulated, recorded in self._recorded.items():
            if emulated in text:
                text = text.replace(emulated, recorded)
        return text


def differences(
    recorded: RecordedReply, emulated: RecordedReply, ids: Ids
) -> list[ReplyDifference]:
    """Return what differs between two replies.

    Args:
        recorded: What was recorded.
        emulated: What the emulator answered.
        ids: Which ids belong together; it learns more of them.
    """
    found: list[ReplyDifference] = []
    if recorded.status != emulated.status:
        shown = str(recorded.status), str(emulated.status)
        found.append(ReplyDifference("status", "http", *shown))
    if (recorded.text is None) != (emulated.text is None):
        kinds = ["JSON" if one.text is None else "no JSON" for one in (recorded, emulated)]
        found.append(ReplyDifference("type", "", *kinds))
    elif recorded.text is None:
        found += _compare(recorded.body, emulated.body, "", "", ids)
    return found


def _compare(
    recorded: Any, emulated: Any, at: str, name: str, ids: Ids
) -> Iterator[ReplyDifference]:
    kinds = _kind(recorded), _kind(emulated)
    if kinds[0] != kinds[1]:
        yield ReplyDifference("type", at, *kinds)
    elif isinstance(recorded, Mapping):
        yield from _compare_objects(recorded, emulated, at, ids)
    elif isinstance(recorded, list):
        yield from _compare_lists(recorded, emulated, at, name, ids)
    elif isinstance(recorded, str):
        yield from _compare_texts(recorded, emulated, at, name, ids)
    elif isinstance(recorded, bool) or name == "code":
        if recorded != emulated:
            kind: DifferenceKind = "code" if name == "code" else "value"
            yield ReplyDifference(kind, at, _shown(recorded), _shown(emulated))
    elif recorded is not None and kind_of(name) == "id":
        agrees = ids.learn(str(recorded), str(emulated))
        if not agrees:
            yield ReplyDifference("id", at, _shown(recorded), ids.in_recorded(str(emulated)))


def _compare_objects(
    recorded: Mapping[str, Any], emulated: Mapping[str, Any], at: str, ids: Ids
) -> Iterator[ReplyDifference]:
    for name, value in recorded.items():
        inner = f"{at}.{name}" if at else name
        if name in emulated:
            yield from _compare(value, emulated[name], inner, name, ids)
        else:
            yield ReplyDifference("missing key", inner, _shown(value), "")
    for name, value in emulated.items():
        if name not in recorded:
            yield ReplyDifference("new key", f"{at}.{name}" if at else name, "", _shown(value))


def _compare_lists(
    recorded: list[Any], emulated: list[Any], at: str, name: str, ids: Ids
) -> Iterator[ReplyDifference]:
    # A list of the account's tasks: what was made before the recording is not in the emulator, and
    # what the real service has refused, and the emulator has not, was a difference already.
    recorded = [one for one in recorded if not _id_of(one) or ids.knows(_id_of(one))]
    emulated = [one for one in emulated if not _id_of(one) or ids.stands_for_one(_id_of(one))]
    if len(recorded) != len(emulated):
        yield ReplyDifference("length", at, str(len(recorded)), str(len(emulated)))
    for index, (one, other) in enumerate(zip(recorded, emulated, strict=False)):
        yield from _compare(one, other, f"{at}[{index}]", name, ids)


def _compare_texts(
    recorded: str, emulated: str, at: str, name: str, ids: Ids
) -> Iterator[ReplyDifference]:
    kind = kind_of(name)
    if kind == "message":
        translated = ids.in_recorded(emulated)
        if recorded != translated:
            yield ReplyDifference("message", at, _shown(recorded), _shown(translated))
    elif not recorded or not emulated:
        if recorded != emulated:
            yield ReplyDifference("value", at, _shown(recorded), _shown(emulated))
    elif kind == "id":
        if not ids.learn(recorded, emulated):
            yield ReplyDifference("id", at, _shown(recorded), _shown(ids.in_recorded(emulated)))
    elif name in _UNITS:
        if _number(recorded) != _number(emulated):
            yield ReplyDifference("value", at, _shown(recorded), _shown(emulated))
    elif recorded != emulated and _is_enum(recorded, emulated, kind):
        yield ReplyDifference("value", at, _shown(recorded), _shown(emulated))


def _is_enum(recorded: str, emulated: str, kind: str) -> bool:
    known = vocabulary().values
    return kind == "setting" and (recorded in known or emulated in known)


def _id_of(value: Any) -> str:
    """Return the id of a task; "" if *value* is none."""
    return next((task.task_id for task in tasks_in(value)), "")


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int() | float():
            return "number"
        case dict():
            return "object"
        case _:
            return "array"


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
