"""Differences between a recorded reply and another one: status, code, message and shape.

Values are compared where every account has the same: enums, booleans, codes, units, messages. Ids
are compared by position: a recorded id always corresponds to the same id of the other reply.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, NamedTuple

from kling_mock.recording.session import RecordedReply
from kling_mock.recording.tasks import tasks_in
from kling_mock.recording.vocabulary import kind_of, vocabulary

DifferenceKind = Literal[
    "status", "code", "message", "missing key", "new key", "type", "value", "id", "length"
]

_UNITS: Final = frozenset({"final_unit_deduction", "amount"})
_SHOWN: Final = 80  # characters


class ReplyDifference(NamedTuple):
    """One difference.

    Attributes:
        kind: The kind of difference.
        at: The position in the body, such as `data.task_status`; `http` is the HTTP status.
        recorded: The recorded value, as JSON.
        emulated: The value of the emulator, as JSON.
    """

    kind: DifferenceKind
    at: str
    recorded: str
    emulated: str


class Ids:
    """The mapping between recorded ids and the ids of the emulator."""

    def __init__(self) -> None:
        self._emulated: dict[str, str] = {}
        self._recorded: dict[str, str] = {}

    def learn(self, recorded: str, emulated: str) -> bool:
        """Record a pair; return whether it agrees with the pairs known so far."""
        known, other = self._emulated.get(recorded), self._recorded.get(emulated)
        if known is None and other is None:
            self._emulated[recorded] = emulated
            self._recorded[emulated] = recorded
            return True
        return known == emulated

    def emulated(self, recorded: str) -> str:
        """Return the emulator's id; *recorded* itself if none is known."""
        return self._emulated.get(recorded, recorded)

    def knows(self, recorded: str) -> bool:
        """Return whether the emulator's id for *recorded* is known."""
        return recorded in self._emulated

    def stands_for_one(self, emulated: str) -> bool:
        """Return whether the emulator's id corresponds to a recorded one."""
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
    """Return the differences between two replies.

    Args:
        recorded: The recorded reply.
        emulated: The reply of the emulator.
        ids: Which ids belong together; it learns more of them.
    """
    mismatches: list[ReplyDifference] = []
    if recorded.status != emulated.status:
        statuses = str(recorded.status), str(emulated.status)
        mismatches.append(ReplyDifference("status", "http", *statuses))
    if (recorded.text is None) != (emulated.text is None):
        kinds = ["JSON" if reply.text is None else "not JSON" for reply in (recorded, emulated)]
        mismatches.append(ReplyDifference("type", "", *kinds))
    elif recorded.text is None:
        mismatches += _compare(recorded.body, emulated.body, "", "", ids)
    return mismatches


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
            yield ReplyDifference(kind, at, _abbreviated(recorded), _abbreviated(emulated))
    elif recorded is not None and kind_of(name) == "id":
        agrees = ids.learn(str(recorded), str(emulated))
        if not agrees:
            yield ReplyDifference("id", at, _abbreviated(recorded), ids.in_recorded(str(emulated)))


def _compare_objects(
    recorded: Mapping[str, Any], emulated: Mapping[str, Any], at: str, ids: Ids
) -> Iterator[ReplyDifference]:
    for name, value in recorded.items():
        inner = f"{at}.{name}" if at else name
        if name in emulated:
            yield from _compare(value, emulated[name], inner, name, ids)
        else:
            yield ReplyDifference("missing key", inner, _abbreviated(value), "")
    for name, value in emulated.items():
        if name not in recorded:
            yield ReplyDifference(
                "new key", f"{at}.{name}" if at else name, "", _abbreviated(value)
            )


def _compare_lists(
    recorded: list[Any], emulated: list[Any], at: str, name: str, ids: Ids
) -> Iterator[ReplyDifference]:
    # A list of the account's tasks: tasks made before the recording are not in the emulator. A task
    # that the real service refused and the emulator accepted was already reported as a difference.
    recorded = [child for child in recorded if not _id_of(child) or ids.knows(_id_of(child))]
    emulated = [
        child for child in emulated if not _id_of(child) or ids.stands_for_one(_id_of(child))
    ]
    if len(recorded) != len(emulated):
        yield ReplyDifference("length", at, str(len(recorded)), str(len(emulated)))
    for index, (expected, actual) in enumerate(zip(recorded, emulated, strict=False)):
        yield from _compare(expected, actual, f"{at}[{index}]", name, ids)


def _compare_texts(
    recorded: str, emulated: str, at: str, name: str, ids: Ids
) -> Iterator[ReplyDifference]:
    kind = kind_of(name)
    if kind == "message":
        translated = ids.in_recorded(emulated)
        if recorded != translated:
            yield ReplyDifference("message", at, _abbreviated(recorded), _abbreviated(translated))
    elif not recorded or not emulated:
        if recorded != emulated:
            yield ReplyDifference("value", at, _abbreviated(recorded), _abbreviated(emulated))
    elif kind == "id":
        if not ids.learn(recorded, emulated):
            yield ReplyDifference(
                "id", at, _abbreviated(recorded), _abbreviated(ids.in_recorded(emulated))
            )
    elif name in _UNITS:
        if _number(recorded) != _number(emulated):
            yield ReplyDifference("value", at, _abbreviated(recorded), _abbreviated(emulated))
    elif recorded != emulated and _is_enum(recorded, emulated, kind):
        yield ReplyDifference("value", at, _abbreviated(recorded), _abbreviated(emulated))


def _is_enum(recorded: str, emulated: str, kind: str) -> bool:
    known = vocabulary().values
    return kind == "setting" and (recorded in known or emulated in known)


def _id_of(value: Any) -> str:
    """Return the id of a task; "" if *value* is not a task."""
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


def _abbreviated(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
